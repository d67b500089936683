"""The rules as they are written, and what they default to."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from stressd.config.fields import Bp, Duration, KeyFault, Model, OneOrMany, Percent, SeverityName, Slug, written
from stressd.engine.spec import HORIZONS, SEVERITIES, Rung

Horizon = Literal["1m", "5m", "30m", "session", "1d"]
Sigmas = Annotated[float, Field(gt=0, le=100)]

DEFAULT_SIGMA: Final = {"warn": 3.0, "high": 4.0, "critical": 6.0}
DEFAULT_FLOOR: Final = {"1m": 1.0, "5m": 1.0, "30m": 2.0, "session": 3.0, "1d": 3.0}
"""bp."""


class Rungs(Model):
    """Bars in sigma by severity; those that are absent are not used."""

    info: Sigmas | None = None
    warn: Sigmas | None = None
    high: Sigmas | None = None
    critical: Sigmas | None = None

    def by_severity(self) -> dict[str, float]:
        """Those that are given, lowest severity first."""
        return {name: bar for name in SEVERITIES if (bar := getattr(self, name)) is not None}


def _floor(value: Any) -> Any:
    return value if isinstance(value, dict) else dict.fromkeys(HORIZONS, value)


class _FloorSchema:
    """In JSON Schema: one size for all horizons, or one for each."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        by_horizon = handler(core)
        return {"anyOf": [by_horizon.get("additionalProperties", {}), by_horizon]}


Floor = Annotated[dict[Horizon, Bp], BeforeValidator(_floor), _FloorSchema()]


class RuleConfig(Model):
    """What every rule has. series: globs over the configured series."""

    name: Slug
    type: str
    series: OneOrMany[str]


class SigmaConfig(RuleConfig):
    """Moves against their own sigma. sigma: the bar of each severity. exit: where it is left again. floor: the least
    move that may open, in bp, one or per horizon. hold: how long an intraday breach stays below its exit before it is
    over."""

    type: Literal["sigma"]
    horizons: OneOrMany[Horizon] = written(list(HORIZONS))
    sigma: Rungs = Rungs(**DEFAULT_SIGMA)
    exit: Rungs = Rungs()
    floor: Floor = written({h: f"{bp:g}bp" for h, bp in DEFAULT_FLOOR.items()})
    hold: Duration = written("10m")

    @model_validator(mode="after")
    def _consistent(self) -> SigmaConfig:
        enter, leave = self.sigma.by_severity(), self.exit.by_severity()
        if not enter:
            raise KeyFault("sigma", "`sigma` needs at least one severity, such as `{warn: 3, high: 4, critical: 6}`")
        bars = list(enter.values())
        if bars != sorted(set(bars)):
            raise KeyFault("sigma", "`sigma` must rise with severity: info < warn < high < critical")
        for name, bar in leave.items():
            if name not in enter:
                raise KeyFault(("exit", name), f"`exit` names `{name}`, which `sigma` does not")
            if bar >= enter[name]:
                raise KeyFault(("exit", name), f"`exit` of `{name}` must be below its bar of {enter[name]:g} sigma")
        exits = [rung.exit for rung in rungs(enter, leave)]
        if exits != sorted(exits):
            raise KeyFault("exit", "`exit` must not fall with severity")
        for horizon, bp in self.floor.items():
            if bp < 0:
                raise KeyFault(("floor", horizon), "`floor` cannot be negative")
        return self

    def floors(self) -> dict[str, float]:
        """bp per horizon, defaults filled in."""
        return DEFAULT_FLOOR | {str(horizon): bp for horizon, bp in self.floor.items()}

    def severities(self) -> tuple[str, ...]:
        """What it can raise."""
        return tuple(self.sigma.by_severity())


class LevelConfig(RuleConfig):
    """Yields that are told once when they are crossed, and again only after a move of `rearm` away from them."""

    type: Literal["level"]
    above: OneOrMany[Percent] | None = None
    below: OneOrMany[Percent] | None = None
    round: Bp | None = None
    highest_since: Duration | None = None
    lowest_since: Duration | None = None
    rearm: Bp = written("5bp")
    severity: SeverityName = "info"

    @model_validator(mode="after")
    def _consistent(self) -> LevelConfig:
        if all(getattr(self, key) is None for key in ("above", "below", "round", "highest_since", "lowest_since")):
            raise ValueError("a level rule needs `above`, `below`, `round`, `highest_since` or `lowest_since`")
        for key in ("round", "rearm", "highest_since", "lowest_since"):
            if (value := getattr(self, key)) is not None and value <= 0:
                raise KeyFault(key, f"`{key}` must be more than zero")
        return self

    def severities(self) -> tuple[str, ...]:
        """What it can raise."""
        return (self.severity,)


class SilenceConfig(RuleConfig):
    """No tick for `after` of the market's open time."""

    type: Literal["silence"]
    after: Duration
    severity: SeverityName = "warn"

    @model_validator(mode="after")
    def _consistent(self) -> SilenceConfig:
        if self.after <= 0:
            raise KeyFault("after", "`after` must be longer than zero")
        return self

    def severities(self) -> tuple[str, ...]:
        """What it can raise."""
        return (self.severity,)


AnyRule = SigmaConfig | LevelConfig | SilenceConfig
RULES: Final[dict[str, type[AnyRule]]] = {"sigma": SigmaConfig, "level": LevelConfig, "silence": SilenceConfig}


def rungs(enter: dict[str, float], leave: dict[str, float]) -> tuple[Rung, ...]:
    """Rungs of the engine. An exit that is not given is two thirds of the bar for the lowest rung, and one sigma below
    the bar for the others, but never below the exit of the rung beneath."""
    made: list[Rung] = []
    for name, bar in enter.items():
        default = bar * 2 / 3 if not made else max(bar - 1.0, made[-1].exit)
        made.append(Rung(SEVERITIES.index(name), bar, leave.get(name, default)))
    return tuple(made)
