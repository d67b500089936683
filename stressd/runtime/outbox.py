"""From the pump to the store: events, deliveries and machine state in one transaction; then the deliverer wakes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Final

import msgspec
import structlog

from stressd.alerts.event import EventType
from stressd.alerts.people.commands import Done
from stressd.alerts.pipeline import Pipeline, Routed
from stressd.store import ActionRow, Commit, Store
from stressd.store.kept import DESK

EPISODES: Final = "episodes"
PEOPLE: Final = "people"
"""Keys of the machine's state in the store."""

PATIENCE: Final = 1.0
"""Seconds that the disk gets before an alert goes out without it."""

TOLD: Final[dict[EventType, str]] = {
    "opened": "episode.opened",
    "escalated": "episode.escalated",
    "widened": "episode.widened",
    "peaked": "episode.peaked",
    "propagated": "episode.propagated",
    "stale": "episode.stalled",
    "resumed": "episode.resumed",
    "resolved": "episode.resolved",
    "reopened": "episode.reopened",
    "reminder": "episode.reminded",
    "acknowledged": "episode.acknowledged",
    "flapping": "episode.flapped",
    "corrected": "episode.corrected",
    "digest": "episode.digested",
}
"""What the log calls a transition."""

log = structlog.get_logger()


def machine_state(pipeline: Pipeline) -> dict[str, bytes]:
    """What must be on disk together with the events, so that a restart tells nothing twice."""
    return {
        EPISODES: pipeline.episodes.encoded(),
        DESK: msgspec.json.encode(pipeline.desk.snapshot()),
        PEOPLE: msgspec.json.encode(pipeline.people.snapshot()),
    }


def _rows(actions: Sequence[Done]) -> list[ActionRow]:
    return [ActionRow(done.at, done.author, done.via, done.verb, done.subject, done.detail) for done in actions]


class _Transition:
    """Events on their way to the disk. over: they have been handed over for delivery, or are not to be."""

    __slots__ = ("over", "routed", "since")

    def __init__(self, routed: Sequence[Routed], since: float, *, over: bool) -> None:
        self.routed = routed
        self.since = since
        self.over = over


class StoreOutbox:
    """`pump.Outbox` on the store. hand_over: given the events once they are on disk, from any thread.

    A disk that fails or hangs keeps its transitions queued in the store, and must not keep alerts from people, least of
    all the one about itself: what is not on disk within PATIENCE is handed over all the same. Should the process die
    before the disk recovers, the next one may tell it again. quiet: another daemon tells people (`runtime.standby`).
    """

    def __init__(self, store: Store, hand_over: Callable[[Sequence[Routed]], None]) -> None:
        self._store = store
        self._hand_over = hand_over
        self._lock = threading.Lock()
        self._unwritten: dict[int, _Transition] = {}
        self._number = 0
        self.quiet = False

    def commit(self, routed: Sequence[Routed], pipeline: Pipeline, actions: Sequence[Done] = ()) -> Future[Any]:
        for done in actions:
            log.info(
                "command.done",
                author=done.author,
                via=done.via,
                verb=done.verb,
                subject=done.subject,
                detail=done.detail,
            )
        for one in routed:
            event = one.event
            log.info(
                TOLD[event.type],
                episode=event.episode,
                event_id=event.id,
                severity=event.severity,
                headline=event.headline,
                sinks=list(one.sinks),
                kept_back=dict(one.kept_back) or None,
                standby=self.quiet or None,
            )
        self._number += 1
        number, transition = self._number, _Transition(routed, time.monotonic(), over=self.quiet)
        with self._lock:
            self._unwritten[number] = transition
        future = self._store.commit(Commit(routed, machine_state(pipeline), _rows(actions), self.quiet))
        future.add_done_callback(lambda done: self._done(done, number))
        return future

    def hurry(self) -> None:
        """Hand over what has waited for the disk for too long. Called a few times a second."""
        if not self._unwritten:
            return
        with self._lock:
            late = [t for t in self._unwritten.values() if not t.over and time.monotonic() - t.since > PATIENCE]
            for transition in late:
                transition.over = True
        for transition in late:
            ids = [one.event.id for one in transition.routed]
            log.warning("transition.unwritten", event_ids=ids, reason=self._store.trouble or "the disk is slow")
            self._hand_over(transition.routed)

    def _done(self, future: Future[None], number: int) -> None:
        with self._lock:
            transition = self._unwritten.pop(number)
            over, transition.over = transition.over, True
        error = future.exception()
        if error is not None:
            log.error("transition.refused", error=str(error))
        elif not over:
            self._hand_over(transition.routed)
