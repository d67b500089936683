"""What a feed needs around it in a test: an inbox that keeps what it is given, and a resolver without a config."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from stressd.feeds.base import DecodeError, Feed, Frame
from stressd.market.tick import Tick

_PERCENT: Final = {"percent": 1.0, "bp": 0.01, "decimal": 100.0}


class KeepingInbox:
    """An `Inbox` that keeps its frames and wakes who waits for them. clock: ns UTC; the wall's where none is given."""

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        self.frames: list[Frame] = []
        self._clock = clock
        self._came = asyncio.Event()

    def put(self, frame: Frame) -> None:
        self.frames.append(frame)
        self._came.set()

    def now(self) -> int:
        return self._clock()

    async def frame_count(self, count: int) -> list[Frame]:
        """The frames, as soon as there are so many."""
        while len(self.frames) < count:
            self._came.clear()
            await self._came.wait()
        return self.frames

    def ticks(self, start: int = 0) -> list[Tick]:
        """All ticks of the frames from `start`; messages that are refused count as none."""
        ticks: list[Tick] = []
        for frame in self.frames[start:]:
            try:
                ticks.extend(frame.feed.decode(frame))
            except DecodeError:
                continue
        return ticks


class PlainResolver:
    """A `SeriesResolver` for canonical ids as they are, and for the aliases given: name to (series, unit); with a unit
    of None the feed's own counts."""

    def __init__(self, series: Sequence[str], aliases: Mapping[str, tuple[str, str | None]] | None = None) -> None:
        self._series = frozenset(series)
        self._aliases = dict(aliases or {})

    def series(self, name: str) -> str | None:
        if name in self._aliases:
            return self._aliases[name][0]
        return name if name in self._series else None

    def to_percent(self, name: str, value: float, unit: str) -> float:
        own = self._aliases[name][1] if name in self._aliases else None
        return value * _PERCENT[own or unit]


async def feed_state(feed: Feed, condition: Callable[[Feed], bool], seconds: float = 10.0) -> None:
    """Waits until the feed's health is as the condition says; raises TimeoutError with the health otherwise."""
    end = time.monotonic() + seconds
    while not condition(feed):
        if time.monotonic() > end:
            raise TimeoutError(f"feed {feed.name} stayed {feed.health}")
        await asyncio.sleep(0.005)
