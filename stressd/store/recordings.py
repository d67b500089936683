"""Recordings on disk: tick files by time and number of their first tick, the newest plain, those before packed.

Beside them lies what else a replay needs (`stressd.lab.bundle`): `inputs-20260120.ndjson`, a day's commands, stalls and
notes among the ticks (`alerts.inputs`), and `state-20260120T210000Z-000000123456.snapshot`, the engine before tick
123,456; `.rolling` while nobody has asked to keep it.

`ticks-20260120T210000Z-000000123456.csv` holds the ticks from number 123,456 on, as the contract's tick file with what
the engine must know beside: how far ask and bid were apart, flags, and after which line a feed had been read how far.
Numbers go on over restarts, so that a snapshot can say which tick is the next.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import zlib
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final, cast

FOLDER: Final = "recordings"
HEADER: Final = b"time,series,value,source,received,ask_minus_bid,tick_flags,position\n"

LAYOUT: Final = HEADER.removesuffix(b",position\n") + b"\n"
"""The header of ticks that leave this machine: how far its files were read is nobody else's concern."""

KEPT: Final = ".snapshot"
ROLLING: Final = ".rolling"

_STATE: Final = re.compile(r"state-(\d{8}T\d{6}Z)-(\d{12})(\.snapshot|\.rolling)")
_INPUTS: Final = re.compile(r"inputs-(\d{8})\.ndjson")
_NAME: Final = re.compile(r"ticks-(\d{8}T\d{6}Z)-(\d{12})\.csv(\.gz)?")
_STAMP: Final = "%Y%m%dT%H%M%SZ"
_SECOND: Final = 1_000_000_000
_BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Recorded:
    """One file. start: ns UTC of its first tick's receipt; first: that tick's number; size: bytes."""

    path: Path
    start: int
    first: int
    size: int

    @property
    def packed(self) -> bool:
        return self.path.suffix == ".gz"


def name_of(start: int, first: int) -> str:
    """Of a file whose first tick was received at `start` (ns UTC) and has this number."""
    return f"ticks-{datetime.fromtimestamp(start // _SECOND, UTC):{_STAMP}}-{first:012d}.csv"


def inputs_name(at: int) -> str:
    """Of the file that holds what entered beside ticks at `at` (ns UTC)."""
    return f"inputs-{datetime.fromtimestamp(at // _SECOND, UTC):%Y%m%d}.ndjson"


def inputs(folder: Path) -> list[Path]:
    """All files of inputs, oldest first. Raises OSError, but not where the folder is missing."""
    return sorted(each for each in _listed(folder) if _INPUTS.fullmatch(each.name))


def state_name(at: int, first: int, suffix: str) -> str:
    """Of a state as of `at` (ns UTC) whose next tick has the number `first`."""
    return f"state-{datetime.fromtimestamp(at // _SECOND, UTC):{_STAMP}}-{first:012d}{suffix}"


def states(folder: Path) -> list[Recorded]:
    """The engine's states that are kept, by number; `start` is their instant, to the second. Raises OSError."""
    found = []
    for path in _listed(folder):
        if (match := _STATE.fullmatch(path.name)) is not None:
            start = int(datetime.strptime(match[1], _STAMP).replace(tzinfo=UTC).timestamp()) * _SECOND
            with suppress(FileNotFoundError):
                found.append(Recorded(path, start, int(match[2]), path.stat().st_size))
    return sorted(found, key=lambda each: (each.first, each.start))


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except FileNotFoundError:
        return []


def let_go(folder: Path, oldest: int, most: int) -> int:
    """Delete states and inputs from before `oldest` (ns UTC), and the oldest states beyond `most` bytes. How many files
    went. Raises OSError."""
    gone = 0
    day = inputs_name(oldest) if oldest > 0 else ""
    for path in inputs(folder):
        if path.name < day:
            path.unlink(missing_ok=True)
            gone += 1
    there = states(folder)
    total = sum(each.size for each in there)
    for each in there:
        if each.start < oldest or total > most:
            each.path.unlink(missing_ok=True)
            total -= each.size
            gone += 1
    return gone


def files(folder: Path) -> list[Recorded]:
    """All that are there, by number. Raises OSError, but not where the folder is missing."""
    found = []
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return []
    for entry in entries:
        if (match := _NAME.fullmatch(entry.name)) is not None:
            start = int(datetime.strptime(match[1], _STAMP).replace(tzinfo=UTC).timestamp()) * _SECOND
            try:
                size = entry.stat().st_size
            except FileNotFoundError:
                continue
            found.append(Recorded(Path(entry.path), start, int(match[2]), size))
    return sorted(found, key=lambda each: (each.first, each.start))


def mend(folder: Path) -> int:
    """After a stop of any kind: the number that the next tick has. Cut off is what was half written. Raises OSError."""
    for left in folder.glob("*.partial") if folder.is_dir() else ():
        left.unlink(missing_ok=True)
    there = files(folder)
    for each in there:
        twin = each.path.with_name(each.path.name + ".gz")
        if not each.packed and twin.exists():
            each.path.unlink(missing_ok=True)
    there = files(folder)
    if not there:
        return 0
    last = there[-1]
    if not last.packed:
        with open(last.path, "r+b") as stream:
            kept = stream.read()
            whole = kept.rfind(b"\n") + 1
            if whole < len(kept):
                stream.truncate(whole)
            return last.first + max(0, kept.count(b"\n") - 1)
    return last.first + _lines(last.path)


def _lines(path: Path) -> int:
    """Ticks of a packed file, as far as it can be read."""
    count = -1
    try:
        with gzip.open(path, "rb") as stream:
            while block := stream.read(_BLOCK):
                count += block.count(b"\n")
    except (OSError, EOFError, zlib.error):
        # it is not the newest that counts then, but that no number is given twice
        return max(0, count) + 1_000_000
    return max(0, count)


def pack(path: Path) -> None:
    """A finished file, compressed in its place: complete or as it was. Raises OSError."""
    partial = path.with_name(path.name + ".gz.partial")
    with open(path, "rb") as source, open(os.open(partial, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as raw:
        with gzip.GzipFile("", "wb", 1, raw, 0) as out:
            shutil.copyfileobj(source, out, _BLOCK)
        raw.flush()
        os.fsync(raw.fileno())
    os.replace(partial, path.with_name(path.name + ".gz"))
    path.unlink()


def opened(each: Recorded) -> BinaryIO:
    """For reading. Raises OSError."""
    return cast(BinaryIO, gzip.open(each.path, "rb")) if each.packed else open(each.path, "rb")


def free(folder: Path) -> tuple[int, int]:
    """Bytes that are free for us, and of the whole disk. Raises OSError."""
    there = os.statvfs(folder)
    return there.f_bavail * there.f_frsize, there.f_blocks * there.f_frsize


def total(folder: Path) -> int:
    """Bytes of all recordings. Raises OSError."""
    return sum(each.size for each in files(folder))
