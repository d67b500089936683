"""Which key of a payload means what: the configuration of a feed's decoder."""

from __future__ import annotations

from typing import Final, Literal, Self

from pydantic import field_validator, model_validator

from stressd.config.fields import Model, written
from stressd.feeds.values import TimeUnit, Unit

Format = Literal["json", "ndjson", "columnar", "number"]

ROLES: Final = ("value", "bid", "ask", "time", "series", "source")


class PayloadMap(Model):
    """Which key of a payload means what; `a.b` reaches into an object."""

    format: Format = "json"
    """JSON (one object, an array, NDJSON, or columns), or plain text that is the value itself."""
    value: str | None = None
    """The key of the yield; without it the middle of `bid` and `ask`. Example: `yield`."""
    bid: str | None = None
    """The key of the bid. Example: `b`."""
    ask: str | None = None
    """The key of the ask. Example: `a`."""
    time: str | None = None
    """The key of the time; without it a value counts as of its receipt. Example: `ts`."""
    time_unit: TimeUnit = "auto"
    """Of a time that is a number; `auto` tells by its size."""
    series: str | None = None
    """The key of the series' name, where it is not in the topic. Example: `symbol`."""
    source: str | None = None
    """The key of the venue's name, said in messages. Example: `venue`."""
    unit: Unit = written("percent", description="percent, bp or decimal; a price is not a yield")
    """Of values whose alias has none."""

    @field_validator("unit", mode="before")
    @classmethod
    def _no_price(cls, unit: object) -> object:
        if unit == "price":
            raise ValueError("a price cannot be turned into a yield yet: publish yields (percent, bp or decimal)")
        return unit

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.bid is None) != (self.ask is None):
            raise ValueError("`bid` and `ask` go together: their middle is the value")
        keys = [key for role in ROLES if (key := getattr(self, role)) is not None]
        if self.format == "number" and keys:
            raise ValueError("`format: number` has no keys: the whole payload is the value")
        if len(set(keys)) != len(keys):
            raise ValueError("two fields of the payload map name the same key")
        if any(not part for key in keys for part in key.split(".")):
            raise ValueError("a key of the payload map is empty")
        if any(other.startswith(key + ".") for key in keys for other in keys):
            raise ValueError("a key of the payload map is also the object around another one")
        return self

    def keys(self) -> dict[str, str]:
        """Role to key; `value` where neither a value nor bid and ask are named."""
        named = {role: key for role in ROLES if (key := getattr(self, role)) is not None}
        return named if "value" in named or "bid" in named else {"value": "value", **named}
