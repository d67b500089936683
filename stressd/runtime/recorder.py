"""What the pump took, written as it came, by a thread of its own: the pump never waits for it, and neither do alerts.

It also keeps the disk from filling up: the oldest recordings go first, and then it stops.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog

from stressd.alerts.inputs import Input, Word
from stressd.config.state import DiskConfig, RecordingConfig, format_size
from stressd.engine.spec import HIGH
from stressd.market.tick import Tick
from stressd.runtime.notes import DISK, RECORDING, Condition
from stressd.runtime.recordedlines import lines
from stressd.store import recordings

MOST: Final = 200_000
"""Ticks that wait for a slow disk; of what comes then nothing is recorded."""

PAUSE: Final = 0.1
"""Seconds between two writes: what a killed process loses of its recording."""

SYNC: Final = 5.0
"""Seconds between two times that what is written is on disk: what a power cut loses of it."""

FILE_BYTES: Final = 64 << 20
FILE_FOR: Final = 3_600_000_000_000
"""ns of one file, at most."""

LOOK: Final = 10.0
"""Seconds between two looks at ages, sizes and the disk."""

FLOOR: Final = 1_000_000_000
"""Free bytes below which the disk is nearly full, or SHARE of it where that is less."""
SHARE: Final = 0.05

STATES: Final = 10
"""Part of `max_bytes` that the engine's states may take, as one in so many."""

log = structlog.get_logger()
encode: Final = msgspec.json.Encoder().encode


