"""Full and early closures of each market, year by year, with the source of every rule.

The dates come from the `holidays` package; what it lacks, and what differs for bonds, stands in the tables below.
Checked against published yields: the Ministry of Finance's JGB curve 1974-2026 and FRED's DGS10 2005-2026 have a value
on exactly the days that are open here.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from holidays import country_holidays, financial_holidays

LAST_YEAR: Final = 2099
"""The last year whose holidays are known for every market; later years close at weekends only where they are not."""

SOURCES: Final = {
    "JP": "Act on National Holidays and bank holidays (31 Dec to 3 Jan), as in holidays: country JP, public and bank",
    "US": "SIFMA holiday recommendations for US dollar bonds from 1996, as in holidays: SIFMA, public and half day; "
    "before 1996 federal holidays and Good Friday",
    "UK": "English bank holidays, as in holidays: country GB, ENG; half days of the London Stock Exchange: XLON",
    "DE": "Frankfurt and Eurex closing days from 2016, as in holidays: XETR; 1999 to 2015 TARGET closing days (XECB) "
    "and 24 and 31 Dec; before 1999 German public holidays and 24 and 31 Dec",
    "CA": "Toronto Stock Exchange closing days (XTSE) and federal holidays, as in holidays: country CA, government",
}

_YEAR_END_JP: Final = ((12, 29), (12, 30))
_YEAR_END_DE: Final = ((12, 24), (12, 31))

# One-off closures that the package does not have: (year, month, day): (name, source).
_CLOSED: Final[dict[str, dict[tuple[int, int, int], tuple[str, str]]]] = {
    "JP": {(1989, 1, 7): ("Death of the Showa Emperor", "Ministry of Finance JGB curve: no value on this Saturday")},
}

_CLOSE_TIME: Final = re.compile(r"\(markets close at (\d{1,2}):(\d{2}) ?([ap])\.?m")


class Closures:
    """One market's year. closed: ordinal to name. early: ordinal to (close in minutes after local midnight, name)."""

    __slots__ = ("closed", "early")

    def __init__(self, closed: dict[int, str], early: dict[int, tuple[int, str]]) -> None:
        self.closed = closed
        self.early = early


def closures(market: str, year: int) -> Closures:
    """Closures of a market that has holidays here (a key of SOURCES) in one year; weekends are not listed."""
    closed: dict[int, str] = {}
    early: dict[int, tuple[int, str]] = {}
    if market == "JP":
        _country(closed, "JP", year, None, ("public", "bank"))
        # Until 1988 the year-end closing began on the 29th; the published curve has no value on any 29 or 30 December.
        if year <= 1988:
            _fixed(closed, year, _YEAR_END_JP, "Year-end closing")
    elif market == "US":
        _closures_us(closed, early, year)
    elif market == "UK":
        _country(closed, "GB", year, "ENG", ("public",))
        _half_days(early, "XLON", year)
    elif market == "DE":
        _closures_de(closed, year)
    elif market == "CA":
        _country(closed, "CA", year, None, ("government",))
        _exchange(closed, "XTSE", year, "en_CA")
        _half_days(early, "XTSE", year)
    for when, (name, _source) in _CLOSED.get(market, {}).items():
        if when[0] == year:
            closed[date(*when).toordinal()] = name
    return Closures(closed, early)


def trades_on_weekday(market: str, day: int) -> bool:
    """Whether the market trades on this day of the week: Monday to Friday, and Saturdays in Tokyo as they once were."""
    weekday = (day + 6) % 7
    if weekday < 5:
        return True
    return weekday == 5 and market == "JP" and _tokyo_saturday(day)


def _tokyo_saturday(day: int) -> bool:
    """Saturdays of Japanese banks: the third closed until July 1983, the second from August 1983, the second and third
    from August 1986, all from February 1989. Source: the published JGB curve, which has values on exactly these."""
    when = date.fromordinal(day)
    month = when.year * 12 + when.month
    nth = (when.day - 1) // 7 + 1
    if month >= 1989 * 12 + 2:
        return False
    if month >= 1986 * 12 + 8:
        return nth not in (2, 3)
    if month >= 1983 * 12 + 8:
        return nth != 2
    return nth != 3


def _closures_us(closed: dict[int, str], early: dict[int, tuple[int, str]], year: int) -> None:
    if year >= 1996:
        _exchange(closed, "XSIF", year, "en_US")
        _half_days(early, "XSIF", year)
        return
    _country(closed, "US", year, None, ("public",))
    for when, name in financial_holidays("XNYS", years=year).items():
        if name == "Good Friday":
            closed[when.toordinal()] = name


def _closures_de(closed: dict[int, str], year: int) -> None:
    if year >= 2016:
        _exchange(closed, "XETR", year, "en_US")
        return
    if year >= 1999:
        _exchange(closed, "XECB", year, None)
    else:
        _country(closed, "DE", year, None, ("public",))
    _fixed(closed, year, _YEAR_END_DE, "Year-end closing")


def _country(
    closed: dict[int, str], code: str, year: int, subdivision: str | None, categories: tuple[str, ...]
) -> None:
    for when, name in country_holidays(
        code, subdiv=subdivision, years=year, categories=categories, language="en_US"
    ).items():
        closed[when.toordinal()] = name


def _exchange(closed: dict[int, str], code: str, year: int, language: str | None) -> None:
    for when, name in financial_holidays(code, years=year, language=language).items():
        closed[when.toordinal()] = name


def _half_days(early: dict[int, tuple[int, str]], code: str, year: int) -> None:
    """Early closes: the package writes their time into the name."""
    for when, label in financial_holidays(code, years=year, categories=("half_day",), language="en_US").items():
        stated = _CLOSE_TIME.search(label)
        if stated is None:
            raise ValueError(f"{code} {when}: early close without a time: {label}")
        hour = int(stated.group(1)) % 12 + (12 if stated.group(3) == "p" else 0)
        early[when.toordinal()] = (hour * 60 + int(stated.group(2)), label[: stated.start()].strip())


def _fixed(closed: dict[int, str], year: int, dates: tuple[tuple[int, int], ...], name: str) -> None:
    for month, day in dates:
        closed.setdefault(date(year, month, day).toordinal(), name)
