"""Units: percent inside, everything that cannot be a yield refused with what it looks like."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd.market.units import HIGHEST, LOWEST, UNITS, check_unit, to_percent

yields = st.decimals(min_value=-5, max_value=50, places=4).map(float)


@given(yields)
def test_one_yield_is_the_same_in_every_unit(percent: float) -> None:
    assert to_percent(percent, "percent") == percent
    assert to_percent(round(percent * 100.0, 6), "bp") == pytest.approx(percent, abs=1e-12)
    assert to_percent(round(percent / 100.0, 9), "decimal") == pytest.approx(percent, abs=1e-12)


@given(st.floats(), st.sampled_from(UNITS))
def test_what_is_taken_lies_within_the_stated_range(value: float, unit: str) -> None:
    try:
        percent = to_percent(value, unit)
    except ValueError:
        return
    assert LOWEST <= percent <= HIGHEST


def test_a_decimal_yield_keeps_its_digits() -> None:
    assert to_percent(0.0431, "decimal") == 4.31
    assert to_percent(431.25, "bp") == 4.3125


@pytest.mark.parametrize(
    ("value", "unit", "looks"),
    [
        (431.0, "percent", "looks like 431 bp"),
        (97.515625, "percent", "looks like a price"),
        (4.31, "decimal", "looks like 4.31 percent"),
        (9751.5, "bp", "is no yield"),
        (float("nan"), "percent", "is no yield"),
        (float("inf"), "bp", "is no yield"),
    ],
)
def test_a_value_of_another_unit_is_refused_with_what_it_looks_like(value: float, unit: str, looks: str) -> None:
    with pytest.raises(ValueError) as refused:
        to_percent(value, unit)
    assert looks in str(refused.value)


def test_a_small_percentage_is_a_yield_that_has_been_seen() -> None:
    assert to_percent(0.0431, "percent") == 0.0431


@pytest.mark.parametrize("unit", ["price", "32nds", "clean"])
def test_prices_are_refused_with_what_to_send_instead(unit: str) -> None:
    for refuse in (lambda: check_unit(unit), lambda: to_percent(97.5, unit)):
        with pytest.raises(ValueError) as refused:
            refuse()
        assert "prices are not read yet" in str(refused.value)
        assert "send the yield in percent, bp or decimal" in str(refused.value)


@pytest.mark.parametrize(
    ("unit", "why"), [("%", "write percent"), ("bps", "write bp"), ("BP", "write bp"), ("parsec", "is none of")]
)
def test_another_word_for_a_unit_is_refused_with_ours(unit: str, why: str) -> None:
    with pytest.raises(ValueError) as refused:
        check_unit(unit)
    assert why in str(refused.value)
