"""One way through: ticks to engine events, to episode events, to the sinks that are told. The daemon, replay and
backtest all run this."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from stressd.alerts.day import Day
from stressd.alerts.day_facts import day_of_market, path_of_day
from stressd.alerts.desk import Desk, Routed
from stressd.alerts.episodes import Episodes
from stressd.alerts.event import Event, Path
from stressd.alerts.people.carry_out import carry_out
from stressd.alerts.people.commands import Command, Done
from stressd.alerts.people.people import People
from stressd.alerts.people.spec import PeopleSpec
from stressd.engine import events as engine_events
from stressd.engine.engine import Engine
from stressd.market.calendar import Session
from stressd.market.tick import Tick

__all__ = ["Pipeline", "Routed"]


class Pipeline:
    """Engine, episode machine, people and desk in one synchronous pass. All times are ns UTC of the engine's clock.
    people: the configured maintenance, reminders and escalation; none where it is absent."""

    def __init__(self, engine: Engine, episodes: Episodes, desk: Desk, people: PeopleSpec | None = None) -> None:
        self.engine = engine
        self.episodes = episodes
        self.desk = desk
        desk.start(engine.now)
        self.people = People(people or PeopleSpec(), episodes)
        self.people.start(engine.now)
        desk.people = self.people
        desk.days.look = self._look

    def feed(self, ticks: Sequence[Tick]) -> list[Routed]:
        """Everything that is told because of these ticks, and of what fell due until the last of them."""
        told: list[Routed] = []
        # the summary of a day tells how everything stood at its time, however the ticks were batched
        while ticks and (due := self.desk.days.next_deadline()) is not None and due < ticks[-1].received:
            before = next(k for k, tick in enumerate(ticks) if tick.received > due)
            told += self._pass(self.engine.feed(ticks[:before])) + self.advance(due)
            ticks = ticks[before:]
        return told + self._pass(self.engine.feed(ticks))

    def advance(self, now: int) -> list[Routed]:
        """Everything that is due up to and including `now`."""
        told: list[Routed] = []
        while (due := self.desk.days.next_deadline()) is not None and due < now:
            told += self._pass(self.engine.advance(due)) + self._until(due)
        return told + self._pass(self.engine.advance(now))

    def apply(self, note: engine_events.Event) -> list[Routed]:
        """What is told because of something that the daemon noticed about itself."""
        return self._until(note.at) + self._route(self.episodes.apply(note))

    def cover(self, told: frozenset[str], brewing: frozenset[str], at: int) -> list[Routed]:
        """Nothing can come from these feeds, as people were told or may be told soon: what follows from it is part of
        it."""
        return self._until(at) + self._route(self.episodes.cover(told, brewing, at))

    def covering(self) -> list[Any]:
        """Equal before and after a call of `cover` that changed nothing."""
        return self.episodes.covering()

    @property
    def now(self) -> int:
        """Its clock, ns UTC."""
        return self.engine.now

    def command(self, command: Command) -> Done:
        """Carry out what a person commands, now, by the engine's clock. Raises CommandError."""
        return carry_out(command, self.engine.now, self.people, self.episodes, self.desk)

    def direct(self, note: engine_events.Event, sinks: Sequence[str]) -> list[Routed]:
        """The same for these sinks alone, whatever routes and people say: to see whether they can be reached."""
        told = self._until(note.at)
        return told + [
            Routed(event, tuple(sinks) if event.type != "resolved" else ()) for event in self.episodes.apply(note)
        ]

    def next_deadline(self) -> int | None:
        """When `advance` will next have something to do; None for never."""
        return min((t for t in (self.engine.next_deadline(), self._next()) if t is not None), default=None)

    def reconcile(self) -> None:
        """After a restart the engine's state may be older than the episodes': what was told stays told, and what was
        not will be told again."""
        self.engine.reconcile(self.episodes.active(), self.episodes.silent(), self.episodes.noted())

    def recount(self) -> None:
        """Episodes have ended because nothing watches them any more: what else is on, for those who count it."""
        self.engine.recount(self.episodes.active())

    def withdraw(self, watched: Collection[tuple[str, str]], at: int) -> list[Routed]:
        """The end of every episode that nothing watches any more (`Episodes.withdraw`)."""
        return self._route(self.episodes.withdraw(watched, at))

    def snapshot(self) -> dict[str, Any]:
        """The whole state, as plain data for JSON."""
        return {
            "engine": self.engine.snapshot(),
            "episodes": self.episodes.snapshot(),
            "people": self.people.snapshot(),
            "desk": self.desk.snapshot(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a snapshot as if nothing had happened."""
        self.engine.restore(state["engine"])
        self.episodes.restore(state["episodes"])
        self.people.restore(state["people"])
        self.desk.restore(state["desk"])

    def _look(self, market: str, session: Session) -> tuple[Day, Path | None]:
        """How a market's session ended."""
        engine = self.engine
        states = [state for state in engine.states() if state.market == market]
        calendar = self.episodes.spec.calendars[market]
        day = day_of_market(market, calendar, session, states, engine.stress.reading, engine.stress.days)
        return day, path_of_day(day, states)

    def _pass(self, events: list[engine_events.Event]) -> list[Routed]:
        told: list[Routed] = []
        for event in events:
            told += self._until(event.at)
            told += self._route(self.episodes.apply(event))
        return told + self._until(self.engine.now)

    def _next(self) -> int | None:
        """The earliest deadline beside the engine's."""
        parts = (self.episodes.next_deadline(), self.people.next_deadline(), self.desk.next_deadline())
        return min((t for t in parts if t is not None), default=None)

    def _until(self, now: int) -> list[Routed]:
        """What is due by `now`, each at its own time, whatever the batch that brought the time here."""
        told: list[Routed] = []
        while (due := self._next()) is not None and due <= now:
            told += self._route(self.episodes.advance(due))
            for event, sinks in self.people.advance(due):
                told += self.desk.direct(event, sinks)
            told += self.desk.advance(due)
        return told

    def _route(self, told: list[Event]) -> list[Routed]:
        return [routed for event in told for routed in self.desk.take(event)]
