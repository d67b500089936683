"""What the desk holds, as it is written: by series, what one basis point costs it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from stressd.alerts.notification import Position
from stressd.config.fields import Model


class PositionConfig(Model):
    """dv01: what one bp up costs, in units of `currency`; negative where the desk is short."""

    dv01: Annotated[float, Field(allow_inf_nan=False)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]

    @property
    def position(self) -> Position:
        """As messages are told of it."""
        return Position(self.dv01, self.currency)
