"""Prices and yields: what a terminal and QuantLib say, and what must hold for any bond."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd.market.conventions import ANNUAL, SEMI_ANNUAL, SIMPLE, simple_yield
from stressd.market.price import (
    bond_price,
    clean_price,
    par_dv01,
    par_move,
    parse_32nds,
    simple_price,
    text_32nds,
)

CONVENTIONS = st.sampled_from([SIMPLE, SEMI_ANNUAL, ANNUAL])
RATES = st.floats(-1.0, 15.0)
MONTHS = st.integers(1, 600)
SETTLED = date(2026, 1, 21)
FIRST = (date(2026, 5, 15) - SETTLED).days / (date(2026, 5, 15) - date(2025, 11, 15)).days


def following(day: date) -> date:
    return day + timedelta(max(7 - day.weekday(), 0) if day.weekday() > 4 else 0)


def quantlib(rate: float, coupon: float, last: int) -> float:
    """QuantLib's clean price on 21 January 2026: like the street's, but what falls on a weekend is paid on Monday."""
    start, paid, time, value = date(2025, 11, 15), SETTLED, 0.0, 0.0
    while start < date(last, 11, 15):
        end = next_coupon(start)
        pay = following(end)
        late = (pay - end).days / (next_coupon(end) - end).days
        time += 1.0 + late - (paid - start).days / (end - start).days
        value += coupon / 2.0 * (1.0 + rate / 200.0) ** -time
        start, paid = end, pay
    return value + 100.0 * (1.0 + rate / 200.0) ** -time - coupon / 2.0 * (1.0 - FIRST)


def next_coupon(day: date) -> date:
    return date(day.year + (day.month == 11), 5 if day.month == 11 else 11, 15)


@pytest.mark.parametrize(
    ("quote", "coupon", "last", "rate", "thirty_second_bp"),
    [("97-16+", 4.0, 2035, 4.312314, 0.400), ("95-082", 4.625, 2055, 4.929526, 0.208)],
)
def test_treasuries_yield_what_quantlib_says(
    quote: str, coupon: float, last: int, rate: float, thirty_second_bp: float
) -> None:
    """November 2035 and 2055 bonds: the first coupon is 114 of 181 days away. The weekends are worth 0.03bp at most."""
    price = parse_32nds(quote)
    periods = 2 * (last - 2025)
    assert quantlib(rate, coupon, last) == pytest.approx(price, abs=1e-5)
    ours = clean_price(rate, coupon, periods, FIRST)
    slope = (clean_price(rate + 0.01, coupon, periods, FIRST) - ours) * 32.0
    assert 1.0 / slope == pytest.approx(-thirty_second_bp, abs=1e-3)
    assert abs((ours - price) * 32.0 / slope) < 0.03


def test_an_annual_yield_of_a_bund_is_lower_compounded_twice() -> None:
    price = clean_price(2.85, 2.85, 10, frequency=1)
    assert price == pytest.approx(100.0, abs=1e-9)
    twice = 200.0 * ((1.0 + 2.85 / 100.0) ** 0.5 - 1.0)
    assert twice == pytest.approx(2.830, abs=5e-4)
    assert clean_price(twice, 2.85, 20) == pytest.approx(100.0, abs=0.3), "annual coupons paid in halves come earlier"


def test_a_thirty_year_jgb_loses_four_points_on_25_bp() -> None:
    assert par_move(3.87, 4.12, 360, SEMI_ANNUAL) == pytest.approx(-4.2, abs=0.1)
    assert par_dv01(3.87, 360, SEMI_ANNUAL) == pytest.approx(0.17, abs=0.01)


def test_prices_in_32nds_read_as_dealers_write_them() -> None:
    vectors = {
        "97-16+": 97.515625,
        "97-165": 97.515625,
        "95-082": 95 + 8.25 / 32,
        "99-00": 99.0,
        "100-317": 100.9921875,
    }
    for text, price in vectors.items():
        assert parse_32nds(text) == price
    assert [text_32nds(price) for price in (97.515625, 95.2578125, 99.0, -1.3828125, -0.001)] == [
        "97-16+", "95-082", "99-00", "-1-122", "0-00",
    ]  # fmt: skip
    for wrong in ("97.5", "97-32", "97-1", "97-163", "-1-12", "", "97-16++"):
        with pytest.raises(ValueError, match="32nds such as"):
            parse_32nds(wrong)


@given(st.integers(0, 128 * 1000))
def test_a_price_in_32nds_comes_back(quarters: int) -> None:
    assert parse_32nds(text_32nds(quarters / 128.0)) == quarters / 128.0


@given(RATES, MONTHS, CONVENTIONS)
def test_a_bond_whose_coupon_is_its_yield_stands_at_par(rate: float, months: int, convention: str) -> None:
    length = 12 if convention == ANNUAL else 6
    whole = convention == SIMPLE or months % length == 0
    # Within a broken period compound interest and linear accrual differ a little.
    assert bond_price(rate, rate, months, convention) == pytest.approx(100.0, abs=1e-9 if whole else 0.3)


@given(RATES, RATES, MONTHS, CONVENTIONS)
def test_a_rise_costs_and_a_fall_pays_and_the_bond_is_convex(
    before: float, after: float, months: int, convention: str
) -> None:
    points = par_move(before, after, months, convention)
    if abs(after - before) > 1e-6:
        assert (points < 0.0) == (after > before)
    assert par_dv01(before, months, convention) > 0.0
    assert points >= -par_dv01(before, months, convention) * (after - before) * 100.0 - 1e-6


@given(st.floats(0.0, 8.0), st.integers(2, 40), st.floats(0.0, 8.0))
def test_the_simple_yield_of_a_price_gives_that_price(compound: float, years: int, coupon: float) -> None:
    price = clean_price(compound, coupon, 2 * years)
    assert simple_price(simple_yield(compound, float(years), coupon), coupon, float(years)) == pytest.approx(price)


def test_what_has_no_price_or_yield_is_refused() -> None:
    for make in (
        lambda: clean_price(-199.0, 1.0, 3),
        lambda: simple_price(-11.0, 1.0, 10.0),
        lambda: clean_price(1.0, 1.0, 0),
    ):
        with pytest.raises(ValueError, match="no "):
            make()
