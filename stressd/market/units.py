"""Units of yields on the wire, and what is refused: prices, and values whose size does not fit their unit.

The rule: a yield or spread lies between -5 and 50 percent. A value outside is taken for another unit and refused with
the unit it would fit; one inside is taken as it stands, since 0.0431 percent is a yield that has been seen.
"""

from __future__ import annotations

from typing import Final

PERCENT: Final = "percent"
BP: Final = "bp"
DECIMAL: Final = "decimal"
UNITS: Final = (PERCENT, BP, DECIMAL)

LOWEST: Final = -5.0
HIGHEST: Final = 50.0

_PRICES: Final = ("price", "prices", "clean", "dirty", "32nds", "64ths", "points")
_SPELLINGS: Final = {
    "%": PERCENT, "pct": PERCENT, "per cent": PERCENT, "percentage": PERCENT, "percents": PERCENT,
    "bps": BP, "basis points": BP, "basispoints": BP, "fraction": DECIMAL, "ratio": DECIMAL, "decimals": DECIMAL,
}  # fmt: skip


def check_unit(unit: str) -> str:
    """`unit` if it is one of UNITS. Raises ValueError, with the word that was probably meant, for anything else."""
    if unit in UNITS:
        return unit
    word = unit.strip().lower()
    if word in _PRICES:
        raise ValueError(
            f"unit {unit!r}: prices are not read yet, their yield needs coupon and maturity; "
            f"send the yield in {', '.join(UNITS[:-1])} or {UNITS[-1]}"
        )
    meant = word if word in UNITS else _SPELLINGS.get(word)
    raise ValueError(f"unit {unit!r}: write {meant}" if meant else f"unit {unit!r} is none of {', '.join(UNITS)}")


def to_percent(value: float, unit: str) -> float:
    """A yield in percent. Raises ValueError where the unit is none of UNITS or the size does not fit it."""
    if unit == PERCENT:
        percent = value
    elif unit == BP:
        percent = value / 100.0
    elif unit == DECIMAL:
        # 0.0431 * 100 is 4.3100000000000005; twelve places are far below any tick.
        percent = round(value * 100.0, 12)
    else:
        check_unit(unit)
        raise AssertionError(unit)
    if LOWEST <= percent <= HIGHEST:
        return percent
    raise ValueError(f"{value:g} as {unit} is no yield ({LOWEST:g} to {HIGHEST:g} percent){_fits(value, unit)}")


def _fits(value: float, unit: str) -> str:
    """What the value looks like instead."""
    if unit != DECIMAL and HIGHEST < value <= 200.0:
        return f": it looks like a price, or a yield of {value / 100.0:g} percent in bp"
    if unit == DECIMAL and LOWEST <= value <= HIGHEST:
        return f": it looks like {value:g} percent"
    if unit != BP and LOWEST * 100.0 <= value <= HIGHEST * 100.0:
        return f": it looks like {value:g} bp"
    return ""
