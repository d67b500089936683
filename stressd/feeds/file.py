"""Tick files: read for replay, and as a feed (a file that another program appends to, or standard input)."""

from __future__ import annotations

import asyncio
import gzip
import os
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final, cast

import structlog

from stressd.backoff import Backoff
from stressd.config.fields import FeedConfig, File, written
from stressd.feeds.base import DecodeError, FeedHealth, Frame, Inbox, SeriesResolver
from stressd.feeds.fileposition import Position, parsed, sum_of
from stressd.feeds.tally import Fault, Tally
from stressd.feeds.ticklines import FileFault, TickLines
from stressd.feeds.values import Unit
from stressd.market.tick import BACKLOG, Tick

__all__ = ["Config", "FileFault", "FileFeed", "build", "read_ticks"]

_BLOCK: Final = 1 << 18
_FRAME: Final = 1 << 16
_LONGEST_LINE: Final = 1 << 20
_AHEAD: Final = 8
"""Frames that may wait in the mailbox: a file is patient, so it never makes the mailbox overflow."""
_POLL: Final = 0.2


def read_ticks(
    path: str | Path,
    resolver: SeriesResolver,
    on_fault: Callable[[FileFault], None],
    unit: Unit = "percent",
    source: str = "",
) -> Iterator[Tick]:
    """The ticks of a file in its own order; `.gz` is unpacked, `-` is standard input. What is wrong with a line goes to
    `on_fault` (an unknown series once, at its first line), and the next line is read. A tick's `received` is the
    file's where it has one, else its time. Raises OSError."""
    name = str(path)
    lines = TickLines(resolver, unit, source)
    faults: list[Fault] = []
    with _open(name) as stream:
        try:
            for block in _blocks(stream):
                yield from lines.parse(block, faults)
                for fault in faults:
                    on_fault(FileFault(name, fault.line, fault.text))
                faults.clear()
        except ValueError as error:
            on_fault(FileFault(name, lines.line + 1, str(error)))
        except (EOFError, gzip.BadGzipFile, zlib.error):
            on_fault(FileFault(name, lines.line + 1, "the compressed file is damaged or cut short"))


def _open(name: str) -> BinaryIO:
    if name == "-":
        return os.fdopen(os.dup(sys.stdin.fileno()), "rb")
    if name.endswith(".gz"):
        return cast(BinaryIO, gzip.open(name, "rb"))
    return open(name, "rb")


def _blocks(stream: BinaryIO) -> Iterator[bytes]:
    """The bytes in blocks of whole lines. Raises ValueError at a line without end."""
    rest = b""
    while block := stream.read(_BLOCK):
        whole, newline, tail = block.rpartition(b"\n")
        if newline:
            yield rest + whole + newline
            rest = tail
        else:
            rest += tail
            if len(rest) > _LONGEST_LINE:
                raise ValueError("a line of more than 1 MiB: this is no tick file")
    if rest:
        yield rest


class Config(FeedConfig):
    """Ticks from a file or a pipe."""

    path: File
    """CSV or NDJSON, `.gz` too; `-` is standard input. Example: `/var/spool/ticks.csv`."""
    follow: bool = False
    """Wait for more at the end, as `tail -F` does."""
    unit: Unit = written("percent", description="of values whose alias states none")
    """Of its values."""


class _FileFrame(Frame):
    """Some lines, with the parser that has read the header of their file."""

    __slots__ = ("end", "lines")

    def __init__(
        self, feed: FileFeed, topic: str, payload: bytes, received: int, token: int, lines: TickLines, end: int
    ) -> None:
        super().__init__(feed, topic, payload, received, token)
        self.lines = lines
        self.end = end


