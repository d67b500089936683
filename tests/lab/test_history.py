"""Imports: idempotent, all or nothing, and they name what they changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stressd.cli.main import main
from stressd.lab.history import uncrossed
from stressd.market.tick import MIDDLE, Tick
from stressd.store import Store

GOOD = "date,JP.GOV.30Y,US.GOV.10Y\n2026-01-16,3.462,4.24\n2026-01-19,3.562,\n2026-01-20,3.765,4.30\n"
FRED = "observation_date,DGS10\n2026-01-16,4.24\n2026-01-20,4.30\n"
TICKS = "time,series,value\n2026-01-20T00:00:00Z,JP.GOV.30Y,3.5\n2026-01-20T00:00:10Z,JP.GOV.30Y,3.501\n"


def write(folder: Path, text: str, name: str) -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def held(state: Path) -> list[tuple[str, str, int, float]]:
    store = Store.open(state, create=False)
    try:
        return [
            (fixing.series, fixing.source, fixing.day, fixing.value)
            for given in store.daily_sources()
            for fixing in store.history_daily(given.series, given.source)
        ]
    finally:
        store.close()


def imported(state: Path, *files: str) -> int:
    return main(["history", "import", *files, "--state", str(state)])


def test_importing_again_changes_nothing_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path, GOOD, "a.csv")
    assert imported(tmp_path / "s", file) == 0
    assert "file: 5 new, 0 changed, of 5" in capsys.readouterr().out
    before = held(tmp_path / "s")
    assert imported(tmp_path / "s", file) == 0
    assert "file: 0 new, 0 changed, of 5" in capsys.readouterr().out
    assert held(tmp_path / "s") == before
    assert len(before) == 5


def test_a_changed_value_is_counted_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = tmp_path / "s"
    imported(state, write(tmp_path, GOOD, "a.csv"))
    capsys.readouterr()
    assert imported(state, write(tmp_path, GOOD.replace("3.765", "3.766"), "b.csv")) == 0
    out = capsys.readouterr().out
    assert "file: 0 new, 1 changed, of 5" in out
    assert "JP.GOV.30Y 2026-01-20: 3.765 -> 3.766" in out
    assert main(["history", "import", write(tmp_path, GOOD, "c.csv"), "--state", str(state), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)[0]
    assert (record["values"], record["new"]) == (5, 0)
    assert record["changed"] == [{"series": "JP.GOV.30Y", "date": "2026-01-20", "before": 3.766, "after": 3.765}]


def test_one_wrong_file_among_several_and_nothing_is_imported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "s"
    imported(state, write(tmp_path, GOOD, "a.csv"))
    before = held(state)
    capsys.readouterr()
    good, bad = write(tmp_path, FRED, "good.csv"), write(tmp_path, GOOD.replace("3.765", "x"), "bad.csv")
    wrong = write(tmp_path, TICKS + "not a time,JP.GOV.30Y,3.5\n", "ticks.csv")
    assert imported(state, good, bad, wrong) == 1
    told = capsys.readouterr().err
    assert "bad.csv:4: error: JP.GOV.30Y: 'x' is no number" in told
    assert "ticks.csv:4: error: time 'not a time'" in told
    assert told.endswith("nothing was imported\n")
    assert held(state) == before


def test_files_that_contradict_each_other_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = write(tmp_path, GOOD, "a.csv"), write(tmp_path, GOOD.replace("3.765", "3.7"), "b.csv")
    assert imported(tmp_path / "s", one, other) == 1
    assert "b.csv: error: JP.GOV.30Y on 2026-01-20 is 3.7 here, 3.765 in" in capsys.readouterr().err
    assert held(tmp_path / "s") == []


def test_sources_stand_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = tmp_path / "s"
    assert imported(state, write(tmp_path, GOOD, "a.csv"), write(tmp_path, FRED, "f.csv")) == 0
    capsys.readouterr()
    assert main(["history", "list", "--state", str(state), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {(row["series"], row["source"], row["convention"]) for row in rows} == {
        ("JP.GOV.30Y", "file", ""),
        ("US.GOV.10Y", "file", ""),
        ("US.GOV.10Y", "FRED", "semi-annual"),
    }


def test_tick_files_are_history_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = tmp_path / "s"
    assert imported(state, write(tmp_path, TICKS, "t.csv")) == 0
    store = Store.open(state, create=False)
    try:
        assert [(tick.series, tick.value) for tick in store.history_ticks(0, 2**62)] == [
            ("JP.GOV.30Y", 3.5),
            ("JP.GOV.30Y", 3.501),
        ]
    finally:
        store.close()
    assert imported(state, write(tmp_path, "time,series,value\n", "empty.csv")) == 1
    assert "empty.csv: error: no tick in it" in capsys.readouterr().err


def test_backtest_without_history_says_how_to_get_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backtest", "--state", str(tmp_path / "nothing")]) == 1
    assert "stressd history import FILE" in capsys.readouterr().err


def test_the_middle_of_a_crossed_quote_is_no_history() -> None:
    ticks = [
        Tick(series, 2.0 + k, k, k, "desk", flags, sign * (-0.01 if k == 3 else 0.01))
        for series, sign in (("US.GOV.10Y", 1.0), ("JP.GOV.10Y", -1.0))
        for k in range(6)
        for flags in (MIDDLE, 0)
    ]
    kept = uncrossed(ticks)
    assert len(kept) == len(ticks) - 2
    assert [tick for tick in ticks if tick not in kept] == [tick for tick in ticks if tick.time == 3 and tick.flags]
