"""Tick files read off line: whole, with what is wrong in them, and in the order in which they were received."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from stressd.feeds.base import SeriesResolver
from stressd.feeds.file import FileFault, read_ticks
from stressd.lab.faults import Fault
from stressd.market.series import parse_series
from stressd.market.tick import Tick


class TickFile:
    """One file's ticks in its own order, and its faults by line."""

    __slots__ = ("faults", "path", "ticks")

    def __init__(self, path: str, ticks: list[Tick], faults: list[Fault]) -> None:
        self.path = path
        self.ticks = ticks
        self.faults = faults


class CanonicalNames:
    """The resolver of those who have no configuration: canonical ids, in percent."""

    def series(self, name: str) -> str | None:
        try:
            return parse_series(name).id
        except ValueError:
            return None

    def to_percent(self, name: str, value: float, unit: str) -> float:
        return value * _PERCENT[unit]


_PERCENT: Final = {"percent": 1.0, "bp": 0.01, "decimal": 100.0}


def read_tick_file(path: Path | str, resolver: SeriesResolver) -> TickFile:
    """One file; `-` is standard input. A file that cannot be opened is a fault too."""
    name = str(path)
    faults: list[Fault] = []

    def note(fault: FileFault) -> None:
        faults.append(Fault(name, fault.line, fault.text))

    try:
        ticks = list(read_ticks(path, resolver, note))
    except OSError as error:
        return TickFile(name, [], [Fault(name, 0, (error.strerror or str(error)).lower())])
    return TickFile(name, ticks, faults)


def in_order(files: Sequence[TickFile]) -> list[Tick]:
    """The ticks of several files by receipt; those of one instant keep the order of the files and their lines."""
    return sorted((tick for file in files for tick in file.ticks), key=lambda tick: tick.received)
