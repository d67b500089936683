"""Usual co-movement: streaming equals batch, and a shared part of two walks is found whatever their clocks."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd.engine.hayashi import Hayashi, Path
from stressd.engine.spec import SECOND

Points = list[tuple[int, float]]

MOMENTS = st.lists(st.integers(0, 200), min_size=2, max_size=40, unique=True)


def walk(times: list[int], rng: random.Random) -> Points:
    level = 0.0
    points = []
    for t in sorted(times):
        level += rng.gauss(0.0, 1.0)
        points.append((t, level))
    return points


def all_pairs(first: Points, second: Points) -> float:
    """The definition: products of all pairs of increments whose intervals overlap."""
    return math.fsum(
        (first[i][1] - first[i - 1][1]) * (second[j][1] - second[j - 1][1])
        for i in range(1, len(first))
        for j in range(1, len(second))
        if first[i - 1][0] < second[j][0] and second[j - 1][0] < first[i][0]
    )


def streamed(first: Points, second: Points, first_wins: bool) -> Hayashi:
    pair = Hayashi(math.inf)
    ticks = [(t, 0 if first_wins else 1, z, True) for t, z in first]
    ticks += [(t, 1 if first_wins else 0, z, False) for t, z in second]
    for t, _, z, of_first in sorted(ticks):
        if of_first:
            pair.tick_first(z, t, 0.0)
        else:
            pair.tick_second(z, t)
    return pair


@given(MOMENTS, MOMENTS, st.integers(0, 2**32), st.booleans())
def test_streaming_equals_the_sum_over_all_overlapping_pairs(
    first: list[int], second: list[int], seed: int, first_wins: bool
) -> None:
    rng = random.Random(seed)
    one, other = walk(first, rng), walk(second, rng)
    scale = sum(abs(z) for _, z in one) * sum(abs(z) for _, z in other) + 1.0
    assert streamed(one, other, first_wins).sum == pytest.approx(all_pairs(one, other), abs=1e-12 * scale)


@given(MOMENTS, MOMENTS, st.integers(0, 2**32), st.integers(0, 60))
def test_a_restart_anywhere_changes_nothing(first: list[int], second: list[int], seed: int, cut: int) -> None:
    rng = random.Random(seed)
    ticks = sorted([(t, 0, z) for t, z in walk(first, rng)] + [(t, 1, z) for t, z in walk(second, rng)])
    whole, again = Hayashi(), Hayashi()
    for number, (t, which, z) in enumerate(ticks):
        if number == cut:
            fresh = Hayashi()
            fresh.load(again.state())
            again = fresh
        for pair in (whole, again):
            if which == 0:
                pair.tick_first(z, t, 1.0)
            else:
                pair.tick_second(z, t)
    assert whole.state() == again.state()


def test_the_shared_part_of_two_walks_is_found_though_they_tick_at_different_times() -> None:
    rng = random.Random(5)
    first, second = Path(), Path()
    pair = Hayashi(math.inf)
    common = 0.0
    own = [0.0, 0.0]
    for second_of_day in range(200_000):
        common += rng.gauss(0.0, math.sqrt(0.4 / 60.0))
        own[0] += rng.gauss(0.0, math.sqrt(0.6 / 60.0))
        own[1] += rng.gauss(0.0, math.sqrt(0.6 / 60.0))
        t = (second_of_day + 1) * SECOND
        if rng.random() < 0.05:
            before = first.minutes
            first.move((common + own[0]) / 100.0, t, 1.0, 0.0)
            pair.tick_first(first.z, t, first.minutes - before)
        if rng.random() < 0.03:
            second.move((common + own[1]) / 100.0, t, 1.0, 0.0)
            pair.tick_second(second.z, t)
    assert pair.slope() == pytest.approx(0.4, abs=0.08)


def test_one_jump_does_not_make_two_markets_move_together_for_ever() -> None:
    first, second = Path(), Path()
    pair = Hayashi(math.inf)
    rng = random.Random(3)
    for minute in range(2_000):
        t = (minute + 1) * 60 * SECOND
        jump = 100.0 if minute == 1_000 else 0.0
        for path, of_first in ((first, True), (second, False)):
            level = 0.0 if path.y != path.y else path.y
            before = path.minutes
            path.move(level + (rng.gauss(0.0, 1.0) + jump) / 100.0, t, 1.0, 0.0)
            if of_first:
                pair.tick_first(path.z, t, path.minutes - before)
            else:
                pair.tick_second(path.z, t)
    assert abs(pair.slope()) < 0.08


def test_no_move_reaches_across_a_close() -> None:
    path = Path()
    path.move(2.0, SECOND, 1.0, 0.0)
    path.move(2.01, 61 * SECOND, 1.0, 0.0)
    stood = path.z
    path.break_off()
    path.move(3.0, 9_000 * SECOND, 1.0, 0.0)
    assert path.z == stood


def test_too_little_in_common_says_nothing() -> None:
    assert Hayashi().slope() == 0.0
