"""`stressd backtest`: one rule set in full, several side by side, over fixings and over ticks."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from stressd.cli.main import main
from stressd.market.times import SECOND, iso, parse_time

CONFIG = """
instance: desk
markets:
  JP: {{calendar: JP, tenors: [10Y, 30Y]}}
  US: {{calendar: US, tenors: [10Y]}}
rules:
  - name: moves
    type: sigma
    series: "*.GOV.*"
    horizons: [1d]
    sigma: {{warn: {warn}, high: {high}}}
    floor: {floor}
"""
VALUES = 1301
SERIES = ["JP.GOV.10Y", "JP.GOV.30Y", "US.GOV.10Y"]


@pytest.fixture(scope="module")
def curve(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five years of three series with fat tails; the day of a known stress moves them all."""
    path = tmp_path_factory.mktemp("curve") / "curve.csv"
    chance = random.Random(12)
    levels = [1.0, 2.0, 3.0]
    lines = [f"date,{','.join(SERIES)}"]
    day = date(2014, 1, 6)
    while day < date(2019, 1, 1):
        if day.weekday() < 5:
            scale = 0.02 / chance.gammavariate(2.0, 0.5) ** 0.5
            shock = 0.25 if day == date(2016, 11, 9) else 0.0
            levels = [level + shock + chance.gauss(0.0, scale) for level in levels]
            lines.append(f"{day},{','.join(f'{level:.3f}' for level in levels)}")
        day += timedelta(1)
    path.write_text("\n".join(lines) + "\n")
    return path


def config(folder: Path, name: str, warn: float, high: float = 20.0, floor: str = "1bp") -> str:
    path = folder / name
    path.write_text(CONFIG.format(warn=warn, high=high, floor=floor))
    return str(path)


