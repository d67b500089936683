"""Covariances of ticks that never come together, against sums over all pairs; the table on paths whose lag is known."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from stressd.lab.leadlag import GRID, SECOND, Path, contrast, correlation, covariance, kept, table

STEPS = st.lists(st.tuples(st.integers(0, 40), st.floats(-5.0, 5.0)), min_size=0, max_size=40)
LAG = st.integers(-60, 60)


def path_of(steps: list[tuple[int, float]]) -> tuple[list[int], list[float]]:
    """Times and values from (pause, change)."""
    times, values = [0], [1.5]
    for pause, change in steps:
        times.append(times[-1] + pause)
        values.append(values[-1] + change)
    return times, values


def increments(steps: list[tuple[int, float]], gap: int) -> list[tuple[int, int, float]]:
    """(start, end, change) over the last values of each time, none longer than `gap`."""
    last = dict(zip(*path_of(steps), strict=True))
    points = sorted(last.items())
    return [(a, b, y - x) for (a, x), (b, y) in pairwise(points) if b - a <= gap]


def over_all_pairs(x: list[tuple[int, int, float]], y: list[tuple[int, int, float]], lag: int) -> tuple[float, float]:
    """The sum of the products where half-open intervals overlap, and of their squares."""
    products = [u * v for a, b, u in x for c, d, v in y if a < d - lag and c - lag < b]
    return math.fsum(products), math.fsum(p * p for p in products)


@given(STEPS, STEPS, LAG, st.integers(1, 60))
def test_it_is_the_sum_over_all_pairs_that_overlap(
    x: list[tuple[int, float]], y: list[tuple[int, float]], lag: int, gap: int
) -> None:
    exact, squares = over_all_pairs(increments(x, gap), increments(y, gap), lag)
    one, other = Path(*path_of(x), gap), Path(*path_of(y), gap)
    assert covariance(one, other, lag) == pytest.approx(exact, rel=1e-12, abs=1e-10)
    assert float(one.changes**2 @ other.during(one, lag)[1]) == pytest.approx(squares, rel=1e-12, abs=1e-9)


def test_it_is_the_sum_over_all_pairs_to_twelve_digits_on_a_session() -> None:
    rng = random.Random(1)
    x, y = ([(rng.randint(1, 9), rng.gauss(0.0, 1.0)) for _ in range(1500)] for _ in range(2))
    one, other = Path(*path_of(x)), Path(*path_of(y))
    scale = math.sqrt(one.variation * other.variation)
    for lag in (0, 37, -400):
        exact, _ = over_all_pairs(increments(x, 60), increments(y, 60), lag)
        assert abs(covariance(one, other, lag) - exact) <= 1e-12 * scale


@given(STEPS, STEPS, LAG)
def test_exchanging_the_paths_turns_the_lag(x: list[tuple[int, float]], y: list[tuple[int, float]], lag: int) -> None:
    one, other = Path(*path_of(x)), Path(*path_of(y))
    assert covariance(one, other, lag) == pytest.approx(covariance(other, one, -lag), rel=1e-12, abs=1e-10)


@given(STEPS)
def test_a_path_beside_itself_has_its_own_variation(x: list[tuple[int, float]]) -> None:
    path = Path(*path_of(x))
    assume(path.variation > 1e-6)
    assert covariance(path, path) == pytest.approx(path.variation, rel=1e-9)
    assert correlation(path, path) == pytest.approx(1.0, rel=1e-9)


@given(STEPS, STEPS, st.integers(-(10**15), 10**15), st.floats(-1000.0, 1000.0))
def test_only_differences_of_times_and_values_count(
    x: list[tuple[int, float]], y: list[tuple[int, float]], later: int, higher: float
) -> None:
    (t, v), (u, w) = path_of(x), path_of(y)
    moved = covariance(
        Path([a + later for a in t], [a + higher for a in v]), Path([a + later for a in u], [a + higher for a in w])
    )
    assert moved == pytest.approx(covariance(Path(t, v), Path(u, w)), rel=1e-9, abs=1e-7)


@given(st.permutations(range(12)))
def test_the_order_in_which_ticks_are_given_is_nothing(order: list[int]) -> None:
    times = np.array([0, 3, 4, 9, 15, 15, 22, 23, 30, 41, 44, 50])
    values = np.array([1.0, 2.0, 1.5, 1.0, 4.0, 4.0, 3.0, 3.5, 2.0, 2.5, 1.0, 0.0])
    path, shuffled = Path(times, values), Path(times[order], values[order])
    assert np.array_equal(path.changes, shuffled.changes)
    assert np.array_equal(path.ends, shuffled.ends)


def test_synchronous_ticks_have_the_covariance_of_their_increments() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((2, 300)).cumsum(axis=1)
    times = np.arange(300) * SECOND
    assert covariance(Path(times, x), Path(times, y)) == pytest.approx(float(np.diff(x) @ np.diff(y)), rel=1e-12)


def test_a_night_belongs_to_no_lag() -> None:
    day = np.arange(0, 600, 10) * SECOND
    times = np.concatenate((day, day + 86_400 * SECOND))
    quiet = np.zeros(120)
    jump = np.where(times > 86_000 * SECOND, 50.0, 0.0)
    assert covariance(Path(times, jump), Path(times, jump + quiet)) == 0.0
    assert Path(times, jump, gap=100_000 * SECOND).variation == 2500.0


def lagged(seed: int, rho: float, lag: int, seconds: int = 20_000) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """A moves `lag` seconds before B; C has nothing to do with them."""
    rng = np.random.default_rng(seed)
    a, own, c = rng.standard_normal((3, seconds + lag))
    b = rho * np.roll(a, lag) + math.sqrt(1.0 - rho**2) * own
    out = {}
    for name, path in (("A", a), ("B", b), ("C", c)):
        seen = np.flatnonzero(rng.random(seconds) < 0.15)
        out[name] = (seen * SECOND, np.cumsum(path[lag:])[seen])
    return out


def test_the_table_names_the_first_mover_and_leaves_the_stranger_alone() -> None:
    rows = table(lagged(3, 0.5, 45))
    best = rows[0]
    assert (best.first, best.second) == ("A", "B")
    assert abs(best.lag_s - 45.0) <= 5.0
    assert best.significant
    assert best.correlation > 0.3
    assert best.ratio is not None
    assert best.ratio > 1.0
    assert best.n > 2000
    assert not any(row.significant for row in rows[1:])
    assert all(row.lag_s >= 0.0 for row in rows)


def test_the_table_does_not_depend_on_the_names() -> None:
    ticks = lagged(4, 0.5, 45)
    turned = table({"Z": ticks["A"], "B": ticks["B"]})[0]
    assert (turned.first, turned.second) == ("Z", "B")
    straight = table({"A": ticks["A"], "B": ticks["B"]})[0]
    assert (turned.lag_s, turned.n) == (straight.lag_s, straight.n)
    assert turned.p == pytest.approx(straight.p)
    assert turned.correlation == pytest.approx(straight.correlation)
    assert turned.ratio == pytest.approx(straight.ratio)


def test_moves_at_once_have_no_first_mover() -> None:
    row = table({name: value for name, value in lagged(5, 0.6, 0).items() if name != "C"})[0]
    assert (row.first, row.second, row.lag_s) == ("A", "B", 0.0)
    assert row.significant


def test_a_series_that_does_not_move_or_has_no_ticks_has_no_lag() -> None:
    still = (np.arange(10) * SECOND, np.ones(10))
    rows = table({"A": still, "B": lagged(6, 0.0, 0)["A"], "C": (np.array([1]), np.array([2.0])), "D": ([], [])})
    assert [(*sorted((row.first, row.second)), row.correlation, row.p, row.significant) for row in rows] == [
        ("A", "B", 0.0, 1.0, False)
    ]
    with pytest.raises(ValueError, match="times"):
        Path([1, 2], [1.0])


def test_the_grid_is_the_same_both_ways() -> None:
    assert np.array_equal(GRID, -GRID[::-1])
    assert np.all(np.diff(GRID) > 0)
    seen = contrast(Path([0, SECOND], [0.0, 1.0]), Path([0, SECOND], [0.0, 1.0]))
    assert np.array_equal(seen.turned().turned().correlations, seen.correlations)


@given(st.lists(st.floats(0.0, 1.0), max_size=30), st.floats(0.001, 0.5))
def test_benjamini_and_hochberg_keep_what_scipy_keeps(ps: list[float], false: float) -> None:
    expected = (stats.false_discovery_control(ps) if ps else np.array([])) <= false
    found = kept(ps, false)
    close = [abs(p * len(ps) / rank - false) < 1e-12 for rank, p in enumerate(sorted(ps), 1)]
    assume(not any(close))
    assert found == expected.tolist()
