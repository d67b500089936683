"""From the pump to the store: events, deliveries and machine state in one transaction; then the deliverer wakes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Final

import msgspec
import structlog

from stressd.alerts.pipeline import Pipeline, Routed
from stressd.store import Commit, Store

EPISODES: Final = "episodes"
ROUTER: Final = "router"
"""Keys of the machine's state in the store."""

log = structlog.get_logger()


def machine_state(pipeline: Pipeline) -> dict[str, bytes]:
    """What must be on disk together with the events, so that a restart tells nothing twice."""
    return {
        EPISODES: msgspec.json.encode(pipeline.episodes.snapshot()),
        ROUTER: msgspec.json.encode(pipeline.router.snapshot()),
    }


class StoreOutbox:
    """`pump.Outbox` on the store. committed: given the events, on the store's thread, once they are on disk.

    last_fault: why the last refused transition was refused, "" where none was; trouble of the disk is no fault, such a
    transition stays queued in the store.
    """

    def __init__(self, store: Store, committed: Callable[[Sequence[Routed]], None]) -> None:
        self._store = store
        self._committed = committed
        self.last_fault = ""

    def commit(self, routed: Sequence[Routed], pipeline: Pipeline) -> Future[Any]:
        future = self._store.commit(Commit(routed, machine_state(pipeline)))
        for one in routed:
            event = one.event
            log.info(
                f"episode.{event.type}",
                episode=event.episode,
                event_id=event.id,
                severity=event.severity,
                headline=event.headline,
                sinks=list(one.sinks),
            )
        future.add_done_callback(lambda done: self._done(done, routed))
        return future

    def _done(self, future: Future[None], routed: Sequence[Routed]) -> None:
        error = future.exception()
        if error is None:
            self._committed(routed)
        else:
            self.last_fault = str(error)
            log.error("transition.refused", error=str(error))
