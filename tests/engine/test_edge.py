"""Directed pairs: what they learn of lags and sizes, and when a direction has been shown."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd.engine.edge import Edge, proven
from stressd.engine.lag_kernel import REACH, LagKernel
from stressd.engine.spec import DAY


@given(st.lists(st.tuples(st.floats(1.0, REACH), st.floats(0.01, 1.0)), max_size=30))
def test_a_lag_kernel_is_a_density_whatever_it_has_learned(links: list[tuple[float, float]]) -> None:
    kernel = LagKernel()
    for lag, share in links:
        kernel.learn(lag, share, 1.0)
    total = math.fsum(kernel.density(0.05 + 0.1 * k) * 0.1 for k in range(int(REACH * 10)))
    assert 0.5 < total < 1.03
    assert kernel.density(0.0) == kernel.density(REACH + 1.0) == 0.0


@given(st.lists(st.tuples(st.floats(1.0, REACH), st.floats(0.01, 1.0)), min_size=1, max_size=30))
def test_a_kernel_without_decay_has_the_weighted_moments_of_its_log_lags(links: list[tuple[float, float]]) -> None:
    kernel = LagKernel()
    for lag, share in links:
        kernel.learn(lag, share, 1.0)
    weight = math.fsum(share for _, share in links)
    mean = math.fsum(share * math.log(lag) for lag, share in links) / weight
    squares = math.fsum(share * (math.log(lag) - mean) ** 2 for lag, share in links)
    assert kernel.weight == pytest.approx(weight, rel=1e-12)
    assert kernel.mean == pytest.approx(mean, abs=1e-12)
    assert kernel.squares == pytest.approx(squares, abs=1e-10)


def test_a_kernel_learns_a_short_lag_from_a_few_links() -> None:
    kernel = LagKernel()
    rng = random.Random(2)
    for _ in range(15):
        kernel.learn(math.exp(rng.gauss(math.log(30.0), 0.2)), 1.0, 1.0)
    assert kernel.median() == pytest.approx(30.0, rel=0.15)
    assert kernel.density(30.0) > 20.0 * kernel.density(120.0)


def test_a_direction_is_no_discovery_while_pulses_come_before_as_often_as_after() -> None:
    """Of 400 pairs without a direction, looked at after every pulse, the wealth of one in twenty may ever reach 20."""
    rng = random.Random(7)
    crossed = 0
    for _ in range(400):
        edge = Edge("AA", "BB", False)
        best = 0.0
        for _ in range(150):
            if rng.random() < 0.5:
                edge.forward += 1
            else:
                edge.backward += 1
            best = max(best, edge.wealth())
        crossed += best >= 20.0
    assert crossed <= 30


def test_answers_at_the_open_prove_a_direction_only_beyond_what_is_usual_there() -> None:
    rng = random.Random(9)
    crossed = 0
    for _ in range(300):
        edge = Edge("AA", "BB", False)
        best = 0.0
        for _ in range(100):
            edge.at_an_open(rng.random() < 0.1, 0.1)
            best = max(best, edge.wealth())
        crossed += best >= 20.0
    assert crossed <= 25
    real = Edge("AA", "BB", False)
    for k in range(12):
        real.at_an_open(k % 4 != 0, 0.1)
    assert real.wealth() > 1e4
    assert real.p() < 1e-4


def test_more_pairs_need_more_wealth_until_several_have_it() -> None:
    def edge(forward: int) -> Edge:
        made = Edge("AA", "BB", False)
        made.forward = forward
        return made

    lone = [edge(9)] + [edge(0) for _ in range(11)]
    assert proven(lone, 0.05) == math.inf
    together = [edge(9) for _ in range(6)] + [edge(0) for _ in range(6)]
    assert proven(together, 0.05) == pytest.approx(edge(9).wealth())
    assert proven([edge(9)], 0.05) == pytest.approx(edge(9).wealth())


def test_a_named_pair_is_believed_sooner_and_both_learn_the_same_rate() -> None:
    named, other = Edge("AA", "BB", True), Edge("AA", "BB", False)
    assert named.rate() > 10.0 * other.rate()
    for k in range(60):
        for edge in (named, other):
            edge.trial((k + 1) * DAY)
            if k % 5 != 0:
                edge.learn((k + 1) * DAY, 40.0, 1.0, 0.9, 0.5)
    assert named.rate() == pytest.approx(0.8, abs=0.05)
    assert other.rate() == pytest.approx(0.8, abs=0.05)
    assert other.beta() == pytest.approx(0.5)
    assert other.likes_size(0.9) > 1.0 > other.likes_size(0.05)


@given(st.lists(st.tuples(st.integers(1, 400), st.floats(2.0, 800.0), st.floats(0.05, 1.0)), max_size=20))
def test_an_edge_goes_on_from_its_state(links: list[tuple[int, float, float]]) -> None:
    edge = Edge("AA", "BB", False)
    for day, lag, share in links:
        edge.trial(day * DAY)
        edge.learn(day * DAY, lag, share, 0.8, 0.4)
        edge.at_an_open(share > 0.5, 0.1)
    again = Edge("AA", "BB", False)
    again.load(edge.state())
    assert again.state() == edge.state()
    assert again.wealth() == edge.wealth()
    assert again.rate() == edge.rate()
