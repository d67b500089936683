"""Fixing rounds: the fixings of one market and instant are judged together, whatever order they came in.

A curve is published as one fact. Judged one tenor at a time in the order of a file, its first tenor would open the
episode whether or not it moved most, and no tenor could be held against its neighbours.
"""

from __future__ import annotations

from typing import Any, Final

from stressd.engine.series import SeriesState
from stressd.engine.spec import SECOND
from stressd.market.tick import Tick

PATIENCE: Final = SECOND
"""ns on the engine's clock for which a round waits for further fixings of its instant."""


class Round:
    """Fixings of one market and one instant that wait to be judged.

    time: the instant; at: when the first of them was received, which is when what they say is stamped; due: when they
    are judged (ns).
    """

    __slots__ = ("at", "due", "market", "states", "ticks", "time")

    def __init__(self, market: str, time: int, at: int) -> None:
        self.market = market
        self.time = time
        self.at = at
        self.due = at + PATIENCE
        self.states: list[SeriesState] = []
        self.ticks: list[Tick] = []

    def add(self, state: SeriesState, tick: Tick) -> None:
        """Take in one more fixing."""
        self.states.append(state)
        self.ticks.append(tick)

    def ordered(self) -> list[tuple[SeriesState, Tick]]:
        """Largest move first, in sigma; the order of arrival among equals."""
        numbers = list(range(len(self.ticks)))
        sizes = [state.fixing_size(tick) for state, tick in zip(self.states, self.ticks, strict=True)]
        numbers.sort(key=lambda number: -sizes[number])
        return [(self.states[number], self.ticks[number]) for number in numbers]

    def state(self) -> list[Any]:
        """Everything, as plain values."""
        ticks = [[t.series, t.value, t.time, t.received, t.source, t.flags] for t in self.ticks]
        return [self.market, self.time, self.at, ticks]


def load_round(state: list[Any], series: dict[str, SeriesState]) -> Round:
    """The round of `Round.state`; series that are no longer watched are left out."""
    found = Round(str(state[0]), int(state[1]), int(state[2]))
    for name, value, time, received, source, flags in state[3]:
        if name in series:
            found.add(series[name], Tick(name, float(value), int(time), int(received), source, int(flags)))
    return found
