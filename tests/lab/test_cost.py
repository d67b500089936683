"""What rules would have cost on stored ticks."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from stressd.cli.cost_text import history_text
from stressd.cli.main import main
from stressd.config.load import Loaded, load_text
from stressd.lab.backtest import Daily
from stressd.lab.cost import Cost, against, measure, measure_ticks
from stressd.market.tick import BACKLOG, Tick
from stressd.market.times import SECOND, iso, parse_day, parse_time
from stressd.runtime.registry import registry

CONFIG = """\
instance: x
markets:
  IT: {calendar: always, tenors: [10Y]}
  US: {tenors: [10Y]}
feeds: [{name: f, type: file, path: x}]
rules:
  - {name: moves, type: sigma, series: "IT.*", horizons: [5m, 30m], sigma: {warn: 6, critical: 20}}
  - {name: other, type: sigma, series: "US.*"}
  - {name: quiet, type: silence, series: "*", after: 15m}
routes: [{match: {kind: market}, sinks: [terminal]}]
sinks: [{name: terminal, type: console}]
"""
START = parse_time("2026-03-02T00:00:00Z")
DAYS = 15
SHOCKS = (0, 4, 9, 13)
"""Days on which, at 21:00, the yield moves by 30 bp."""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    return load_text(CONFIG, tmp_path_factory.mktemp("c") / "c.yaml", registry())


def ticks(days: int = DAYS) -> Iterator[Tick]:
    """Two ticks a minute from a quiet market, as the store hands them out."""
    chance = random.Random(7)
    level = 3.0
    for i in range(days * 2880):
        level += chance.gauss(0.0, 0.0005)
        if i % 2880 == 2520 and i // 2880 in SHOCKS:
            level += 0.3 if chance.random() < 0.5 else -0.3
        at = START + i * 30 * SECOND
        yield Tick("IT.GOV.10Y", round(level, 4), at, at, "file", BACKLOG)


def test_what_was_told_after_the_warm_up_counts_and_nothing_else(loaded: Loaded) -> None:
    cost = measure_ticks(loaded, {}, ticks())
    assert cost is not None
    assert cost.weeks + cost.warming == pytest.approx(DAYS / 7, abs=0.01)
    assert 0.0 < cost.warming < 1.0
    rate = cost.rules["moves"]
    assert rate is not None
    assert round(rate * cost.weeks) == len([day for day in SHOCKS if day / 7 > cost.warming - 0.1])
    assert cost.sinks["terminal"] >= rate
    assert "over all horizons" in cost.notes["moves"]


def test_what_ticks_cannot_say_is_unmeasured(loaded: Loaded) -> None:
    cost = measure_ticks(loaded, {}, ticks())
    assert cost is not None
    assert (cost.rules["other"], cost.rules["quiet"]) == (None, None)
    assert cost.notes["other"] == "no history of its series is stored"
    assert cost.notes["quiet"] == "history keeps no times of receipt"


def test_an_hour_of_ticks_measures_nothing(loaded: Loaded) -> None:
    few = [tick for tick in ticks(1) if tick.time < START + 600 * SECOND]
    cost = measure_ticks(loaded, {}, few)
    assert cost is not None
    assert cost.rules["moves"] is None
    assert cost.notes["moves"] == "the ticks are too few to warm a horizon"
    assert cost.sinks == {}
    assert measure_ticks(loaded, {}, []) is None


def test_check_tells_what_imported_ticks_would_have_cost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f"{iso(tick.time)},{tick.series},{tick.value}" for tick in ticks()]
    (tmp_path / "ticks.csv").write_text("\n".join(["time,series,value", *lines]) + "\n")
    (tmp_path / "c.yaml").write_text(CONFIG)
    state = ["--state", str(tmp_path / "state")]
    assert main(["history", "import", str(tmp_path / "ticks.csv"), *state]) == 0
    capsys.readouterr()
    assert main(["check", str(tmp_path / "c.yaml"), "--history", *state]) == 0
    out = capsys.readouterr().out
    assert "weeks of ticks, after " in out
    assert "alerts a week (over all horizons)" in out
    assert "rule quiet: unmeasured: history keeps no times of receipt" in out


def test_a_rule_is_held_against_the_budget_that_it_promised(tmp_path: Path) -> None:
    text = CONFIG.replace("sigma: {warn: 6, critical: 20}", "budget: 6 per year per series")
    loaded = load_text(text, tmp_path / "c.yaml", registry())
    cost = measure_ticks(loaded, {}, ticks())
    assert cost is not None
    assert list(cost.budgets) == ["moves"]
    found = cost.budgets["moves"]
    assert found.promised == pytest.approx(6 * 7 / 365.25)
    assert found.allowed == pytest.approx(found.promised * cost.weeks, rel=1e-6)
    rate = cost.rules["moves"]
    assert rate is not None
    assert found.opened == round(rate * cost.weeks)
    assert found.exceeds is (found.opened > found.band[1])
    assert ", its budget promises 0.11 (over all horizons)" in history_text(loaded, None, cost)


def test_a_rule_that_exceeds_its_budget_is_warned_of(loaded: Loaded) -> None:
    rules: dict[str, float | None] = {"moves": 3.0, "other": None, "quiet": None}
    notes = dict.fromkeys(rules, "over all horizons")
    told = history_text(loaded, None, Cost(4.0, rules, {"terminal": 6.0}, notes, {"moves": against(12, 2.0, 0.5)}))
    assert told.splitlines()[-1] == (
        "warning: rule moves opened 12 alerts on this history, where its budget allows 2 and chance explains at most 5"
    )
    quiet = history_text(loaded, None, Cost(4.0, rules, {"terminal": 6.0}, notes, {"moves": against(3, 2.0, 0.5)}))
    assert "warning" not in quiet


def test_markets_of_unequal_history_count_over_their_own(tmp_path: Path) -> None:
    """Ten years of one market and one of the other: what comes is the sum of both rates, not their mean."""
    text = CONFIG.replace("horizons: [5m, 30m], sigma: {warn: 6, critical: 20}", "horizons: [1d], floor: 50bp")
    loaded = load_text(text.replace('series: "IT.*"', 'series: "*"'), tmp_path / "c.yaml", registry())
    old, young = parse_day("2010-01-04"), parse_day("2019-01-07")
    end = parse_day("2020-01-06")
    daily = {}
    for name, first in (("IT.GOV.10Y", old), ("US.GOV.10Y", young)):
        days = [day for day in range(first, end) if day % 7 not in (6, 0)]
        # sixty basis points up and down again, five times in the last year
        shocks = {day for i, day in enumerate(days) if i > len(days) - 240 and i % 45 == 9}
        rows = [(day, 2.0 + 0.01 * (day % 2) + (0.6 if day in shocks else 0.0)) for day in days]
        daily[name] = Daily("file", rows)
    cost = measure(loaded, daily)
    assert cost is not None
    each = [measure(loaded, {name: rows}) for name, rows in daily.items()]
    rates = [found.rules["moves"] or 0.0 for found in each if found is not None]
    assert cost.rules["moves"] == pytest.approx(sum(rates))
    assert rates[1] > 5.0 * rates[0] > 0.0
