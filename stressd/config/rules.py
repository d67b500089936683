"""The rules as they are written, and what they default to."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, WithJsonSchema, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from stressd.config.budgets import Budget
from stressd.config.curves import CurveConfig
from stressd.config.fields import Bp, Duration, HttpUrl, KeyFault, Level, Model, OneOrMany, SeverityName, Slug, written
from stressd.engine.detector import DetectorRule
from stressd.engine.spec import HORIZONS, SECOND, SEVERITIES, Rung
from stressd.market.series import market_of

Horizon = Literal["1m", "5m", "30m", "session", "gap", "1d"]
Sigmas = Annotated[float, Field(gt=0, le=100)]

DEFAULT_SIGMA: Final = {"warn": 3.0, "high": 4.0, "critical": 6.0}
DEFAULT_FLOOR: Final = {"1m": 1.0, "5m": 1.0, "30m": 2.0, "session": 3.0, "gap": 3.0, "1d": 3.0}
"""bp."""


class Rungs(Model):
    """Bars in sigma by severity; those that are absent are not used."""

    info: Sigmas | None = None
    """The bar of `info`. Example: `2`."""
    warn: Sigmas | None = None
    """The bar of `warn`. Example: `3`."""
    high: Sigmas | None = None
    """The bar of `high`. Example: `4`."""
    critical: Sigmas | None = None
    """The bar of `critical`. Example: `6`."""

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


def _each(value: Any) -> Any:
    return value if isinstance(value, dict) else dict.fromkeys(SEVERITIES, value)


Durations = Annotated[dict[SeverityName, Duration], BeforeValidator(_each), _FloorSchema()]
"""One span of time for every severity, or one for each."""

Ticks = Annotated[dict[SeverityName, Annotated[int, Field(ge=1, le=100)]], BeforeValidator(_each), _FloorSchema()]


SILENCE_BUDGET_PATTERN: Final = r"^\d{1,4}(\.\d{1,3})? per (day|week|month|year) per series$"
_MONTHLY: Final = {"day": 365.25 / 12.0, "week": 365.25 / 84.0, "month": 1.0, "year": 1.0 / 12.0}


def parse_silence_budget(value: object) -> float:
    """False silences a month of `1 per month per series`. Raises ValueError."""
    match = re.match(SILENCE_BUDGET_PATTERN, value) if isinstance(value, str) else None
    if not isinstance(value, str) or match is None:
        raise ValueError("a budget of silences is for example `1 per month per series` (day, week, month or year)")
    count, _, unit = value.split()[:3]
    if not float(count) > 0.0:
        raise ValueError("a budget must be more than zero")
    return float(count) * _MONTHLY[unit]


class RuleConfig(Model):
    """What every rule has. series: globs over the configured series. runbook: the page that says what to do, told in
    every message of the rule."""

    name: Slug
    """A name of its own; stands in messages. Example: `sigma-breach`."""
    type: str
    """Its kind."""
    runbook: HttpUrl | None = None
    """The page that says what to do: a link in each of its messages. Example: `https://wiki.bank.example/rates-stress`.
    """
    series: OneOrMany[str]
    """Globs over the series that it watches; they must match something. Example: `"*.GOV.*"`."""


class SigmaConfig(RuleConfig):
    """Moves against their own sigma. All spans are of open time."""

    type: Literal["sigma"]
    """Its kind."""
    horizons: OneOrMany[Horizon] = written(list(HORIZONS))
    """Spans of open time over which moves are measured; `session`: since the open; `gap`: over a close; `1d`: since the
    last fixing."""
    sigma: Rungs | None = None
    """The bar of each severity, in sigma; any may be left out. Default, without a budget: `{warn: 3, high: 4, critical:
    6}`. Example: `{warn: 3, high: 4, critical: 6}`."""
    budget: Budget | None = None
    """How often the rule may open an episode, in the place of `sigma`: for `warn`, with `high` four and `critical`
    twenty times rarer. Example: `1 per month per market`."""
    past_alarms: Literal["drop", "cap", "keep"] | None = None
    """Whether past moves beyond the bar belong to the tail that the budget's bar is read off: `keep`, `cap` (only known
    to be beyond it) or `drop`. Default: dropped within the day, kept from day to day. Example: `keep`."""
    exit: Rungs = Rungs()
    """Where each bar is left again, in sigma. Default: two thirds of the lowest, the others 1 below theirs. Example:
    `{warn: 2, high: 3, critical: 5}`."""
    floor: Floor = written({h: f"{bp:g}bp" for h, bp in DEFAULT_FLOOR.items()})
    """The least move that may open, in bp: one for all, or by horizon. Example: `{1m: 2bp, 1d: 5bp}`."""
    hold: Durations = written("10m")
    """For how long an intraday breach stays below its exit before it is over: one for all, or by severity. Example:
    `{warn: 10m, critical: 2m}`."""
    wait: Durations = written("0s", alias="for")
    """For how long a live move must be beyond a bar before it counts: one for all, or by severity. Example: `{warn:
    30s}`."""
    min_ticks: Ticks = written(1)
    """By how many ticks a live move must be beyond a bar before it counts: one for all, or by severity. Example:
    `{warn: 3}`."""

    @model_validator(mode="after")
    def _consistent(self) -> SigmaConfig:
        enter, leave = self.bars(), self.exit.by_severity()
        if self.budget is not None:
            if self.sigma is not None:
                raise KeyFault("budget", "give `sigma` or `budget`, not both: a budget sets the bars itself")
            if leave:
                raise KeyFault("exit", "a budget sets its exits itself: leave `exit` out")
        elif self.past_alarms is not None:
            raise KeyFault(
                "past_alarms", "`past_alarms` says how a `budget` reads the tail; with `sigma` it says nothing"
            )
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
        for key, given in (("hold", self.hold), ("for", self.wait), ("min_ticks", self.min_ticks)):
            for severity in given:
                if len(given) < len(SEVERITIES) and severity not in enter:
                    raise KeyFault((key, severity), f"`{key}` names `{severity}`, which this rule never raises")
        for key, spans in (("hold", self.hold), ("for", self.wait)):
            for severity, span in spans.items():
                if span < 0:
                    path: str | tuple[str, str] = key if len(spans) == len(SEVERITIES) else (key, severity)
                    raise KeyFault(path, f"`{key}` cannot be negative")
        for horizon, bp in self.floor.items():
            if bp < 0:
                raise KeyFault(("floor", horizon), "`floor` cannot be negative")
        return self

    def bars(self) -> dict[str, float]:
        """The stated bars in sigma, lowest severity first; of a budget, those of the default."""
        return self.sigma.by_severity() if self.sigma is not None else dict(DEFAULT_SIGMA)

    def floors(self) -> dict[str, float]:
        """bp per horizon, defaults filled in."""
        return DEFAULT_FLOOR | {str(horizon): bp for horizon, bp in self.floor.items()}

    def severities(self) -> tuple[str, ...]:
        """What it can raise."""
        return tuple(self.bars())


class LevelConfig(RuleConfig):
    """Yields, or spreads, that are told once when they are crossed, and again only after a move of `rearm` away."""

    type: Literal["level"]
    """Its kind."""
    above: OneOrMany[Level] | None = None
    """Levels that are told when they are crossed upwards; of a spread in bp. Example: `[4.00%, 4.50%]`."""
    below: OneOrMany[Level] | None = None
    """Levels that are told when they are crossed downwards; of a spread in bp. Example: `70bp`."""
    round: Bp | None = None
    """Every multiple of this, in both directions. Example: `25bp`."""
    highest_since: Duration | None = None
    """A new high of so long a time. Example: `90d`."""
    lowest_since: Duration | None = None
    """A new low of so long a time. Example: `90d`."""
    rearm: Bp = written("5bp")
    """Once told, silent until the yield has moved away this far."""
    severity: SeverityName = "info"
    """Of what it tells."""

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


SilenceBudget = Annotated[
    float, BeforeValidator(parse_silence_budget), WithJsonSchema({"type": "string", "pattern": SILENCE_BUDGET_PATTERN})
]
"""False silences a month and series."""


class SilenceConfig(RuleConfig):
    """No tick for longer than is usual for the series at this time of its market's day, or for a fixed time."""

    type: Literal["silence"]
    """Its kind."""
    after: Duration | None = None
    """A fixed span of the market's open time, in the place of a budget. Example: `15m`."""
    budget: SilenceBudget = written("1 per month per series")
    """How many false silences each series may cost."""
    floor: Duration = written("60s")
    """The least silence that is told; at least a second."""
    ceiling: Duration = written("8h")
    """Of open time: the longest silence that is not told."""
    halt: Bp | Literal["none"] = written("15bp")
    """A move of this size within half an hour before the last tick makes a silence a possible halt while the feed's
    other series tick; `none` for never."""
    severity: SeverityName = "warn"
    """Of what it tells."""

    @model_validator(mode="after")
    def _consistent(self) -> SilenceConfig:
        if self.after is not None:
            for key in ("budget", "floor", "ceiling"):
                if key in self.model_fields_set:
                    raise KeyFault(key, f"`{key}` and `after` exclude each other: `after` is a fixed time")
            if self.after <= 0:
                raise KeyFault("after", "`after` must be longer than zero")
        if self.floor < SECOND:
            raise KeyFault("floor", "`floor` must be at least a second")
        if self.ceiling <= self.floor:
            raise KeyFault("ceiling", "`ceiling` must be longer than `floor`")
        if self.halt != "none" and self.halt <= 0:
            raise KeyFault("halt", "`halt` must be more than zero, or `none`")
        return self

    def severities(self) -> tuple[str, ...]:
        """What it can raise."""
        return (self.severity,)


