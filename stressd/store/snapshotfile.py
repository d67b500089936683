"""The engine's state as a file: written beside the one before, complete or absent, and read with its sums checked.

After a line that names it come frames: length and CRC-32 (big endian, 32 bits each), then so many bytes. The first is a
JSON object that says what it is, the second what belongs to no series, then one a series (its name, a zero byte, its
state); the last is their number. All but the first are MessagePack.
"""

from __future__ import annotations

import os
import struct
import threading
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

NAME: Final = "engine.snapshot"
OLD: Final = "engine.snapshot.old"
"""The one before: taken up where the newest is damaged."""

MAGIC: Final = b"stressd engine state\n"
FORMAT: Final = 2
_HEAD: Final = struct.Struct(">II")

LARGEST: Final = 8 << 20
"""Bytes of one series: above that (a model of river that grew) it is left out and starts afresh after a restart."""

PATIENCE: Final = 1.0
"""Seconds that two renames get."""

_numbers = count()
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder().decode


class Damaged(Exception):
    """A file that cannot be taken up. The text says why."""


class Pieces(Mapping[str, Any]):
    """State by series, decoded when it is asked for: all at once would take many times the file's size."""

    def __init__(self, packed: dict[str, bytes]) -> None:
        self._packed = packed

    def __getitem__(self, name: str) -> Any:
        return _unpack(self._packed[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._packed)

    def __len__(self) -> int:
        return len(self._packed)

    def packed(self, name: str) -> bytes:
        """The state of one as it stands in the file."""
        return self._packed[name]


def _frame(payload: bytes) -> bytes:
    return _HEAD.pack(len(payload), zlib.crc32(payload)) + payload


def head(about: Mapping[str, Any], rest: Any) -> bytes:
    """How a file begins. about: what it is. rest: what belongs to no series."""
    return MAGIC + _frame(msgspec.json.encode({"format": FORMAT, **about})) + _frame(_pack(rest))


def piece(series: str, state: Any) -> bytes:
    """One series in it."""
    return _frame(series.encode() + b"\0" + _pack(state))


def packed_piece(series: str, packed: bytes) -> bytes:
    """The same of a state that is packed already."""
    return _frame(series.encode() + b"\0" + packed)


def tail(count: int) -> bytes:
    """How it ends. count: of its series."""
    return _frame(_pack(count))


class SnapshotWriter:
    """One file being written, in the state directory. All methods block; all raise OSError."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / NAME
        # a name of its own: one that was given up may still be on its way to the disk, on another thread
        self._partial = directory / f"{NAME}.{next(_numbers)}.partial"
        self._partial.unlink(missing_ok=True)
        self._out: BinaryIO = os.fdopen(
            os.open(self._partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600), "wb"
        )
        self._renaming = threading.Lock()
        self._given_up = False
        self.bytes = 0

    def write(self, data: bytes) -> None:
        self._out.write(data)
        self.bytes += len(data)

    def finish(self) -> None:
        """On disk, in the place of the newest, which becomes the one before."""
        self._out.flush()
        os.fsync(self._out.fileno())
        self._out.close()
        with self._renaming:
            if self._given_up:
                return
            if self._file.exists():
                os.replace(self._file, self._file.with_name(OLD))
            os.replace(self._partial, self._file)
        _sync(self._file.parent)

    def abandon(self) -> None:
        """Nothing of it is left, unless it has taken its place already. From any thread, also during `finish`."""
        if self._renaming.acquire(timeout=PATIENCE):
            self._given_up = True
            self._renaming.release()
        with suppress(OSError):
            self._out.close()
        self._partial.unlink(missing_ok=True)


def tidy(directory: Path) -> None:
    """At the start: what a process that died has left half written goes."""
    with suppress(OSError):
        for left in directory.glob(f"{NAME}.*.partial"):
            left.unlink()


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(file: Path) -> tuple[dict[str, Any], Any, Pieces]:
    """What it is, what belongs to no series, and its series. Raises Damaged, FileNotFoundError."""
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Damaged(f"it cannot be read: {error.strerror}") from None
    if not data.startswith(MAGIC):
        raise Damaged("it is empty" if not data else "it is no state of an engine")
    frames = _frames(memoryview(data)[len(MAGIC) :])
    try:
        about = msgspec.json.decode(next(frames))
        if not isinstance(about, dict) or about.get("format") != FORMAT:
            found = about.get("format") if isinstance(about, dict) else None
            raise Damaged(f"its format is {found}, this version reads {FORMAT}")
        rest = _unpack(next(frames))
        *pieces, last = frames
        if _unpack(last) != len(pieces):
            raise Damaged("it is not complete")
    except (StopIteration, ValueError, msgspec.MsgspecError):
        raise Damaged("it is not complete") from None
    packed = {}
    for each in pieces:
        name, _, state = each.partition(b"\0")
        packed[name.decode()] = state
    return about, rest, Pieces(packed)


def peek(file: Path) -> tuple[dict[str, Any], Any]:
    """What it is and what belongs to no series, without reading the rest. Raises Damaged, FileNotFoundError."""
    try:
        with open(file, "rb") as stream:
            data = stream.read(len(MAGIC))
            if data != MAGIC:
                raise Damaged("it is no state of an engine")
            for _ in range(2):
                start = stream.read(_HEAD.size)
                data += start + (stream.read(_HEAD.unpack(start)[0]) if len(start) == _HEAD.size else b"")
        what, rest = _frames(memoryview(data)[len(MAGIC) :])
        about = msgspec.json.decode(what)
        if not isinstance(about, dict) or about.get("format") != FORMAT:
            raise Damaged("its format is another one")
        return about, _unpack(rest)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Damaged(f"it cannot be read: {error.strerror}") from None
    except (ValueError, msgspec.MsgspecError):
        raise Damaged("it is not complete") from None


def _frames(data: memoryview) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        if at + _HEAD.size > len(data):
            raise Damaged("it is cut short")
        length, crc = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        payload = bytes(data[at : at + length])
        if len(payload) < length:
            raise Damaged("it is cut short")
        if zlib.crc32(payload) != crc:
            raise Damaged(f"its sum is wrong at byte {at + len(MAGIC)}")
        yield payload
        at += length
