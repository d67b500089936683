"""The engine's state, saved regularly and at the stop, so that a restart does not begin from nothing.

It is taken in slices between passes of the pump, all of one instant (`engine.checkpoint`), and written by another
thread. How often follows from what it costs.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog

from stressd import METHOD, __version__
from stressd.engine.breaches import LIVE
from stressd.engine.checkpoint import Checkpoint
from stressd.engine.engine import Engine
from stressd.store import Store, snapshotfile
from stressd.store.snapshotfile import LARGEST, Damaged, SnapshotWriter

NAME: Final = "engine"
FORMAT: Final = 1
"""Of the blob that earlier versions kept in the database: read where there is no file yet."""

EVERY: Final = 60.0
"""Seconds between two saves, at least."""

SHARE: Final = 0.01
"""Of a core, at most, that goes into saving."""

BYTES_A_SECOND: Final = 1 << 20
"""Written, at most, on average."""

SLICE: Final = 0.002
"""Seconds for which the pump waits at a time."""

REST: Final = 3.0
"""Times as long as a slice took it is the pump's turn."""

CHUNK: Final = 1 << 20
"""Bytes handed to the other thread at once."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Saved:
    """A snapshot. at: engine time (ns UTC) of its making. engine: `Engine.snapshot()`, its series decoded one by one
    where it comes from a file. history: what each series had been warmed with (`warm.History.signature`). method: of
    the statistics in it; another's are of no use. positions: by feed, how far it had been read. recorded: the
    number of the next tick in the recording, None where nothing is recorded."""

    at: int
    engine: dict[str, Any]
    history: dict[str, str] = field(default_factory=dict)
    method: str = METHOD
    positions: dict[str, Any] = field(default_factory=dict)
    recorded: int | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """Between two passes of the pump: what is saved together."""

    engine: Engine
    history: Mapping[str, str]
    positions: Mapping[str, Any] = field(default_factory=dict)
    recorded: int | None = None
    beside: Mapping[str, Any] = field(default_factory=dict)
    """What a replay needs to go on from there elsewhere (`runtime.beside`)."""


_decoder = msgspec.json.Decoder(Saved)


def own_fixing(series: str, state: Mapping[str, Any]) -> tuple[str, int, float] | None:
    """The last fixing of a series, where it made it of live ticks: (series, ordinal day, percent)."""
    value, _, day, source = state["fixings"][:4]
    return (series, int(day), float(value)) if source == LIVE and value is not None else None


class Snapshots:
    """Saves and loads in the store's directory, and keeps the fixings that the engine makes.

    saved_at: engine time of the newest on disk, None before the first; saved_steady: monotonic s of this process' last
    save. recorded: the number of the tick that comes after it, None where nothing is recorded. directory: where the
    files are. bytes: of the newest. longest: seconds that a slice has taken at most. interval: seconds until the next.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.directory = store.file.parent
        self._kept: dict[str, int] = {}
        self._saving = asyncio.Lock()
        self.saved_at: int | None = None
        self.saved_steady: float | None = None
        self.recorded: int | None = None
        self.bytes = 0
        self.longest = 0.0
        self.interval = EVERY

    async def take(self, moment: Callable[[], Moment], *, hurry: bool = False) -> None:
        """Save the engine as it is when `moment` is called, while it works on. hurry: without leaving time to others.
        Raises StoreError, OSError."""
        async with self._saving:
            await _Taking(self, hurry).run(moment)

    async def save(self, saved: Saved) -> None:
        """Save a snapshot that is there as a whole. Raises StoreError, OSError."""
        series = saved.engine.get("series", {})
        rest = {key: value for key, value in saved.engine.items() if key != "series"}
        extra = {"history": saved.history, "positions": saved.positions, "recorded": saved.recorded}
        writer = SnapshotWriter(self.directory)
        try:
            writer.write(snapshotfile.head(about(saved.at, saved.method), {"engine": rest, **extra}))
            for name, state in series.items():
                writer.write(snapshotfile.piece(name, state))
            writer.write(snapshotfile.tail(len(series)))
            writer.finish()
        except BaseException:
            writer.abandon()
            raise
        await self.saved(saved.at, writer.bytes, [own_fixing(name, state) for name, state in series.items()])

    async def saved(self, at: int, size: int, fixings: list[tuple[str, int, float] | None]) -> None:
        """It is on disk. fixings: of its series."""
        self.saved_at, self.saved_steady, self.bytes = at, time.monotonic(), size
        new = [row for row in fixings if row is not None and self._kept.get(row[0]) != row[1]]
        if new:
            await asyncio.wrap_future(self._store.keep_fixings(new))
            self._kept |= {series: day for series, day, _ in new}

    def load(self) -> Saved | None:
        """The newest that this version can use; None where there is none."""
        names = (snapshotfile.NAME, snapshotfile.OLD)
        found = False
        for name in names:
            file = self.directory / name
            try:
                what, rest, pieces = snapshotfile.read(file)
            except FileNotFoundError:
                continue
            except Damaged as error:
                log.warning("snapshot.refused", file=str(file), reason=str(error))
                found = True
                continue
            if found:
                log.warning("snapshot.older", file=str(file), reason="the newest cannot be used", at=what.get("at"))
            found = True
            if what.get("method") != METHOD:
                reason = f"its method is {what.get('method')}, this version's is {METHOD}"
                log.warning("snapshot.refused", file=str(file), reason=reason)
                return None
            self.bytes = file.stat().st_size
            return Saved(
                int(what["at"]),
                {**rest["engine"], "series": pieces},
                rest["history"],
                METHOD,
                rest["positions"],
                rest["recorded"],
            )
        return None if found else self._from_database()

    def _from_database(self) -> Saved | None:
        kept = self._store.load_snapshot(NAME)
        if kept is None:
            return None
        if kept.version != FORMAT:
            log.warning("snapshot.refused", reason=f"its format is {kept.version}, this version reads {FORMAT}")
            return None
        try:
            saved = _decoder.decode(kept.blob)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            log.warning("snapshot.refused", reason=f"it cannot be read: {error}")
            return None
        if saved.method != METHOD:
            log.warning("snapshot.refused", reason=f"its method is {saved.method}, this version's is {METHOD}")
            return None
        return saved


