"""Aliases: vendors' names to canonical series, with their own unit and convention."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd.feeds.base import SeriesResolver
from stressd.market.aliases import REMEMBERED, Alias, AliasTable
from stressd.market.conventions import CONVENTIONS, QUOTED
from stressd.market.series import parse_series
from stressd.market.sessions import names
from stressd.market.units import PERCENT, UNITS
from stressd.market.vendors import vendor_aliases

WATCHED = ("JP.GOV.10Y", "JP.GOV.30Y", "US.GOV.10Y")
DESK = (
    Alias("jgb30", "JP.GOV.30Y", "bp", "simple"),
    Alias("UST 10", "US.GOV.10Y"),
    Alias(r"(?P<market>[A-Z]{2})_(?P<years>\d+)", "{market}.GOV.{years}Y", "decimal", pattern=True),
    Alias(r".*_10", "US.GOV.10Y", pattern=True),
)


def desk() -> AliasTable:
    return AliasTable(DESK, WATCHED)


def test_the_table_is_what_feeds_ask_for() -> None:
    resolver: SeriesResolver = desk()
    assert resolver.series("jgb30") == "JP.GOV.30Y"
    assert resolver.to_percent("jgb30", 376.5, "percent") == 3.765


@pytest.mark.parametrize(
    ("name", "series"),
    [
        ("JP.GOV.10Y", "JP.GOV.10Y"),
        ("jgb30", "JP.GOV.30Y"),
        ("JGB30", None),
        ("UST 10", "US.GOV.10Y"),
        ("JP_30", "JP.GOV.30Y"),
        ("JP_10", "JP.GOV.10Y"),
        ("DE_10", "US.GOV.10Y"),
        ("JP_40", None),
        ("JP_3000", None),
        ("DE.GOV.10Y", None),
        ("", None),
    ],
)
def test_a_name_resolves_to_a_watched_series_or_to_nothing(name: str, series: str | None) -> None:
    table = desk()
    assert table.series(name) == series
    assert table.series(name) == series


def test_the_unit_of_the_alias_wins_over_the_feeds() -> None:
    table = desk()
    assert table.to_percent("JP_30", 0.03765, "percent") == 3.765
    assert table.to_percent("UST 10", 431.0, "bp") == 4.31
    assert table.to_percent("US.GOV.10Y", 4.31, "percent") == 4.31
    with pytest.raises(ValueError) as refused:
        table.to_percent("jgb30", 97515.0, "percent")
    assert "is no yield" in str(refused.value)


def test_the_convention_stands_on_the_alias() -> None:
    table = desk()
    assert table.convention("jgb30") == "simple"
    assert table.convention("JP.GOV.30Y") is None
    assert table.convention("nobody") is None


def test_without_a_list_of_series_every_valid_id_resolves() -> None:
    table = AliasTable()
    assert table.series("IT-DE.GOV.10Y") == "IT-DE.GOV.10Y"
    assert table.series("IT-DE.GOV.10") is None


@given(st.lists(st.text(max_size=12), max_size=30))
def test_no_name_changes_what_another_resolves_to(asked: list[str]) -> None:
    table = desk()
    for name in asked:
        assert table.series(name) == desk().series(name)


def test_a_sender_that_invents_names_fills_no_memory() -> None:
    table = AliasTable([Alias(r"x(?P<n>\d+)", "US.GOV.10Y", pattern=True)], WATCHED)
    for n in range(3 * REMEMBERED):
        assert table.series(f"x{n}") == "US.GOV.10Y"
        assert table.series(f"y{n}") is None
    assert len(table._remembered) <= REMEMBERED


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (Alias("x", "US.GOV.10", None), "tenor '10'"),
        (Alias("x", "US.GOV.10Y", "price"), "prices are not read"),
        (Alias("x", "DE.GOV.10Y", None), "is not watched"),
        (Alias("x(", "US.GOV.10Y", pattern=True), "no regular expression"),
        (Alias(r"x(?P<n>\d+)", "US.GOV.{tenor}", pattern=True), "it has: n"),
        (Alias(r"x(\d+)", "US.GOV.{}Y", pattern=True), "it has: none"),
        (Alias("jgb30", "US.GOV.10Y"), "is both"),
    ],
)
def test_a_row_that_cannot_work_is_refused_with_the_reason(row: Alias, why: str) -> None:
    with pytest.raises(ValueError) as refused:
        AliasTable((*DESK, row), WATCHED)
    assert why in str(refused.value)


def test_a_name_that_is_nearly_right_is_suggested() -> None:
    assert desk().near("JGB 30") == ["jgb30"]
    assert desk().near("JP.GOV.3OY")[0] == "JP.GOV.30Y"
    assert desk().near("zzz") == []


@pytest.mark.parametrize(
    ("name", "series", "convention"),
    [
        ("US10YT=RR", "US.GOV.10Y", "semi-annual"),
        ("USGG10YR Index", "US.GOV.10Y", "semi-annual"),
        ("TVC:US10Y", "US.GOV.10Y", "semi-annual"),
        ("TVC:US02Y", "US.GOV.2Y", "semi-annual"),
        ("DGS10", "US.GOV.10Y", "semi-annual"),
        ("DGS3MO", "US.GOV.3M", "semi-annual"),
        ("JP30YT=RR", "JP.GOV.30Y", "simple"),
        ("GJGB30 Index", "JP.GOV.30Y", "simple"),
        ("jgbcme 40Y", "JP.GOV.40Y", "semi-annual"),
        ("DE10YT=RR", "DE.GOV.10Y", "annual"),
        ("GDBR10 Index", "DE.GOV.10Y", "annual"),
        ("GB10YT=RR", "UK.GOV.10Y", "semi-annual"),
        ("TVC:GB10Y", "UK.GOV.10Y", "semi-annual"),
        ("GUKG10 Index", "UK.GOV.10Y", "semi-annual"),
    ],
)
def test_well_known_names_are_built_in(name: str, series: str, convention: str) -> None:
    found = AliasTable(vendor_aliases()).find(name)
    assert found is not None
    assert (found.series, found.convention, found.unit) == (series, convention, PERCENT)
    assert found.origin.startswith("built in: ")


def test_built_in_names_are_unambiguous_and_complete() -> None:
    rows = vendor_aliases()
    assert len({row.name for row in rows}) == len(rows)
    for row in rows:
        assert parse_series(row.series).market in names()
        assert row.convention in CONVENTIONS
        assert row.unit in UNITS
    assert set(QUOTED.values()) <= set(CONVENTIONS)
