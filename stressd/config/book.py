"""What the desk holds, as it is written: by series, what one basis point costs it."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field, WithJsonSchema

from stressd.alerts.notification import Position
from stressd.config.fields import Model


def _currency(value: str) -> str:
    if not re.fullmatch(CURRENCY_PATTERN[1:-1], value):
        raise ValueError("a currency is three capital letters such as `JPY`")
    return value


CURRENCY_PATTERN: Final = r"^[A-Z]{3}$"
Currency = Annotated[str, AfterValidator(_currency), WithJsonSchema({"type": "string", "pattern": CURRENCY_PATTERN})]


class PositionConfig(Model):
    """What the desk holds of a series."""

    dv01: Annotated[float, Field(allow_inf_nan=False)]
    """What one bp up costs, in units of `currency`; negative where the desk is short. Example: `1200000`."""
    currency: Currency
    """Its code. Example: `JPY`."""

    @property
    def position(self) -> Position:
        """As messages are told of it."""
        return Position(self.dv01, self.currency)
