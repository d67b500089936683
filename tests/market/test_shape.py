"""Shapes of a curve's move: total, exclusive, and the day the press got wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd.market.shape import (
    BEAR_FLATTENING,
    BEAR_STEEPENING,
    BULL_FLATTENING,
    BULL_STEEPENING,
    PARALLEL,
    SHAPES,
    TWIST_FLATTENING,
    TWIST_STEEPENING,
    shape,
)

moves = st.floats(min_value=-300.0, max_value=300.0)
epsilons = st.floats(min_value=0.0, max_value=5.0)


@given(moves, moves, epsilons)
def test_every_pair_of_moves_has_one_shape_that_agrees_with_its_signs(
    short: float, long: float, epsilon: float
) -> None:
    name = shape(short, long, epsilon)
    assert name in SHAPES
    slope = long - short
    assert (name == PARALLEL) == (abs(slope) <= epsilon)
    assert name.endswith("steepening") == (slope > epsilon)
    assert name.endswith("flattening") == (slope < -epsilon)
    if name.startswith("bear"):
        assert min(short, long) >= -epsilon
        assert max(short, long) > epsilon
    if name.startswith("bull"):
        assert max(short, long) <= epsilon
        assert min(short, long) < -epsilon
    if name.startswith("twist"):
        assert min(short, long) < 0.0 < max(short, long)


@given(moves, moves, epsilons)
def test_yields_turned_upside_down_turn_bears_into_bulls(short: float, long: float, epsilon: float) -> None:
    mirror = {
        BEAR_STEEPENING: BULL_FLATTENING, BEAR_FLATTENING: BULL_STEEPENING, BULL_STEEPENING: BEAR_FLATTENING,
        BULL_FLATTENING: BEAR_STEEPENING, TWIST_STEEPENING: TWIST_FLATTENING, TWIST_FLATTENING: TWIST_STEEPENING,
        PARALLEL: PARALLEL,
    }  # fmt: skip
    assert shape(-short, -long, epsilon) == mirror[shape(short, long, epsilon)]


@pytest.mark.parametrize(
    ("short", "long", "name"),
    [
        (2.0, 8.0, BEAR_STEEPENING),
        (8.0, 2.0, BEAR_FLATTENING),
        (-8.0, -2.0, BULL_STEEPENING),
        (-2.0, -8.0, BULL_FLATTENING),
        (-3.0, 3.0, TWIST_STEEPENING),
        (3.0, -3.0, TWIST_FLATTENING),
        (5.0, 5.5, PARALLEL),
        (0.0, 0.0, PARALLEL),
        (-0.3, 6.0, BEAR_STEEPENING),
        (0.4, -0.4, TWIST_FLATTENING),
    ],
)
def test_each_shape_has_its_name(short: float, long: float, name: str) -> None:
    assert shape(short, long) == name


def test_us_twos_down_and_tens_up_on_20_january_2026_are_a_twist_not_a_bear() -> None:
    assert shape(-1.0, 6.8) == "twist steepening"
