"""The live pipeline without the daemon: the same engine, episodes and routes, driven by the input's own time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any, Final

from stressd import METHOD, __version__
from stressd.alerts.desk import Desk, DeskSpec, Routed
from stressd.alerts.episodes import Episodes
from stressd.alerts.event import Event, Origin
from stressd.alerts.people.spec import PeopleSpec
from stressd.alerts.pipeline import Pipeline
from stressd.alerts.spec import spec_of
from stressd.engine.engine import Engine
from stressd.engine.spec import EngineSpec
from stressd.market.tick import Tick

SETTLE: Final = 60_000_000_000
"""ns after the last tick up to which deadlines still fall due, so that what was seen is told to its end; of what would
fall due later (a silence, a market that is still closed) the input says nothing."""


BATCH: Final = 1_000
"""Ticks handed to the engine in one call."""


class Setup:
    """Who watches what and who is told: from a configuration, or built in. config: its digest, as every event carries
    it. people: maintenance, reminders and escalation; none where there are none. pace: of the episodes,
    as `config` reads it."""

    __slots__ = ("config", "desk", "instance", "pace", "people", "spec")

    def __init__(
        self,
        spec: EngineSpec,
        instance: str = "stressd",
        desk: DeskSpec | None = None,
        config: str = "builtin",
        people: PeopleSpec | None = None,
        pace: Mapping[str, Any] | None = None,
    ) -> None:
        self.spec = spec
        self.instance = instance
        self.desk = desk or DeskSpec()
        self.config = config
        self.people = people
        self.pace = pace or {}

    def pipeline(self, start: int, origin: Origin) -> Pipeline:
        """A fresh pipeline whose clock stands at `start` (ns UTC)."""
        episodes = spec_of(self.spec, self.instance, origin, __version__, METHOD, self.config, self.pace)
        return Pipeline(Engine(self.spec, start), Episodes(episodes), Desk(self.desk, episodes), self.people)

    def series(self) -> list[str]:
        return [series.id for series in self.spec.series]

    def without_feeds(self, carried: dict[str, set[str]]) -> Setup:
        """The same, where a series whose ticks come from elsewhere than its configured feeds takes any source. carried:
        sources of the input by series."""
        series = tuple(
            spec if carried.get(spec.id, set()) <= set(spec.sources) else replace(spec, sources=())
            for spec in self.spec.series
        )
        return Setup(replace(self.spec, series=series), self.instance, self.desk, self.config, self.people, self.pace)


def drive(pipeline: Pipeline, ticks: Iterable[Tick], settle: int = SETTLE) -> Iterator[Event]:
    """All events of `ticks`, which come in order of receipt."""
    for routed in tell(pipeline, ticks, settle):
        if not routed.again:
            yield routed.event


def tell(pipeline: Pipeline, ticks: Iterable[Tick], settle: int = SETTLE) -> Iterator[Routed]:
    """The same with who is told. Ticks are fed in batches of `BATCH`, which changes nothing in what is told."""
    left = iter(ticks)
    last = None
    while batch := list(islice(left, BATCH)):
        last = batch[-1].received
        yield from pipeline.feed(batch)
    if last is not None:
        yield from pipeline.advance(last + settle)
