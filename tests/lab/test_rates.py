"""Rates beside budgets: quarters, bands, and the time in which the floor was the bar."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd.lab.poisson import band, interval
from stressd.lab.rates import YEAR, rate

START = 731_000.0


@given(st.lists(st.floats(0.0, 1.0), max_size=120), st.floats(0.5, 40.0), st.floats(0.1, 30.0))
def test_the_quarters_add_up_and_each_has_its_own_band(places: list[float], years: float, budget: float) -> None:
    end = START + years * YEAR
    opened = [START + place * (end - START) for place in places]
    found = rate(START, end, opened, budget)
    assert found["episodes"] == len(opened) == sum(quarter["episodes"] for quarter in found["quarters"])
    for quarter in found["quarters"]:
        low, high = band(budget * years / 4)
        assert quarter["band"] == [low, high]
        assert quarter["inside"] is (low <= quarter["episodes"] <= high)
    low, high = band(budget * years)
    assert found["inside"] is (low <= len(opened) <= high)


def test_an_episode_counts_in_the_quarter_that_it_opened_in() -> None:
    end = START + 4.0 * YEAR
    found = rate(START, end, [START, START + YEAR + 1.0, START + 1.5 * YEAR, end], 1.0)
    assert [quarter["episodes"] for quarter in found["quarters"]] == [1, 2, 0, 1]
    assert [quarter["first"] for quarter in found["quarters"]][1:] == [q["last"] for q in found["quarters"]][:-1]


def test_without_a_budget_the_band_is_of_the_rates_that_the_count_allows() -> None:
    found = rate(START, START + 10.0 * YEAR, [START + 7.0 * i for i in range(20)], None)
    low, high = interval(20)
    assert found["band_per_year"] == [pytest.approx(low / 10.0, abs=0.005), pytest.approx(high / 10.0, abs=0.005)]
    assert found["inside"] is None
    assert {quarter["inside"] for quarter in found["quarters"]} == {None}


def test_what_was_spent_is_counted_over_the_time_in_which_the_floor_was_not_the_bar() -> None:
    days = range(int(START), int(START + 4.0 * YEAR))
    half = int(START + 2.0 * YEAR)
    floored = {day: day < half for day in days}
    opened = [START + 10.0, *(half + 30.0 * i + 0.5 for i in range(1, 8))]
    found = rate(START, START + 4.0 * YEAR, opened, 4.0, floored)
    free = found["without_floor"]
    assert free is not None
    assert (free["years"], free["episodes"], free["per_year"]) == (2.0, 7, 3.5)
    assert free["spent"] == pytest.approx(8 / 8.0, abs=0.01)
    shares = [quarter["floor_share"] for quarter in found["quarters"]]
    assert shares == pytest.approx([1.0, 1.0, 0.0, 0.0], abs=0.01)


def test_no_time_has_no_rate() -> None:
    found = rate(START, START, [START], 4.0)
    assert (found["realised_per_year"], found["band_per_year"], found["quarters"]) == (None, None, [])