class FileFeed:
    """Ticks from a file as if they arrived now. Lines stamped before the feed started are history: they update state
    and open nothing. To go through a recording on its own time there is `replay`."""

    def __init__(self, config: Config, resolver: SeriesResolver, poll: float = _POLL) -> None:
        self.name = config.name
        self.health = FeedHealth()
        self._config = config
        self._path = str(config.path)
        self._resolver = resolver
        self._lines: TickLines | None = None
        self._poll = poll
        self._tally = Tally(config.name, self.health)
        self._log = structlog.get_logger("stressd.feeds").bind(feed=config.name, path=self._path)
        self._backoff = Backoff(cap=10.0)
        self._started = 0
        self._sent = 0
        self._waiting: set[int] = set()
        self._room = asyncio.Event()
        self._read_to = self._offset = self._line = 0
        self._head = b""
        self._from: Position | None = None

    def position(self) -> str:
        """Bytes and lines behind the last one that was decoded, and the sum of the first line."""
        return str(Position(self._read_to, self._line, sum_of(self._head))) if self._read_to else ""

    def resume(self, position: str) -> None:
        """Read on from there, where the file begins as it did."""
        self._from = parsed(position)

    def rename(self, resolver: SeriesResolver) -> None:
        self._resolver = resolver
        if self._lines is not None:
            self._lines.rename(resolver)

    async def run(self, inbox: Inbox) -> None:
        """Returns at the end of the file; with `follow`, never."""
        self._started = inbox.now()
        try:
            while True:
                began = time.monotonic()
                try:
                    await self._read(inbox)
                except (OSError, EOFError) as error:
                    self.health.state = "waiting"
                    self.health.detail = f"{self._path}: {getattr(error, 'strerror', None) or error}"
                    self._log.warning("feed.disconnected", reason=self.health.detail)
                    if isinstance(error, EOFError) or not self._config.follow:
                        return
                else:
                    if not self._config.follow:
                        return
                # also where another file stands in its place at once, again and again
                self._backoff.lived(time.monotonic() - began)
                await asyncio.sleep(self._backoff.next())
        finally:
            self.health.state = "stopped"

    async def _read(self, inbox: Inbox) -> None:
        """One opening of the file, up to its end, or until another file stands in its place."""
        with await asyncio.to_thread(_open, self._path) as stream:
            self._lines = lines = self._fresh()
            self.health.state = "connected"
            self.health.detail = ""
            self.health.connects += 1
            self._log.info("feed.connected", connects=self.health.connects)
            rest = await self._pass_on(await self._skip(stream, lines), lines, inbox)
            while True:
                block = await asyncio.to_thread(_read_some, stream)
                if block:
                    rest = await self._pass_on(rest + block, lines, inbox)
                    if len(rest) > _LONGEST_LINE:
                        raise EOFError("a line of more than 1 MiB: this is no tick file")
                elif not self._config.follow:
                    if rest:
                        await self._put(rest, lines, inbox)
                    return
                elif await asyncio.to_thread(_replaced, stream, self._path):
                    return
                else:
                    await asyncio.sleep(self._poll)

    async def _skip(self, stream: BinaryIO, lines: TickLines) -> bytes:
        """Go to where the feed was before, if this is the same file. What has been read of it and is not yet used."""
        wanted, self._from = self._from, None
        self._offset, self._head = 0, b""
        if self._path == "-":
            return b""
        head = await asyncio.to_thread(stream.readline, _LONGEST_LINE)
        if not head.endswith(b"\n") or wanted is None or wanted.sum != sum_of(head):
            return head
        if not await asyncio.to_thread(_reach, stream, len(head), wanted.offset):
            self._log.warning("feed.restarted", reason="the file is shorter than what was read of it")
            return head
        lines.parse(head, [])
        lines.line = self._line = wanted.line
        self._head, self._offset, self._read_to = head, wanted.offset, wanted.offset
        self._log.info("feed.resumed", line=wanted.line)
        return b""

    def _fresh(self) -> TickLines:
        return TickLines(self._resolver, self._config.unit, self.name)

    async def _pass_on(self, data: bytes, lines: TickLines, inbox: Inbox) -> bytes:
        """Puts whole lines into the inbox; the rest."""
        at = 0
        while (end := data.rfind(b"\n", at, at + _FRAME) + 1) > at or (end := data.find(b"\n", at) + 1) > at:
            await self._put(data[at:end], lines, inbox)
            at = end
        return data[at:]

    async def _put(self, text: bytes, lines: TickLines, inbox: Inbox) -> None:
        while len(self._waiting) >= _AHEAD:
            self._room.clear()
            await self._room.wait()
        self._sent += 1
        if not self._head:
            self._head = text[: text.find(b"\n") + 1]
        self._offset += len(text)
        self._waiting.add(self._sent)
        received = inbox.now()
        self.health.messages += 1
        self.health.last_received = received
        inbox.put(_FileFrame(self, self._path, text, received, self._sent, lines, self._offset))

    def decode(self, frame: Frame) -> Sequence[Tick]:
        """Ticks of some whole lines, received when the frame was. Raises DecodeError where none of them is readable, or
        where the file has no header."""
        faults: list[Fault] = []
        lines = frame.lines if isinstance(frame, _FileFrame) else self._fresh()
        try:
            ticks = lines.parse(frame.payload, faults)
        except ValueError as error:
            self._tally.record([Fault(1, "malformed", str(error), frame.payload[:200])], frame.received, frame.topic)
            raise DecodeError(str(error), frame.payload) from None
        if isinstance(frame, _FileFrame):
            self._read_to, self._line = frame.end, lines.line
        for tick in ticks:
            tick.received = frame.received
            if tick.time < self._started:
                tick.flags |= BACKLOG
        located = [fault._replace(text=f"line {fault.line}: {fault.text}") for fault in faults]
        self._tally.settle(ticks, located, frame.received, frame.topic)
        return ticks

    def processed(self, frames: Sequence[Frame]) -> None:
        self._waiting.difference_update(f.token for f in frames if f.token is not None)
        self._room.set()


def _reach(stream: BinaryIO, here: int, offset: int) -> bool:
    """Read on to `offset`. Whether there is so much."""
    while here < offset:
        block = stream.read(min(_BLOCK, offset - here))
        if not block:
            stream.seek(0)
            stream.readline(_LONGEST_LINE)
            return False
        here += len(block)
    return True


def _read_some(stream: BinaryIO) -> bytes:
    # standard input must not be waited on until a block is full
    return stream.read1(_BLOCK) if hasattr(stream, "read1") else stream.read(_BLOCK)


def _replaced(stream: BinaryIO, path: str) -> bool:
    """Whether another file stands at the path now, or the same one was cut: it is to be read from its start."""
    if path == "-":
        return False
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return False
    here = os.fstat(stream.fileno())
    return (there.st_dev, there.st_ino) != (here.st_dev, here.st_ino) or there.st_size < os.lseek(
        stream.fileno(), 0, os.SEEK_CUR
    )


def build(config: Config, resolver: SeriesResolver) -> FileFeed:
    """The feed of a config."""
    return FileFeed(config, resolver)
