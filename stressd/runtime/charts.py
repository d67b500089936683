"""Charts for messages: drawn beside the event loop, once an event whatever the number of sinks, and never waited for
long: a message without its chart is better than a late one."""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import structlog

from stressd.alerts.event import Event
from stressd.runtime.chart import NoChart, draw
from stressd.sinks.base import Sink, Traits

LIMIT: Final = 3.0
"""Seconds that a message waits for its chart."""

KEPT: Final = 32
"""Charts that are kept for further sinks and attempts; 200 kB each at most."""

log = structlog.get_logger()


class Charts:
    """One thread draws them all, one after the other. cache: where matplotlib may keep its list of fonts, which it
    makes anew at every start otherwise."""

    def __init__(
        self, cache: Path | None = None, *, draw: Callable[[Event], bytes] = draw, limit: float = LIMIT
    ) -> None:
        self._cache = cache
        self._draw = draw
        self._limit = limit
        self._thread: ThreadPoolExecutor | None = None
        self._drawn: OrderedDict[str, asyncio.Future[bytes | None]] = OrderedDict()
        self._told: set[str] = set()
        self._late: asyncio.Future[bytes | None] | None = None

    def warm(self, sinks: Iterable[Sink]) -> None:
        """Load what drawing needs before the first alert would wait for it, where a sink shows charts."""
        if any(getattr(sink, "traits", Traits()).charts for sink in sinks):
            self._executor().submit(self._load)

    async def of(self, event: Event) -> bytes | None:
        """The chart of this event; None where it has none, where it cannot be drawn, or not in time."""
        if event.path is None:
            return None
        drawing = self._drawn.get(event.id)
        if drawing is None:
            if self._late is not None and not self._late.done():
                return None
            drawing = asyncio.get_running_loop().run_in_executor(self._executor(), self._try, event)
            self._drawn[event.id] = drawing
            while len(self._drawn) > KEPT:
                self._drawn.popitem(last=False)
        await asyncio.wait([drawing], timeout=self._limit)
        if not drawing.done():
            self._late = drawing
            self._tell("not drawn in time", event)
            return None
        return drawing.result()

    def close(self) -> None:
        """Forget what is not drawn yet."""
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)
            self._thread = None

    def _executor(self) -> ThreadPoolExecutor:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="charts")
        return self._thread

    def _load(self) -> None:
        if self._cache is not None:
            os.environ.setdefault("MPLCONFIGDIR", str(self._cache))
        try:
            import matplotlib.figure  # noqa: F401
        except Exception as error:
            log.warning("charts.unavailable", reason=str(error))

    def _try(self, event: Event) -> bytes | None:
        try:
            return self._draw(event)
        except NoChart as none:
            self._tell(str(none), event)
        except Exception as error:
            self._tell(f"cannot be drawn: {error!r}", event)
        return None

    def _tell(self, reason: str, event: Event) -> None:
        """Each reason once: the messages go on without."""
        if reason not in self._told and len(self._told) < KEPT:
            self._told.add(reason)
            log.warning("chart.missing", event_id=event.id, reason=reason)
