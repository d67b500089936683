"""Prices per 100 face and yields, by the convention that the yield is quoted in, and prices in 32nds.

The price of a bond is the sum of what it pays, each discounted at the compound yield of its market: twice a year for
Treasuries, gilts and the Ministry of Finance's JGB curve, once a year for Bunds ("street" convention: a broken first
period is compounded too, and what falls on a weekend counts as paid on its day). Japanese dealers' simple yield spreads
the discount evenly over the years instead.
"""

from __future__ import annotations

import math
import re
from typing import Final

from stressd.market.conventions import ANNUAL, SIMPLE

PERIODS: Final = 2
"""Coupons a year wherever they are not annual."""

LEAST: Final = -0.99
"""Of a yield per period: below it no price exists."""

_QUOTE: Final = re.compile(r"([0-9]{1,4})-([0-9]{2})([0-9+]?)")
_QUARTERS: Final = {"": 0, "0": 0, "2": 1, "5": 2, "+": 2, "7": 3}
_MARKS: Final = ("", "2", "+", "7")


def clean_price(rate: float, coupon: float, periods: int, part: float = 1.0, frequency: int = PERIODS) -> float:
    """Price without accrued interest of `periods` coupons to come, the first after `part` of a period.

    rate, coupon: percent a year. Raises ValueError where the yield is so negative that there is no price.
    """
    each = rate / 100.0 / frequency
    if each <= LEAST or periods < 1:
        raise ValueError(f"no price at a yield of {rate:g} percent with {periods} coupons")
    pay = coupon / frequency
    # Exact at a yield of nothing, where the closed form divides by it.
    annuity = float(periods) if abs(each) < 1e-12 else -math.expm1(-periods * math.log1p(each)) / each
    whole = pay * annuity + 100.0 * (1.0 + each) ** -periods
    return float(whole * (1.0 + each) ** (1.0 - part) - pay * (1.0 - part))


def simple_price(rate: float, coupon: float, years: float) -> float:
    """Price at a Japanese simple yield: the inverse of `conventions.simple_yield`. Percent; Raises ValueError where
    there is none."""
    below = rate / 100.0 + 1.0 / years
    if below <= 0.0:
        raise ValueError(f"no price at a simple yield of {rate:g} percent over {years:g} years")
    return (coupon + 100.0 / years) / below


def bond_price(rate: float, coupon: float, months: int, convention: str) -> float:
    """Price of a bond with so many months to go and no accrued interest other than that of a broken first period."""
    if convention == SIMPLE:
        return simple_price(rate, coupon, months / 12.0)
    frequency = 1 if convention == ANNUAL else PERIODS
    length = 12 // frequency
    periods = -(-months // length)
    return clean_price(rate, coupon, periods, months / length - (periods - 1), frequency)


def par_dv01(rate: float, months: int, convention: str) -> float:
    """What one bp up costs a bond that stands at par, per 100 face: half of the price between a bp down and a bp up."""
    down = bond_price(rate - 0.01, rate, months, convention)
    return 0.5 * (down - bond_price(rate + 0.01, rate, months, convention))


def par_move(before: float, after: float, months: int, convention: str) -> float:
    """Points per 100 face that a bond gains (+) or loses which stood at par at `before` and now yields `after`."""
    return bond_price(after, before, months, convention) - bond_price(before, before, months, convention)


def parse_32nds(text: str) -> float:
    """A price in points and 32nds: "97-16+" is 97.515625, and the third digit of "95-082" counts quarters of a 32nd (0,
    2, 5 or +, 7). Raises ValueError for anything else."""
    match = _QUOTE.fullmatch(text.strip())
    if match is None or int(match.group(2)) > 31 or match.group(3) not in _QUARTERS:
        raise ValueError(f"{text!r} is no price in 32nds such as 97-16+ or 95-082")
    return int(match.group(1)) + (int(match.group(2)) + _QUARTERS[match.group(3)] / 4.0) / 32.0


def text_32nds(price: float) -> str:
    """A price, or a change of one, in points and 32nds, to the nearest quarter of a 32nd: "97-16+", "-1-122"."""
    quarters = math.floor(abs(price) * 128.0 + 0.5)
    sign = "-" if price < 0.0 and quarters else ""
    return f"{sign}{quarters // 128}-{quarters % 128 // 4:02d}{_MARKS[quarters % 4]}"
