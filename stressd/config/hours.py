"""Times of day and hours as they are written in a file."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from stressd.alerts.routing import Hours
from stressd.config.agenda import WEEKDAYS, Weekday, Zone
from stressd.config.fields import KeyFault, Model, OneOrMany, written
from stressd.market.hours import minutes

CLOCK_PATTERN: Final = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"


def _clock(value: Any) -> Any:
    if not isinstance(value, str) or not re.fullmatch(CLOCK_PATTERN[1:-1], value):
        raise ValueError("a time of day is written `15:00`")
    return value


def _end_of_day(value: Any) -> Any:
    return value if value == "24:00" else _clock(value)


ClockTime = Annotated[str, BeforeValidator(_clock), WithJsonSchema({"type": "string", "pattern": CLOCK_PATTERN})]
EndTime = Annotated[
    str, BeforeValidator(_end_of_day), WithJsonSchema({"type": "string", "pattern": f"{CLOCK_PATTERN}|^24:00$"})
]
"""The end of a span of the day, `24:00` too."""

Days = OneOrMany[Literal["daily", "weekdays"] | Weekday]
"""`daily`, `weekdays`, or days by their names."""


def day_numbers(days: list[str]) -> tuple[int, ...]:
    """0 for Monday to 6."""
    numbers: set[int] = set()
    for day in days:
        numbers.update(range(7) if day == "daily" else range(5) if day == "weekdays" else [WEEKDAYS.index(day)])
    return tuple(sorted(numbers))


class HoursConfig(Model):
    """Hours of the day on a clock, right through changes of it."""

    zone: Zone
    """Whose clock. Example: `Asia/Tokyo`."""
    begin: ClockTime = Field(alias="from")
    """From when. Example: `18:00`."""
    to: EndTime
    """Until when; over midnight where it is not after `from`. Example: `08:00`."""
    days: Days = written("daily")
    """On which days they begin."""

    @model_validator(mode="after")
    def _lasts(self) -> HoursConfig:
        if self.begin == self.to:
            raise KeyFault("to", "the hours are empty: a whole day is from `00:00` to `24:00`")
        return self

    def __str__(self) -> str:
        days = "" if list(self.days) == ["daily"] else f" {'|'.join(self.days)}"
        return f"{self.begin}-{self.to} {self.zone}{days}"

    def hours(self) -> Hours:
        """As a route has them."""
        return Hours(self.zone, minutes(self.begin), minutes(self.to), day_numbers(list(self.days)))
