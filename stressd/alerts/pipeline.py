"""One way through: ticks to engine events, to episode events, to the sinks that are told. The daemon, replay and
backtest all run this."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from stressd.alerts.episodes import Episodes
from stressd.alerts.event import Event
from stressd.alerts.routing import Router
from stressd.engine import events as engine_events
from stressd.engine.engine import Engine
from stressd.market.tick import Tick


@dataclass(frozen=True, slots=True)
class Routed:
    """An event and the names of the sinks that are told of it, none for the record only."""

    event: Event
    sinks: tuple[str, ...]


class Pipeline:
    """Engine, episode machine and router in one synchronous pass. All times are ns UTC of the engine's clock."""

    def __init__(self, engine: Engine, episodes: Episodes, router: Router) -> None:
        self.engine = engine
        self.episodes = episodes
        self.router = router

    def feed(self, ticks: Sequence[Tick]) -> list[Routed]:
        """Everything that is told because of these ticks, and of what fell due until the last of them."""
        return self._pass(self.engine.feed(ticks))

    def advance(self, now: int) -> list[Routed]:
        """Everything that is due up to and including `now`."""
        return self._pass(self.engine.advance(now))

    def apply(self, note: engine_events.Event) -> list[Routed]:
        """What is told because of something that the daemon noticed about itself."""
        return self._route(self.episodes.apply(note))

    def next_deadline(self) -> int | None:
        """When `advance` will next have something to do; None for never."""
        deadlines = [t for t in (self.engine.next_deadline(), self.episodes.next_deadline()) if t is not None]
        return min(deadlines) if deadlines else None

    def reconcile(self) -> None:
        """After a restart the engine's state may be older than the episodes': what was told stays told, and what was
        not will be told again."""
        self.engine.reconcile(self.episodes.active(), self.episodes.silent(), self.episodes.noted())

    def withdraw(self, watched: Collection[tuple[str, str]], at: int) -> list[Routed]:
        """The end of every episode that nothing watches any more (`Episodes.withdraw`)."""
        return self._route(self.episodes.withdraw(watched, at))

    def snapshot(self) -> dict[str, Any]:
        """The whole state, as plain data for JSON."""
        return {
            "engine": self.engine.snapshot(),
            "episodes": self.episodes.snapshot(),
            "router": self.router.snapshot(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a snapshot as if nothing had happened."""
        self.engine.restore(state["engine"])
        self.episodes.restore(state["episodes"])
        self.router.restore(state["router"])

    def _pass(self, events: list[engine_events.Event]) -> list[Routed]:
        told: list[Event] = []
        for event in events:
            told += self.episodes.apply(event)
        told += self.episodes.advance(self.engine.now)
        return self._route(told)

    def _route(self, told: list[Event]) -> list[Routed]:
        return [Routed(event, self.router.assign(event)) for event in told]
