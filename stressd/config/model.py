"""The configuration file as a typed model. Feeds, sinks and rules are mappings here: each is read by its own type."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, WithJsonSchema, model_validator

from stressd.alerts.event import Kind
from stressd.config.agenda import EventConfig, Recurring, Zone
from stressd.config.book import PositionConfig
from stressd.config.doors import (
    HealthConfig,
    HeartbeatConfig,
    LinksConfig,
    MetricsConfig,
    PageConfig,
    ProbeConfig,
    TokenConfig,
)
from stressd.config.episodes import EpisodeConfig, SegmentName, check_segments
from stressd.config.fields import Bp, Duration, File, HttpUrl, KeyFault, Model, OneOrMany, Slug, written
from stressd.config.hours import ClockTime, EndTime
from stressd.config.routes import DailyConfig, DigestConfig, InhibitConfig, MatchConfig, RouteConfig, Storm, StormConfig
from stressd.config.shadow import ShadowConfig
from stressd.config.state import DiskConfig, Recording, RecordingConfig, Reports, ReportsConfig, RetentionConfig
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
    """One market: each of its tenors is a series, `JP.GOV.30Y`."""

    calendar: str | None = None
    """When it trades: `JP`, `US`, `UK`, `DE`, `CA`, or `always` for what never closes. Default: the one of the market's
    own name. Example: `JP`."""
    tenors: list[Tenor] = Field(min_length=1)
    """The maturities that are watched. Example: `[2Y, 10Y, 30Y]`."""
    spreads: list[SpreadName] = written([])
    """Slopes (`2s10s`: 10Y minus 2Y) and flies (`2s5s10s`: twice the 5Y minus 2Y and 10Y) of its tenors, each a series
    of its own, told in bp. Example: `[2s10s, 5s30s]`."""
    decays: Annotated[list[Tenor], Field(min_length=2, max_length=2)] = written(["2Y", "8Y"])
    """Of the smooth curve through its tenors, for curve noise: two maturities, short to long."""
    gauge: Tenor | None = None
    """The tenor that answers for the market when another market has a breach. Default: the one nearest 10Y. Example:
    `10Y`."""
    convention: Convention | None = None
    """How its live yields are defined; history in another convention is never mixed with them. Default: unknown.
    Example: `simple`."""
    fixing: ClockTime | None = None
    """Local time of the daily fixing. Default: the calendar's own (JP 15:00, US 15:30, UK 16:15, DE 17:15, CA 16:30).
    Example: `15:00`."""
    closed: dict[Day, str] = written({})
    """Further days without trading, each with its reason. Example: `{2026-12-30: the desk is shut}`."""
    early: dict[Day, ClockTime] = written({})
    """Further days with an early close, each with its local time. Example: `{2026-11-27: 14:00}`."""
    segments: dict[SegmentName, OneOrMany[Tenor]] = written({})
    """The parts of its curve by name, for "super-long up". Default by length: front up to 3Y, belly up to 7Y, long up
    to 15Y, super-long beyond. Example: `{short: [2Y], long: [10Y, 20Y]}`."""

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
    """What a vendor's name stands for."""

    series: str
    """The series, or a pattern's template of it. Example: `JP.GOV.30Y`."""
    unit: Unit | None = None
    """Of the values that come under this name. Default: the feed's. Example: `bp`."""
    convention: Convention | None = None
    """How these yields are defined. Default: the market's. Example: `semi-annual`."""
    pattern: bool = False
    """The name is a regular expression, and `{group}` in `series` is what a named group matched."""


