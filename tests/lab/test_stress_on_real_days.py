"""The stress index on JGB and US Treasury yields since 2005. The same figures by hand: benchmarks/README.md."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any, Final

import pytest
from scipy.stats import spearmanr

from stressd.config.builtin import default_spec
from stressd.lab.backtest import daily_only, fixing_ticks, merged
from stressd.lab.index_history import closes
from stressd.lab.publishers import DailyFile

pytestmark = pytest.mark.once

SERIES: Final = [f"JP.GOV.{t}" for t in ("2Y", "5Y", "10Y", "20Y", "30Y", "40Y")] + [
    f"US.GOV.{t}" for t in ("1Y", "2Y", "5Y", "10Y", "20Y", "30Y")
]
STRESSED: Final = {"2008Q4": ("2008-10-01", "2008-12-31"), "2020-03": ("2020-03-01", "2020-03-31"),
                   "2022-09": ("2022-09-01", "2022-09-30")}  # fmt: skip


@pytest.fixture(scope="module")
def days(official_files: list[DailyFile]) -> dict[str, dict[str, Any]]:
    """Every close by its date."""
    spec = daily_only(default_spec(SERIES))
    found = closes(spec, fixing_ticks(merged(official_files), spec))
    return {day["date"]: day for day in found if day["date"] >= "2005"}


def within(days: dict[str, dict[str, Any]], period: str) -> list[dict[str, Any]]:
    first, last = STRESSED[period]
    return [day for date, day in days.items() if first <= date <= last]


def test_contributions_add_up_on_every_day_of_twenty_years(days: dict[str, dict[str, Any]]) -> None:
    assert len(days) > 5_000
    for day in days.values():
        for by in ("markets", "dimensions"):
            assert math.fsum([*day[by].values(), day["correlation"]]) == pytest.approx(day["value"], abs=1e-12)
        assert 0.0 <= day["value"] <= 1.0
        assert day["correlation"] <= 1e-15


def test_each_crisis_is_among_the_worst_tenth_of_all_days(days: dict[str, dict[str, Any]]) -> None:
    ordered = sorted(day["value"] for day in days.values())
    tenth = ordered[int(0.9 * len(ordered))]
    quiet = [day["value"] for date, day in days.items() if date.startswith("2006")]
    for period in STRESSED:
        values = [day["value"] for day in within(days, period)]
        assert max(values) > tenth, period
        assert sum(values) / len(values) > 2.0 * sum(quiet) / len(quiet), period


def test_in_bp_the_crises_stand_in_their_order_but_each_is_ranked_among_its_own_five_years(
    days: dict[str, dict[str, Any]],
) -> None:
    """2008Q4 > March 2020 > September 2022 in what yields moved, in both markets. As ranks all three are near 1, and
    the index of yields puts the bond market's own crisis of 2022 first."""
    for market in ("JP", "US"):
        moved, stress = [], []
        for period in STRESSED:
            rows = [r for d in within(days, period) for r in d["inputs"]
                    if (r["market"], r["dimension"]) == (market, "volatility")]  # fmt: skip
            moved.append(max(row["value"] for row in rows))
            stress.append(max(row["stress"] for row in rows))
        assert moved[0] > moved[1] > moved[2], market
        assert min(stress) > 0.9, market
    peaks = [max(day["value"] for day in within(days, period)) for period in STRESSED]
    assert peaks == pytest.approx([0.53, 0.76, 0.78], abs=0.05)


def test_20_january_2026_is_stress_of_japan(days: dict[str, dict[str, Any]]) -> None:
    friday, monday, tuesday = (days[f"2026-01-{day}"] for day in (16, 19, 20))
    assert friday["markets"]["JP"] < monday["markets"]["JP"] < tuesday["markets"]["JP"]
    assert tuesday["markets"]["JP"] > 2.0 * friday["markets"]["JP"]
    assert tuesday["markets"]["JP"] > 1.5 * tuesday["markets"]["US"]
    assert friday["value"] < monday["value"] < tuesday["value"]
    rows = {(row["market"], row["dimension"]): row for row in tuesday["inputs"]}
    assert rows["JP", "volatility"]["stress"] > 0.9
    assert rows["US", "volatility"]["stress"] < 0.2
    # on the 19th New York was closed: what its inputs say is of Friday
    rows = {(row["market"], row["dimension"]): row for row in monday["inputs"]}
    assert rows["US", "volatility"]["state"] == "closed"
    assert rows["US", "volatility"]["age_s"] == 74.5 * 3600.0
    assert {(each["dimension"], each["reason"]) for each in monday["left_out"]} == {("bid-ask", "no quotes")}


def test_it_goes_along_with_the_ofr_index_as_far_as_two_bond_markets_can(
    days: dict[str, dict[str, Any]], shared: Path
) -> None:
    with (shared / "data" / "ofr_fsi" / "ofr_fsi.csv").open(newline="") as file:
        ofr = {row["Date"]: float(row["OFR FSI"]) for row in csv.DictReader(file)}
    assert ofr["2008-10-10"] == 29.32
    assert ofr["2008-10-10"] > ofr["2020-03-19"] > ofr["2022-09-28"]
    both = sorted(set(days) & set(ofr))
    assert len(both) == 5_015
    theirs = [ofr[date] for date in both]
    assert spearmanr([days[date]["value"] for date in both], theirs).statistic == pytest.approx(0.40, abs=0.05)
    us = [days[date]["markets"].get("US", 0.0) for date in both]
    jp = [days[date]["markets"].get("JP", 0.0) for date in both]
    assert spearmanr(us, theirs).statistic > spearmanr(jp, theirs).statistic > 0.25
