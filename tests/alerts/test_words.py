"""Numbers, times and series in the words of the desk."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd.alerts import words
from stressd.alerts.event import SeriesMove
from stressd.alerts.headline import LIMIT, fit
from stressd.market.times import parse_time


@pytest.mark.parametrize(
    ("series", "value", "text"),
    [
        ("JP.GOV.30Y", 3.765, "3.765%"),
        ("JP.GOV.10Y", 2.3, "2.300%"),
        ("US.GOV.10Y", 4.3, "4.30%"),
        ("US.GOV.10Y", 4.295, "4.295%"),
        ("US.GOV.10Y", -0.0, "0.00%"),
        ("US.GOV.2s10s", 0.709, "70.9bp"),
        ("IT-DE.GOV.10Y", 0.62, "62.0bp"),
        ("something else", 1.5, "1.500%"),
    ],
)
def test_a_level_has_the_decimals_of_its_market(series: str, value: float, text: str) -> None:
    assert words.yield_text(series, value) == text


@pytest.mark.parametrize(
    ("bp", "text"), [(20.3, "+20.3bp"), (-35.04, "-35.0bp"), (0.04, "0.0bp"), (-0.04, "0.0bp"), (0.0, "0.0bp")]
)
def test_a_change_is_signed_unless_it_rounds_to_nothing(bp: float, text: str) -> None:
    assert words.bp_text(bp) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.8, "0.8 s"),
        (5.0, "5 s"),
        (41.2, "41 s"),
        (59.7, "1 min"),
        (300.0, "5 min"),
        (840.0, "14 min"),
        (52200.0, "14 h 30 min"),
        (86400.0, "1 d"),
        (93600.0, "1 d 2 h"),
        (-5.0, "-5 s"),
    ],
)
def test_a_duration_is_told_in_its_two_largest_units(seconds: float, text: str) -> None:
    assert words.duration_text(seconds) == text


def test_series_and_times_read_as_people_say_them() -> None:
    assert words.series_name("JP.GOV.30Y") == "JP 30Y"
    assert words.series_name("US.SWAP.10Y") == "US SWAP 10Y"
    assert words.moment_text("2026-01-20T20:30:00Z") == "20 Jan 2026 20:30 UTC"
    assert words.moment_text("2026-01-20T20:30:05.25Z") == "20 Jan 2026 20:30:05 UTC"
    opens = parse_time("2026-01-20T13:00:00Z")
    assert words.local_text(opens, ZoneInfo("America/New_York")) == "20 Jan 08:00 New York"
    assert words.listing(["10Y"]) == "10Y"
    assert words.listing(["10Y", "20Y", "30Y"]) == "10Y, 20Y and 30Y"
    assert [words.ordinal_text(rank) for rank in (2, 3, 4, 11, 13, 21, 1002)] == [
        "2nd", "3rd", "4th", "11th", "13th", "21st", "1,002nd",
    ]  # fmt: skip
    assert [words.times_text(times) for times in (0, 1, 2, 4706)] == ["never", "once", "2 times", "4,706 times"]


def test_records_are_signed_and_say_when_nothing_larger_is_known() -> None:
    rise = SeriesMove(series="JP.GOV.30Y", value=3.7, change_bp=20.0, largest_since="2025-04-08")
    fall = SeriesMove(
        series="JP.GOV.30Y", value=3.7, change_bp=-20.0, largest_since="1999-09-01", since_beginning=True,
        highest_since="1999-09-01", highest_since_beginning=True,
    )  # fmt: skip
    assert words.record_text(rise) == "largest rise since 8 Apr 2025"
    assert words.record_text(fall) == "largest fall since the series began in 1999"
    assert words.extreme_text(fall, rising=False) == "lowest since the series began in 1999"
    assert words.extreme_text(rise, rising=True) is None


def test_a_sparkline_starts_at_zero() -> None:
    assert words.sparkline([1.0, 4.0, 8.0]) == "▂▅█"
    assert words.sparkline([-8.0, 0.0]) == "▁█"
    assert words.sparkline([0.0, 0.0]) == "▁▁"


@given(st.lists(st.text(min_size=1, max_size=200), min_size=1, max_size=6))
def test_a_headline_is_never_longer_than_a_lock_screen_and_drops_whole_clauses(clauses: list[str]) -> None:
    text = fit(clauses)
    assert len(text) <= LIMIT
    head = " ".join(clauses[0].split())
    if len(head) <= LIMIT:
        dropped = [" · ".join([head, *clauses[1:count]]) for count in range(1, len(clauses) + 1)]
        assert text in dropped
    else:
        assert text.endswith("…")


def test_a_first_clause_that_is_too_long_ends_at_a_whole_word_so_no_number_is_cut() -> None:
    text = fit(["yield " + "123.456% " * 20])
    assert text.endswith("123.456%…")
    assert len(text) <= LIMIT


@given(st.floats(-50, 50), st.floats(-500, 500), st.floats(-30, 30), st.floats(0, 1e8))
def test_every_number_has_a_wording(value: float, bp: float, sigma: float, seconds: float) -> None:
    assert words.yield_text("US.GOV.10Y", value).endswith("%")
    assert "-0.0" not in words.bp_text(bp) or abs(bp) >= 0.05
    assert words.sigma_text(sigma).endswith("σ")
    assert words.duration_text(seconds).split()[1] in ("s", "min", "h", "d")
