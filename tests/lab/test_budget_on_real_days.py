"""JGB and US Treasury yields since 2005 with four episodes a year and series: the budget is kept, and the days that
must not be missed are caught. The same figures by hand: benchmarks/README.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from stressd.cli.main import main

pytestmark = pytest.mark.once

SERIES: Final = [f"JP.GOV.{t}" for t in ("2Y", "5Y", "10Y", "20Y", "30Y", "40Y")] + [
    f"US.GOV.{t}" for t in ("2Y", "5Y", "10Y", "30Y")
]
DAYS: Final = [
    "2008-09-15", "2008-09-29", "2009-03-18", "2013-04-04", "2016-01-29", "2016-11-09", "2020-03-09", "2020-03-17",
    "2022-12-20", "2023-03-13", "2025-04-07", "2025-04-09", "2026-01-20",
]  # fmt: skip
BINDS: Final = 0.02
"""Share of the sessions from which a floor is said to bind."""


@pytest.mark.parametrize("floor", ["3bp", "1bp"])
def test_the_budget_is_kept_where_the_floor_does_not_bind_and_the_days_are_caught(
    shared: Path, root: Path, floor: str, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [shared / "data" / "jgb" / "jgbcme_all.csv", *sorted((shared / "data" / "ust").glob("DGS*.csv"))]
    config = root / "benchmarks" / f"daily-{floor}.yaml"
    arguments = ["--daily", *map(str, files), "--since", "2005-01-01", "-c", str(config), "--json"]
    assert main(["backtest", *arguments]) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    summary: dict[str, dict[str, Any]] = last["summary"]
    assert list(summary) == SERIES
    bound = [name for name in SERIES if summary[name]["floor_share"]["1d"] >= BINDS]
    # all of JGB move by less than 3 bp a day for years, and the two-year by less than 1 bp
    assert bound == ([name for name in SERIES if name.startswith("JP")] if floor == "3bp" else ["JP.GOV.2Y"])
    for name, each in summary.items():
        assert each["budget_per_year"] == 4.0
        if name not in bound:
            assert each["realised_per_year"] == pytest.approx(4.0, rel=0.1), name
            assert each["inside"], name
            assert all(quarter["inside"] for quarter in each["quarters"]), name
        else:
            assert each["realised_per_year"] <= 4.0, "a budget is a ceiling"
        assert each["without_floor"]["spent"] == pytest.approx(1.0, abs=0.11), name

    days = {each["date"]: each for each in last["recall"]["list"]}
    caught = [day for day in DAYS if days[day]["caught"] and days[day]["on"] == day]
    assert len(caught) >= 12, sorted(set(DAYS) - set(caught))
    assert last["recall"]["caught"] > last["recall"]["by_chance"] + 10
    assert last["recall"]["p"] < 1e-6
