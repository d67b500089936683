"""A rule test through the live pipeline: engine, episodes and routes of the configuration, on the test's own ticks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from stressd.alerts.event import Origin
from stressd.alerts.pipeline import Pipeline, Routed
from stressd.config.load import Loaded
from stressd.lab.offline import BATCH, Setup
from stressd.lab.ruletest.model import RuleTest
from stressd.lab.ruletest.verdict import Difference, Seen, compare
from stressd.lab.ruletest.world import SOURCE, World
from stressd.market.times import day_iso, parse_day


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one test: empty `differences` where it passed."""

    test: RuleTest
    line: int
    differences: list[Difference]
    seen: list[Seen]


class Runner:
    """Runs tests one after the other. load: the configuration with these markets closed on these dates
    (`{"US": {"2026-01-20": "closed in this test"}}`); what is learned of ordinary days is shared by tests that have
    the same ones."""

    def __init__(self, load: Callable[[dict[str, dict[str, str]]], Loaded]) -> None:
        self._load = load
        self._configs: dict[str, Loaded] = {}
        self._learned: dict[str, dict[str, Any]] = {}

    def run(self, test: RuleTest, line: int) -> Result:
        """Raises ValueError where the test names series or markets that the configuration does not have, ConfigError
        where the configuration is not valid."""
        seen: dict[str, Seen] = {}
        for one in self.play(test, "simulated"):
            event = one.event
            for item in event.digest:
                if item.episode in seen:
                    seen[item.episode].sinks.update(one.sinks)
            if event.type == "digest":
                continue
            zone = next((m.calendar.zone for m in self._loaded(test).engine.markets if m.name == event.market), "UTC")
            episode = seen.setdefault(event.episode, Seen(zone=zone))
            if not one.again:
                episode.events.append(event)
            episode.sinks.update(one.sinks)
        found = list(seen.values())
        return Result(test, line, compare(test.expect, found, test.others == "none"), found)

    def play(self, test: RuleTest, origin: Origin) -> list[Routed]:
        """What is told in the test, of episodes that began in it. Raises as `run` does."""
        loaded = self._loaded(test)
        watched = [series.id for series in loaded.engine.series if not series.legs]
        calendars = {market.name: market.calendar for market in loaded.engine.markets}
        _check(test, watched, set(calendars))
        world = World(test, watched, calendars)
        if world.ends <= world.starts:
            raise ValueError(f"no market trades on {test.day}" + (" and after" if test.days > 1 else ""))
        return _follow(self._ready(test, loaded, world, watched, origin), world)

    def _loaded(self, test: RuleTest) -> Loaded:
        shut = closures(test)
        key = repr(shut)
        if key not in self._configs:
            self._configs[key] = self._load(shut)
        return self._configs[key]

    def _ready(self, test: RuleTest, loaded: Loaded, world: World, watched: list[str], origin: Origin) -> Pipeline:
        """A pipeline that has heard the ordinary days."""
        setup = Setup(loaded.engine, loaded.instance, loaded.desk, loaded.digest, loaded.people, loaded.pace)
        setup = setup.without_feeds({name: {SOURCE} for name in watched})
        fixings, ordinary = world.fixings(), world.ordinary()
        start = fixings[0].time if fixings else world.starts
        pipeline = setup.pipeline(start, origin)
        same = repr((origin, test.day, test.days, test.before, test.seed, test.sigma, test.levels, test.closed))
        if same in self._learned:
            pipeline.restore(self._learned[same])
            return pipeline
        pipeline.engine.warm(fixings)
        for begin in range(0, len(ordinary), BATCH):
            pipeline.feed(ordinary[begin : begin + BATCH])
        pipeline.advance(world.starts)
        self._learned[same] = pipeline.snapshot()
        return pipeline


def closures(test: RuleTest) -> dict[str, dict[str, str]]:
    """The days on which the test's markets are shut, as the configuration says it."""
    first = parse_day(test.day)
    days = [day_iso(day) for day in range(first, first + test.days)]
    return {market: dict.fromkeys(days, "closed in this test") for market in test.closed}


def _check(test: RuleTest, watched: list[str], markets: set[str]) -> None:
    for key, globs in (("moves", test.moves), ("levels", test.levels)):
        for glob in globs:
            if not any(fnmatchcase(name, glob) for name in watched):
                raise ValueError(f"`{key}`: no configured series is {glob}")
    named = {*test.closed, *(each.market for each in test.expect if each.market is not None)}
    unknown = sorted(named - markets)
    if unknown:
        raise ValueError(f"no configured market is {', '.join(unknown)}")


def _follow(pipeline: Pipeline, world: World) -> list[Routed]:
    """What is told of episodes that begin in the test."""
    known = {episode.id for episode in pipeline.episodes.open_episodes()}
    ticks = world.ticks()
    routed: list[Routed] = []
    for begin in range(0, len(ticks), BATCH):
        routed += pipeline.feed(ticks[begin : begin + BATCH])
    routed += pipeline.advance(world.ends)
    began = {one.event.episode for one in routed if one.event.seq == 1} - known
    return [one for one in routed if one.event.episode in began]