class DetectorConfig(RuleConfig, ABC):
    """A further detector, fed the series' completed moves."""

    input: Literal["tick", "1m", "5m", "30m", "1d"] = "1m"
    """What it is fed: the move since the last tick, over a stretch of open time, or from fixing to fixing."""
    unit: Literal["sigma", "bp"] = "sigma"
    """Of its inputs: the series' own sigma of that horizon, or bp."""
    threshold: float | None = None
    """The score from which a finding is told. Example: `0.98`."""
    budget: Budget | None = None
    """How often, in the place of a threshold: sets the bar from the model's own scores. Example: `12 per year per
    series`."""
    severity: SeverityName | None = None
    """Of what it tells. Default: info, with a budget warn. Example: `warn`."""
    hold: Duration = written("30m")
    """How long it must have been quiet before it is told again."""

    @model_validator(mode="after")
    def _one_bar(self) -> DetectorConfig:
        if self.threshold is not None and self.budget is not None:
            raise KeyFault("budget", "give `threshold` or `budget`, not both: a budget sets the bar itself")
        return self

    @property
    def graveness(self) -> SeverityName:
        """What its findings are told as."""
        return self.severity or ("info" if self.budget is None else "warn")

    def budget_a_series(self, series: tuple[str, ...]) -> float | None:
        """Findings a year and series; a market's budget is shared evenly by its series."""
        if self.budget is None or not self.budget.per_market:
            return None if self.budget is None else self.budget.per_year
        return self.budget.per_year * len({market_of(name) for name in series}) / max(len(series), 1)

    @abstractmethod
    def rule(self, series: tuple[str, ...]) -> DetectorRule:
        """What the engine is told."""

    @abstractmethod
    def text(self) -> str:
        """One line for `check`."""

    def severities(self) -> tuple[str, ...]:
        """What it can raise."""
        return (self.graveness,)


AnyRule = SigmaConfig | LevelConfig | SilenceConfig | CurveConfig | DetectorConfig
RULES: Final[dict[str, type[SigmaConfig | LevelConfig | SilenceConfig | CurveConfig]]] = {
    "sigma": SigmaConfig,
    "level": LevelConfig,
    "silence": SilenceConfig,
    "curve": CurveConfig,
}


def rungs(enter: dict[str, float], leave: dict[str, float]) -> tuple[Rung, ...]:
    """Rungs of the engine. An exit that is not given is two thirds of the bar for the lowest rung, and one sigma below
    the bar for the others, but never below the exit of the rung beneath."""
    made: list[Rung] = []
    for name, bar in enter.items():
        default = bar * 2 / 3 if not made else max(bar - 1.0, made[-1].exit)
        made.append(Rung(SEVERITIES.index(name), bar, leave.get(name, default)))
    return tuple(made)
