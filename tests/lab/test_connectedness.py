"""Connectedness: the published table to the digit, and what must hold for any columns."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressd.lab.connectedness import (
    Connectedness,
    Matrix,
    NoVar,
    RunningVar,
    cholesky,
    connectedness,
    decayed,
    generalized,
    rolling,
    shifted,
    total,
    var,
)
from stressd.lab.report.columns import Columns, ColumnsReport, read_columns
from stressd.market.times import day_iso

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def published(shared: Path) -> Columns:
    """Diebold and Yilmaz (2012): log volatilities of stocks, bonds, commodities and currencies."""
    return read_columns(shared / "data/dy2012/dy2012.csv")


def systems(seed: int, rows: int = 300, nodes: int = 3) -> Matrix:
    """A stable system with links in one row and over rows."""
    chance = np.random.default_rng(seed)
    link = 0.25 * chance.uniform(-1.0, 1.0, (nodes, nodes)) + 0.3 * np.eye(nodes)
    mix = np.eye(nodes) + 0.4 * chance.uniform(-1.0, 1.0, (nodes, nodes))
    y = np.zeros((rows, nodes))
    for t in range(1, rows):
        y[t] = link @ y[t - 1] + mix @ chance.standard_normal(nodes)
    return y


# --- the published figures --------------------------------------------------------------------------------------------


def test_the_published_table_comes_out_to_the_fourth_digit(published: Columns) -> None:
    assert len(published.days) == 2771
    model = var(published.values, 4)
    found = connectedness(published.nodes, model, 10)
    expected = [
        [88.7570, 7.2912, 0.3453, 3.6065],
        [10.2135, 81.4457, 2.7270, 5.6138],
        [0.4681, 3.6960, 93.6942, 2.1417],
        [5.6916, 7.0260, 1.5478, 85.7346],
    ]
    np.testing.assert_allclose(found.table, expected, atol=1e-4)
    np.testing.assert_allclose(found.from_others, [11.2430, 18.5543, 6.3058, 14.2654], atol=1e-4)
    np.testing.assert_allclose(found.to, [16.3732, 18.0132, 4.6201, 11.3620], atol=1e-4)
    np.testing.assert_allclose(found.net, [5.1302, -0.5411, -1.6857, -2.9034], atol=1e-4)
    np.testing.assert_allclose(found.raw, [1.116954, 1.174049, 1.026820, 1.128091], atol=1e-6)
    assert found.total == pytest.approx(12.592113, abs=1e-6)
    assert Connectedness(published.nodes, cholesky(model, 10), 1.0).total == pytest.approx(8.144136, abs=1e-6)


@pytest.mark.parametrize(
    ("lags", "horizon", "expected"),
    [(4, 1, 7.478234), (4, 2, 8.227910), (4, 5, 10.077649), (4, 20, 15.082187), (2, 10, 15.752225)],
)
def test_other_lags_and_horizons_give_their_known_totals(
    published: Columns, lags: int, horizon: int, expected: float
) -> None:
    assert total(var(published.values, lags), horizon) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("half_life", "lags", "expected"), [(100, 4, 22.138453), (100, 2, 26.965108), (60, 2, 22.942204)]
)
def test_decaying_weights_give_their_known_totals(
    published: Columns, half_life: int, lags: int, expected: float
) -> None:
    assert total(var(published.values, lags, decay=0.5 ** (1 / half_life)), 10) == pytest.approx(expected, abs=1e-6)


def test_the_rolling_totals_are_the_known_ones(published: Columns) -> None:
    found = rolling(published.values, 4, 10, 200)
    by_day = dict(zip((day_iso(day) for day in published.days[199:]), found, strict=True))
    assert len(by_day) == 2572
    known = {
        "1999-11-05": 13.506221, "2002-07-08": 7.130908, "2008-03-19": 33.739256, "2008-10-10": 26.402023,
    }  # fmt: skip
    for day, expected in known.items():
        assert by_day[day] == pytest.approx(expected, abs=1e-6)
    assert min(by_day, key=lambda day: by_day[day]) == "2002-07-08"
    assert max(by_day, key=lambda day: by_day[day]) == "2008-03-19"
    assert found[-1] == pytest.approx(17.368284, abs=1e-6)
    assert found.mean() == pytest.approx(16.412680, abs=1e-6)


# --- what holds for any columns ---------------------------------------------------------------------------------------


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), lags=st.integers(1, 3), half_life=st.sampled_from([math.inf, 20.0, 100.0]))
def test_row_by_row_is_the_same_as_all_at_once(seed: int, lags: int, half_life: float) -> None:
    y = systems(seed) - 10.0
    decay = 0.5 ** (1.0 / half_life)
    running = RunningVar(3, lags, decay=decay, ridge=1e-3)
    for row in y:
        running.update(row)
    one, other = running.var(), var(y, lags, decay=decay, ridge=1e-3)
    np.testing.assert_allclose(one.lags, other.lags, atol=1e-10)
    np.testing.assert_allclose(one.constant, other.constant, atol=1e-10)
    np.testing.assert_allclose(one.sigma, other.sigma, atol=1e-10)
    assert one.rows == pytest.approx(other.rows)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), lags=st.integers(1, 3), decay=st.sampled_from([1.0, 0.99]))
def test_the_weighted_fit_is_what_a_least_squares_routine_finds(seed: int, lags: int, decay: float) -> None:
    y = systems(seed)
    x = np.hstack([np.ones((len(y) - lags, 1)), *(y[lags - k : len(y) - k] for k in range(1, lags + 1))])
    w = np.sqrt(decay ** np.arange(len(x) - 1, -1, -1.0))[:, None]
    expected = np.linalg.lstsq(x * w, y[lags:] * w, rcond=None)[0]
    model = var(y, lags, decay=decay)
    np.testing.assert_allclose(model.constant, expected[0], atol=1e-9)
    np.testing.assert_allclose(model.lags.transpose(0, 2, 1).reshape(-1, 3), expected[1:], atol=1e-9)
    residual = (y[lags:] - x @ expected) * w
    np.testing.assert_allclose(model.sigma, residual.T @ residual / (w * w).sum(), atol=1e-9)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), horizon=st.integers(1, 20), ridge=st.sampled_from([0.0, 1e-3]))
def test_rows_add_up_to_a_hundred_and_nothing_is_given_that_nobody_receives(
    seed: int, horizon: int, ridge: float
) -> None:
    found = connectedness("abc", var(systems(seed), 2, ridge=ridge), horizon)
    np.testing.assert_allclose(found.table.sum(axis=1), 100.0, atol=1e-9)
    assert (found.table >= 0.0).all()
    assert found.net.sum() == pytest.approx(0.0, abs=1e-9)
    assert found.to.sum() == pytest.approx(found.from_others.sum())
    assert 0.0 <= found.total <= 100.0


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), order=st.permutations([0, 1, 2]))
def test_the_order_of_the_columns_changes_nothing_but_their_order(seed: int, order: list[int]) -> None:
    y = systems(seed)
    one = connectedness("abc", var(y, 2), 10).table
    other = connectedness([("abc")[k] for k in order], var(y[:, order], 2), 10).table
    np.testing.assert_allclose(other, one[np.ix_(order, order)], atol=1e-8)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10_000),
    scales=st.lists(st.floats(1e-4, 1e4), min_size=3, max_size=3),
    levels=st.lists(st.floats(-100.0, 100.0), min_size=3, max_size=3),
)
def test_units_and_levels_of_the_columns_do_not_matter_with_a_ridge_either(
    seed: int, scales: list[float], levels: list[float]
) -> None:
    y = systems(seed)
    moved = (y + levels) * scales
    for ridge in (0.0, 1e-3):
        one = connectedness("abc", var(y, 2, decay=0.99, ridge=ridge), 10).table
        other = connectedness("abc", var(moved, 2, decay=0.99, ridge=ridge), 10).table
        np.testing.assert_allclose(other, one, atol=1e-6)


def test_how_the_residuals_are_counted_does_not_matter() -> None:
    model = var(systems(1), 2)
    before = generalized(model, 10)
    model.sigma *= 300.0 / 291.0
    np.testing.assert_allclose(generalized(model, 10), before, atol=1e-14)


def test_one_market_that_drives_another_is_the_transmitter() -> None:
    chance = np.random.default_rng(5)
    lead = chance.standard_normal(2000)
    y = np.column_stack([lead, np.concatenate(([0.0], 0.8 * lead[:-1])) + 0.6 * chance.standard_normal(2000)])
    found = connectedness(["lead", "follow"], var(y, 2), 10)
    assert found.table[1, 0] == pytest.approx(100.0 * 0.64, abs=4.0)
    assert found.table[0, 1] < 1.0
    assert found.net[0] > 50.0


def test_decayed_totals_use_no_row_that_came_later() -> None:
    y = systems(3, rows=260)
    path = decayed(y, 2, 10, 0.98, 1e-3, 60)
    for back in (1, 20, 60):
        until = y[: len(y) - back + 1]
        assert path[-back] == pytest.approx(total(var(until, 2, decay=0.98, ridge=1e-3), 10), abs=1e-9)


def test_columns_shifted_against_each_other_show_less_than_linked_ones() -> None:
    y = systems(8, rows=1500)
    by_chance = shifted(y, 2, 10, 1.0, 0.0, 40)
    assert len(by_chance) == 40
    assert total(var(y, 2), 10) > by_chance[-1]


@pytest.mark.parametrize(
    ("columns", "words", "node"),
    [
        (lambda y: np.column_stack([y[:, 0], np.full(300, 4.2)]), "constant", 1),
        (lambda y: np.column_stack([y[:, 0], 2.0 * y[:, 0] + 1.0]), "the same", None),
        (lambda y: y[:9], "9 rows: 2 lags of 3 nodes need at least 12", None),
    ],
)
def test_columns_that_bear_no_autoregression_are_refused(columns: object, words: str, node: int | None) -> None:
    assert callable(columns)
    with pytest.raises(NoVar, match=words) as refused:
        var(columns(systems(2)), 2)
    assert refused.value.node == node


def test_an_exploding_system_is_refused_by_the_node_that_explodes() -> None:
    chance = np.random.default_rng(4)
    y = np.zeros((120, 2))
    for t in range(1, 120):
        y[t] = [0.3 * y[t - 1, 0] + chance.standard_normal(), 1.06 * y[t - 1, 1] + chance.standard_normal()]
    model = var(y, 1)
    with pytest.raises(NoVar, match="explodes") as refused:
        connectedness(["calm", "wild"], model, 10)
    assert refused.value.node == 1
    assert math.isnan(total(model, 10))


def test_the_report_of_a_file_holds_its_path_and_its_extremes(published: Columns) -> None:
    plain = ColumnsReport(published, 4, 10, window=1000).plain()
    assert plain["rolling"]["n"] == len(plain["rolling"]["path"]) == 1772
    assert plain["rolling"]["min"][1] <= plain["rolling"]["mean"] <= plain["rolling"]["max"][1]
    assert plain["rolling"]["path"][-1][0] == plain["last"] == "2010-01-29"
