"""Breaks in the data and changes of convention, on made curves and on the real ones."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressd.config.builtin import default_spec
from stressd.engine.breaks import NEEDED, BreakWatch, Fix, flips
from stressd.engine.engine import Engine
from stressd.engine.events import ONCE, Breach, Event, FeedNote
from stressd.engine.spec import DAY, MINUTE
from stressd.lab.backtest import fixing_ticks, merged
from stressd.lab.publishers import read_daily
from stressd.market.conventions import convention_gap, explains, simple_yield
from stressd.market.tick import FIXING, Tick
from stressd.market.times import iso, parse_time
from stressd.testing.worlds import world

TENORS = [2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0]
STRESS = [
    "2008-09-15", "2008-09-29", "2009-03-18", "2013-04-04", "2016-01-29", "2016-11-09", "2020-03-09", "2020-03-17",
    "2022-12-20", "2023-03-13", "2025-04-07", "2025-04-09", "2026-01-20",
]  # fmt: skip


def fixes(changes: dict[float, float], sigma: float = 3.0) -> list[Fix]:
    return [Fix(f"{year:g}Y", year, 3.0, changes.get(year, 0.5), sigma) for year in TENORS]


def warm() -> BreakWatch:
    watch = BreakWatch()
    for day in range(NEEDED + 20):
        watch.judge(fixes({year: 2.0 * math.sin(day * 1.3) + 0.4 * math.sin(day * year) for year in TENORS}))
    return watch


def test_a_tenor_that_jumps_alone_is_a_break_and_nothing_else_is() -> None:
    found = warm().judge(fixes({20.0: -35.0, 15.0: 2.0, 30.0: 1.0}))
    assert [each.fix.series for each in found] == ["20Y"]
    assert [each.series for each in found[0].neighbours] == ["15Y", "30Y"]
    assert not found[0].convention


def test_the_longest_tenor_is_held_against_the_two_below_it() -> None:
    found = warm().judge(fixes({40.0: -30.0}))
    assert [each.fix.series for each in found] == ["40Y"]
    assert [each.series for each in found[0].neighbours] == ["20Y", "30Y"]


@settings(max_examples=60)
@given(st.floats(-60.0, 60.0), st.floats(-40.0, 40.0), st.floats(3.0, 25.0))
def test_a_move_of_the_curve_is_none_however_large_and_however_bent(level: float, slope: float, bend: float) -> None:
    moved = {year: level + slope * math.exp(-year / bend) for year in TENORS}
    assert not [each for each in warm().judge(fixes(moved)) if not each.convention]


def test_a_move_whose_neighbours_move_a_part_of_it_is_a_move() -> None:
    assert not warm().judge(fixes({20.0: -35.0, 15.0: -12.0}))
    assert not warm().judge(fixes({20.0: -35.0, 15.0: 7.0}))


def test_the_shortest_tenor_is_moved_by_policy_alone() -> None:
    assert not warm().judge(fixes({2.0: -40.0}))


def test_nothing_is_a_break_before_what_is_usual_is_known() -> None:
    watch = BreakWatch()
    assert not watch.judge(fixes({20.0: -35.0}))
    for _ in range(NEEDED + 1):
        watch.judge(fixes({}))
    assert not watch.judge(fixes({20.0: -35.0}, sigma=0.0))
    assert watch.judge(fixes({20.0: -35.0}))


def test_a_break_is_not_learned_from() -> None:
    watch = warm()
    before = watch.state()
    watch.judge(fixes({20.0: -35.0}))
    assert watch.state()["20Y"] == before["20Y"]
    again = BreakWatch()
    again.load(json.loads(json.dumps(watch.state())))
    assert again.state() == watch.state()


def test_simple_yields_lie_above_compound_ones_below_par() -> None:
    assert simple_yield(3.0, 30.0, 3.0) == pytest.approx(3.0)
    assert convention_gap(3.0, 30.0, 0.5) == pytest.approx(13.7, abs=0.1)
    assert convention_gap(3.0, 40.0, 1.0) == pytest.approx(36.0, abs=0.1)
    price = sum(1.0 / 1.015**k for k in range(1, 61)) + 100.0 / 1.015**60
    assert simple_yield(3.0, 30.0, 2.0) == pytest.approx((2.0 + (100.0 - price) / 30.0) / price * 100.0)


@settings(max_examples=60)
@given(st.floats(0.5, 2.3), st.floats(2.6, 5.0), st.sampled_from([1.0, -1.0]))
def test_a_change_of_convention_explains_its_own_jumps(discount: float, level: float, sign: float) -> None:
    jumps = []
    for year in (20.0, 30.0, 40.0):
        gap = convention_gap(level, year, discount)
        jumps.append((year, level if sign > 0 else level + gap / 100.0, sign * gap))
    assert explains(jumps)
    assert not explains([*jumps[:2], (40.0, jumps[2][1], 0.4 * jumps[2][2])])


def test_super_longs_that_jump_by_the_gap_alone_are_a_change_of_convention() -> None:
    gaps = {year: convention_gap(3.0, year, 1.0) for year in (15.0, 20.0, 30.0, 40.0)}
    found = flips(fixes(gaps))
    assert [each.fix.series for each in found] == ["15Y", "20Y", "30Y", "40Y"]
    assert all(each.convention for each in found)
    assert not flips(fixes(gaps | {10.0: 9.0}))
    assert not flips(fixes(dict.fromkeys(gaps, 25.0)))


# --- through the engine -----------------------------------------------------------------------------------------------

START = parse_time("2025-01-06T06:00:00Z")
NAMES = ("5Y", "10Y", "20Y", "30Y")


def days(count: int, jumps: dict[int, dict[str, float]]) -> Iterator[Tick]:
    level = {name: 2.0 + 0.3 * k for k, name in enumerate(NAMES)}
    for day in range(count):
        for k, name in enumerate(NAMES):
            level[name] += (
                0.02 * math.sin(day * 1.7) + 0.003 * math.sin(day * (k + 2)) + jumps.get(day, {}).get(name, 0)
            )
            at = START + day * DAY
            yield Tick(f"AA.GOV.{name}", round(level[name], 4), at, at, "pub", FIXING)


def run(jumps: dict[int, dict[str, float]], count: int = 90) -> tuple[Engine, list[Event]]:
    spec = world({"AA": "always"}, NAMES, silence=None, levels=True, spreads=("AA.GOV.10s20s",))
    engine = Engine(spec, START - MINUTE)
    out = engine.feed(list(days(count, jumps)))
    return engine, out + engine.advance(START + count * DAY)


def test_a_break_is_no_breach_no_level_and_no_record_and_the_series_goes_on_from_there() -> None:
    engine, out = run({80: {"20Y": -0.6}})
    plain, quiet = run({})
    notes = [event for event in out if isinstance(event, FeedNote)]
    assert [(note.rule, note.phase, note.kind, note.series) for note in notes] == [
        ("data-break", ONCE, "feed", "AA.GOV.20Y")
    ]
    assert notes[0].text.startswith("AA 20Y -6")
    assert "while 10Y " in notes[0].text
    assert notes[0].text.endswith("taken as a break in the data, not as a move")
    assert not [event for event in out if event.time == START + 80 * DAY and not isinstance(event, FeedNote)]
    moves = [[(e.time, e.series) for e in each if isinstance(e, Breach)] for each in (out, quiet)]
    assert moves[0] == moves[1]
    for ours, theirs in zip(engine.status(), plain.status(), strict=True):
        assert ours["sigma_bp"]["1d"] == pytest.approx(theirs["sigma_bp"]["1d"], rel=0.05)
        assert ours["fixings"] == theirs["fixings"]


def test_the_same_jump_of_the_whole_curve_is_a_move() -> None:
    _, out = run({80: dict.fromkeys(NAMES, -0.60)})
    assert not [event for event in out if isinstance(event, FeedNote)]
    assert {event.series for event in out if isinstance(event, Breach)} >= {f"AA.GOV.{name}" for name in NAMES}


def test_after_a_break_the_next_move_is_measured_from_it() -> None:
    _, out = run({80: {"20Y": -0.60}, 83: dict.fromkeys(NAMES, 0.30)})
    breach = next(e for e in out if isinstance(e, Breach) and e.series == "AA.GOV.20Y" and e.time == START + 83 * DAY)
    assert breach.change_bp == pytest.approx(30.0, abs=4.0)
    assert breach.standing is not None
    assert breach.standing.rank == 1


@pytest.fixture(scope="module")
def history(shared: Path) -> tuple[list[FeedNote], list[Breach]]:
    """Every note and every breach of all JGB tenors since 1974 and all Treasury tenors since 2005."""
    files = [shared / "data/jgb/jgbcme_all.csv", *sorted((shared / "data/ust").glob("DGS*.csv"))]
    daily = merged([read_daily(str(path)) for path in files])
    spec = default_spec(list(daily))
    ticks = fixing_ticks(daily, spec)
    engine = Engine(spec, ticks[0].received - 1)
    out = engine.feed(ticks) + engine.advance(ticks[-1].received + MINUTE)
    return [e for e in out if isinstance(e, FeedNote)], [e for e in out if isinstance(e, Breach)]


def day_of_note(event: Event) -> str:
    """Tokyo's and New York's fixings are on the same date in UTC."""
    return iso(event.time)[:10]


@pytest.mark.once
def test_the_two_known_breaks_of_the_real_curve_are_found(history: tuple[list[FeedNote], list[Breach]]) -> None:
    notes = {day_of_note(note): note for note in history[0] if note.series == "JP.GOV.20Y"}
    assert notes["1988-10-01"].text.startswith("JP 20Y -23.4bp while 9Y -5.6bp and 10Y -2.3bp: taken as a break")
    assert notes["1992-09-01"].text.startswith("JP 20Y -35.0bp while 10Y +1.6bp and 15Y +2.0bp: taken as a break")
    breached = {(day_of_note(b), b.series) for b in history[1]}
    assert ("1988-10-01", "JP.GOV.20Y") not in breached
    assert ("1992-09-01", "JP.GOV.20Y") not in breached


@pytest.mark.once
def test_no_stress_day_is_taken_for_a_break(history: tuple[list[FeedNote], list[Breach]]) -> None:
    assert not {day_of_note(note) for note in history[0]} & set(STRESS)
    breached = {day_of_note(b) for b in history[1]}
    assert {"2013-04-04", "2022-12-20", "2026-01-20"} <= breached


@pytest.mark.once
def test_breaks_are_few_and_fall_on_the_days_on_which_benchmarks_change(
    history: tuple[list[FeedNote], list[Breach]],
) -> None:
    """26 in fifty years of JGBs, none since 1994; all but two on the first or last trading day of a month, or in the
    days after the 20th on which JGBs were issued. One in twenty years of Treasuries: a new 52-week bill."""
    days = sorted(day_of_note(note) for note in history[0] if note.market == "JP")
    assert len(days) == 26
    assert max(days) == "1994-07-01"
    usual = [day for day in days if int(day[8:]) <= 4 or 20 <= int(day[8:]) <= 24 or int(day[8:]) >= 31]
    assert sorted(set(days) - set(usual)) == ["1979-07-10", "1980-03-27"]
    assert [(day_of_note(note), note.series) for note in history[0] if note.market == "US"] == [
        ("2022-03-22", "US.GOV.1Y")
    ]
    assert {note.rule for note in history[0]} == {"data-break"}
