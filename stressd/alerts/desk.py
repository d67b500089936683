"""Who hears of an event: routes choose, people may withhold, something larger may mute, a storm may gather; what nobody
is told now is kept for the next message, for a summary, or for a digest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Protocol

from stressd.alerts.days import DailySpec, Days
from stressd.alerts.digest import DigestSpec, digest_event, next_time, summary_event
from stressd.alerts.event import Event
from stressd.alerts.inhibition import Inhibition, InhibitSpec
from stressd.alerts.ledger import Ledger
from stressd.alerts.routing import Router, RouteSpec, Wish
from stressd.alerts.spec import EpisodesSpec
from stressd.alerts.storm import Storms, StormSpec, Summary
from stressd.market.times import DAY, parse_time

SUMMED: Final = ("widened", "peaked", "propagated", "stale", "resumed")
"""Updates that nobody gets of an episode of which it knows by a summary only: those would be the storm again."""


@dataclass(frozen=True, slots=True)
class Routed:
    """An event and the names of the sinks that are told of it, none for the record only. withheld: by sink, the lines
    of what it was not told meanwhile, for this message. kept_back: by sink, why it is not told of this event now.
    again: the event was passed on before, and only its sinks are new."""

    event: Event
    sinks: tuple[str, ...]
    withheld: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    kept_back: Mapping[str, str] = field(default_factory=dict)
    again: bool = False


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
    """Who hears what, as configured. storm: None where nothing is ever gathered."""

    routes: tuple[RouteSpec, ...] = ()
    inhibit: tuple[InhibitSpec, ...] = ()
    storm: StormSpec | None = field(default_factory=StormSpec)
    digests: tuple[DigestSpec, ...] = ()
    daily: DailySpec = field(default_factory=DailySpec)

    def takers(self, digest: DigestSpec) -> tuple[str, ...]:
        """The sinks that get this digest."""
        routed = (sink for route in self.routes if route.digest == digest.name for sink in route.sinks)
        return tuple(dict.fromkeys((*digest.sinks, *routed)))


class Desk:
    """Every event either goes to a sink, or is kept for it with the reason, or no route takes it. Times ns UTC of the
    engine's clock, which never runs backwards over the calls."""

    def __init__(self, spec: DeskSpec, voice: EpisodesSpec, people: People | None = None) -> None:
        self.spec = spec
        self.people = people
        self._voice = voice
        self.ledger = Ledger(tuple(sink for digest in spec.digests for sink in spec.takers(digest)))
        self._router = Router(spec.routes, voice.calendars)
        self._inhibition = Inhibition(spec.inhibit)
        self._storms = Storms(spec.storm)
        self.days = Days(spec.daily, voice)
        self._due: dict[str, int] = {}
        self._ids: dict[str, int] = {}

    def start(self, now: int) -> None:
        """The clock stands here: digests are due from now on."""
        for digest in self.spec.digests:
            due = next_time(digest.at, now, self._voice.calendars)
            if due is not None:
                self._due.setdefault(digest.name, due)
        self.days.start(now)

    def take(self, event: Event) -> list[Routed]:
        """The event with everybody who is told of it now, and what is told because of it."""
        self.ledger.follow(event)
        self.days.follow(event)
        self._inhibition.observe(event)
        wishes = self._router.choose(event)
        kept: dict[str, str] = {}
        if self.people is not None:
            kept = self.people.withhold(event, tuple(wishes), self.told(event.episode))
            for sink, reason in kept.items():
                self.ledger.put(sink, event, reason)
        at_once = {
            sink: wish for sink, wish in wishes.items() if sink not in kept and not self._keep(event, sink, wish, kept)
        }
        if event.ends:
            for sink in self.ledger.awaits_end(event.episode):
                self.ledger.put(sink, event, None)
        elif event.type == "corrected":
            at_once |= dict.fromkeys(self._set_free(event), Wish("", True, True))
        routed = self._tell(event, at_once, kept)
        if event.ends:
            self.ledger.release(event.episode)
        return routed

    def direct(self, event: Event, sinks: Iterable[str]) -> list[Routed]:
        """An event for these sinks, whatever their routes; they will hear the end of its episode too."""
        self.ledger.follow(event)
        self._inhibition.observe(event)
        return self._tell(event, dict.fromkeys(sinks, Wish("", False, True)), {})

    def told(self, episode: str) -> tuple[str, ...]:
        """The sinks that were told of the episode, over or not."""
        return self._router.told(episode)

    def advance(self, now: int) -> list[Routed]:
        """What is due by `now`, each at its own time."""
        routed: list[Routed] = []
        while (due := self.next_deadline()) is not None and due <= now:
            routed += [self._summary(summary) for summary in self._storms.take(due)]
            for digest in self.spec.digests:
                if self._due.get(digest.name) == due:
                    routed += self._digest(digest, due)
            for event in self.days.take(due, self._ids):
                self._issue(event)
                routed.append(Routed(event, self.spec.daily.sinks))
        return routed

    def next_deadline(self) -> int | None:
        """When `advance` next has something to do, ns; None while nothing waits."""
        others = [each for each in (self._storms.next_deadline(), self.days.next_deadline()) if each is not None]
        return min((*self._due.values(), *others), default=None)

    def snapshot(self) -> dict[str, Any]:
        """The state as plain data for JSON."""
        return self._router.snapshot() | {
            "ledger": self.ledger.snapshot(),
            "inhibition": self._inhibition.snapshot(),
            "storms": self._storms.snapshot(),
            "due": dict(self._due),
            "ids": dict(self._ids),
            "days": self.days.snapshot(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a snapshot, whatever the configuration is now. Raises msgspec.ValidationError, KeyError on any
        other data."""
        self._router.restore(state)
        if "ledger" not in state:
            return
        self.ledger.restore(state["ledger"], {digest.name for digest in self.spec.digests})
        self._inhibition.restore(state["inhibition"])
        self._storms.restore(state["storms"])
        self._ids = dict(state["ids"])
        self.days.restore(state.get("days", {}))
        for name, due in state["due"].items():
            if name in self._due:
                self._due[name] = due

    # -- what keeps an event from a sink

    def _keep(self, event: Event, sink: str, wish: Wish, kept: dict[str, str]) -> bool:
        """Whether the sink is not told now, with the reason in `kept`."""
        known = self._router.known(event.episode, sink)
        if wish.digest:
            self.ledger.put(sink, event, None, digest=wish.digest)
            kept[sink] = f"for the digest {wish.digest}"
            return True
        if known is None and wish.inhibit:
            muted = self._inhibition.muted(event, partial(self._knows, sink))
            if muted is not None:
                source = self._router.known(muted.thread, sink)
                thread = muted.thread if source is not None and source.alone else ""
                self.ledger.put(sink, event, muted.reason, thread=thread, muted=True)
                kept[sink] = muted.reason
                return True
        summed = known is not None and not known.alone and not self._storms.holds(sink, event.episode)
        if summed and event.type in SUMMED:
            kept[sink] = "told in the summary of a storm"
            self.ledger.put(sink, event, kept[sink])
            return True
        return False

    def _knows(self, sink: str, episode: str) -> bool:
        """Whether the sink was told of this open episode, or will be."""
        known = self._router.known(episode, sink)
        return known.open if known is not None else self.ledger.kept(sink, episode) is not None

    def _set_free(self, event: Event) -> list[str]:
        """The sinks from which this was kept for a link that is taken back now."""
        return [
            sink
            for sink in self.ledger.muting(event.episode)
            if self._router.known(event.episode, sink) is None
            and self._inhibition.muted(event, partial(self._knows, sink)) is None
        ]

    # -- what is told

    def _tell(self, event: Event, wishes: Mapping[str, Wish], kept: dict[str, str]) -> list[Routed]:
        at = parse_time(event.time)
        told: list[str] = []
        flush = False
        for sink, wish in wishes.items():
            known = self._router.known(event.episode, sink)
            alone = known is not None and known.alone
            verdict = "tell"
            if wish.storm or event.ends:
                verdict = self._storms.offer(sink, event, at, alone=alone)
            if verdict == "tell":
                told.append(sink)
            else:
                kept[sink] = "gathered in a storm"
                flush = flush or verdict == "flush"
        gathered = [sink for sink in wishes if sink not in told]
        self._router.note(event, told)
        self._router.note(event, gathered, alone=False)
        if self.people is not None:
            self.people.heard(event, tuple(wishes))
        routed = [Routed(event, tuple(told), self._lines(event.episode, told), kept)]
        return routed + ([self._summary(summary) for summary in self._storms.take(at)] if flush else [])

    def _lines(self, episode: str, sinks: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """What each of them was not told meanwhile. It has a message of its own about this episode now."""
        for sink in sinks:
            self._storms.told(sink, episode)
        return {sink: lines for sink in sinks if (lines := self.ledger.tell(sink, episode))}

    def _summary(self, summary: Summary) -> Routed:
        """What a storm gathered, as one message, or as what it is if that is one event."""
        event = summary.alone
        if event is None:
            event = summary_event(self._voice, summary, self._ids)
            self._issue(event)
        else:
            self._router.own(event.episode, summary.sinks)
        return Routed(event, summary.sinks, self._lines(event.episode, summary.sinks), again=summary.alone is not None)

    def _digest(self, digest: DigestSpec, at: int) -> list[Routed]:
        following = next_time(digest.at, at, self._voice.calendars)
        if following is None:
            del self._due[digest.name]
        else:
            self._due[digest.name] = following
        pages = {sink: self.ledger.take(sink, digest.name, at) for sink in self.spec.takers(digest)}
        routed: list[Routed] = []
        for items, more in pages.values():
            sinks = tuple(sink for sink, page in pages.items() if page == (items, more))
            if (items or more or digest.empty) and not any(sinks == each.sinks for each in routed):
                event = digest_event(self._voice, digest.name, at, items, more, self._ids)
                self._issue(event)
                routed.append(Routed(event, sinks))
        return routed

    def _issue(self, event: Event) -> None:
        """Its id is taken; those of other days cannot come again."""
        at = parse_time(event.time)
        self._ids = {name: issued for name, issued in self._ids.items() if at - issued < DAY}
        self._ids[event.episode] = at
