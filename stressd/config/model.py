"""The configuration file as a typed model. Feeds, sinks and rules are mappings here: each is read by its own type."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, WithJsonSchema, model_validator

from stressd.alerts.event import Kind
from stressd.config.agenda import EventConfig, Recurring, Zone
from stressd.config.book import PositionConfig
from stressd.config.doors import HealthConfig, HeartbeatConfig, LinksConfig, ProbeConfig, TokenConfig
from stressd.config.episodes import EpisodeConfig, SegmentName, check_segments
from stressd.config.fields import Bp, Duration, File, HttpUrl, KeyFault, Model, OneOrMany, Slug, written
from stressd.config.hours import ClockTime, EndTime
from stressd.config.routes import DigestConfig, InhibitConfig, MatchConfig, RouteConfig, Storm, StormConfig
from stressd.market.series import CROSS, FLY, SLOPE, parse_series, series_id
from stressd.market.tenors import tenor_months
from stressd.market.times import parse_day
from stressd.market.units import UNITS, check_unit

MARKET_PATTERN: Final = r"^[A-Z]{2}[A-Z0-9]{0,6}$"
DAY_PATTERN: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
SPREAD_PATTERN: Final = r"^[0-9]{1,2}(s[0-9]{1,2}){1,2}s$"
CROSS_PATTERN: Final = (
    r"^[A-Z]{2}[A-Z0-9]{0,6}-[A-Z]{2}[A-Z0-9]{0,6}\.[A-Z][A-Z0-9]{1,7}\.[0-9]+(Y|M|(s[0-9]{1,2}){1,2}s)$"
)
PAIR_PATTERN: Final = r"^[A-Z]{2}[A-Z0-9]{0,6} ?-> ?[A-Z]{2}[A-Z0-9]{0,6}$"


def _market(value: str) -> str:
    if not re.fullmatch(MARKET_PATTERN[1:-1], value):
        raise ValueError("a market is a code of capital letters such as `JP`")
    return value


def _tenor(value: Any) -> str:
    if isinstance(value, int):
        raise ValueError(f"a tenor needs a unit: write `{value}Y`")
    try:
        tenor_months(value if isinstance(value, str) else "")
    except ValueError:
        raise ValueError("a tenor is a number of months or years such as `3M` or `10Y`") from None
    return str(value)


def _spread(value: str) -> str:
    try:
        kind = parse_series(f"AA.GOV.{value}").kind
    except ValueError:
        kind = ""
    if kind not in (SLOPE, FLY):
        raise ValueError(
            "a spread within a market is a slope such as `2s10s` or a fly such as `2s5s10s`, short to long"
        )
    return value


def _cross(value: str) -> str:
    try:
        kind = parse_series(value).kind
    except ValueError:
        kind = ""
    if kind != CROSS:
        raise ValueError("a spread between markets is written `IT-DE.GOV.10Y`, first minus second")
    return value


def _day(value: str) -> str:
    try:
        parse_day(value)
    except ValueError:
        raise ValueError("a date is written `2026-12-31`") from None
    return value


def _pair(value: str) -> str:
    if not re.fullmatch(PAIR_PATTERN[1:-1], value):
        raise ValueError("a pair is written `JP -> US`")
    return value


MarketName = Annotated[str, AfterValidator(_market), WithJsonSchema({"type": "string", "pattern": MARKET_PATTERN})]
Tenor = Annotated[str, BeforeValidator(_tenor), WithJsonSchema({"type": "string", "pattern": "^[1-9][0-9]{0,2}[MY]$"})]
Day = Annotated[str, AfterValidator(_day), WithJsonSchema({"type": "string", "pattern": DAY_PATTERN})]
SpreadName = Annotated[str, AfterValidator(_spread), WithJsonSchema({"type": "string", "pattern": SPREAD_PATTERN})]
CrossName = Annotated[str, AfterValidator(_cross), WithJsonSchema({"type": "string", "pattern": CROSS_PATTERN})]
Pair = Annotated[str, AfterValidator(_pair), WithJsonSchema({"type": "string", "pattern": PAIR_PATTERN})]


def _unit(value: str) -> str:
    return check_unit(value)


Convention = Literal["simple", "semi-annual", "annual"]
"""As in market.conventions."""

Unit = Annotated[str, AfterValidator(_unit), WithJsonSchema({"type": "string", "enum": list(UNITS)})]


class MarketConfig(Model):
    """One market. calendar: when it trades, by default the one of the market's own name. spreads: slopes (long minus
    short) and flies (twice the belly minus the wings) of its tenors, each a series of its own. gauge: the tenor whose
    response stands for the market, by default the one nearest 10Y. decays: of the smooth curve through its tenors, for
    curve noise; two maturities, short to long. convention: how its live yields are defined. fixing:
    local time of the daily fixing instead of the calendar's. closed: further closed days, each with its reason. early:
    further days on which it closes early, each with the local time; dates as `2026-12-31`. segments: the parts
    of its curve by name; a tenor that is in none has that of its length (front, belly, long, super-long)."""

    calendar: str | None = None
    tenors: list[Tenor] = Field(min_length=1)
    spreads: list[SpreadName] = written([])
    decays: Annotated[list[Tenor], Field(min_length=2, max_length=2)] = written(["2Y", "8Y"])
    gauge: Tenor | None = None
    convention: Convention | None = None
    fixing: ClockTime | None = None
    closed: dict[Day, str] = written({})
    early: dict[Day, ClockTime] = written({})
    segments: dict[SegmentName, OneOrMany[Tenor]] = written({})

    @property
    def gauge_tenor(self) -> str:
        """The configured gauge, else the tenor nearest ten years."""
        return self.gauge or min(self.tenors, key=lambda tenor: abs(tenor_months(tenor) - 120))

    @model_validator(mode="after")
    def _bent(self) -> MarketConfig:
        if tenor_months(self.decays[0]) >= tenor_months(self.decays[1]):
            raise KeyFault("decays", "`decays` go from short to long such as `[2Y, 8Y]`")
        check_segments(self.segments, self.tenors)
        return self

    def series(self, market: str) -> list[str]:
        """Canonical ids of its yields, short tenors first."""
        return [series_id(market, tenor) for tenor in sorted(set(self.tenors), key=tenor_months)]

    def spread_series(self, market: str) -> list[str]:
        """Canonical ids of its slopes and flies, as written."""
        return list(dict.fromkeys(series_id(market, spread) for spread in self.spreads))


class AliasTarget(Model):
    """What a vendor's name stands for. unit, convention: of the values that come under this name; without `unit` they
    come in the feed's. pattern: the name is a regular expression, and `{group}` in `series` what a named group matched.
    """

    series: str
    unit: Unit | None = None
    convention: Convention | None = None
    pattern: bool = False


class AliasEntry(AliasTarget):
    """The same in a list of aliases."""

    name: Annotated[str, Field(min_length=1)]


def _target(value: Any) -> Any:
    return {"series": value} if isinstance(value, str) else value


AliasValue = Annotated[AliasTarget, BeforeValidator(_target, json_schema_input_type=str | AliasTarget)]


def _aliases_form(value: Any) -> str:
    return "<list>" if isinstance(value, list) else "<mapping>"


Aliases = Annotated[
    Annotated[dict[str, AliasValue], Tag("<mapping>")] | Annotated[list[AliasEntry], Tag("<list>")],
    Discriminator(_aliases_form),
]
"""`{NAME: SERIES}`, `{NAME: {series: ..., unit: ...}}`, or a list of `{name: ..., series: ...}`."""


class PropagationConfig(Model):
    """How other markets' responses are measured. pairs: hints; all pairs are watched. window: of the follower's own
    open time. bar: excess response, in the follower's sigma, over the window where none of its sudden moves could be
    put down to the source; open_bar: the same when it opens after having been closed. level: share of comparable
    stretches or days of its own past that went as far the same way, at most, of a market that has followed; a tenth
    of it within the day for pairs that are neither named nor proven. floor: the least response."""

    pairs: list[Pair] = written([])
    window: Duration = written("10m")
    bar: float = written(3.0, gt=0)
    open_bar: float = written(2.0, gt=0)
    level: float = written(0.1, gt=0, le=0.5)
    floor: Bp = written("0.5bp")
    co_move: Duration = written("5s")

    @model_validator(mode="after")
    def _positive(self) -> PropagationConfig:
        if self.window <= 0:
            raise KeyFault("window", "`window` must be longer than zero")
        return self


class GateConfig(Model):
    """Which ticks are believed. future_tolerance: by which a source's clock may be ahead. max_age: beyond which a tick
    opens nothing. failover_after: open time without a tick after which the next feed of a series takes over."""

    future_tolerance: Duration = written("2s")
    max_age: Duration = written("2m")
    failover_after: Duration = written("60s")


class MaintenanceMatch(MatchConfig):
    """What is withheld meanwhile: what stressd says of feeds and of itself, unless other kinds are named."""

    kind: OneOrMany[Kind] = written(["feed", "self"])


class MaintenanceConfig(Model):
    """Recurring hours over which nobody is told of what is expected to happen. on: days, in the words of `events`.
    from, to: on the clock of `zone`; the next day where `to` is not after `from`. reason: why, in a few words."""

    name: Slug
    zone: Zone
    on: Recurring
    begin: ClockTime = Field(alias="from")
    to: EndTime
    match: MaintenanceMatch = MaintenanceMatch()
    reason: Annotated[str, Field(min_length=1, max_length=200)]

    @model_validator(mode="after")
    def _lasts(self) -> MaintenanceConfig:
        if self.begin == self.to:
            raise KeyFault("to", "the window is empty: a whole day is from `00:00` to `24:00`")
        return self


class LogConfig(Model):
    """level: least level that is written. format: `auto` is JSON lines, but coloured text on a terminal."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "text"] = "auto"


