"""A pipeline whose engine says what it is told to, and who hears what of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, cast

import msgspec

from stressd.alerts.desk import Desk, DeskSpec, Routed
from stressd.alerts.episodes import Episodes
from stressd.alerts.matching import Match
from stressd.alerts.people.commands import Acknowledge, AddSilence, Command, Done, EndSilence
from stressd.alerts.people.maintenance import MaintenanceSpec
from stressd.alerts.people.spec import PeopleSpec
from stressd.alerts.pipeline import Pipeline
from stressd.alerts.routing import RouteSpec
from stressd.engine import events as engine
from stressd.engine.engine import Engine
from stressd.market.calendar import Calendar
from stressd.market.tick import Tick
from tests.alerts.facts import FIXING_20, HOUR, spec

DESK = RouteSpec(("desk",), severities=("warn", "high", "critical"))
OPS = RouteSpec(("ops",), kinds=("feed", "self"))


class Script:
    """In an engine's place: gives back the facts that it is fed."""

    def __init__(self, now: int) -> None:
        self.now = now

    def feed(self, facts: Sequence[engine.Event]) -> list[engine.Event]:
        self.now = max(self.now, facts[-1].at)
        return list(facts)

    def advance(self, now: int) -> list[engine.Event]:
        self.now = max(self.now, now)
        return []

    def next_deadline(self) -> None:
        return None

    def snapshot(self) -> int:
        return self.now

    def restore(self, now: int) -> None:
        self.now = now


class World:
    """routes, maintenance, calendars: as configured. Times are ns; `told` is what went out, in order."""

    def __init__(
        self,
        *routes: RouteSpec,
        maintenance: Sequence[MaintenanceSpec] = (),
        calendars: dict[str, Calendar] | None = None,
        start: int = FIXING_20 - HOUR,
    ) -> None:
        self.routes = routes or (DESK, OPS)
        self.people = PeopleSpec(self.routes, tuple(maintenance), calendars or {})
        self._configured = self.people
        self.pipeline = self._fresh(start)
        self.told: list[Routed] = []

    def _fresh(self, start: int) -> Pipeline:
        episodes = Episodes(spec())
        desk = Desk(DeskSpec(self.routes, storm=None), spec())
        return Pipeline(cast(Engine, Script(start)), episodes, desk, self.people)

    @property
    def now(self) -> int:
        return self.pipeline.engine.now

    def say(self, *facts: engine.Event) -> list[Routed]:
        return self._note(self.pipeline.feed(cast(Sequence[Tick], facts)))

    def pass_to(self, at: int) -> list[Routed]:
        return self._note(self.pipeline.advance(at))

    def command(self, command: Command) -> Done:
        done = self.pipeline.command(command)
        self._note(list(done.routed))
        return done

    def silence(self, lasts: int, author: str = "anna", reason: str = "auction", **changes: Any) -> str:
        """Begin one now; its id."""
        also = {name: changes.pop(name) for name in ("break_through", "starts") if name in changes}
        starts = also.pop("starts", self.now)
        match = Match(**(changes or {"markets": ("JP",)}))
        command = AddSilence(
            at=self.now,
            author=author,
            via="cli",
            match=match,
            starts=starts,
            ends=starts + lasts,
            reason=reason,
            **also,
        )
        return self.command(command).subject

    def end(self, silence: str, author: str = "bob") -> Done:
        return self.command(EndSilence(at=self.now, author=author, via="cli", id=silence))

    def acknowledge(self, episode: str, lasts: int | None = None, author: str = "anna", note: str = "") -> Done:
        return self.command(
            Acknowledge(at=self.now, author=author, via="cli", episode=episode, for_ns=lasts, note=note)
        )

    def restart(self) -> None:
        """Everything anew, from what was on disk, by the configuration as it is now."""
        state = json.loads(msgspec.json.encode(self.pipeline.snapshot()))
        self.pipeline = self._fresh(self.now)
        self.pipeline.restore(state)
        if self.people == self._configured:
            assert json.loads(msgspec.json.encode(self.pipeline.snapshot())) == state
        self._configured = self.people

    def heard(self, sink: str) -> list[tuple[str, str | None]]:
        """(type, note) of what the sink was told."""
        return [(one.event.type, one.event.note) for one in self.told if sink in one.sinks]

    def types(self, sink: str) -> list[str]:
        return [type for type, _ in self.heard(sink)]

    def notes(self, sink: str, type: str = "reminder") -> list[str]:
        return [note or "" for each, note in self.heard(sink) if each == type]

    @property
    def episode(self) -> str:
        """The only open one."""
        (episode,) = self.pipeline.episodes.open_episodes()
        return episode.id

    def _note(self, routed: list[Routed]) -> list[Routed]:
        self.told += routed
        return routed
