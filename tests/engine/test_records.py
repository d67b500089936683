"""Records against brute force over the whole history."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressd.engine.events import Standing
from stressd.engine.records import NOTEWORTHY, RANKED, SOURCES, TAIL, TAIL_KEPT, Records
from stressd.engine.stacks import STACKED, Extremes

Day = tuple[int, float, float, float, str]

# A coarse grid, so that equal moves and levels are common, as on the 1 bp grid of published yields.
moves = st.one_of(st.just(math.nan), st.integers(min_value=-60, max_value=60).map(lambda tenth: tenth / 4.0))
zs = st.one_of(st.just(math.nan), st.integers(min_value=-120, max_value=120).map(lambda bins: bins * 0.05))
levels = st.integers(min_value=-20, max_value=200).map(lambda hundredth: hundredth / 100.0)
sources = st.sampled_from(["live", "mof", "fred"])
rows = st.tuples(st.integers(min_value=1, max_value=9), moves, zs, levels, sources)


@st.composite
def histories(draw: st.DrawFn) -> list[Day]:
    day = 700_000
    history = []
    for step, move, z, level, source in draw(st.lists(rows, max_size=80)):
        day += step
        history.append((day, move, z, level, source))
    return history


def facts(said: Standing) -> tuple[object, ...]:
    return (
        said.beyond, said.exceeded, said.of, said.rank, said.rank_of, said.largest_since, said.on_record,
        said.highest_since, said.highest_on_record,
    )  # fmt: skip


def filled(history: list[Day]) -> Records:
    kept = Records()
    for day, move, z, level, source in history:
        kept.observe(day, move, z, level, source)
    return kept


@given(histories(), moves.filter(lambda x: x == x), st.integers(min_value=0, max_value=140), levels, sources)
def test_a_standing_is_what_brute_force_finds(
    history: list[Day], change: float, grid: int, level: float, source: str
) -> None:
    threshold = grid * 0.05
    said = filled(history).standing(change, 3.3, threshold, level, source)

    held = [(day, move) for day, move, *_ in history if move == move]
    rise = change >= 0.0
    larger = [day for day, move in held if (move > change if rise else move < change)]
    assert said.rank == 1 + len(larger)
    assert said.rank_of == len(held)
    assert said.on_record == (bool(held) and not larger)
    assert said.largest_since == (max(larger) if larger else history[0][0] if held else None)

    measured = [abs(z) for _, _, z, *_ in history if z == z]
    assert said.beyond == threshold
    assert said.of == len(measured)
    assert said.exceeded == sum(1 for size in measured if size >= threshold - 1e-6)

    own = [(day, seen) for day, _, _, seen, name in history if name == source]
    beyond = [day for day, seen in own if (seen > level if rise else seen < level)]
    since = max(beyond) if beyond else own[0][0] if own else None
    if since is not None and own[-1][0] - since < NOTEWORTHY:
        since = None
    assert said.highest_since == since
    assert said.highest_on_record == (since is not None and not beyond)


@given(histories(), histories(), moves.filter(lambda x: x == x), levels, sources)
def test_a_restart_changes_nothing(
    before: list[Day], after: list[Day], change: float, level: float, source: str
) -> None:
    kept = filled(before)
    restored = Records()
    restored.load(json.loads(json.dumps(kept.state())))
    for day, move, z, seen, name in after:
        kept.observe(day + 10_000, move, z, seen, name)
        restored.observe(day + 10_000, move, z, seen, name)
    assert restored.state() == kept.state()
    first, second = (each.standing(change, 3.0, 3.0, level, source) for each in (kept, restored))
    assert facts(first) == facts(second)


@settings(max_examples=10)
@given(
    st.lists(st.integers(min_value=-300, max_value=300), min_size=RANKED, max_size=RANKED + 400), st.integers(-300, 300)
)
def test_only_the_last_five_years_of_moves_are_ranked(tenths: list[int], change: int) -> None:
    kept = Records()
    for day, tenth in enumerate(tenths, start=1):
        kept.observe(day, tenth / 10.0, math.nan, 1.0, "live")
    said = kept.standing(change / 10.0, 1.0, 3.0, 1.0, "live")
    last = tenths[-RANKED:]
    assert said.rank == 1 + sum(1 for tenth in last if (tenth > change if change >= 0 else tenth < change))
    assert said.rank_of == RANKED


def test_equal_moves_from_different_levels_are_equal() -> None:
    kept = Records()
    kept.observe(1, (3.765 - 3.562) * 100.0, 6.0, 3.765, "live")
    said = kept.standing((1.203 - 1.0) * 100.0, 6.0, 3.0, 1.2, "live")
    assert said.rank == 1
    assert said.on_record


def test_nothing_is_said_of_a_series_without_history() -> None:
    said = Records().standing(20.3, 6.9, 6.0, 3.765, "live")
    assert (said.rank, said.rank_of, said.exceeded, said.of) == (1, 0, 0, 0)
    assert (said.largest_since, said.on_record, said.highest_since, said.highest_on_record) == (
        None,
        False,
        None,
        False,
    )


def test_a_live_level_is_never_compared_with_an_imported_one() -> None:
    kept = Records()
    for day in range(1, 200):
        kept.observe(day, 1.0, 1.0, 3.0, "mof")
    assert kept.standing(5.0, 3.0, 3.0, 9.0, "live").highest_since is None
    assert kept.standing(5.0, 3.0, 3.0, 9.0, "mof").highest_on_record


@given(st.lists(st.integers(min_value=0, max_value=400), max_size=300), st.integers(min_value=0, max_value=400))
def test_a_bounded_stack_never_tells_a_day_older_than_the_truth(values: list[int], asked: int) -> None:
    exact, bounded = Extremes(1), Extremes(1, 4)
    for day, value in enumerate(values):
        exact.observe(day, float(value))
        bounded.observe(day, float(value))
    truth, told = exact.last_beyond(float(asked)), bounded.last_beyond(float(asked))
    assert truth is None or (told is not None and told >= truth)


def test_memory_is_bounded_however_the_series_runs() -> None:
    kept = Records()
    for day in range(1, 3 * STACKED):
        kept.observe(day, 1e6 - day, 2.0 + day * 1e-3, 1e6 - day, f"feed {day % 50}")
    state = kept.state()
    assert len(state["ring"]) == RANKED
    assert len(state["rises"][0]) <= STACKED
    assert len(state["levels"]) <= SOURCES
    for day in range(TAIL_KEPT + 2_000):
        kept.observe(10_000 + day, 0.0, TAIL + day * 1e-4, 1.0, "live")
    state = kept.state()
    assert len(state["tail"]) <= TAIL_KEPT
    assert len(state["bins"]) < 200
    assert kept.standing(1.0, 1.0, 0.0, 1.0, "live").exceeded == state["zs"]
    beyond = sum(1 for day in range(1, 3 * STACKED) if 2.0 + day * 1e-3 >= 4.0)
    assert kept.exceeded(4.0) == beyond


@pytest.mark.parametrize(("change", "rank"), [(20.3, 1), (10.0, 2), (-20.3, 2), (-30.0, 1)])
def test_a_rise_is_ranked_among_rises_and_a_fall_among_falls(change: float, rank: int) -> None:
    kept = Records()
    for day, move in enumerate([15.0, -25.0, 3.0, -3.0], start=1):
        kept.observe(day, move, 1.0, 1.0, "live")
    assert kept.standing(change, 3.0, 3.0, 1.0, "live").rank == rank
