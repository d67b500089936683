"""The tick: one yield of one series at one moment."""

from __future__ import annotations

import math
from typing import Final

from mypy_extensions import mypyc_attr

FIXING: Final = 1
"""Flag: an official fixing, not a quote. Skips the two-tick confirmation; feeds the 1d horizon and levels only."""

BACKLOG: Final = 2
"""Flag: delivered late on purpose (retained message, session backlog). Updates state, never opens an episode."""


MIDDLE: Final = 4
"""Flag: the value is the middle of bid and ask, and no better than they are."""

NO_SPREAD: Final = math.nan


@mypyc_attr(acyclic=True)
class Tick:
    """One observation of one series.

    value: yield in percent. time: when the source says it was true, received: when this machine (or the recording)
    saw it; both integer nanoseconds since the Unix epoch, UTC. source: name of the feed or venue. spread: ask minus bid
    in percent, as they came, nan where they did not.
    """

    __slots__ = ("flags", "received", "series", "source", "spread", "time", "value")

    def __init__(
        self,
        series: str,
        value: float,
        time: int,
        received: int,
        source: str = "",
        flags: int = 0,
        spread: float = NO_SPREAD,
    ) -> None:
        self.series = series
        self.value = value
        self.time = time
        self.received = received
        self.source = source
        self.flags = flags
        self.spread = spread

    def __repr__(self) -> str:
        return (
            f"Tick({self.series!r}, {self.value!r}, time={self.time}, received={self.received}, "
            f"source={self.source!r}, flags={self.flags}, spread={self.spread})"
        )

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Tick)
            and self.series == other.series
            and self.value == other.value
            and self.time == other.time
            and self.received == other.received
            and self.source == other.source
            and self.flags == other.flags
            and (self.spread == other.spread or (self.spread != self.spread and other.spread != other.spread))
        )

    def __hash__(self) -> int:
        return hash((self.series, self.time, self.value, self.source))