class Listen(Model):
    """Where the daemon's own HTTP server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _listen(value: Any) -> Any:
    if value is None or value == "none":
        return None
    if isinstance(value, Listen):
        return value
    match = re.fullmatch(
        r"(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]+)):([0-9]{1,5})", value if isinstance(value, str) else ""
    )
    if match is None or int(match[3]) > 65535:
        raise ValueError("write host and port such as `127.0.0.1:8433`, or `none`")
    return Listen(host=match[1] or match[2], port=int(match[3]))


class Config(Model):
    """The whole file. spreads: between two markets. feeds, rules and sinks are checked by `load`, each by its own
    type."""

    instance: Slug
    state_dir: File | None = None
    listen: Annotated[Listen | None, BeforeValidator(_listen), WithJsonSchema({"type": ["string", "null"]})] = written(
        "127.0.0.1:8433"
    )
    page_url: HttpUrl | None = None
    tokens: list[TokenConfig] = written([])
    links: LinksConfig = LinksConfig()
    health: HealthConfig = HealthConfig()
    heartbeat: OneOrMany[HeartbeatConfig] | None = None
    probe: ProbeConfig | None = None
    log: LogConfig = LogConfig()
    markets: dict[MarketName, MarketConfig] = Field(min_length=1)
    spreads: list[CrossName] = written([])
    aliases: Aliases = written({})
    gate: GateConfig = GateConfig()
    feeds: list[dict[str, Any]] = written([])
    rules: list[dict[str, Any]] = written([])
    events: list[EventConfig] = written([])
    episodes: EpisodeConfig = EpisodeConfig()
    propagation: PropagationConfig = PropagationConfig()
    routes: list[RouteConfig] = written([])
    inhibit: list[InhibitConfig] = written([])
    storm: Storm = StormConfig()
    digests: list[DigestConfig] = written([])
    maintenance: list[MaintenanceConfig] = written([])
    book: dict[str, PositionConfig] = written({})
    sinks: list[dict[str, Any]] = written([])
