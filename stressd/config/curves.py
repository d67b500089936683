"""Curve rules as they are written: the day's shape, and curve noise."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from stressd.config.fields import (
    Bp,
    Duration,
    HttpUrl,
    KeyFault,
    Model,
    OneOrMany,
    SeverityName,
    Slug,
    parse_bp,
    written,
)
from stressd.config.model import MarketName, Tenor
from stressd.engine.spec import SEVERITIES, NoiseRung
from stressd.market.series import series_id
from stressd.market.shape import SHAPES
from stressd.market.tenors import tenor_months

Shape = Literal[
    "bear steepening", "bear flattening", "bull steepening", "bull flattening", "twist steepening", "twist flattening",
    "parallel",
]  # fmt: skip
"""As in market.shape."""


def _bar(value: Any) -> tuple[float | None, float | None]:
    """(sigma, bp) of `4` or of `3bp`."""
    if isinstance(value, tuple):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not 0 < value <= 100:
            raise ValueError("a bar in sigma is more than 0 and at most 100")
        return float(value), None
    try:
        bp = parse_bp(value)
    except ValueError:
        raise ValueError("write a number for sigma, such as `4`, or a size such as `3bp`") from None
    if bp <= 0:
        raise ValueError("a bar is more than zero")
    return None, bp


def _written(bar: tuple[float | None, float | None]) -> float | str:
    return bar[0] if bar[0] is not None else f"{bar[1]:g}bp"


Bar = Annotated[
    tuple[float | None, float | None],
    BeforeValidator(_bar),
    PlainSerializer(_written, return_type=float | str, when_used="json"),
    WithJsonSchema(
        {"anyOf": [{"type": "number", "exclusiveMinimum": 0, "maximum": 100}, {"type": "string", "pattern": "bp$"}]}
    ),
]
"""A number of sigma, or bp with the unit."""


class NoiseBars(Model):
    """Bars for curve noise by severity: in its own usual deviations, or all in bp."""

    info: Bar | None = None
    """The bar of `info`. Example: `3`."""
    warn: Bar | None = None
    """The bar of `warn`. Example: `4`."""
    high: Bar | None = None
    """The bar of `high`. Example: `6`."""
    critical: Bar | None = None
    """The bar of `critical`. Example: `10`."""

    def rungs(self) -> tuple[NoiseRung, ...]:
        """Of the engine, lowest severity first."""
        given = [(severity, getattr(self, name)) for severity, name in enumerate(SEVERITIES)]
        return tuple(NoiseRung(severity, bar[0], bar[1]) for severity, bar in given if bar is not None)


class CurveConfig(Model):
    """The curve of a market as a whole: the shape of the day, and how rough the curve is."""

    name: Slug
    """A name of its own; stands in messages. Example: `twist`."""
    type: Literal["curve"]
    """Its kind."""
    runbook: HttpUrl | None = None
    """The page that says what to do: a link in each of its messages. Example: `https://wiki.bank.example/curve`."""
    market: OneOrMany[MarketName] | None = None
    """Whose. Default: all that have what the rule needs. Example: `[JP, US]`."""
    tenors: Annotated[list[Tenor], Field(min_length=2, max_length=2)] | None = None
    """The short and the long end, whose slope is watched. Example: `[2Y, 10Y]`."""
    move: Bp = written("10bp")
    """The slope's change since the last fixing that is told once a day; of a parallel move both ends'."""
    shapes: OneOrMany[Shape] = written(list(SHAPES))
    """Which are told."""
    rearm: Bp = written("5bp")
    """By how much it must come back before it is told again."""
    epsilon: Bp = written("0.5bp")
    """A tenor, or the slope, that moved by no more than this has not moved."""
    severity: SeverityName = "info"
    """Of shapes."""
    noise: NoiseBars | None = None
    """Bars for how far the tenors lie off the smooth curve through them: in its usual deviations, or in bp. Example:
    `{warn: 4, high: 6}`."""
    floor: Bp = written("0.5bp")
    """The least by which noise must lie above its usual."""
    hold: Duration = written("1m")
    """For how long it must."""

    @model_validator(mode="after")
    def _consistent(self) -> CurveConfig:
        if self.tenors is None and self.noise is None:
            raise ValueError("a curve rule needs `tenors`, for the shape of the day, or `noise`, or both")
        if self.tenors is not None:
            months = [tenor_months(tenor) for tenor in self.tenors]
            if any(each % 12 for each in months):
                raise KeyFault("tenors", "the ends of a slope are whole years such as `[2Y, 10Y]`")
            if months[0] >= months[1]:
                raise KeyFault("tenors", "`tenors` go from short to long")
        if self.noise is not None:
            rungs = self.noise.rungs()
            if not rungs:
                raise KeyFault("noise", "`noise` needs at least one severity, such as `{warn: 4, high: 6}`")
            bars = [rung.sigma or rung.bp or 0.0 for rung in rungs]
            if len({rung.bp is None for rung in rungs}) > 1:
                raise KeyFault("noise", "`noise` is in sigma or in bp, not in both")
            if bars != sorted(set(bars)):
                raise KeyFault("noise", "`noise` must rise with severity: info < warn < high < critical")
        for key in ("move", "rearm"):
            if getattr(self, key) <= 0:
                raise KeyFault(key, f"`{key}` must be more than zero")
        for key in ("epsilon", "floor", "hold"):
            if getattr(self, key) < 0:
                raise KeyFault(key, f"`{key}` cannot be negative")
        if self.rearm > self.move:
            raise KeyFault("rearm", "`rearm` cannot be more than `move`")
        return self

    @property
    def series(self) -> list[str]:
        """Globs of the series that it is about."""
        return [f"{market}.*" for market in self.market] if self.market else ["*"]

    def severities(self) -> tuple[str, ...]:
        """What it can raise."""
        shape = {self.severity} if self.tenors is not None else set()
        noise = {SEVERITIES[rung.severity] for rung in self.noise.rungs()} if self.noise is not None else set()
        return tuple(name for name in SEVERITIES if name in shape | noise)

    def slope(self, market: str) -> str:
        """Id of the slope between its tenors."""
        assert self.tenors is not None
        short, long = (tenor_months(tenor) // 12 for tenor in self.tenors)
        return series_id(market, f"{short}s{long}s")

    def ends(self, market: str) -> tuple[str, str]:
        """Ids of the short and the long end."""
        assert self.tenors is not None
        short, long = self.tenors
        return series_id(market, short), series_id(market, long)
