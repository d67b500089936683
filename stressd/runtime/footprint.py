"""How many bytes the state of a series takes: measured, one series at a time, so that it costs next to nothing.

Counted is what belongs to the series alone: not its configuration, its market's clock, or the code.
"""

from __future__ import annotations

import gc
import resource
import sys
from dataclasses import is_dataclass
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Final

from stressd.engine.agenda import MarketAgenda
from stressd.engine.budget import Book
from stressd.engine.clock import MarketClock
from stressd.engine.engine import Engine

SHARED: Final = (type, ModuleType, FunctionType, BuiltinFunctionType, MethodType, MarketClock, MarketAgenda, Book)

BOUND: Final = 400_000
"""Bytes that the state of one series never exceeds: a year of records, tails and bars within the day, at every horizon,
with a rule of each kind. (A detector of river adds its model.)"""


def footprint(thing: object) -> int:
    """Bytes of an object and all that it alone refers to."""
    seen = {id(thing)}
    waiting = [thing]
    total = 0
    while waiting:
        each = waiting.pop()
        total += sys.getsizeof(each)
        for other in gc.get_referents(each):
            if id(other) not in seen:
                seen.add(id(other))
                if not isinstance(other, SHARED) and not is_dataclass(other):
                    waiting.append(other)
    return total


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()


class Footprints:
    """The latest measurement of each series. Bytes."""

    def __init__(self) -> None:
        self._bytes: dict[str, int] = {}
        self._next = 0

    def measure(self, engine: Engine) -> None:
        """One more series, each in its turn: about two milliseconds."""
        states = engine.states()
        if not states:
            return
        if len(self._bytes) > len(states):
            known = {state.id for state in states}
            self._bytes = {name: size for name, size in self._bytes.items() if name in known}
        state = states[self._next % len(states)]
        self._next = (self._next + 1) % len(states)
        self._bytes[state.id] = footprint(state)

    def of(self, series: str) -> int | None:
        """Of one series; None before its turn."""
        return self._bytes.get(series)

    def largest(self) -> tuple[str, int] | None:
        """The series that takes most, of those measured."""
        return max(self._bytes.items(), key=lambda item: item[1], default=None)

    def mean(self) -> float | None:
        """Of those measured; None before the first."""
        return sum(self._bytes.values()) / len(self._bytes) if self._bytes else None
