"""20 January 2026 on the official fixings, and the counts of large moves since 2007 (method.md 1.1)."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from stressd.cli.main import main
from stressd.cli.watched import of_series
from stressd.engine.engine import Engine
from stressd.engine.rounds import PATIENCE
from stressd.lab.backtest import Daily, daily_only, fixing_ticks, merged
from stressd.lab.publishers import DailyFile
from stressd.market.series import market_of
from stressd.market.tick import Tick
from stressd.market.times import day_iso, parse_day

SERIES: Final = [f"JP.GOV.{t}" for t in ("2Y", "5Y", "10Y", "20Y", "30Y", "40Y")] + [
    f"US.GOV.{t}" for t in ("2Y", "5Y", "10Y", "30Y")
]


@pytest.fixture(scope="module")
def wide(official: dict[str, dict[int, float]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The desk's ten series, whole, as one wide CSV."""
    path = tmp_path_factory.mktemp("wide") / "jpus.csv"
    days = sorted({day for series in SERIES for day in official[series]})
    lines = [f"date,{','.join(SERIES)}"]
    for day in days:
        lines.append(f"{day_iso(day)},{','.join(str(official[series].get(day, '')) for series in SERIES)}")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def state(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state directory with the publishers' own files imported."""
    directory = tmp_path_factory.mktemp("state")
    files = [shared / "data" / "jgb" / "jgbcme_all.csv", *sorted((shared / "data" / "ust").glob("DGS*.csv"))]
    assert main(["history", "import", *map(str, files), "--state", str(directory)]) == 0
    return directory


@pytest.fixture(scope="module")
def printed(wide: Path) -> str:
    """What a backtest of them prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main(["backtest", "--json", "--daily", str(wide)]) == 0
    return out.getvalue()


def read(printed: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Its events and its summary."""
    *events, last = (json.loads(line) for line in printed.splitlines())
    return events, last["summary"]


def on_the_days(events: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [event for event in events if event["market"] == "JP" and event["time"][:10] in ("2026-01-19", "2026-01-20")]


def holds_the_real_day(events: Sequence[Mapping[str, Any]]) -> None:
    """Issue point 13, as far as it is the same whatever the tenors."""
    told = on_the_days(events)
    assert len({event["episode"] for event in told}) == 1, "one episode for the curve, not one a tenor"
    opened = told[0]
    assert (opened["type"], opened["time"], opened["direction"]) == ("opened", "2026-01-19T06:00:00Z", "up")
    assert opened["severity"] == "warn"
    critical = [event for event in told if event["severity"] == "critical"]
    assert critical[0]["type"] == "escalated"
    assert critical[0]["time"] == "2026-01-20T06:00:00Z"

    thirty = next(move for move in critical[-1]["series"] if move["series"] == "JP.GOV.30Y")
    assert (thirty["value"], thirty["change_bp"], thirty["horizon"]) == (3.765, 20.3, "1d")
    assert thirty["from"] == {"value": 3.562, "time": "2026-01-19T06:00:00Z"}
    assert thirty["sigma"] == pytest.approx(6.9, abs=0.05)
    assert thirty["sigma_bp"] == pytest.approx(2.94, abs=0.02)
    assert (thirty["rank"], thirty["rank_of"]) == (1, 1250)
    headline = critical[-1]["headline"]
    assert headline.startswith("JP 30Y +20.3bp to 3.765% · 6.9σ of 2.9bp · largest rise since the series began in 1999")
    assert len(headline) <= 140

    # The day after it fell back, and both sides of that are told as what they are.
    fell = [event for event in events if event["market"] == "JP" and event["time"][:19] == "2026-01-21T06:00:00"]
    back = next(event for event in fell if event["type"] == "opened" and event["direction"] == "down")
    assert back["retraces"]["episode"] == opened["episode"]
    assert (back["retraces"]["day"], back["retraces"]["of_bp"]) == ("2026-01-20", 20.3)
    assert f"retraces 58 % of the move of 20 January ({opened['episode']})" in back["headline"]
    over = next(event for event in fell if event["type"] == "resolved" and event["episode"] == opened["episode"])
    assert "retraced 11.8 of 20.3bp" in over["headline"]

    closed = next(each for event in told for each in event["followers"] if each["market"] == "US")
    assert closed["wording"] == "could not respond"
    assert closed["reason"] == "closed (holiday: Martin Luther King Jr. Day)"
    answer = next(each for each in critical[-1]["followers"] if each["market"] == "US")
    assert (answer["series"], answer["wording"], answer["change_bp"], answer["value"]) == (
        "US.GOV.10Y",
        "followed",
        6.0,
        4.3,
    )
    assert (answer["lag_s"], answer["open_lag_s"], answer["resolution"]) == (52_200.0, 30_600.0, "1d")
    assert answer["sigma"] == pytest.approx(1.4, abs=0.05)
    # As it is, not tuned: one in sixteen of New York's own comparable days went as far up.
    assert answer["p"] == pytest.approx(0.065, abs=0.01)
    assert answer["p_of"] >= 100
    base = answer["base_rate"]
    assert (base["source"], base["series"], base["beyond"]) == ("JP.GOV.30Y", "US.GOV.10Y", 5.0)
    assert (base["times"], base["same_sign"], base["since"][:4]) == (8, 8, "2005")
    assert critical[-1]["time"] == "2026-01-20T20:30:00Z"

    own = [event for event in events if event["market"] == "US" and "2026-01-17" <= event["time"][:10] <= "2026-01-22"]
    assert own == [], "neither the holiday nor the move of 6bp opens anything of its own"


def test_the_real_day_on_the_desks_ten_series(printed: str) -> None:
    events, summary = read(printed)
    holds_the_real_day(events)
    assert set(summary) == set(SERIES)
    first = next(event for event in on_the_days(events) if event["severity"] == "critical")
    assert "largest rise since the series began in 1999" in first["headline"]
    assert {event["origin"] for event in events} == {"replay"}
    assert not [event for event in events if len(event["headline"]) > 140]


@pytest.mark.once
def test_the_real_day_on_the_imported_history_with_every_tenor(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["backtest", "--json", "--state", str(state)]) == 0
    events, summary = read(capsys.readouterr().out)
    holds_the_real_day(events)
    assert len(summary) == 24


@pytest.mark.once
def test_the_same_input_gives_the_same_bytes(wide: Path, printed: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["backtest", "--json", "--daily", str(wide)]) == 0
    assert capsys.readouterr().out == printed
    assert len(printed) > 100_000


def test_the_summary_counts_each_episode_once(printed: str) -> None:
    events, summary = read(printed)
    told = {event["episode"] for event in events if event["kind"] == "market"}
    assert sum(each["episodes"] for each in summary.values()) == len(told)
    # Beside them the breaks in the official curve, all before 1995.
    assert len({event["episode"] for event in events} - told) == 6
    thirty = summary["JP.GOV.30Y"]
    assert thirty["observations"] == 6571
    assert thirty["years"] == 26.8
    assert thirty["budget_per_year"] is None
    assert thirty["realised_per_year"] == pytest.approx(thirty["episodes"] / 26.8, abs=0.01)


LARGE: Final = {
    # series: days beyond 4, 5 and 6 sigma, and the largest move in sigma
    "JP.GOV.2Y": (60, 38, 18, -16.6),
    "JP.GOV.10Y": (35, 22, 16, 16.8),
    "JP.GOV.30Y": (31, 17, 10, -13.0),
    "US.GOV.2Y": (19, 9, 4, 7.5),
    "US.GOV.10Y": (9, 1, 0, -5.2),
    "US.GOV.30Y": (9, 4, 1, -6.5),
}
SESSIONS: Final = 63
"""Moves that only warm the scale; the counts begin after them."""


@pytest.mark.once
def test_large_moves_since_2007_are_as_many_as_the_method_states(official_files: list[DailyFile]) -> None:
    since = parse_day("2007-01-01")
    daily = {
        series: Daily(given.source, [row for row in given.rows if row[0] >= since])
        for series, given in merged(official_files).items()
        if series in LARGE
    }
    for market in ("JP", "US"):
        own = {series: given for series, given in daily.items() if market_of(series) == market}
        for series, sizes in sizes_in_sigma(own).items():
            counted = [abs(z) for z in sizes[SESSIONS:]]
            four, five, six = (sum(z > bar for z in counted) for bar in (4.0, 5.0, 6.0))
            assert (six, round(max(sizes, key=abs), 1)) == LARGE[series][2:], series
            # a move that is a hundredth of a sigma from the bar falls on either side of it
            assert abs(four - LARGE[series][0]) <= 1, series
            assert abs(five - LARGE[series][1]) <= 1, series


def sizes_in_sigma(daily: Mapping[str, Daily]) -> dict[str, list[float]]:
    """Each move over the sigma that the engine reported before it."""
    spec = daily_only(of_series(daily).spec)
    ticks = fixing_ticks(daily, spec)
    engine = Engine(spec, ticks[0].received)
    sigma: dict[str, float] = {}
    last: dict[str, Tick] = {}
    sizes: dict[str, list[float]] = {series: [] for series in daily}
    for tick in ticks:
        before = last.get(tick.series)
        if before is not None and sigma.get(tick.series):
            sizes[tick.series].append((tick.value - before.value) * 100.0 / sigma[tick.series])
        elif before is not None:
            sizes[tick.series].append(0.0)
        last[tick.series] = tick
        engine.feed([tick])
        engine.advance(tick.received + PATIENCE)
        sigma = {row["series"]: row["sigma_bp"]["1d"] for row in engine.status()}
    return sizes
