"""The calendars against the days on which yields were really published."""

from __future__ import annotations

import csv
from pathlib import Path

from stressd.market.sessions import TableCalendar, calendar
from stressd.market.times import day_iso, parse_day


def jgb_days(shared: Path) -> set[int]:
    with (shared / "data/jgb/jgbcme_all.csv").open(encoding="utf-8", errors="replace") as file:
        rows = [row for row in csv.reader(file) if row and row[0][:4].isdigit()]
    return {
        parse_day("{}-{:0>2}-{:0>2}".format(*row[0].split("/")))
        for row in rows
        if any(cell not in ("", "-") for cell in row[1:])
    }


def ust_days(shared: Path) -> set[int]:
    with (shared / "data/ust/DGS10.csv").open(encoding="utf-8") as file:
        return {parse_day(row[0]) for row in csv.reader(file) if row[0][:4].isdigit() and row[1] not in ("", ".")}


def differences(name: str, published: set[int]) -> list[str]:
    trades = calendar(name)
    assert isinstance(trades, TableCalendar)
    first, last = min(published), max(published)
    return [
        f"{day_iso(day)} {'published' if day in published else 'not published'}"
        for day in range(first, last + 1)
        if (trades.session_on(day) is not None) != (day in published)
    ]


def test_jgb_yields_were_published_on_exactly_the_days_that_are_open_here(shared: Path) -> None:
    published = jgb_days(shared)
    assert len(published) > 12_500
    assert differences("JP", published) == []


def test_treasury_yields_were_published_on_exactly_the_days_that_are_open_here(shared: Path) -> None:
    published = ust_days(shared)
    assert len(published) > 5_000
    assert differences("US", published) == []


def test_saturdays_before_february_1989_are_among_them(shared: Path) -> None:
    saturdays = {day for day in jgb_days(shared) if day % 7 == 6}
    assert len(saturdays) > 500
    assert day_iso(max(saturdays)) == "1989-01-28"
