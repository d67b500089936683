"""Long runs, by `make soak`: many more rounds of what the properties hold in small."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from stressd.cli.watched import of_config
from stressd.config.load import load_text
from stressd.engine.engine import Engine
from stressd.engine.spec import MINUTE
from stressd.lab.scoring.figures import figures
from stressd.lab.sim.model import SimSpec
from stressd.lab.trial import trial
from stressd.market.times import parse_time
from stressd.runtime.registry import registry
from stressd.testing.worlds import facts, walk, world

pytestmark = pytest.mark.soak

START = parse_time("2026-01-13T00:00:00Z")
RESTARTS = 400
BUDGET = """\
instance: detection
markets: {JP: {tenors: [10Y]}, US: {tenors: [10Y]}, UK: {tenors: [10Y]}, DE: {tenors: [10Y]}}
rules: [{name: sigma-breach, type: sigma, series: "*", budget: 1 per month per market}]
"""


def test_four_hundred_restarts_at_random_places_change_nothing_that_follows() -> None:
    rng = random.Random(1)
    for seed in range(RESTARTS):
        spec = world(rng.choice(({"AA": "always", "BB": "always"}, {"JP": "JP", "US": "US", "DE": "DE"})))
        ticks = walk(spec, seed, 4_000, START, jumps=0.004, dirt=0.05)
        cut = rng.randrange(len(ticks))
        end = ticks[-1].received + 30 * MINUTE
        whole = Engine(spec, START)
        whole.feed(ticks[:cut])
        again = Engine(spec, START)
        again.restore(json.loads(json.dumps(whole.snapshot())))
        events = [[facts(e) for e in engine.feed(ticks[cut:]) + engine.advance(end)] for engine in (whole, again)]
        assert events[0] == events[1], f"seed {seed}, cut at {cut}"


@pytest.mark.parametrize(("nu", "six"), [(6.0, 0.80), (50.0, 0.85)])
def test_two_hundred_and_fifty_days_on_a_budget_find_the_moves_and_cost_what_was_allowed(nu: float, six: float) -> None:
    """The bounds leave room for chance; the figures are the benchmark's (benchmarks/detection.py)."""
    setup = of_config(load_text(BUDGET, Path("rules.yaml"), registry(), environment=False))
    still = figures(trial(setup, SimSpec(days=250, warm=60, seed=31, nu=nu, jumps=False, dirt=())))["false_alarms"]
    assert 0.6 < still["per_month"] < 1.6
    moving = figures(trial(setup, SimSpec(days=250, warm=60, seed=31, nu=nu, dirt=())))
    assert moving["recall"][-2]["share"] > six
    assert moving["delay"]["median_of_ramp"] < 1.0
    assert moving["false_alarms"]["low"] < 1.3