def backtest(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    capsys.readouterr()
    assert main(["backtest", *arguments]) == status
    return capsys.readouterr().out


def documents(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_the_last_line_has_what_the_contract_says_and_more(curve: Path, capsys: pytest.CaptureFixture[str]) -> None:
    *events, last = documents(backtest(capsys, "--daily", str(curve), "--json"))
    assert list(last["summary"]) == SERIES
    for name, each in last["summary"].items():
        assert {"observations", "years", "episodes", "budget_per_year", "realised_per_year"} <= set(each)
        assert each["observations"] == VALUES
        assert each["years"] == 5.0
        assert each["episodes"] == sum(e["type"] == "opened" and e["series"][0]["series"] == name for e in events)
        assert sum(quarter["episodes"] for quarter in each["quarters"]) == each["episodes"]
        low, high = each["band_per_year"]
        assert low <= each["realised_per_year"] <= high
        assert 0.0 <= each["floor_share"]["1d"] <= 1.0
    assert {(path["series"], path["horizon"]) for path in last["bars"]} == {(name, "1d") for name in SERIES}
    months = [point["date"][:7] for point in last["bars"][0]["path"]]
    assert months == sorted(set(months))
    assert len(months) >= 58


def test_a_stress_day_is_caught_where_the_curve_moves_and_missed_where_it_does_not(
    curve: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recall = documents(backtest(capsys, "--daily", str(curve), "--json"))[-1]["recall"]
    days = {each["date"]: each for each in recall["list"]}
    assert days["2016-11-09"]["caught"]
    assert days["2016-11-09"]["how"] == "opened"
    assert days["2016-11-09"]["largest"]["date"] == "2016-11-09"
    assert "2009-03-18" not in days, "before the sample"
    assert "2020-03-09" not in days, "after it"
    assert recall["days"] == len(days)
    assert recall["caught"] == sum(each["caught"] for each in days.values())
    assert 0.0 < recall["by_chance"] < recall["days"]
    assert recall["naive_ewma"]["episodes"] > 0


def test_the_report_shows_rates_recall_and_the_story_of_each_day(
    curve: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = backtest(capsys, "--daily", str(curve))
    assert "95 % band" in out
    assert "alerts at random times would catch" in out
    assert "a naive EWMA rule (" in out
    line = next(line for line in out.splitlines() if line.startswith("2016-11-09  JP US"))
    assert "opened, critical" in line
    assert line.endswith("the result of the presidential election in the United States")
    assert "MISSED" in out


def test_three_rule_sets_stand_side_by_side(curve: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sets = [config(tmp_path, f"{name}.yaml", bar) for name, bar in (("loose", 3.0), ("usual", 4.0), ("tight", 9.0))]
    chosen = [word for path in sets for word in ("-c", path)]
    lines = backtest(capsys, "--daily", str(curve), *chosen).splitlines()
    assert lines[0].split() == ["loose.yaml", "usual.yaml", "tight.yaml"]
    episodes = [int(cell.replace(",", "")) for cell in lines[1].split()[1:]]
    assert episodes[0] > episodes[1] > episodes[2] > 0
    for row in ("a year", "stress days caught", "by chance", "naive EWMA, as many episodes", "worst miss"):
        assert any(line.startswith(row) for line in lines), row

    told = documents(backtest(capsys, "--daily", str(curve), *chosen, "--json"))
    summaries = [each for each in told if "summary" in each]
    assert len({each["config"] for each in summaries}) == 3
    for each, count in zip(summaries, episodes, strict=True):
        own = [event for event in told if event.get("config") == each["config"] and "summary" not in event]
        assert sum(event["type"] == "opened" for event in own) == count
        assert sum(series["episodes"] for series in each["summary"].values()) == count
    alone = backtest(capsys, "--daily", str(curve), "-c", sets[0], "--json").splitlines()
    together = backtest(capsys, "--daily", str(curve), *chosen, "--json").splitlines()
    assert together[: len(alone)] == alone


def test_the_floor_is_named_where_it_is_the_bar(
    curve: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = config(tmp_path, "floor.yaml", 3.0, floor="60bp")
    last = documents(backtest(capsys, "--daily", str(curve), "-c", chosen, "--json"))[-1]
    assert all(each["floor_share"] == {"1d": 1.0} for each in last["summary"].values())
    assert all(point["bar_bp"] == 60.0 and point["floor_binds"] for path in last["bars"] for point in path["path"])
    assert {each["episodes"] for each in last["summary"].values()} == {0}


def test_the_picture_is_a_png_for_one_and_for_three(
    curve: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sets = [word for bar in (3.0, 4.0, 9.0) for word in ("-c", config(tmp_path, f"{bar}.yaml", bar))]
    for chosen in ([], sets):
        target = tmp_path / "picture.png"
        backtest(capsys, "--daily", str(curve), "--plot", str(target), *chosen)
        assert target.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
        target.unlink()


def test_without_matplotlib_the_way_to_it_is_told(
    curve: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for name in [name for name in sys.modules if name.startswith("matplotlib.")]:
        monkeypatch.setitem(sys.modules, name, None)
    assert main(["backtest", "--daily", str(curve), "--plot", str(tmp_path / "x.png")]) == 1
    assert "pip install 'stressd[plots]'" in capsys.readouterr().err


def tick_file(folder: Path, moves: Sequence[float]) -> str:
    """A tick every five seconds over four hours of a Tokyo session, and then so many more, each `moves` bp on."""
    chance = random.Random(4)
    at = parse_time("2020-03-10T00:00:00Z")
    level = 1.5
    lines = ["time,series,value"]
    for i in range(2 * 3600 // 5):
        level += chance.gauss(0.0, 0.0003)
        lines.append(f"{iso(at + i * 5 * SECOND)},IT.GOV.10Y,{level:.4f}")
    at += 2 * 3600 * SECOND
    for i, move in enumerate(moves):
        level += move * 0.01
        lines.append(f"{iso(at + i * 5 * SECOND)},IT.GOV.10Y,{level:.4f}")
    path = folder / "ticks.csv"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_tick_files_run_too_and_every_warm_horizon_has_its_bar(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = backtest(capsys, "--tick", tick_file(tmp_path, [0.0] * 20), "--json")
    last = documents(out)[-1]
    assert last["summary"]["IT.GOV.10Y"]["observations"] == 1460
    assert last["recall"]["days"] == 0
    assert "stress days lies in this sample" in backtest(capsys, "--tick", tick_file(tmp_path, [0.0] * 20))


def test_a_wrong_tick_line_fails_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path(tick_file(tmp_path, []))
    path.write_text(path.read_text() + "not a time,IT.GOV.10Y,1.5\n")
    assert main(["backtest", "--tick", str(path)]) == 1
    assert "ticks.csv:1442: error: time 'not a time'" in capsys.readouterr().err


def test_a_series_that_no_market_lists_is_named(
    curve: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "few.yaml"
    path.write_text(CONFIG.format(warn=3, high=9, floor="1bp").replace("tenors: [10Y, 30Y]", "tenors: [10Y]"))
    assert main(["backtest", "--daily", str(curve), "-c", str(path)]) == 1
    assert "unknown series JP.GOV.30Y: it is not in few.yaml" in capsys.readouterr().err


def test_a_spread_has_its_own_row_and_bar(curve: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "spread.yaml"
    text = CONFIG.format(warn=4, high=20, floor="1bp")
    path.write_text(text.replace("tenors: [10Y, 30Y]}", "tenors: [10Y, 30Y], spreads: [10s30s]}"))
    *events, last = documents(backtest(capsys, "--daily", str(curve), "-c", str(path), "--json"))
    slope = last["summary"]["JP.GOV.10s30s"]
    assert slope["observations"] == VALUES
    assert slope["episodes"] == sum(
        e["type"] == "opened" and e["series"][0]["series"] == "JP.GOV.10s30s" for e in events
    )
    assert any(each["series"] == "JP.GOV.10s30s" for each in last["bars"])


def test_a_budget_is_shown_beside_what_came_of_it(
    curve: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "budget.yaml"
    text = CONFIG.format(warn=4, high=20, floor="0bp").replace("sigma: {warn: 4, high: 20}", "budget: BUDGET")
    path.write_text(text.replace("BUDGET", "4 per year per series"))
    chosen = ["--daily", str(curve), "-c", str(path)]
    last = documents(backtest(capsys, *chosen, "--json"))[-1]
    for each in last["summary"].values():
        assert each["budget_per_year"] == 4.0
        assert each["realised_per_year"] == pytest.approx(4.0, rel=0.25)
        assert each["without_floor"]["spent"] == pytest.approx(each["realised_per_year"] / 4.0, abs=0.02)
    out = backtest(capsys, *chosen)
    assert "lie inside their band" in out
    assert "live the other horizons" not in out

    path.write_text(text.replace("BUDGET", "12 per year per market").replace("horizons: [1d]", "horizons: [5m, 1d]"))
    last = documents(backtest(capsys, *chosen, "--json"))[-1]
    assert {each["budget_per_year"] for each in last["summary"].values()} == {None}
    assert set(last["markets"]) == {"JP", "US"}
    for market, each in last["markets"].items():
        assert each["budget_per_year"] == 12.0
        assert each["realised_per_year"] == pytest.approx(12.0, rel=0.25), market
    out = backtest(capsys, *chosen)
    assert "JP, whole" in out
    assert "live the other horizons have their part" in out


def test_what_is_older_is_left_out(curve: Path, capsys: pytest.CaptureFixture[str]) -> None:
    last = documents(backtest(capsys, "--daily", str(curve), "--since", "2017-01-02", "--json"))[-1]
    assert {each["years"] for each in last["summary"].values()} == {2.0}
    with pytest.raises(SystemExit):
        raise SystemExit(main(["backtest", "--daily", str(curve), "--since", "yesterday"]))
    assert "not an ISO date" in capsys.readouterr().err
