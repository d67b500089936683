"""A budget on simulated worlds, in small: what it finds, what it costs, and that bad ticks change nothing of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from stressd.cli.watched import of_config
from stressd.config.load import load_text
from stressd.lab.offline import Setup
from stressd.lab.scoring.figures import figures
from stressd.lab.sim.labels import Label
from stressd.lab.sim.model import SimSpec
from stressd.lab.trial import NotWatched, events, trial
from stressd.runtime.registry import registry

pytestmark = pytest.mark.once

RULES = """\
instance: detection
markets: {UK: {tenors: [10Y]}, JP: {tenors: [10Y]}}
rules: [{name: sigma-breach, type: sigma, series: "*", budget: 1 per month per market}]
"""


@pytest.fixture(scope="module")
def setup() -> Setup:
    return of_config(load_text(RULES, Path("rules.yaml"), registry(), environment=False))


def test_a_budget_finds_large_moves_before_their_ramp_is_over(setup: Setup) -> None:
    spec = SimSpec(markets=("UK",), warm=40, days=30, seed=2, rate=6.0, dirt=())
    found = figures(trial(setup, spec))
    eight = found["recall"][-1]
    assert eight["n"] >= 5
    assert eight["share"] > 0.7
    assert found["delay"]["median_of_ramp"] < 1.0


def test_a_budget_keeps_its_word_where_nothing_happens(setup: Setup) -> None:
    spec = SimSpec(markets=("JP",), warm=40, days=84, seed=3, jumps=False, dirt=())
    alarms = figures(trial(setup, spec))["false_alarms"]
    assert alarms["market_months"] == pytest.approx(4.0, abs=0.4)
    assert alarms["count"] <= 10, "beyond what four budgeted alarms would give in three hundred worlds"


def test_bad_ticks_and_their_duplicates_change_nothing_that_is_told(setup: Setup) -> None:
    def told(dirt: tuple[str, ...]) -> list[tuple[str, str, str]]:
        labels: list[Label] = []
        spec = SimSpec(markets=("UK",), warm=0, days=30, seed=5, rate=6.0, dirt=dirt)
        given = [(event.time, event.type, event.headline) for event in events(setup, spec, labels)]
        assert len(labels) > 1
        return given

    clean = told(())
    assert clean
    assert told(("bad", "duplicate")) == clean


def test_a_world_that_nobody_watches_is_refused(setup: Setup) -> None:
    with pytest.raises(NotWatched, match=r"US\.GOV\.10Y"):
        trial(setup, SimSpec(markets=("US",), days=1))
