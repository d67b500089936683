"""Canonical series ids: `JP.GOV.30Y`, slopes `US.GOV.2s10s`, flies `US.GOV.2s5s10s`, cross-market `IT-DE.GOV.10Y`."""

from __future__ import annotations

import re
from typing import Final

from stressd.market.tenors import tenor_months

YIELD: Final = "yield"
SLOPE: Final = "slope"
FLY: Final = "fly"
CROSS: Final = "cross"

_MARKET: Final = re.compile(r"[A-Z]{2}[A-Z0-9]{0,6}")
_TYPE: Final = re.compile(r"[A-Z][A-Z0-9]{1,7}")
_CURVE: Final = re.compile(r"[0-9]{1,2}(?:s[0-9]{1,2}){1,2}s")


class SeriesId:
    """One parsed id.

    market: "JP", or "IT-DE" for a cross-market spread. type: "GOV". tenor: "30Y", "2s10s", "2s5s10s". kind: "yield",
    "slope", "fly" or "cross". months: length in months, the longest one of a slope or fly. legs: the yields it is made
    of with their signs; a slope is long minus short, a fly twice the belly minus the wings, a cross first minus second.
    """

    __slots__ = ("id", "kind", "legs", "market", "months", "tenor", "type")

    def __init__(
        self, market: str, type: str, tenor: str, kind: str, months: int, legs: tuple[tuple[str, float], ...]
    ) -> None:
        self.id = f"{market}.{type}.{tenor}"
        self.market = market
        self.type = type
        self.tenor = tenor
        self.kind = kind
        self.months = months
        self.legs = legs

    def __repr__(self) -> str:
        return f"SeriesId({self.id})"


def parse_series(text: str) -> SeriesId:
    """Parse a canonical id. Raises ValueError, with a sentence, for anything else."""
    parts = text.split(".")
    if len(parts) != 3:
        raise ValueError(f"series {text!r} is not of the form MARKET.TYPE.TENOR, for example JP.GOV.30Y")
    market, kind_of_paper, tenor = parts
    markets = market.split("-")
    if len(markets) > 2 or any(_MARKET.fullmatch(each) is None for each in markets):
        raise ValueError(f"series {text!r}: market {market!r} is not a code such as JP, or two such as IT-DE")
    if len(markets) == 2 and markets[0] == markets[1]:
        raise ValueError(f"series {text!r}: a spread between {markets[0]} and itself is always zero")
    if _TYPE.fullmatch(kind_of_paper) is None:
        raise ValueError(f"series {text!r}: type {kind_of_paper!r} is not a code such as GOV")
    try:
        weights, months, kind = _weights(tenor)
    except ValueError as error:
        raise ValueError(f"series {text!r}: {error}") from None
    legs = [(f"{markets[0]}.{kind_of_paper}.{name}", weight) for name, weight in weights]
    if len(markets) == 2:
        legs += [(f"{markets[1]}.{kind_of_paper}.{name}", -weight) for name, weight in weights]
        kind = CROSS
    return SeriesId(market, kind_of_paper, tenor, kind, months, tuple(legs))


def series_id(market: str, tenor: str, type: str = "GOV") -> str:
    """The canonical id of a market's tenor, validated."""
    return parse_series(f"{market}.{type}.{tenor}").id


def market_of(series: str) -> str:
    """The market of a canonical id."""
    return series.partition(".")[0]


def curve_order(series: str) -> tuple[str, int, str]:
    """Sort key of canonical ids: market by market, short tenors first."""
    parsed = parse_series(series)
    return parsed.market, parsed.months, parsed.id


def _weights(tenor: str) -> tuple[list[tuple[str, float]], int, str]:
    """Legs of one market's tenor, slope or fly, with the longest tenor's months and the kind."""
    if _CURVE.fullmatch(tenor) is None:
        return [(tenor, 1.0)], tenor_months(tenor), YIELD
    names = [f"{years}Y" for years in tenor[:-1].split("s")]
    months = [tenor_months(name) for name in names]
    if months != sorted(set(months)):
        raise ValueError(f"{tenor!r} does not go from short to long")
    if len(names) == 2:
        return [(names[0], -1.0), (names[1], 1.0)], months[-1], SLOPE
    return [(names[0], -1.0), (names[1], 2.0), (names[2], -1.0)], months[-1], FLY
