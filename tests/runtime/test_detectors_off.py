"""A detector that fails: told once to ops over restarts and reloads, over when the configuration no longer has it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from stressd.alerts.event import Event
from stressd.alerts.pipeline import Routed
from stressd.config.load import Loaded, load_text
from stressd.config.registry import Registry
from stressd.config.rules import DetectorConfig
from stressd.engine.detector import Detector, DetectorRule
from stressd.engine.engine import Engine
from stressd.engine.spec import MINUTE, SECOND
from stressd.market.tick import Tick
from stressd.market.times import parse_time
from stressd.runtime.build import build_pipeline
from stressd.runtime.outbox import machine_state
from stressd.runtime.registry import registry
from stressd.runtime.report import detectors

START = parse_time("2026-01-20T02:00:00Z")


class Brittle:
    """Cannot take a move of more than 5 bp."""

    def step(self, x: float, time: int) -> float:
        if abs(x) > 5.0:
            raise ValueError("too large for me")
        return 0.0

    def state(self) -> Any:
        return None

    def load(self, state: Any) -> None:
        pass


class BrittleConfig(DetectorConfig):
    type: Literal["brittle"]
    strong: bool = False

    def rule(self, series: tuple[str, ...]) -> DetectorRule:
        def make(name: str) -> Detector:
            return Brittle()

        return DetectorRule(
            self.name, series, "test.Brittle", make, self.input, 1.0, in_sigma=False, digest=str(self.strong)
        )

    def text(self) -> str:
        return "brittle"


def loaded(rules: str) -> Loaded:
    kinds = registry()
    kinds = Registry(kinds.feeds, kinds.sinks, {**kinds.detectors, "brittle": BrittleConfig})
    text = f"""
instance: x
markets: {{AA: {{calendar: always, tenors: [10Y, 30Y]}}}}
feeds: []
rules:
{rules}
routes: [{{match: {{kind: [self]}}, sinks: ops}}, {{match: {{kind: [market]}}, sinks: desk}}]
sinks: [{{name: ops, type: console}}, {{name: desk, type: console}}]
"""
    return load_text(text, Path("c.yaml"), kinds)


BRITTLE = '  - {name: glass, type: brittle, series: "*"}'


def feed(pipeline: Any, minutes: range, jump: float) -> list[Routed]:
    told: list[Routed] = []
    for minute in minutes:
        for k, series in enumerate(("AA.GOV.10Y", "AA.GOV.30Y")):
            for second in (10, 40):
                t = START + minute * MINUTE + (second + k) * SECOND
                value = 2.0 + k + (jump if minute >= 5 else 0.0) + minute * 1e-4 + second * 1e-6
                told += pipeline.feed([Tick(series, value, t, t, "desk")])
        told += pipeline.advance(START + minute * MINUTE + 55 * SECOND)
    return told


def opened(told: list[Routed]) -> list[tuple[Event, tuple[str, ...]]]:
    return [(each.event, each.sinks) for each in told if each.event.type in ("opened", "reopened")]


def test_ops_hear_of_a_failed_detector_once_and_of_its_end_when_it_is_gone() -> None:
    config = loaded(BRITTLE)
    engine = Engine(config.engine, START)
    pipeline = build_pipeline(config, engine, "live", {}).pipeline
    told = feed(pipeline, range(10), 0.1)
    ((event, sinks),) = opened(told)
    assert (event.kind, event.rule, event.severity, sinks) == ("self", "detector-off", "warn", ("ops",))
    assert event.headline == (
        "rule glass: test.Brittle on AA.GOV.10Y has failed and is switched off (ValueError: too large for me)"
    )
    (row,) = detectors(engine.detectors())
    assert (row["rule"], row["off"], row["on"], row["reason"]) == ("glass", 2, 0, "ValueError: too large for me")

    machine, state = machine_state(pipeline), json.loads(json.dumps(engine.snapshot()))
    after = Engine(config.engine, START)
    after.restore(state)
    restarted = build_pipeline(config, after, "live", machine)
    assert restarted.told == []
    assert opened(feed(restarted.pipeline, range(10, 20), 0.1)) == []

    # the state of the engine was lost: it is on again, until it fails again
    fresh = build_pipeline(config, Engine(config.engine, START), "live", machine)
    assert [(each.event.type, each.sinks) for each in fresh.told] == [("resolved", ("ops",))]
    assert len(opened(feed(fresh.pipeline, range(20), 0.1))) == 1

    for rules in (BRITTLE.replace("series", "strong: true, series"), '  - {name: s, type: sigma, series: "*"}'):
        other = loaded(rules)
        engine = Engine(other.engine, START)
        engine.restore(state)
        (over,) = build_pipeline(other, engine, "live", machine).told
        assert (over.event.type, over.event.rule, over.sinks) == ("resolved", "detector-off", ("ops",))
        assert over.event.note == "The detector is on again, or no longer configured."
