"""`stressd replay --measures`: the measures of a session are those of the moves that the engine accepted."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

import pytest

from stressd.cli.main import main
from stressd.engine.spec import DAY, SECOND
from stressd.lab.measures import C, bipower_variation, jump_p, jump_share, lee_mykland, med_rv, realised_variance
from stressd.lab.offline import Setup
from stressd.lab.realised import WINDOW, measured, measures
from stressd.lab.replay import replay
from stressd.market.tick import Tick
from stressd.market.times import iso, parse_time
from stressd.testing.worlds import world

OPEN = parse_time("2026-01-20T08:00:00Z")
"""Gilts trade from 08:00 to 17:00 London."""
STEPS = 9 * 60 * 2


def sessions(jump_bp: float = 0.0, dirt: bool = False, days: int = 2, at: int = 700) -> list[Tick]:
    """Ticks every 30 s of two or more sessions; a jump in the last one after `at` ticks."""
    rng = random.Random(3)
    value, ticks = 4.5, []
    for day in range(days):
        for k in range(STEPS):
            value += rng.gauss(0.0, 0.0015)
            if day == days - 1 and k == at:
                value += jump_bp / 100.0
            t = OPEN + day * DAY + (k * 30 + 7) * SECOND
            ticks.append(Tick("UK.GOV.10Y", round(value, 5), t, t, "desk"))
            if dirt and k % 41 == 20:
                bad = Tick("UK.GOV.10Y", round(value + 0.8, 5), t + SECOND, t + SECOND, "desk")
                ticks += [bad, bad]
    return ticks


def run(ticks: list[Tick]) -> tuple[Setup, dict[str, list[float]], list[dict[str, object]]]:
    setup, kept = measured(Setup(world({"UK": "UK"}, silence=None)))
    for _ in replay(setup, ticks):
        pass
    rows = [row.as_json() for row in measures(setup, kept)]
    return setup, {name: each.moves for name, each in kept.items()}, rows


def test_a_row_is_of_the_five_minute_moves_of_its_session() -> None:
    _, moves, rows = run(sessions(jump_bp=9.0))
    assert [(row["series"], row["session"]) for row in rows] == [
        ("UK.GOV.10Y", "2026-01-20"),
        ("UK.GOV.10Y", "2026-01-21"),
    ]
    # of the 108 stretches of a session the first has nothing before it; the last day's last one is still under way
    assert [row["moves"] for row in rows] == [107, 106]
    mine = moves["UK.GOV.10Y"][107:]
    second = rows[1]
    assert second["volatility"] == pytest.approx(math.sqrt(realised_variance(mine)), abs=1e-4)
    assert second["smooth"] == pytest.approx(math.sqrt(bipower_variation(mine)), abs=1e-4)
    assert second["median"] == pytest.approx(math.sqrt(med_rv(mine)), abs=1e-4)
    assert second["jump_share"] == pytest.approx(jump_share(mine), abs=1e-4)
    statistic = abs(lee_mykland(moves["UK.GOV.10Y"], WINDOW)[107:])
    assert second["largest_sigma"] == pytest.approx(statistic.max() * C, abs=1e-4)
    assert second["p"] == pytest.approx(jump_p(float(statistic.max()), 106), rel=1e-9)


def test_a_jump_is_found_at_its_time_and_a_calm_day_has_none() -> None:
    jump, calm = run(sessions(jump_bp=9.0))[2][1], run(sessions())[2][1]
    assert isinstance(jump["largest_bp"], float)
    assert jump["largest_bp"] == pytest.approx(9.0, abs=2.0)
    assert str(jump["largest_at"])[:15] == iso(OPEN + DAY + 700 * 30 * SECOND)[:15]
    assert float(str(jump["p"])) < 1e-6
    assert float(str(jump["jump_share"])) > 0.5
    assert float(str(calm["p"])) > 0.01
    assert float(str(calm["jump_share"])) < 0.3


def test_bad_ticks_are_in_no_measure() -> None:
    assert run(sessions(dirt=True))[2] == run(sessions())[2]


def test_a_session_too_short_has_no_row_and_one_without_a_past_no_test() -> None:
    rows = run(sessions(days=1))[2]
    # 28 of its 106 moves have the 78 before them that a test needs
    assert len(rows) == 1
    assert rows[0]["p"] is not None
    short = [tick for tick in sessions(days=1) if tick.time < OPEN + 5 * 3600 * SECOND]
    (row,) = run(short)[2]
    assert (row["p"], row["largest_bp"], row["largest_at"]) == (None, None, None)
    assert run(short[:100])[2] == []


def test_replay_prints_the_measures_last(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "t.csv"
    lines = [f"{iso(tick.time)},{tick.series},{tick.value}" for tick in sessions(jump_bp=9.0)]
    file.write_text("\n".join(["time,series,value", *lines]) + "\n")
    assert main(["replay", str(file), "--measures"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[-3].split()[:3] == ["SERIES", "SESSION", "MOVES"]
    assert told[-1].split()[:3] == ["UK.GOV.10Y", "2026-01-21", "106"]
    assert "σ" in told[-1]
    assert main(["replay", str(file), "--measures", "--json"]) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [row["session"] for row in last["measures"]] == ["2026-01-20", "2026-01-21"]
    assert main(["replay", str(file), "--json"]) == 0
    assert "measures" not in capsys.readouterr().out
