"""One value as it came on the wire: its series, its yield in percent and its own time."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal

from stressd.feeds.base import SeriesResolver
from stressd.market.times import LATEST, parse_time

Unit = Literal["percent", "bp", "decimal"]
TimeUnit = Literal["auto", "s", "ms", "us", "ns"]

_NS: Final = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_CACHED: Final = 100_000
_LONGEST: Final = 200
"""Characters of a name that can be a series' or an alias: a longer one is neither looked up nor remembered."""
_MINUTES: Final = 1_000

LATEST_MS: Final = 9_223_372_036_854
"""The last millisecond that nanoseconds in 64 bits can hold."""


class Wire:
    """A name on the wire, resolved. plain: its values are percent as they come, nothing is to be converted."""

    __slots__ = ("name", "plain", "series")

    def __init__(self, name: str, series: str, plain: bool) -> None:
        self.name = name
        self.series = series
        self.plain = plain


class Wires:
    """Names on the wire to their series, looked up once each. unit: of values whose alias states none."""

    __slots__ = ("_known", "_resolver", "_unit")

    def __init__(self, resolver: SeriesResolver, unit: str) -> None:
        self._resolver = resolver
        self._unit = unit
        self._known: dict[str, Wire | None] = {}

    def get(self, name: str) -> Wire | None:
        """None for a series that nobody configured."""
        known = self._known
        wire = known.get(name)
        if wire is not None or name in known:
            return wire
        if len(name) > _LONGEST:
            return None
        wire = self._resolve(name)
        if len(known) >= _CACHED:
            known.clear()
        known[name] = wire
        return wire

    def rename(self, resolver: SeriesResolver) -> None:
        """Other names from now on."""
        self._resolver = resolver
        self._known.clear()

    def percent(self, wire: Wire, value: float) -> float:
        """`value` in percent. Raises ValueError for NaN, the infinities, and what the unit does not allow."""
        if value - value != 0.0:
            raise ValueError(f"value {value} is not a finite number")
        if not wire.plain:
            value = self._resolver.to_percent(wire.name, value, self._unit)
            if value - value != 0.0:
                raise ValueError("the value is too large in percent")
        # a rounded -0.001 arrives as -0.0: a yield of zero has no sign
        return value + 0.0

    def _resolve(self, name: str) -> Wire | None:
        series = self._resolver.series(name)
        if series is None:
            return None
        try:
            plain = all(self._resolver.to_percent(name, x, self._unit) == x for x in (1.0, -3.765, 1e-6))
        except ValueError:
            plain = False
        return Wire(name, series, plain)


class Clock:
    """Reads the own time of a value. unit: of epochs, "auto" by their size."""

    __slots__ = ("_minutes", "_ns")

    def __init__(self, unit: TimeUnit) -> None:
        self._ns = _NS.get(unit, 0)
        self._minutes: dict[str, int] = {}

    def read(self, given: int | float | str) -> int:
        """ns UTC. Raises ValueError with a sentence."""
        if self._ns:
            return self._explicit(given)
        if type(given) is int:
            if 10**11 <= given <= LATEST_MS:
                return given * 10**6
            if 10**17 <= given <= LATEST:
                return given
        elif type(given) is str and given[-1:] == "Z" and len(given) >= 20 and given[13] == given[16] == ":":
            return self._utc(given)
        return parse_time(given)

    def _utc(self, text: str) -> int:
        """ISO 8601 in UTC, whose minute is read once: most of a feed's times share it with the one before."""
        minute = self._minutes.get(text[:17])
        seconds = text[17:19]
        decimals = text[20:-1]
        plain = (
            seconds.isdecimal() and seconds < "60" and (len(text) == 20 or (text[19] == "." and decimals.isdecimal()))
        )
        if not plain or not text.isascii():
            return parse_time(text)
        if minute is None:
            if len(self._minutes) >= _MINUTES:
                self._minutes.clear()
            minute = self._minutes[text[:17]] = parse_time(text[:17] + "00Z")
        ns = minute + int(seconds) * 10**9
        return ns + int(decimals[:9].ljust(9, "0")) if decimals else ns

    def _explicit(self, given: int | float | str) -> int:
        try:
            exact = Decimal(str(given)) * self._ns
        except (ArithmeticError, ValueError):
            return parse_time(given)
        # compared before it is made an integer: that of `1e999999` would take minutes
        if not exact.is_finite() or not 1 <= exact <= LATEST:
            raise ValueError(f"time {str(given)[:60]} is outside 1970 to 2262 in the configured unit")
        return int(exact)
