"""The tick: one yield of one series at one moment."""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

FIXING: Final = 1
"""Flag: an official fixing, not a quote. Skips the two-tick confirmation; feeds the 1d horizon and levels only."""

BACKLOG: Final = 2
"""Flag: delivered late on purpose (retained message, session backlog). Updates state, never opens an episode."""


@mypyc_attr(acyclic=True)
class Tick:
    """One observation of one series.

    value: yield in percent. time: when the source says it was true, received: when this machine (or the recording)
    saw it; both integer nanoseconds since the Unix epoch, UTC. source: name of the feed or venue.
    """

    __slots__ = ("flags", "received", "series", "source", "time", "value")

    def __init__(self, series: str, value: float, time: int, received: int, source: str = "", flags: int = 0) -> None:
        self.series = series
        self.value = value
        self.time = time
        self.received = received
        self.source = source
        self.flags = flags

    def __repr__(self) -> str:
        return (
            f"Tick({self.series!r}, {self.value!r}, time={self.time}, received={self.received}, "
            f"source={self.source!r}, flags={self.flags})"
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
        )

    def __hash__(self) -> int:
        return hash((self.series, self.time, self.value, self.source))