class AliasEntry(AliasTarget):
    """The same in a list of aliases."""

    name: Annotated[str, Field(min_length=1)]
    """The name on the wire. Example: `GJGB30 Index`."""


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
    """How other markets' answers to a breach are measured, in their own open time, sigma and past."""

    pairs: list[Pair] = written([])
    """Hints: links that you know of, believed sooner; all pairs are watched. Example: `[JP -> US]`."""
    window: Duration = written("10m")
    """Of the follower's own open time, within which it may answer."""
    bar: float = written(3.0, gt=0)
    """Excess over the usual co-movement, in the follower's sigma, to have followed where no sudden move of it did."""
    open_bar: float = written(2.0, gt=0)
    """The same when it opens after having been closed."""
    level: float = written(0.1, gt=0, le=0.5)
    """Share of comparable stretches or days of its own past that went as far the same way, at most; a tenth of it
    within the day for pairs that are neither named nor proven."""
    floor: Bp = written("0.5bp")
    """The least response."""
    co_move: Duration = written("5s")
    """Two moves within it moved together: no order is claimed."""

    @model_validator(mode="after")
    def _positive(self) -> PropagationConfig:
        if self.window <= 0:
            raise KeyFault("window", "`window` must be longer than zero")
        return self


class GateConfig(Model):
    """Which ticks are believed."""

    future_tolerance: Duration = written("2s")
    """By which a source's clock may be ahead."""
    max_age: Duration = written("2m")
    """Older ticks update state but open nothing."""
    failover_after: Duration = written("60s")
    """Open time without a tick, until the next feed of a series takes over."""


class MaintenanceMatch(MatchConfig):
    """What is withheld meanwhile: what stressd says of feeds and of itself, unless other kinds are named."""

    kind: OneOrMany[Kind] = written(["feed", "self"])
    """As in routes; here what is said of feeds and of stressd itself, where nothing is named."""


class MaintenanceConfig(Model):
    """Recurring hours over which nobody is told of what is expected to happen."""

    name: Slug
    """A name of its own. Example: `broker-restart`."""
    zone: Zone
    """On whose clock. Example: `Europe/London`."""
    on: Recurring
    """The days, in the words of `events`. Example: `sunday`."""
    begin: ClockTime = Field(alias="from")
    """When it begins. Example: `06:00`."""
    to: EndTime
    """When it ends; the next day where it is not after `from`. Example: `08:00`."""
    match: MaintenanceMatch = MaintenanceMatch()
    """What is withheld. Example: `{kind: [feed, self]}`."""
    reason: Annotated[str, Field(min_length=1, max_length=200)]
    """Why, in a few words; shown to whoever asks. Example: `weekly restart of the broker`."""

    @model_validator(mode="after")
    def _lasts(self) -> MaintenanceConfig:
        if self.begin == self.to:
            raise KeyFault("to", "the window is empty: a whole day is from `00:00` to `24:00`")
        return self


