"""Well-known names of benchmark yields, built in: suggestions for `symbols resolve`, never applied to a feed.

Sources: the vendors' public symbol pages (RIC `US10YT=RR`, Bloomberg `USGG10YR Index`, TradingView `TVC:US10Y`), FRED
(`DGS10`), Ministry of Finance Japan (columns of `jgbcme`). The Bund, gilt and Canada names are common usage.
"""

from __future__ import annotations

from typing import Final

from stressd.market.aliases import Alias
from stressd.market.conventions import QUOTED, SEMI_ANNUAL
from stressd.market.units import PERCENT

BUILT_IN: Final = "built in"

_YEARS: Final = {
    "JP": (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40),
    "US": (1, 2, 3, 5, 7, 10, 20, 30),
    "UK": (1, 2, 3, 5, 7, 10, 15, 20, 30, 40, 50),
    "DE": (1, 2, 3, 5, 7, 10, 15, 20, 30),
    "CA": (1, 2, 3, 5, 7, 10, 30),
}
_COUNTRY: Final = {"JP": "JP", "US": "US", "UK": "GB", "DE": "DE", "CA": "CA"}
_BLOOMBERG: Final = {"JP": "GJGB{}", "US": "USGG{}YR", "UK": "GUKG{}", "DE": "GDBR{}", "CA": "GCAN{}YR"}
_FRED_MONTHS: Final = (1, 3, 6)


def vendor_aliases() -> list[Alias]:
    """All built-in names, by market and tenor."""
    rows: list[Alias] = []
    for market, tenors in _YEARS.items():
        for years in tenors:
            rows.extend(_dealer_names(market, years))
    for months in _FRED_MONTHS:
        rows.append(_row(f"DGS{months}MO", f"US.GOV.{months}M", SEMI_ANNUAL, "FRED"))
    for years in _YEARS["US"]:
        rows.append(_row(f"DGS{years}", f"US.GOV.{years}Y", SEMI_ANNUAL, "FRED"))
    for years in _YEARS["JP"]:
        rows.append(_row(f"jgbcme {years}Y", f"JP.GOV.{years}Y", SEMI_ANNUAL, "Ministry of Finance"))
    return rows


def _dealer_names(market: str, years: int) -> list[Alias]:
    country = _COUNTRY[market]
    series = f"{market}.GOV.{years}Y"
    convention = QUOTED[market]
    return [
        _row(f"{country}{years}YT=RR", series, convention, "RIC"),
        _row(f"{_BLOOMBERG[market].format(years)} Index", series, convention, "Bloomberg"),
        _row(f"TVC:{country}{years:02d}Y", series, convention, "TradingView"),
        _row(f"{country}{years:02d}Y", series, convention, "TradingView, without exchange"),
    ]


def _row(name: str, series: str, convention: str, vendor: str) -> Alias:
    return Alias(name, series, PERCENT, convention, f"{BUILT_IN}: {vendor}")
