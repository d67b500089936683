"""Virtual time for tests of what waits: sleepers wake when the test moves the clock, in order."""

from __future__ import annotations

import asyncio
import heapq
from itertools import count

from stressd.runtime.retry import Timing

SECOND = 1_000_000_000


class VirtualTime:
    """Seconds since the start that only `pass_` moves. start: ns UTC."""

    def __init__(self, start: int) -> None:
        self.start = start
        self.elapsed = 0.0
        self._order = count()
        self._sleeping: list[tuple[float, int, asyncio.Future[None]]] = []

    def timing(self) -> Timing:
        return Timing(
            now=lambda: self.start + int(self.elapsed * SECOND),
            monotonic=lambda: self.elapsed,
            sleep=self._sleep,
            random=lambda: 0.5,
        )

    async def _sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleeping, (self.elapsed + max(0.0, seconds), next(self._order), future))
        await future

    async def pass_(self, seconds: float) -> None:
        """Move the clock, waking whoever sleeps until then, each at its own time."""
        end = self.elapsed + seconds
        await self._settle()
        while self._sleeping and self._sleeping[0][0] <= end:
            at, _, future = heapq.heappop(self._sleeping)
            if future.done():
                continue
            self.elapsed = max(self.elapsed, at)
            future.set_result(None)
            await self._settle()
        self.elapsed = end

    async def _settle(self) -> None:
        """Let everything run that can without the clock."""
        for _ in range(200):
            await asyncio.sleep(0)
