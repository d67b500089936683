"""Waits between attempts grow, are capped, are spread, and start anew only after a connection that held."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stressd.feeds.backoff import Backoff


@given(st.floats(0.01, 5), st.floats(5, 600), st.lists(st.floats(0, 0.999), min_size=1, max_size=60))
def test_every_wait_lies_below_the_cap_and_below_its_own_doubling(first: float, cap: float, draws: list[float]) -> None:
    backoff = Backoff(first, cap, draw=iter(draws).__next__)
    for n, draw in enumerate(draws):
        wait = backoff.next()
        assert wait == draw * min(cap, first * 2.0**n)
        assert 0 <= wait < cap


def test_a_broker_that_is_away_for_years_does_not_overflow_the_wait() -> None:
    backoff = Backoff(draw=lambda: 1.0)
    assert [backoff.next() for _ in range(5_000)][-1] == backoff.cap


def test_only_a_connection_that_held_starts_the_growth_anew() -> None:
    backoff = Backoff(first=1, cap=100, stable=30, draw=lambda: 1.0)
    assert [backoff.next() for _ in range(3)] == [1, 2, 4]
    backoff.lived(29.9)
    assert backoff.next() == 8
    backoff.lived(30)
    assert backoff.next() == 1