class Recorder:
    """`put` is the pump's; everything else happens on a thread. next: number of the next tick; noted: of the next
    input, which goes on over restarts since it begins with the time. dropped: ticks of which
    nothing is recorded. trouble: why nothing is, at present; full: what is said of a disk that is nearly full.
    bytes: of all recordings. free: bytes of the disk. waiting: ticks that are not written yet."""

    def __init__(
        self,
        state: Path,
        config: RecordingConfig | None,
        disk: DiskConfig,
        next_number: int = 0,
        now: Callable[[], int] = time.time_ns,
        positions: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self._folder = state / recordings.FOLDER
        self._state = state
        self._config = config
        self._disk = disk
        self._now = now
        self._positions = positions
        self._told: dict[str, str] = {}
        self._queue: queue.SimpleQueue[tuple[int, list[Tick], str] | Input | None] = queue.SimpleQueue()
        self._lossy = False
        self.waiting = 0
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._out: int | None = None
        self._path = Path()
        self._size = 0
        self._start = 0
        self._upto = 0
        self._looked = self._synced = 0.0
        self._behind = False
        self.next = next_number
        self.noted = now()
        self.dropped = 0
        self.bytes = 0
        self.free = 0
        self.trouble = ""
        self.full = ""

    def start(self) -> None:
        """Begin to write."""
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def configure(self, config: RecordingConfig | None, disk: DiskConfig) -> None:
        """Go on with these."""
        self._config, self._disk = config, disk

    @property
    def recording(self) -> bool:
        """Whether it is to record."""
        return self._config is not None

    def conditions(self) -> list[Condition]:
        """What people must know."""
        if self.full:
            return [Condition(DISK, "disk nearly full", self.full, severity=HIGH, breaks=("disk",))]
        if self.trouble:
            return [Condition(RECORDING, "recording failing", self.trouble, needs=("disk",))]
        return []

    def put(self, ticks: list[Tick]) -> None:
        """Record these, which one pass of the pump has taken. Never waits, never raises."""
        if self._config is None or self._thread is None:
            return
        if self.waiting + len(ticks) > MOST:
            self.dropped += len(ticks)
            if not self._lossy:
                self._lossy = True
                self.note("lost", ticks[0].received, why="the disk was slower than the ticks")
            return
        if self._lossy:
            self._lossy = False
            self.note("lost", ticks[0].received, why="the disk was slower than the ticks")
        said = ""
        if (positions := self._positions()) and positions != self._told:
            self._told = dict(positions)
            said = ";".join(f"{name}={place}" for name, place in positions.items())
        first, self.next = self.next, self.next + len(ticks)
        with self._lock:
            self.waiting += len(ticks)
        self._queue.put((first, ticks, said))

    def note(self, what: Word, at: int, **said: Any) -> None:
        """Record something that entered the pipeline beside ticks, at its clock (ns UTC), with the fields of `Input`.
        Never waits, never raises."""
        if self._config is not None and self._thread is not None:
            self._queue.put(Input(k=self.noted, n=self.next, at=at, what=what, **said))
            self.noted += 1

    def stop(self, timeout: float = 5.0) -> None:
        """Write what waits, and end. A disk that hangs is left to itself."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)
            thread.join(timeout)

    # --- on the thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        last = False
        while not last:
            batches: list[tuple[int, list[Tick], str] | Input | None] = []
            try:
                batches.append(self._queue.get(timeout=1.0))
                while True:
                    batches.append(self._queue.get_nowait())
            except queue.Empty:
                pass
            last = None in batches
            whole = [batch for batch in batches if isinstance(batch, tuple)]
            with self._lock:
                self.waiting -= sum(len(ticks) for _, ticks, _ in whole)
            try:
                self._look()
                self._write(whole)
                self._write_inputs([batch for batch in batches if isinstance(batch, Input)])
                if self.trouble and whole and not self.full:
                    log.info("recording.resumed", file=str(self._path))
                    self.trouble = ""
            except OSError as error:
                self._fail(error, sum(len(ticks) for _, ticks, _ in whole))
            except Exception as error:
                # a fault of ours must not end the recording for good
                log.error("recorder.crashed", exc_info=error)
                self._fail(OSError(str(error)), sum(len(ticks) for _, ticks, _ in whole))
            if self.dropped and not self._behind:
                self._behind = True
                log.warning("recording.incomplete", dropped=self.dropped, reason="the disk is slower than the ticks")
            elif self._behind and not self._queue.qsize():
                self._behind = False
            if not last:
                time.sleep(PAUSE)
        self._close(sync=True)

    def _fail(self, error: OSError, lost: int) -> None:
        self.dropped += lost
        self._behind = True
        text = f"{error.filename or self._folder}: ticks are not recorded: {error.strerror or error}"
        if text != self.trouble:
            log.error("recording.failed", file=str(error.filename or self._folder), reason=error.strerror or str(error))
        self.trouble = text
        self._close()

    def _write(self, batches: Sequence[tuple[int, list[Tick], str]]) -> None:
        for first, ticks, said in batches:
            if not ticks:
                continue
            if self._config is None or self.full:
                self.dropped += len(ticks) if self.full else 0
                self._close()
                continue
            too_much = self._size >= FILE_BYTES or ticks[0].received - self._start >= FILE_FOR
            if self._out is None or first != self._upto or too_much:
                self._next_file(ticks[0].received, first)
            assert self._out is not None
            data = lines(ticks, said).encode("utf-8", "replace")
            _write_whole(self._out, data)
            self._size += len(data)
            self.bytes += len(data)
            self._upto = first + len(ticks)
        if self._out is not None and time.monotonic() - self._synced > SYNC:
            self._synced = time.monotonic()
            os.fdatasync(self._out)

    def _write_inputs(self, given: Sequence[Input]) -> None:
        if not given or self._config is None or self.full:
            return
        self._folder.mkdir(mode=0o700, exist_ok=True)
        path = self._folder / recordings.inputs_name(given[0].at)
        out = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            # a line of its own, whatever a process that was killed has left half written
            _write_whole(out, b"\n" + b"\n".join(encode(each) for each in given) + b"\n")
        finally:
            os.close(out)

    def _next_file(self, start: int, first: int) -> None:
        self._close(sync=True)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        for each in recordings.files(self._folder):
            if not each.packed and each.path != self._path:
                recordings.pack(each.path)
        if self._size and self._path.exists():
            recordings.pack(self._path)
        self._path = self._folder / recordings.name_of(start, first)
        self._out = os.open(self._path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._start = start
        self._size = os.fstat(self._out).st_size
        if not self._size:
            self._size = os.write(self._out, recordings.HEADER)

    def _close(self, *, sync: bool = False) -> None:
        out, self._out = self._out, None
        if out is not None:
            try:
                if sync:
                    os.fsync(out)
            except OSError as error:
                log.error("recording.failed", file=str(self._path), reason=error.strerror or str(error))
            finally:
                os.close(out)

    def _look(self) -> None:
        """Let go of what is too old or too much, and of the oldest where the disk fills up."""
        if time.monotonic() - self._looked < LOOK:
            return
        self._looked = time.monotonic()
        there = [each for each in recordings.files(self._folder) if self._out is None or each.path != self._path]
        total = sum(each.size for each in there) + (self._size if self._out is not None else 0)
        config = self._config
        oldest = 0 if config is None else self._now() - config.max_age
        gone = 0 if config is None else recordings.let_go(self._folder, oldest, config.max_bytes // STATES)
        ends = [each.start for each in there[1:]] + [self._now()]
        for each, end in zip(list(there), ends, strict=False):
            if config is not None and (end < oldest or total > config.max_bytes):
                each.path.unlink(missing_ok=True)
                there.remove(each)
                total -= each.size
                gone += 1
        self.free, size = recordings.free(self._state)
        floor = self._disk.floor if self._disk.floor is not None else min(FLOOR, int(size * SHARE))
        if self.free < floor:
            # what only explains goes before what the engine goes on from
            gone += recordings.let_go(self._folder, 0, 0)
            self.free, size = recordings.free(self._state)
        while self.free < floor and there:
            each = there.pop(0)
            each.path.unlink(missing_ok=True)
            total -= each.size
            gone += 1
            self.free, size = recordings.free(self._state)
        if gone:
            log.info("recording.trimmed", files=gone, bytes=total)
        self.bytes = total
        if self.free < floor and not self.full:
            self.full = (
                f"{self._state}: {format_size(self.free // 1000 * 1000)} are free, less than {format_size(floor)}: "
                "no ticks are recorded any more; make room"
            )
            log.error("disk.filled", free=self.free, floor=floor, path=str(self._state))
        elif self.full and self.free > floor + floor // 10:
            self.full = ""
            log.info("disk.freed", free=self.free, floor=floor, path=str(self._state))


def _write_whole(out: int, data: bytes) -> None:
    """A disk that fills up may take a part. Raises OSError."""
    written = os.write(out, data)
    while written < len(data):
        written += os.write(out, data[written:])
