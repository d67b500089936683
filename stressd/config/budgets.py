"""Alert budgets as they are written: `1 per month per market`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, WithJsonSchema

TIMES_A_YEAR: Final = {"day": 250.0, "week": 52.0, "month": 12.0, "year": 1.0}
"""A day is one on which the market trades."""

PATTERN: Final = r"^[0-9]+(?:\.[0-9]+)? per (?:day|week|month|year) per (?:series|market)$"
EXAMPLE: Final = "`1 per month per market` or `4 per year per series`"


@dataclass(frozen=True, slots=True)
class BudgetValue:
    """per_year: openings. per_market: of a whole market, else of each series. text: as written."""

    per_year: float
    per_market: bool
    text: str

    def __str__(self) -> str:
        return self.text


def _budget(value: Any) -> Any:
    if isinstance(value, BudgetValue):
        return value
    if not isinstance(value, str):
        raise ValueError(f"write how often, such as {EXAMPLE}")
    words = value.split()
    if re.fullmatch(PATTERN, " ".join(words)) is None:
        raise ValueError(f"{value!r} is no budget: write how often and of what, such as {EXAMPLE}")
    count = float(words[0])
    if count <= 0.0:
        raise ValueError("a budget must be more than zero; leave the rule out to have no alerts")
    return BudgetValue(count * TIMES_A_YEAR[words[2]], words[4] == "market", " ".join(words))


Budget = Annotated[BudgetValue, BeforeValidator(_budget), WithJsonSchema({"type": "string", "pattern": PATTERN})]
