"""When too much happens at once at one sink: what follows the first messages is gathered and told together.

Calm is at most `messages` in `within`. What would be more, and is of more than one episode, is gathered until that time
has passed, as long as it goes on, and then told in one summary; alone if it is one episode only. While it lasts
there is at most one summary in `longest`. The first that is critical waits for nothing: it is told at once, with what
was gathered so far. An episode that was told in a summary hears its end in one too, unless it had a message of its own
meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from stressd.alerts.event import DigestItem, Event
from stressd.alerts.ledger import digest_item
from stressd.engine.spec import SEVERITIES
from stressd.market.times import SECOND

MOST: Final = 300
"""Episodes that one summary lists; the others are counted."""

ENDS_WITHIN: Final = 600 * SECOND
"""ns after the first end of what was told in a summary, by which its ends are told."""

NEVER_HELD: Final = ("corrected", "acknowledged")
"""Events that go on during a storm: what was told wrong is taken back at once."""

Verdict = Literal["tell", "gather", "flush"]


@dataclass(frozen=True, slots=True)
class StormSpec:
    """At most so many messages of the market in `within` (ns) at one sink; what is more is told in a summary, and while
    it goes on in at most one of them in `longest` (ns)."""

    messages: int = 2
    within: int = 10 * SECOND
    longest: int = 60 * SECOND


class Gathered(msgspec.Struct, kw_only=True):
    """What one sink is told of together. first, last: time of its events, ns UTC; more: episodes beyond MOST."""

    items: dict[str, DigestItem] = {}
    first: int = 0
    last: int = 0
    more: int = 0

    def add(self, event: Event, at: int) -> None:
        """The newest event of its episode."""
        self.first = self.first or at
        self.last = at
        if event.episode in self.items or len(self.items) < MOST:
            self.items[event.episode] = digest_item(event, None, self.items.get(event.episode))
        else:
            self.more += 1

    @property
    def severity(self) -> str:
        """The highest."""
        return max((item.severity for item in self.items.values()), key=SEVERITIES.index)


class Front(msgspec.Struct, kw_only=True):
    """The storm at one sink. Times ns UTC. recent: of the messages within the last `within`, with their episodes.
    since: when it began, None while it is calm; due: of the next summary, None while nothing is gathered; until: when
    it is calm again if nothing comes. lone: the one event that is gathered, as long as it is of one episode. critical:
    when something critical was told last; summed: when a summary was told last in this storm, or
    the first that was critical. own: of what is gathered,
    the episodes that had a message of their own before. afloat: episodes told in a summary only, and not over; ended,
    ends_due: those whose end is not told yet."""

    recent: list[tuple[int, str]] = []
    since: int | None = None
    due: int | None = None
    until: int = 0
    lone: Event | None = None
    gathered: Gathered = msgspec.field(default_factory=Gathered)
    critical: int | None = None
    summed: int | None = None
    own: list[str] = []
    afloat: list[str] = []
    ended: Gathered = msgspec.field(default_factory=Gathered)
    ends_due: int | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """What sinks are told at `at`. alone: the one event that it is, in the place of a summary. over: of ends."""

    at: int
    sinks: tuple[str, ...]
    gathered: Gathered
    alone: Event | None
    over: bool


class Storms:
    """By sink. A sink with nothing to remember is forgotten."""

    def __init__(self, spec: StormSpec | None) -> None:
        self._spec = spec
        self._fronts: dict[str, Front] = {}

    def offer(self, sink: str, event: Event, at: int, *, alone: bool) -> Verdict:
        """Whether the sink is told now; "gather": in a summary; "flush": in one that is due now. alone: it was told of
        the episode by a message of its own."""
        spec = self._spec
        if spec is None or event.kind != "market" or (event.type in NEVER_HELD and not event.ends):
            return "tell"
        front = self._fronts.setdefault(sink, Front())
        if event.ends:
            return self._end(spec, front, event, at, alone)
        if front.since is not None and front.due is None and at >= front.until:
            front.since = front.summed = None
        front.recent = [each for each in front.recent if at - each[0] < spec.within]
        if front.since is None:
            others = any(episode != event.episode for _, episode in front.recent)
            if len(front.recent) < spec.messages or not others:
                return self._now(front, event, at)
            front.since = at
        urgent = event.severity == "critical" and (front.critical is None or front.critical < front.since - spec.within)
        if urgent and not front.gathered.items:
            front.summed, front.until = at, at + spec.within
            return self._now(front, event, at)
        self._gather(spec, front, event, at)
        if alone and event.episode not in front.own:
            front.own.append(event.episode)
        if urgent:
            front.due = at
            return "flush"
        return "gather"

    def holds(self, sink: str, episode: str) -> bool:
        """Whether it is gathered for the next summary."""
        front = self._fronts.get(sink)
        return front is not None and episode in front.gathered.items

    def told(self, sink: str, episode: str) -> None:
        """The sink had a message of its own about this episode."""
        front = self._fronts.get(sink)
        if front is not None and episode in front.afloat:
            front.afloat.remove(episode)

    def take(self, now: int) -> list[Summary]:
        """What is due by `now`, sinks that are told the same together."""
        found: list[Summary] = []
        for sink, front in list(self._fronts.items()):
            if front.due is not None and front.due <= now:
                found.append(self._flush(sink, front))
            if front.ends_due is not None and front.ends_due <= now:
                found.append(Summary(front.ends_due, (sink,), front.ended, None, True))
                front.ended, front.ends_due = Gathered(), None
            self._forget(sink, front, now)
        return _together(sorted(found, key=lambda each: each.at))

    def next_deadline(self) -> int | None:
        """When `take` next has something, ns."""
        due = [each for front in self._fronts.values() for each in (front.due, front.ends_due) if each is not None]
        return min(due, default=None)

    def snapshot(self) -> dict[str, Any]:
        """The state as plain data for JSON."""
        return {"fronts": msgspec.to_builtins(self._fronts)}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a snapshot. Raises msgspec.ValidationError on any other data."""
        self._fronts = msgspec.convert(state["fronts"], type=dict[str, Front])

    def _now(self, front: Front, event: Event, at: int) -> Verdict:
        front.recent.append((at, event.episode))
        if event.severity == "critical":
            front.critical = at
        return "tell"

    def _gather(self, spec: StormSpec, front: Front, event: Event, at: int) -> None:
        assert front.since is not None
        others = any(episode != event.episode for episode in front.gathered.items)
        front.gathered.add(event, at)
        front.lone = None if others else event
        if front.due is None and front.summed is not None:
            front.due = max(at, front.summed + spec.longest)
        elif front.due is None:
            # The time at which fewer than `messages` are recent
            turn = front.recent[-spec.messages][0] if len(front.recent) >= spec.messages else at
            front.due = turn + spec.within
        elif others and front.summed is None:
            front.due = min(max(front.due, at + spec.within // 2), front.since + spec.longest)
        front.until = at + spec.within

    def _flush(self, sink: str, front: Front) -> Summary:
        assert front.due is not None
        at, gathered, lone = front.due, front.gathered, front.lone
        if gathered.severity == "critical":
            front.critical = at
        own, front.own = front.own, []
        front.gathered, front.lone, front.due = Gathered(), None, None
        if lone is not None:
            front.since = None
            front.recent.append((at, lone.episode))
            return Summary(at, (sink,), gathered, lone, False)
        front.summed = at
        front.recent.append((at, ""))
        front.afloat += [
            name
            for name, item in gathered.items.items()
            if item.state == "open" and name not in own and name not in front.afloat
        ]
        return Summary(at, (sink,), gathered, None, False)

    def _end(self, spec: StormSpec, front: Front, event: Event, at: int, alone: bool) -> Verdict:
        """The end of what had a message of its own is told at once; of what is gathered it is gathered; and of what was
        told in a summary it is told in one."""
        episode = event.episode
        if episode in front.afloat:
            front.afloat.remove(episode)
        if alone:
            front.gathered.items.pop(episode, None)
            if not front.gathered.items:
                front.lone, front.due = None, None
            return "tell"
        if episode in front.gathered.items:
            front.gathered.add(event, at)
            front.lone = event if front.lone is not None else None
            return "gather"
        front.ended.add(event, at)
        latest = front.ended.first + ENDS_WITHIN
        front.ends_due = latest if front.afloat else min(latest, at + spec.within)
        return "gather"

    def _forget(self, sink: str, front: Front, now: int) -> None:
        calm = front.due is None and front.ends_due is None and not front.afloat
        longest = self._spec.longest if self._spec is not None else 0
        if calm and now - max((at for at, _ in front.recent), default=0) > longest:
            del self._fronts[sink]


def _together(summaries: Iterable[Summary]) -> list[Summary]:
    """Sinks that are told the same at the same time, in one."""
    merged: list[Summary] = []
    for each in summaries:
        if merged and (merged[-1].at, merged[-1].gathered, merged[-1].alone, merged[-1].over) == (
            each.at, each.gathered, each.alone, each.over,
        ):  # fmt: skip
            merged[-1] = Summary(each.at, (*merged[-1].sinks, *each.sinks), each.gathered, each.alone, each.over)
        else:
            merged.append(each)
    return merged
