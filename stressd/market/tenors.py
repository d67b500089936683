"""Tenors: `3M`, `10Y` and their length in months."""

from __future__ import annotations

from typing import Final

LONGEST: Final = 600
"""50Y in months."""


def tenor_months(text: str) -> int:
    """Months of a tenor: "3M" is 3, "10Y" is 120. One spelling each: whole years are written in years.

    Raises ValueError with the spelling that was probably meant.
    """
    digits, unit = text[:-1], text[-1:]
    if not (digits.isdigit() and digits.isascii()) or len(digits) > 3 or unit not in ("M", "Y", "m", "y"):
        raise ValueError(f"tenor {text!r} is not a number of months or years such as 3M or 10Y")
    months = int(digits) * (12 if unit in ("Y", "y") else 1)
    if months < 1 or months > LONGEST:
        raise ValueError(f"tenor {text!r} is outside 1M to 50Y")
    name = tenor_name(months)
    if name != text:
        raise ValueError(f"tenor {text!r} is written {name}")
    return months


def tenor_name(months: int) -> str:
    """The one spelling of a tenor of so many months."""
    return f"{months}M" if months % 12 else f"{months // 12}Y"
