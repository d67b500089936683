"""Yield conventions. They are never mixed: the same price of a long discount bond is up to 36 bp apart between two."""

from __future__ import annotations

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
