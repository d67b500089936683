"""Waits between attempts grow, are capped, are spread, and start anew only after a connection that held."""

from __future__ import annotations

import asyncio
import random
from bisect import bisect_left

from hypothesis import given
from hypothesis import strategies as st

from stressd.backoff import DIALS, Backoff, dialing


@given(st.floats(0.01, 5), st.floats(5, 600), st.lists(st.floats(0, 0.999), min_size=1, max_size=60), st.floats(0, 4))
def test_every_wait_lies_below_the_cap_and_below_its_own_doubling(
    first: float, cap: float, draws: list[float], least: float
) -> None:
    backoff = Backoff(first, cap, draw=iter(draws).__next__, least=least)
    for n, draw in enumerate(draws):
        wait = backoff.next()
        assert wait == max(least, draw * min(cap, first * 2.0**n))
        assert least <= wait < cap


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


@given(st.lists(st.floats(0, 29.9), min_size=8, max_size=200))
def test_a_server_that_accepts_and_drops_at_once_is_asked_no_more_often_than_one_that_is_away(
    lives: list[float],
) -> None:
    backoff = Backoff(draw=lambda: 1.0)
    waits = []
    for life in lives:
        waits.append(backoff.next())
        backoff.lived(life)
    assert backoff.failures == len(lives)
    assert set(waits[7:]) <= {backoff.cap}


def test_a_thousand_clients_that_lost_one_broker_do_not_come_back_in_step() -> None:
    rng = random.Random(7)
    clients = 1_000
    arrivals: list[list[float]] = []
    for _ in range(clients):
        backoff, at = Backoff(draw=rng.random), 0.0
        mine: list[float] = []
        while len(mine) < 12:
            at += backoff.next()
            mine.append(at)
        arrivals.append(mine)
    # the first attempts lie within half a second; from the sixth on no second sees more than a tenth of all
    for attempt in (6, 8, 11):
        times = sorted(mine[attempt] for mine in arrivals)
        busiest = max(bisect_left(times, t + 1.0) - i for i, t in enumerate(times))
        assert busiest < clients / 10
    # even in half a second they are spread evenly: no twentieth of it holds more than twice its share
    first = sorted(mine[0] for mine in arrivals)
    busiest = max(bisect_left(first, t + 0.025) - i for i, t in enumerate(first))
    assert busiest < 2 * clients / 20
    # two clients that started together are apart for good
    last = [mine[-1] for mine in arrivals]
    mean = sum(last) / clients
    assert (sum((x - mean) ** 2 for x in last) / clients) ** 0.5 > 15.0


async def test_after_an_outage_of_everything_only_a_few_connections_are_made_at_a_time() -> None:
    under_way = most = done = 0

    async def dial() -> None:
        nonlocal under_way, most, done
        async with dialing():
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0)
            under_way -= 1
            done += 1

    await asyncio.gather(*(dial() for _ in range(50)))
    assert (most, done) == (DIALS, 50)
