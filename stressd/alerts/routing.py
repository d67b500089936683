"""Which sinks hear of an event: routes match attributes; a router remembers who was told of which episode."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from stressd.alerts.claims import claims
from stressd.alerts.event import Event
from stressd.alerts.matching import Match
from stressd.alerts.people.escalation import EscalationStep
from stressd.market.calendar import Calendar
from stressd.market.times import SECOND, parse_time

DEFAULT_UPDATES: Final = ("opened", "escalated", "propagated", "resolved", "reopened")
"""Event types that a route passes on unless it lists its own."""

LEVEL: Final = "level"
"""The horizon of a level crossing."""

ONCE_TOLD: Final = "It is told once, and is over with that."
"""Note of the end of an episode that was over when it was told."""

MILD: Final = ("info", "warn")
"""Severities of which the absence of an answer is no news once they are over."""

NOBODYS_FIRST: Final = ("resolved", "corrected", "acknowledged", "reminder")
"""Events that tell nobody of an episode for the first time."""

KEEP_NS: Final = 3 * 86_400 * 1_000_000_000
"""How long a router remembers who was told of a resolved episode: answers of other markets may still come, and the
episode may be reopened."""

OPEN: Final = "open"
CLOSED: Final = "closed"

MOST_ONCE: Final = 200
"""Episodes that were told once of which it is remembered who was told, should they turn out to be wrong."""


@dataclass(frozen=True, slots=True)
class Hours:
    """A span of the day on the clock of a zone, from `start` until before `end` (minutes after midnight); past midnight
    where it ends before it starts. days: 0 for Monday to 6; a span past midnight belongs to the day on which it
    starts."""

    zone: str
    start: int
    end: int
    days: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)

    def hold(self, at: int) -> bool:
        """Whether the instant (ns UTC) lies in them."""
        local = datetime.fromtimestamp(at // SECOND, ZoneInfo(self.zone))
        minute = local.hour * 60 + local.minute
        if self.start < self.end:
            return self.start <= minute < self.end and local.weekday() in self.days
        if minute >= self.start:
            return local.weekday() in self.days
        return minute < self.end and (local - timedelta(days=1)).weekday() in self.days


@dataclass(frozen=True, slots=True)
class RouteSpec(Match):
    """What a route takes and where it sends it. An empty tuple matches anything, except `kinds`.

    updates: event types that are passed on. sessions: states of the event's market at its time: "open", "closed", or a
    reason of being closed (`market.Span`); what has no market of its own counts as open. propagated: of the answers of
    other markets "once" (the first that is a link), "each" (every further market that is linked) or "all". digest: the
    sinks hear of it in the digest of that name. inhibit, storm: whether something else may keep it back.
    remind: ns after which those who were told are reminded of what is still open. escalate: who is told next of what
    nobody acknowledges.
    """

    sinks: tuple[str, ...]
    kinds: tuple[str, ...] = field(default=("market",), kw_only=True)
    updates: tuple[str, ...] = DEFAULT_UPDATES
    sessions: tuple[str, ...] = ()
    hours: Hours | None = None
    propagated: Literal["once", "each", "all"] = "once"
    digest: str = ""
    inhibit: bool = True
    storm: bool = True
    remind: int | None = None
    escalate: tuple[EscalationStep, ...] = ()

    def takes(self, event: Event, calendars: Mapping[str, Calendar]) -> bool:
        """Whether this route is for such an event, whatever its type. calendars: by market."""
        return (
            self.matches(event)
            and (self.hours is None or self.hours.hold(parse_time(event.time)))
            and (not self.sessions or self._in_session(event, calendars))
        )

    def _in_session(self, event: Event, calendars: Mapping[str, Calendar]) -> bool:
        calendar = calendars.get(event.market)
        if calendar is None:
            return OPEN in self.sessions
        span = calendar.span_at(parse_time(event.time))
        if span.is_open:
            return OPEN in self.sessions
        return CLOSED in self.sessions or span.reason.partition(":")[0] in self.sessions


def is_one_shot(event: Event) -> bool:
    """Whether the event belongs to an episode that closes at once after it has been told: of a level, a model, a shape
    of the curve, or a note of something that is over."""
    told_once = all(move.horizon == LEVEL or move.model is not None for move in event.series)
    once = event.kind == "market" and bool(event.series) and told_once
    return once or event.note == ONCE_TOLD or event.type == "digest"


class Known(msgspec.Struct, kw_only=True):
    """What one sink knows of one episode. open: it was told that it began and not that it is over. alone: it had a
    message of its own, not only a place in a summary. linked: an answer of another market was news to it. claims: the
    closest links that it was told and that were not taken back since."""

    open: bool = True
    alone: bool = True
    linked: bool = False
    claims: dict[str, int] = {}


@dataclass(frozen=True, slots=True)
class Wish:
    """How one sink wants to hear of an event. digest: "" at once, else in that digest."""

    digest: str
    inhibit: bool
    storm: bool


class Router:
    """Decides per event which sinks want it, and remembers which were told.

    A sink that was told of an episode is told when it is resolved, even where its route would no longer match, and
    nobody else is. A sink that was not told yet, and whose route matches only now (the severity rose, a series joined),
    is told by whatever event comes, if the route passes on `opened`; `resolved` is nobody's first. The end of a level
    episode is for the record only, and so is, once an episode of little severity is over, what is no new link: that a
    market which had been closed did not respond to it. `corrected` goes to every sink that was told a link which it
    takes back, whatever its route passes on, and to nobody else; where the alert itself was wrong, to every sink
    that was told of it. An episode that is reopened goes on where it was.
    """

    def __init__(self, routes: tuple[RouteSpec, ...], calendars: Mapping[str, Calendar]) -> None:
        self._routes = routes
        self._calendars = calendars
        self._told: dict[str, dict[str, Known]] = {}
        self._closed: dict[str, int] = {}
        self._once: list[str] = []

    def choose(self, event: Event) -> dict[str, Wish]:
        """The sinks that want this event, in the order of the routes."""
        now = parse_time(event.time)
        self._forget(now)
        told = self._told.get(event.episode, {})
        if event.withdrawn is not None:
            self._closed[event.episode] = now
            return dict.fromkeys(told, Wish("", False, False))
        if event.type == "resolved":
            return self._resolve(event, now, told)
        if event.type == "corrected":
            return dict.fromkeys(self._misled(event, told), Wish("", False, False))
        if event.type == "reopened":
            self._closed.pop(event.episode, None)
        late = event.episode in self._closed
        if late and event.severity in MILD and not claims(event).keys() - self._claimed(told.values()):
            return {}
        chosen: dict[str, Wish] = {}
        for route in self._routes:
            if not route.takes(event, self._calendars):
                continue
            for sink in route.sinks:
                if self._wants(route, event, told.get(sink), late):
                    chosen[sink] = _with(chosen.get(sink), route)
        return chosen

    def note(self, event: Event, sinks: Iterable[str], *, alone: bool = True) -> None:
        """These sinks are told of it. alone: by a message of its own."""
        true = claims(event)
        late = event.episode in self._closed
        for sink in sinks:
            known = self._told.setdefault(event.episode, {}).setdefault(sink, Known(open=False, alone=alone))
            known.open = not event.ends and (known.open or not late)
            known.alone = known.alone or alone
            known.linked = known.linked or (event.type == "propagated" and bool(true))
            if event.type == "corrected":
                known.claims = true
            else:
                known.claims |= {link: max(size, known.claims.get(link, 0)) for link, size in true.items()}

    def own(self, episode: str, sinks: Iterable[str]) -> None:
        """These get a message of their own after all."""
        for sink in sinks:
            known = self._told.get(episode, {}).get(sink)
            if known is not None:
                known.alone = True

    def told(self, episode: str) -> tuple[str, ...]:
        """The sinks that were told of it, over or not."""
        return tuple(self._told.get(episode, ()))

    def known(self, episode: str, sink: str) -> Known | None:
        """What the sink knows of it. To be read, not changed."""
        return self._told.get(episode, {}).get(sink)

    def snapshot(self) -> dict[str, Any]:
        """The state as plain data for JSON."""
        return {"told": msgspec.to_builtins(self._told), "closed": dict(self._closed), "once": self._once}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a snapshot, whatever the routes are now. Raises msgspec.ValidationError on any other data."""
        if "claims" in state:
            state = state | {"told": _upgraded(state)}
        self._told = msgspec.convert(state["told"], type=dict[str, dict[str, Known]])
        self._closed = dict(state["closed"])
        self._once = list(state.get("once", []))

    def _wants(self, route: RouteSpec, event: Event, known: Known | None, late: bool) -> bool:
        if known is None:
            if late or event.type in NOBODYS_FIRST:
                return False
            return event.type in route.updates or "opened" in route.updates
        if event.type not in route.updates:
            return False
        if event.type != "propagated" or route.propagated == "all":
            return True
        new = bool(claims(event).keys() - known.claims.keys())
        return new and (route.propagated == "each" or not known.linked)

    def _resolve(self, event: Event, now: int, told: dict[str, Known]) -> dict[str, Wish]:
        if is_one_shot(event):
            self._once = [*self._once[-MOST_ONCE:], event.episode]
            for name in set(self._once[:-MOST_ONCE]):
                self._told.pop(name, None)
            return {}
        self._closed[event.episode] = now
        return {sink: Wish("", False, False) for sink, known in told.items() if known.open}

    def _claimed(self, told: Iterable[Known]) -> set[str]:
        """Every link that some sink was told of the episode."""
        return {link for known in told for link in known.claims}

    def _misled(self, event: Event, told: dict[str, Known]) -> list[str]:
        """The sinks that were told a link which this event does not claim any more, or only as a looser one."""
        true = claims(event)
        return [
            sink for sink, known in told.items() if any(true.get(link, 0) < size for link, size in known.claims.items())
        ]

    def _forget(self, now: int) -> None:
        for episode in [episode for episode, closed in self._closed.items() if now - closed > KEEP_NS]:
            del self._closed[episode]
            self._told.pop(episode, None)


def _with(wish: Wish | None, route: RouteSpec) -> Wish:
    """What a sink wants that is in several routes: at once rather than later, and kept back only if all allow it."""
    if wish is None:
        return Wish(route.digest, route.inhibit, route.storm)
    return Wish(wish.digest and route.digest, wish.inhibit and route.inhibit, wish.storm and route.storm)


def _upgraded(state: dict[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """Who was told what, of a snapshot of 0.1.0 before there were summaries."""
    return {
        episode: {
            sink: {
                "open": episode not in state["closed"],
                "claims": state["claims"].get(episode, {}).get(sink, {}),
            }
            for sink in sinks
        }
        for episode, sinks in state["told"].items()
    }
