"""What was recorded after the last snapshot, taken in again at the start: a crash costs the estimators nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import structlog

from stressd.feeds.tally import Fault
from stressd.feeds.ticklines import TickLines
from stressd.market.tick import Tick
from stressd.store import recordings

LONGEST: Final = 60.0
"""Seconds that it may take; what is left is as if it had not been heard."""

_BLOCK: Final = 1 << 17

log = structlog.get_logger()


class _Own:
    """Recordings have canonical names, and values in percent."""

    def series(self, name: str) -> str | None:
        return name

    def to_percent(self, name: str, value: float, unit: str) -> float:
        return value


class CatchUp:
    """Ticks of the recordings from number `first` on. positions: of feeds, as of the last of them."""

    def __init__(self, state: Path, first: int, longest: float = LONGEST) -> None:
        self._folder = state / recordings.FOLDER
        self._first = first
        self._longest = longest
        self.positions: dict[str, str] = {}
        self.count = 0

    def batches(self) -> Iterator[list[Tick]]:
        """In their order. Never raises for what is wrong with a file: it is logged, and what can be read is."""
        began = time.monotonic()
        there = recordings.files(self._folder)
        wanted = [k for k, each in enumerate(there) if each.first <= self._first]
        there = there[wanted[-1] :] if wanted else there
        for each in there:
            number = each.first
            try:
                for ticks, said in _read(each):
                    ours = ticks[max(0, self._first - number) :] if number < self._first else ticks
                    number += len(ticks)
                    if ours:
                        self.count += len(ours)
                        yield ours
                    if said and number > self._first:
                        self.positions |= dict(pair.split("=", 1) for pair in said.split(";") if "=" in pair)
                    if time.monotonic() - began > self._longest:
                        log.warning("recording.left", file=str(each.path), reason=f"more than {self._longest:.0f} s")
                        return
            except (OSError, EOFError, ValueError) as error:
                log.warning("recording.unreadable", file=str(each.path), reason=str(error))


def _read(each: recordings.Recorded) -> Iterator[tuple[list[Tick], str]]:
    """Ticks in blocks of whole lines, each with the last position in it."""
    lines = TickLines(_Own())
    faults: list[Fault] = []
    rest = b""
    with recordings.opened(each) as stream:
        while block := stream.read(_BLOCK):
            whole, newline, tail = (rest + block).rpartition(b"\n")
            rest = tail
            if newline:
                yield lines.parse(whole + newline, faults), _position(whole)
    if faults:
        log.warning("recording.unreadable", file=str(each.path), reason=f"line {faults[0].line}: {faults[0].text}")


def _position(block: bytes) -> str:
    if b"=" in block:
        for row in reversed(block.split(b"\n")):
            said = row.rpartition(b",")[2]
            if b"=" in said:
                return said.decode("utf-8", "replace")
    return ""