class LogConfig(Model):
    """The log, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least level that is written."""
    format: Literal["auto", "json", "text"] = "auto"
    """`auto` is fields of the journal where systemd has connected it, coloured text on a terminal, else JSON lines."""


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
    """The whole file. Feeds, rules and sinks are checked by `load`, each by its own type."""

    instance: Slug
    """Who speaks: stands in every event and in every message. Example: `rates-tokyo`."""
    state_dir: File | None = None
    """Where episodes, deliveries and history are kept. Default: systemd's `$STATE_DIRECTORY`, else the user's state
    folder. Example: `/var/lib/stressd`."""
    recording: Recording = RecordingConfig()
    """Ticks as they came, for `stressd replay` and to lose nothing at a crash; `none` records nothing."""
    retention: RetentionConfig = RetentionConfig()
    """For how long the store keeps what is over."""
    reports: Reports = ReportsConfig()
    """Reports that are kept, and for how long; `none` keeps none. Example: `{max_age: 365d}`."""
    disk: DiskConfig = DiskConfig()
    """What is done before the disk is full."""
    listen: Annotated[Listen | None, BeforeValidator(_listen), WithJsonSchema({"type": ["string", "null"]})] = written(
        "127.0.0.1:8433"
    )
    """Address and port of the daemon's own HTTP server (`/healthz`, `/readyz`, `/metrics`, the API); `none` switches it
    off."""
    page_url: HttpUrl | None = None
    """Where people reach that server; links in messages begin with it. Default: messages carry no links. Example:
    `https://stressd.bank.example/`."""
    runbook_url: HttpUrl | None = None
    """Where docs/runbook.md is published: what stressd says of itself and of feeds carries a link into it. Default: its
    name stands there. Example: `https://wiki.bank.example/stressd/runbook`."""
    tokens: list[TokenConfig] = written([])
    """Who may use the API over TCP. Example: `[{name: grafana, token: {file: grafana_token}, may: [read]}]`."""
    page: PageConfig = PageConfig()
    """The page that the daemon serves."""
    links: LinksConfig = LinksConfig()
    """Links in messages, by which a reader acknowledges, silences or labels."""
    health: HealthConfig = HealthConfig()
    """What counts as well, for `/readyz`, `stressd status` and heartbeats."""
    metrics: MetricsConfig = MetricsConfig()
    """What `/metrics` tells."""
    heartbeat: OneOrMany[HeartbeatConfig] | None = None
    """Watchers elsewhere, told "all is well" only while it is. Default: none. Example: `{url: {file: heartbeat_url}}`.
    """
    probe: ProbeConfig | None = None
    """A synthetic tick that must come out as a message. Default: none. Example: `{every: 6h, sinks: [ops-mail]}`."""
    log: LogConfig = LogConfig()
    """What is logged, and how."""
    markets: dict[MarketName, MarketConfig] = Field(min_length=1)
    """The markets by their codes. Example: `{JP: {tenors: [10Y, 30Y]}}`."""
    spreads: list[CrossName] = written([])
    """Spreads between two markets, first minus second, each a series of its own. Example: `[US-DE.GOV.10Y]`."""
    aliases: Aliases = written({})
    """Other names of series on the wire: a mapping, or a list where names repeat. Example: `{US10YT=RR: US.GOV.10Y}`.
    """
    gate: GateConfig = GateConfig()
    """Which ticks are believed."""
    feeds: list[dict[str, Any]] = written([])
    """Where ticks come from. Two feeds may carry the same series: the one written first is active, the others confirm
    it and take over when it falls silent. Example: see `feeds[]`."""
    rules: list[dict[str, Any]] = written([])
    """What is worth telling. Example: see `rules[]`."""
    events: list[EventConfig] = written([])
    """Scheduled events, which widen the bars of sigma rules for their minutes. Example: `[{name: US payrolls, markets:
    [US], on: {weekday: friday, nth: 1}, at: 08:30}]`."""
    episodes: EpisodeConfig = EpisodeConfig()
    """How the lives of alerts are paced."""
    propagation: PropagationConfig = PropagationConfig()
    """How other markets' answers to a breach are measured."""
    routes: list[RouteConfig] = written([])
    """Who hears of what; an event may take several. Example: `[{match: {severity: [warn, high, critical]}, sinks:
    desk-slack}]`."""
    inhibit: list[InhibitConfig] = written([])
    """Further rules of what is muted beside something larger. Example: `[{mute: {market: UK}, while: {market: JP,
    severity: high}}]`."""
    storm: Storm = StormConfig()
    """When too much happens at once; `none` switches it off."""
    daily: DailyConfig | None = None
    """A summary of each market's session at its close. Example: `{markets: [JP, US], sinks: rates-mail}`."""
    digests: list[DigestConfig] = written([])
    """What routes ask for by name, told at closes or times of day. Example: `[{name: closes, at: [JP, US]}]`."""
    maintenance: list[MaintenanceConfig] = written([])
    """Recurring hours over which nobody is told of what is expected. Example: see `maintenance[]`."""
    shadow: ShadowConfig | None = None
    """Rules on trial beside those at work. Example: `{file: candidate.yaml, for: 10d}`."""
    book: dict[str, PositionConfig] = written({})
    """What the desk holds by series, for messages to people only. Example: `{JP.GOV.30Y: {dv01: 1200000, currency:
    JPY}}`."""
    sinks: list[dict[str, Any]] = written([])
    """Where messages go. Example: see `sinks[]`."""
