"""Yield conventions. They are never mixed: the same price of a long discount bond is up to 36 bp apart between two."""

from __future__ import annotations

import math
from typing import Final

SIMPLE: Final = "simple"
SEMI_ANNUAL: Final = "semi-annual"
ANNUAL: Final = "annual"

CONVENTIONS: Final = {
    SIMPLE: "simple yield, as Japanese dealers quote JGBs",
    SEMI_ANNUAL: "compounded twice a year, as US Treasuries, gilts and the Ministry of Finance's JGB curve",
    ANNUAL: "compounded once a year, as Bunds and other euro government bonds",
}

QUOTED: Final = {"JP": SIMPLE, "US": SEMI_ANNUAL, "UK": SEMI_ANNUAL, "CA": SEMI_ANNUAL, "DE": ANNUAL}
"""How dealers of a market quote."""

PUBLISHED: Final = {"MoF": SEMI_ANNUAL, "FRED": SEMI_ANNUAL, "Treasury": SEMI_ANNUAL}
"""How publishers of daily curves state them, by the source that their fixings carry."""

LEAST_DISCOUNT: Final = 0.3
MOST_DISCOUNT: Final = 2.5
"""Percent by which the coupon of a bond that is quoted lies below its yield, where the two conventions are told apart:
nearer to par they agree, and a deeper discount is rare."""


def simple_yield(compound: float, years: float, coupon: float) -> float:
    """Japanese simple yield of the bond whose semi-annual compound yield is `compound`: the coupon and a year's part of
    the discount, over the price. All in percent, for a whole number of half years."""
    rate = compound / 200.0
    periods = max(round(2.0 * years), 1)
    annuity = float(periods) if abs(rate) < 1e-9 else -math.expm1(-periods * math.log1p(rate)) / rate
    price = coupon / 2.0 * annuity + 100.0 * (1.0 + rate) ** -periods
    return (coupon + (100.0 - price) / years) / price * 100.0


def convention_gap(compound: float, years: float, discount: float) -> float:
    """bp by which the simple yield lies above the compound one, for a coupon `discount` percent below the yield."""
    return (simple_yield(compound, years, max(compound - discount, 0.0)) - compound) * 100.0


def explains(jumps: list[tuple[float, float, float]]) -> bool:
    """Whether a change from one convention to the other would make all of these jumps at once.

    jumps: (years, yield before in percent, jump in bp). One discount must explain them all, within a fifth or 1.5 bp.
    """
    if not jumps:
        return False
    rising = jumps[0][2] > 0.0
    years, before, jump = max(jumps)
    discount = _discount(years, before if rising else before + jump / 100.0, abs(jump))
    if not LEAST_DISCOUNT <= discount <= MOST_DISCOUNT:
        return False
    for years, before, jump in jumps:
        gap = convention_gap(before if rising else before + jump / 100.0, years, discount)
        if (jump > 0.0) != rising or abs(abs(jump) - gap) > max(0.2 * gap, 1.5):
            return False
    return True


def _discount(years: float, compound: float, gap_bp: float) -> float:
    """The discount (percent) at which the gap of such a bond is `gap_bp`; beyond MOST_DISCOUNT where there is none."""
    low, high = 0.0, min(2.0 * MOST_DISCOUNT, max(compound, 0.0))
    if convention_gap(compound, years, high) < gap_bp:
        return 2.0 * MOST_DISCOUNT
    for _ in range(60):
        middle = 0.5 * (low + high)
        if convention_gap(compound, years, middle) < gap_bp:
            low = middle
        else:
            high = middle
    return high
