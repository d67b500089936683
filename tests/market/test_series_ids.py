"""Series ids and tenors: one spelling each, legs that add up, errors that name what is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd.market.series import CROSS, FLY, SLOPE, YIELD, curve_order, market_of, parse_series, series_id
from stressd.market.tenors import LONGEST, tenor_months, tenor_name


@given(st.integers(min_value=1, max_value=LONGEST))
def test_a_tenor_has_one_spelling(months: int) -> None:
    name = tenor_name(months)
    assert tenor_months(name) == months


@given(st.text(alphabet="0123456789MYmys-. ", max_size=6))
def test_no_tenor_has_a_second_spelling(text: str) -> None:
    try:
        months = tenor_months(text)
    except ValueError:
        return
    assert tenor_name(months) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [("12M", "is written 1Y"), ("10y", "is written 10Y"), ("010Y", "is written 10Y"), ("51Y", "outside 1M to 50Y"),
     ("0Y", "outside"), ("Y", "not a number"), ("10", "not a number"), ("10W", "not a number"), ("", "not a number")],
)  # fmt: skip
def test_a_tenor_of_another_spelling_is_refused_with_its_own(text: str, why: str) -> None:
    with pytest.raises(ValueError) as refused:
        tenor_months(text)
    assert why in str(refused.value)


@pytest.mark.parametrize(
    ("text", "kind", "months", "legs"),
    [
        ("JP.GOV.30Y", YIELD, 360, {"JP.GOV.30Y": 1.0}),
        ("US.GOV.3M", YIELD, 3, {"US.GOV.3M": 1.0}),
        ("US.GOV.2s10s", SLOPE, 120, {"US.GOV.2Y": -1.0, "US.GOV.10Y": 1.0}),
        ("US.GOV.2s5s10s", FLY, 120, {"US.GOV.2Y": -1.0, "US.GOV.5Y": 2.0, "US.GOV.10Y": -1.0}),
        ("IT-DE.GOV.10Y", CROSS, 120, {"IT.GOV.10Y": 1.0, "DE.GOV.10Y": -1.0}),
        (
            "IT-DE.GOV.2s10s", CROSS, 120,
            {"IT.GOV.2Y": -1.0, "IT.GOV.10Y": 1.0, "DE.GOV.2Y": 1.0, "DE.GOV.10Y": -1.0},
        ),
    ],
)  # fmt: skip
def test_an_id_says_what_it_is_made_of(text: str, kind: str, months: int, legs: dict[str, float]) -> None:
    parsed = parse_series(text)
    assert (parsed.id, parsed.kind, parsed.months, dict(parsed.legs)) == (text, kind, months, legs)
    assert market_of(text) == parsed.market


def test_a_parallel_move_leaves_slopes_flies_and_crosses_where_they_are() -> None:
    for text in ("US.GOV.2s10s", "US.GOV.2s5s10s", "IT-DE.GOV.10Y", "IT-DE.GOV.2s10s"):
        assert sum(weight for _, weight in parse_series(text).legs) == 0.0


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("JP.GOV", "not of the form"),
        ("JP.GOV.30Y.bid", "not of the form"),
        ("jp.GOV.30Y", "market 'jp'"),
        ("IT-DE-FR.GOV.10Y", "market 'IT-DE-FR'"),
        ("DE-DE.GOV.10Y", "always zero"),
        ("JP.gov.30Y", "type 'gov'"),
        ("JP.GOV.30y", "is written 30Y"),
        ("JP.GOV.10s2s", "from short to long"),
        ("JP.GOV.10s10s", "from short to long"),
        ("JP.GOV.60s70s", "outside"),
    ],
)
def test_what_is_no_id_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse_series(text)
    assert text in str(refused.value)
    assert why in str(refused.value)


def test_ids_are_made_from_market_and_tenor() -> None:
    assert series_id("JP", "30Y") == "JP.GOV.30Y"
    with pytest.raises(ValueError):
        series_id("JP", "30")


def test_curves_sort_from_short_to_long() -> None:
    shuffled = ["US.GOV.10Y", "JP.GOV.40Y", "US.GOV.6M", "JP.GOV.2Y", "US.GOV.2Y"]
    assert sorted(shuffled, key=curve_order) == ["JP.GOV.2Y", "JP.GOV.40Y", "US.GOV.6M", "US.GOV.2Y", "US.GOV.10Y"]
