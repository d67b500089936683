"""The model from session to session: streaming is batch, gamma is what large moves do beyond the usual."""

from __future__ import annotations

import json
import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd.engine.session_model import CLIP, DECAY, LARGE, SessionModel

moves = st.lists(st.tuples(st.floats(-9.0, 9.0), st.floats(-9.0, 9.0)), min_size=2, max_size=150)


def learned(pairs: list[tuple[float, float]]) -> SessionModel:
    model = SessionModel()
    for x, y in pairs:
        model.learn(x, y)
    return model


def batch(pairs: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The two regressors, the answers and the weights, as numpy takes them."""
    data = np.clip(np.array(pairs), -CLIP, CLIP)
    x, y = data[:, 0], data[:, 1]
    weights = DECAY ** np.arange(len(pairs) - 1, -1, -1)
    return np.column_stack([x, np.where(np.abs(x) > LARGE, x, 0.0)]), y, weights


@given(moves, st.integers(0, 1000))
def test_streaming_is_weighted_least_squares(pairs: list[tuple[float, float]], seed: int) -> None:
    # Of both kinds at least one of a size that tells a slope.
    rng = random.Random(seed)
    pairs = [*pairs, (1.0, rng.gauss(0, 1)), (2.0, rng.gauss(0, 1)), (-3.0, rng.gauss(0, 1)), (4.0, rng.gauss(0, 1))]
    design, y, weights = batch(pairs)
    root = np.sqrt(weights)
    found = np.linalg.lstsq(design * root[:, None], y * root, rcond=None)[0]
    model = learned(pairs)
    assert model.small.value() == pytest.approx(found[0], rel=1e-10, abs=1e-10)
    assert model.large.value() - model.small.value() == pytest.approx(found[1], rel=1e-10, abs=1e-10)


@given(st.integers(0, 1000))
def test_standard_errors_are_the_sandwich_of_the_batch(seed: int) -> None:
    rng = random.Random(seed)
    pairs = [(rng.gauss(0.0, 2.0), rng.gauss(0.0, 1.5)) for _ in range(400)]
    design, y, weights = batch(pairs)
    bread = np.linalg.inv((design * weights[:, None]).T @ design)
    b = bread @ (design * weights[:, None]).T @ y
    rest = y - design @ b
    large = design[:, 1] != 0.0
    for k in (large, ~large):
        # HC1, each slope with its own effective number
        n = weights[k].sum() ** 2 / (weights[k] ** 2).sum()
        rest[k] *= math.sqrt(n / (n - 1.0))
    meat = (design * (weights * rest)[:, None]).T @ (design * (weights * rest)[:, None])
    errors = np.sqrt(np.diag(bread @ meat @ bread))
    found = learned(pairs).gamma()
    assert found is not None
    assert found[0] == pytest.approx(b[1], rel=1e-10, abs=1e-10)
    assert found[1] == pytest.approx(errors[1], rel=1e-9)


@given(moves, moves)
def test_a_restart_changes_nothing(first: list[tuple[float, float]], rest: list[tuple[float, float]]) -> None:
    one = learned(first)
    other = SessionModel()
    other.load(json.loads(json.dumps(one.state())))
    for x, y in rest:
        one.learn(x, y)
        other.learn(x, y)
    assert one.state() == other.state()


def test_gamma_is_found_where_large_moves_do_more_and_nothing_is_said_of_little() -> None:
    rng = random.Random(5)
    plain, more = SessionModel(), SessionModel()
    for k in range(1500):
        x = rng.gauss(0.0, 1.0) * (3.0 if k % 25 == 0 else 1.0)
        noise = rng.gauss(0.0, 1.0)
        plain.learn(x, 0.2 * x + noise)
        more.learn(x, (0.2 + (0.5 if abs(x) > LARGE else 0.0)) * x + noise)
        if k < 30:
            assert plain.usual() == 0.0
            assert plain.gamma() is None
            assert plain.p() is None
    assert plain.usual() == pytest.approx(0.2, abs=0.12)
    assert plain.expected(9.0) == CLIP * plain.usual()
    p = more.p()
    assert p is not None
    assert p < 0.001
    assert (plain.p() or 0.0) > 0.02


def test_p_of_gamma_is_uniform_where_there_is_none() -> None:
    """800 histories of one regime after another: volatility that the sigma has not caught up with is no gamma."""
    rng = random.Random(7)
    below = 0
    for _ in range(800):
        model = SessionModel()
        wild = 1.0
        for k in range(700):
            if k % 50 == 0:
                wild = rng.choice((0.7, 1.0, 1.6))
            x = rng.gauss(0.0, 1.0) * wild * rng.choice((0.8, 0.8, 1.6))
            model.learn(x, rng.gauss(0.0, 1.0) * wild)
        p = model.p()
        below += p is not None and p < 0.05
    assert 0.025 < below / 800 < 0.08
