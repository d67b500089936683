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
from stressd.feeds.decoder import PayloadDecoder
from stressd.feeds.payload import PayloadMap
from stressd.feeds.tally import Fault
from stressd.lab.scoring.figures import figures
from stressd.lab.sim.model import SimSpec
from stressd.lab.trial import trial
from stressd.market.times import parse_time
from stressd.runtime.registry import registry
from stressd.testing.feeds import PlainResolver
from stressd.testing.worlds import facts, walk, world

pytestmark = pytest.mark.soak

START = parse_time("2026-01-13T00:00:00Z")
GOOD = b'{"yield": 3.765, "ts": 1768889100000}'
PAYLOADS = 2_000_000
RESTARTS = 400
BUDGET = """\
instance: detection
markets: {JP: {tenors: [10Y]}, US: {tenors: [10Y]}, UK: {tenors: [10Y]}, DE: {tenors: [10Y]}}
rules: [{name: sigma-breach, type: sigma, series: "*", budget: 1 per month per market}]
"""


def test_two_million_damaged_payloads_and_the_next_good_one_is_read_each_time() -> None:
    rng = random.Random(20)
    decoder = PayloadDecoder(PayloadMap(value="yield", time="ts"), PlainResolver(["JP.GOV.30Y"]), "desk")
    refused = 0
    for k in range(PAYLOADS):
        damaged = bytearray(GOOD)
        for _ in range(rng.randrange(1, 4)):
            place = rng.randrange(len(damaged))
            if rng.random() < 0.3:
                del damaged[place:]
                break
            damaged[place] = rng.randrange(256)
        faults: list[Fault] = []
        ticks = decoder.decode(bytes(damaged), "JP.GOV.30Y", START, 0, faults)
        assert len(ticks) + len(faults) == 1
        refused += len(faults)
        if k % 1_000 == 0:
            faults = []
            assert [tick.value for tick in decoder.decode(GOOD, "JP.GOV.30Y", START, 0, faults)] == [3.765]
            assert not faults
    assert PAYLOADS // 2 < refused < PAYLOADS


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
