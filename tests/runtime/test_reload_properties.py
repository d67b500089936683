"""Whatever else a reload changes, a series whose own settings it leaves alone goes on as if there had been none."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stressd.alerts.pipeline import Pipeline
from stressd.config.load import Loaded, load_text
from stressd.engine.engine import Engine
from stressd.market.tick import Tick
from stressd.runtime import warm
from stressd.runtime.build import build_pipeline
from stressd.runtime.outbox import machine_state
from stressd.runtime.registry import registry
from stressd.runtime.successor import steady
from stressd.store import Store

SECOND = 1_000_000_000
START = 1_800_000_000 * SECOND
TEXT = """
instance: desk
markets:
  JP: {calendar: always, tenors: [10Y, 30Y]}
  US: {calendar: always, tenors: [10Y]}
rules:
  - {name: moves, type: sigma, series: "JP.*", horizons: [1m, 5m], sigma: {warn: 3, high: 4, critical: 6}}
  - {name: often, type: sigma, series: "JP.*", horizons: [1m], budget: 200 per year per series}
  - {name: near, type: level, series: "JP.*", round: 5bp}
  - {name: quiet, type: silence, series: "JP.*", after: 4m}
  - {name: far, type: level, series: "US.*", above: [9%]}
routes: [{match: {kind: [market, feed]}, sinks: hook}]
storm: none
sinks: [{name: hook, type: webhook, url: "http://127.0.0.1:9/", unsigned: true}]
"""
CHANGES = [
    ("above: [9%]", "above: [8%]"),
    ('  - {name: far, type: level, series: "US.*", above: [9%]}\n', ""),
    ("rules:\n", "rules:\n  - {name: more, type: level, series: US.GOV.10Y, below: [0.1%]}\n"),
    ("unsigned: true", "unsigned: true, timeout: 3s"),
    ("instance: desk\n", "instance: desk\nlisten: none\nlog: {level: warning}\n"),
    ("sinks: [", "sinks: [{name: two, type: webhook, url: 'http://127.0.0.1:9/', unsigned: true}, "),
    ("", ""),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Any:
    found = Store.open(tmp_path_factory.mktemp("state"))
    yield found
    found.close()


def loaded(text: str) -> Loaded:
    return load_text(text, Path("a.yaml"), registry(), environment=False)


def ticks(seed: int, count: int) -> list[Tick]:
    """Random walks with jumps, bad ticks, repeats and gaps."""
    rng = random.Random(seed)
    values = {"JP.GOV.10Y": 1.5, "JP.GOV.30Y": 3.2, "US.GOV.10Y": 4.2}
    at, found = START, []
    for _ in range(count):
        at += int(rng.choice([1, 2, 4, 8, 300 if rng.random() < 0.02 else 5]) * SECOND)
        series = rng.choice(list(values))
        if rng.random() < 0.01:
            values[series] += rng.choice([-1, 1]) * rng.uniform(0.01, 0.08)
        values[series] += rng.gauss(0.0, 0.0008)
        value = values[series] + (2.0 if rng.random() < 0.003 else 0.0)
        found.append(Tick(series, round(value, 5), at - rng.choice([0, 0, SECOND]), at, "desk"))
    return found


def reloaded(now: Loaded, new: Loaded, pipeline: Pipeline, store: Store) -> tuple[Loaded, Pipeline]:
    """As the daemon does it."""
    new = steady(now, new)
    engine = pipeline.engine
    if new.engine != now.engine:
        known = [state.id for state in engine.states()]
        succession = warm.Succession(new.engine, engine.now, store, known, {}, warm.History({}))
        engine = succession.take_over(engine.snapshot())
    built = build_pipeline(new, engine, "live", machine_state(pipeline), in_step=True)
    assert built.told == []
    return new, built.pipeline


def told(pipeline: Pipeline, batch: list[Tick]) -> list[Any]:
    """Everything that is said of JP, but for the name of the configuration."""
    return [
        (msgspec.json.encode(msgspec.structs.replace(one.event, config="")), one.sinks)
        for one in pipeline.feed(batch)
        if one.event.market == "JP"
    ]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 10_000),
    points=st.lists(st.tuples(st.integers(300, 2_499), st.integers(0, len(CHANGES) - 1)), min_size=1, max_size=5),
)
def test_a_reload_that_leaves_a_series_alone_changes_no_later_event_of_it(
    seed: int, points: list[tuple[int, int]], store: Store
) -> None:
    walk = ticks(seed, 2_500)
    first = loaded(TEXT)
    plain = build_pipeline(first, Engine(first.engine, START), "live", {}).pipeline
    now, other = first, build_pipeline(first, Engine(first.engine, START), "live", {}).pipeline
    expected, found, done = [], [], 0
    for place, which in [*sorted(points), (len(walk), -1)]:
        batch, done = walk[done:place], place
        expected += told(plain, batch)
        found += told(other, batch)
        if which >= 0:
            now, other = reloaded(now, loaded(TEXT.replace(*CHANGES[which], 1)), other, store)
    assert found == expected
    assert expected, "the walk says something"


def test_other_thresholds_keep_what_was_learned_and_a_new_tenor_begins_cold_alone(store: Store) -> None:
    first = loaded(TEXT)
    pipeline = build_pipeline(first, Engine(first.engine, START), "live", {}).pipeline
    pipeline.feed(ticks(3, 2_500))
    before = {row["series"]: row for row in pipeline.engine.status()}
    second = TEXT.replace("warn: 3, high: 4", "warn: 3.5, high: 4.5").replace("[10Y, 30Y]", "[5Y, 10Y, 30Y]")
    _, pipeline = reloaded(first, loaded(second), pipeline, store)
    after = {row["series"]: row for row in pipeline.engine.status()}
    for series, row in before.items():
        for key in ("ticks", "warm", "sigma_bp", "value", "time", "duplicates", "quarantined"):
            assert after[series][key] == row[key], (series, key)
    assert after["JP.GOV.5Y"]["ticks"] == 0
    assert all(share == 0.0 for share in after["JP.GOV.5Y"]["warm"].values())
    watch = pipeline.engine.states()[1].breaches.watches[0]
    assert (watch.rule, watch.enters) == ("moves", [3.5, 4.5, 6.0])
