"""What was told can be computed again from the state that travelled with it, to the last bit."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressd.engine import account as again
from stressd.engine.engine import Engine
from stressd.engine.events import ENTERED, PEAKED, RAISED, Breach
from stressd.engine.spec import BudgetSpec, EngineSpec
from stressd.market.times import parse_time
from stressd.testing.worlds import walk, world

START = parse_time("2026-01-12T00:00:00Z")


def worlds(budget: bool) -> EngineSpec:
    spec = world({"AA": "always", "JP": "JP"}, silence=None, levels=False)
    if budget:
        rule = replace(spec.sigma_rules[0], rungs=(), budget=BudgetSpec(2_000.0, True))
        spec = replace(spec, sigma_rules=(rule,))
    return spec


def breaches(spec: EngineSpec, seed: int, count: int) -> list[Breach]:
    engine = Engine(spec, START)
    ticks = walk(spec, seed, count, START, jumps=0.003, dirt=0.02, gap=60_000_000_000)
    phases = (ENTERED, PEAKED, RAISED)
    return [event for event in engine.feed(ticks) if isinstance(event, Breach) and event.phase in phases]


@settings(max_examples=8)
@given(st.integers(0, 1000), st.booleans())
def test_every_number_of_a_breach_comes_out_again(seed: int, budget: bool) -> None:
    for breach in breaches(worlds(budget), seed, 5_000):
        state = json.loads(json.dumps(breach.account))
        assert again.sigma(state["sigma"]) == breach.sigma_bp
        assert again.size(state) == breach.z
        assert again.bars(state) == state["bars"]
        assert breach.standing is not None
        assert again.return_years(state) == breach.standing.return_years


def test_the_worlds_of_this_test_breach_on_every_kind_of_horizon() -> None:
    told = [breach for seed in range(4) for breach in breaches(worlds(False), seed, 16_000)]
    assert {breach.horizon for breach in told} >= {"1m", "5m", "30m", "session", "gap", "1d"}
    assert {breach.account["sigma"]["of"] for breach in told} == {"rate", "session", "moves"}
    budgeted = [breach for seed in range(4) for breach in breaches(worlds(True), seed, 8_000)]
    assert budgeted
    assert all("budget" in breach.account for breach in budgeted)


def test_a_number_that_was_changed_is_noticed() -> None:
    breach = breaches(worlds(False), 1, 5_000)[0]
    state = json.loads(json.dumps(breach.account))
    state["value"] += 1e-9
    assert again.size(state) != breach.z
    assert again.size(state) == pytest.approx(breach.z, rel=1e-3)
