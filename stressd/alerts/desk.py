"""Who hears of an event: routes choose, people may withhold, and what nobody is told now is kept for later."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from stressd.alerts.event import Event
from stressd.alerts.ledger import Ledger
from stressd.alerts.routing import Router, RouteSpec, Wish
from stressd.alerts.spec import EpisodesSpec


@dataclass(frozen=True, slots=True)
class Routed:
    """An event and the names of the sinks that are told of it, none for the record only. withheld: by sink, the lines
    of what it was not told meanwhile, for this message. kept_back: by sink, why it is not told of this event."""

    event: Event
    sinks: tuple[str, ...]
    withheld: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    kept_back: Mapping[str, str] = field(default_factory=dict)


class People(Protocol):
    """What people have asked for: silences, maintenance, reminders, escalation."""

    def withhold(self, event: Event, sinks: Sequence[str], told: Sequence[str]) -> dict[str, str]:
        """Why a sink is not told: of those that the routes chose, and of any other that has to learn of it later."""
        ...

    def heard(self, event: Event, sinks: tuple[str, ...]) -> None:
        """These are told of it now, perhaps nobody."""
        ...


@dataclass(frozen=True, slots=True)
class DeskSpec:
    """Who hears what, as configured."""

    routes: tuple[RouteSpec, ...] = ()


class Desk:
    """Every event either goes to a sink, or is in the ledger with the reason, or no route takes it."""

    def __init__(self, spec: DeskSpec, voice: EpisodesSpec, people: People | None = None) -> None:
        self.spec = spec
        self.people = people
        self.ledger = Ledger()
        self._router = Router(spec.routes, voice.calendars)

    def take(self, event: Event) -> list[Routed]:
        """The event with everybody who is told of it now."""
        return self._pass_on(event, self._router.choose(event))

    def direct(self, event: Event, sinks: Iterable[str]) -> list[Routed]:
        """An event for these sinks, whatever their routes; they will hear the end of its episode too."""
        return [self._tell(event, list(sinks), {})]

    def told(self, episode: str) -> tuple[str, ...]:
        """The sinks that were told of the episode, over or not."""
        return self._router.told(episode)

    def advance(self, now: int) -> list[Routed]:
        """What is due by `now` (ns, engine time)."""
        return []

    def next_deadline(self) -> int | None:
        """When `advance` next has something to tell, ns; None while nothing waits."""
        return None

    def snapshot(self) -> dict[str, Any]:
        """The state as plain data for JSON."""
        return self._router.snapshot() | {"ledger": self.ledger.snapshot()}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a snapshot, whatever the routes are now."""
        self._router.restore(state)
        if "ledger" in state:
            self.ledger.restore(state["ledger"])

    def _pass_on(self, event: Event, wishes: dict[str, Wish]) -> list[Routed]:
        kept: dict[str, str] = {}
        if self.people is not None:
            kept = self.people.withhold(event, tuple(wishes), self.told(event.episode))
        for sink, reason in kept.items():
            self.ledger.put(sink, event, reason)
        return [self._tell(event, [sink for sink in wishes if sink not in kept], kept)]

    def _tell(self, event: Event, sinks: list[str], kept: dict[str, str]) -> Routed:
        """Everything that is known of it is in the message."""
        self._router.note(event, sinks)
        lines = {sink: said for sink in sinks if (said := self.ledger.tell(sink, event.episode))}
        if self.people is not None:
            self.people.heard(event, tuple(sinks))
        return Routed(event, tuple(sinks), lines, kept)
