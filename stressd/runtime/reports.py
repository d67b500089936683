"""Reports that are kept: made by a process of its own soon after an episode or a market has closed, let go when old."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

import structlog

from stressd.runtime.errands import NotMade, carry_out
from stressd.store.reports import let_go

if TYPE_CHECKING:
    from stressd.runtime.daemon import Daemon

LOOK: Final = 20.0
"""Seconds between two looks at what is over: the last messages have mostly arrived by then."""

EVERY: Final = 3_600.0
"""Seconds after which what is missing is made though nothing was seen to end: after labels, and a day after a close."""

LONGEST: Final = 900.0
"""Seconds that a turn may take."""

ENDS: Final = ("resolved", "corrected", "digest")
"""Events after which a report may be due."""

log = structlog.get_logger()


class Reports:
    """The first turn comes soon after the start: what a daemon that died has left is made then. kept: reports that this
    process has had made; failed: turns that failed."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._ended = -1
        self._last = time.monotonic()
        self.kept = 0
        self.failed = 0

    async def run(self) -> None:
        """Look regularly."""
        while True:
            await asyncio.sleep(LOOK)
            ended = sum(self._daemon.pump.events[name] for name in ENDS)
            if ended != self._ended or time.monotonic() - self._last > EVERY:
                self._ended = ended
                await self.turn()

    async def turn(self) -> None:
        """Everything that is due now."""
        self._last = time.monotonic()
        bounds, state = self._daemon.loaded.model.reports, self._daemon.state
        if bounds is None:
            return
        try:
            made = (await carry_out(["report", "--due", "--state", str(state)], LONGEST)).split()
        except NotMade as error:
            self.failed += 1
            log.warning("reports.failed", error=str(error))
            return
        self.kept += len(made)
        try:
            gone = await asyncio.to_thread(let_go, state, self._daemon.clock.now() - bounds.max_age, bounds.max_bytes)
        except OSError as error:
            log.warning("reports.failed", error=error.strerror or str(error))
            return
        if made or gone:
            log.info("reports.made", count=len(made), names=made[:10], gone=gone)
