"""Which sinks hear of an event: routes match attributes; a router remembers who was told of which episode."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from stressd.alerts.claims import claims
from stressd.alerts.event import Event
from stressd.alerts.people.escalation import EscalationStep
from stressd.market.times import parse_time

DEFAULT_UPDATES: Final = (
    "opened", "escalated", "propagated", "stale", "resumed", "resolved", "reopened", "corrected",
)  # fmt: skip
"""Event types that a route passes on unless it lists its own. `widened` and `peaked` only where they are asked for."""

LEVEL: Final = "level"
"""The horizon of a level crossing."""

ONCE_TOLD: Final = "It is told once, and is over with that."
"""Note of the end of an episode that was over when it was told."""

MILD: Final = ("info", "warn")
"""Severities of which the absence of an answer is no news once they are over."""

KEEP_NS: Final = 3 * 86_400 * 1_000_000_000
"""How long a router remembers who was told of a resolved episode: answers of other markets may still come."""


@dataclass(frozen=True, slots=True)
class RouteSpec:
    """What a route takes and where it sends it. An empty tuple matches anything, except `kinds`.

    kinds: "market", "feed", "self". series: globs, of which one must match one series of the event. severities,
    directions ("up", "down"), origins: words of the contract. updates: event types that are passed on.
    remind: ns after which those who were told are reminded of what is still open. escalate: who is told next of what
    nobody acknowledges.
    """

    sinks: tuple[str, ...]
    kinds: tuple[str, ...] = ("market",)
    markets: tuple[str, ...] = ()
    series: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    directions: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    updates: tuple[str, ...] = DEFAULT_UPDATES
    remind: int | None = None
    escalate: tuple[EscalationStep, ...] = ()

    def matches(self, event: Event) -> bool:
        """Whether this route is for such an event, whatever its type."""
        return (
            event.kind in self.kinds
            and (not self.markets or event.market in self.markets)
            and (not self.rules or event.rule in self.rules)
            and (not self.severities or event.severity in self.severities)
            and (not self.directions or event.direction in self.directions)
            and (not self.origins or event.origin in self.origins)
            and (not self.series or self._matches_series(event))
        )

    def _matches_series(self, event: Event) -> bool:
        ids = [move.series for move in event.series] + event.data.affected
        return any(fnmatchcase(name, glob) for name in ids for glob in self.series)


def is_one_shot(event: Event) -> bool:
    """Whether the event belongs to an episode that closes at once after it has been told: of a level, a model, a shape
    of the curve, or a note of something that is over."""
    told_once = all(move.horizon == LEVEL or move.model is not None for move in event.series)
    return event.note == ONCE_TOLD or (event.kind == "market" and bool(event.series) and told_once)


class Router:
    """Decides per event which sinks are told, each at most once.

    A sink that was told of an episode is told when it is resolved, even where its route would no longer match, and
    nobody else is. A sink that was not told yet, and whose route matches only now (the severity rose, a series joined),
    is told by whatever event comes, if the route passes on `opened`; `resolved` is nobody's first. The end of a level
    episode is for the record only, and so is, once an episode of little severity is over, what is no new link: that a
    market which had been closed did not respond to it. `corrected` goes to every sink that was told a link which it
    takes back, whatever its route passes on, and to nobody else.
    """

    def __init__(self, routes: tuple[RouteSpec, ...]) -> None:
        self._routes = routes
        self._told: dict[str, list[str]] = {}
        self._closed: dict[str, int] = {}
        self._claims: dict[str, dict[str, dict[str, int]]] = {}

    def assign(self, event: Event) -> tuple[str, ...]:
        """The sinks that are told of this event, in the order of the routes."""
        now = parse_time(event.time)
        self._forget(now)
        sinks = self._choose(event, now)
        self._note_claims(event, sinks)
        return sinks

    def _choose(self, event: Event, now: int) -> tuple[str, ...]:
        if event.type == "resolved":
            return self._resolve(event, now)
        if event.type == "corrected":
            return self._misled(event)
        told = self._told.get(event.episode, [])
        late = event.episode in self._closed
        if late and event.severity in MILD and not claims(event).keys() - self._claimed(event.episode):
            return ()
        chosen: list[str] = []
        for route in self._routes:
            if not route.matches(event):
                continue
            for sink in route.sinks:
                first = sink not in told
                asked = event.type in route.updates or (first and "opened" in route.updates)
                if asked and not (first and late) and sink not in chosen:
                    chosen.append(sink)
        if chosen:
            self._told[event.episode] = told + [sink for sink in chosen if sink not in told]
        return tuple(chosen)

    def snapshot(self) -> dict[str, Any]:
        """The state as plain data for JSON."""
        return {
            "told": {episode: list(sinks) for episode, sinks in self._told.items()},
            "closed": dict(self._closed),
            "claims": {
                episode: {sink: dict(made) for sink, made in sinks.items()} for episode, sinks in self._claims.items()
            },
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a snapshot, whatever the routes are now."""
        self._told = {episode: list(sinks) for episode, sinks in state["told"].items()}
        self._closed = dict(state["closed"])
        self._claims = {
            episode: {sink: dict(made) for sink, made in sinks.items()}
            for episode, sinks in state.get("claims", {}).items()
        }

    def _resolve(self, event: Event, now: int) -> tuple[str, ...]:
        if is_one_shot(event):
            self._told.pop(event.episode, None)
            return ()
        self._closed[event.episode] = now
        return tuple(self._told.get(event.episode, ()))

    def _claimed(self, episode: str) -> set[str]:
        """Every link that some sink was told of the episode."""
        return {link for made in self._claims.get(episode, {}).values() for link in made}

    def _misled(self, event: Event) -> tuple[str, ...]:
        """The sinks that were told a link which this event does not claim any more, or only as a looser one."""
        true = claims(event)
        known = self._claims.get(event.episode, {})
        wrong = {sink for sink, made in known.items() if any(true.get(link, 0) < made[link] for link in made)}
        return tuple(sink for sink in self._told.get(event.episode, []) if sink in wrong)

    def _note_claims(self, event: Event, sinks: tuple[str, ...]) -> None:
        true = claims(event)
        known = self._claims.get(event.episode, {})
        for sink in sinks:
            if event.type == "corrected":
                known[sink] = true
            else:
                made = known.get(sink, {})
                known[sink] = made | {link: max(size, made.get(link, 0)) for link, size in true.items()}
        known = {sink: made for sink, made in known.items() if made}
        if known:
            self._claims[event.episode] = known
        else:
            self._claims.pop(event.episode, None)

    def _forget(self, now: int) -> None:
        for episode in [episode for episode, closed in self._closed.items() if now - closed > KEEP_NS]:
            del self._closed[episode]
            self._told.pop(episode, None)
            self._claims.pop(episode, None)