def about(at: int, method: str = METHOD) -> dict[str, Any]:
    """What a file says of itself."""
    return {"at": at, "method": method, "version": __version__}


async def _opened(directory: Path) -> SnapshotWriter:
    """A writer, opened on another thread; one that nobody waits for any more is given up, also where the loop has ended
    before it is there."""
    made: list[SnapshotWriter] = []
    unwanted = threading.Event()

    def make() -> SnapshotWriter:
        writer = SnapshotWriter(directory)
        made.append(writer)
        if unwanted.is_set():
            writer.abandon()
        return writer

    opening = asyncio.ensure_future(asyncio.to_thread(make))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(lambda done: done.cancelled() or done.exception())
        unwanted.set()
        for writer in made:
            writer.abandon()
        raise


class _Taking:
    """One snapshot on its way to the disk."""

    def __init__(self, snapshots: Snapshots, hurry: bool) -> None:
        self._of = snapshots
        self._hurry = hurry
        self._waiting: list[bytes] = []
        self._size = 0
        self._fixings: list[tuple[str, int, float] | None] = []
        self._count = 0
        self._slice = 4

    def _take(self, series: str, state: dict[str, Any]) -> None:
        packed = snapshotfile.piece(series, state)
        if len(packed) > LARGEST:
            log.warning(
                "snapshot.oversized", series=series, bytes=len(packed), bound=LARGEST,
                reason="it is left out, and starts afresh after a restart",
            )  # fmt: skip
            return
        self._count += 1
        self._waiting.append(packed)
        self._size += len(packed)
        self._fixings.append(own_fixing(series, state))

    async def run(self, moment: Callable[[], Moment]) -> None:
        of = self._of
        # the file is there before the instant is fixed: a disk that fails must not leave series waiting to be copied
        writer = await _opened(of.directory)
        now = moment()
        began = time.perf_counter()
        checkpoint = Checkpoint(now.engine, self._take)
        rest = {
            "engine": checkpoint.rest,
            "history": now.history,
            "positions": now.positions,
            "recorded": now.recorded,
            "beside": now.beside,
        }
        spent = time.perf_counter() - began
        try:
            self._waiting.insert(0, snapshotfile.head(about(checkpoint.at), rest))
            left = True
            while left:
                began = time.perf_counter()
                left = checkpoint.go_on(self._slice)
                took = time.perf_counter() - began
                spent += took
                of.longest = max(of.longest, took)
                self._slice = max(1, min(64, int(self._slice * SLICE / took))) if took > 0.0 else self._slice
                if self._size >= CHUNK or not left:
                    await self._write(writer)
                else:
                    await asyncio.sleep(0.0 if self._hurry else took * REST)
            writer.write(snapshotfile.tail(self._count))
            await asyncio.to_thread(writer.finish)
        except BaseException:
            writer.abandon()
            raise
        finally:
            checkpoint.end()
        of.recorded = now.recorded
        of.interval = max(EVERY, spent / SHARE, writer.bytes / BYTES_A_SECOND)
        await of.saved(checkpoint.at, writer.bytes, self._fixings)

    async def _write(self, writer: SnapshotWriter) -> None:
        data, self._waiting, self._size = b"".join(self._waiting), [], 0
        await asyncio.to_thread(writer.write, data)
