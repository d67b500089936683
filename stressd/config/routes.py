"""Who hears of what, as it is written in a file: routes, what mutes what, storms, digests."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from stressd.alerts.event import Direction, EventType, Kind, Origin
from stressd.alerts.matching import Match
from stressd.alerts.routing import DEFAULT_UPDATES
from stressd.config.agenda import Zone
from stressd.config.fields import Duration, KeyFault, Model, OneOrMany, SeverityName, Slug, written
from stressd.config.hours import ClockTime, Days, HoursConfig

MINUTE = 60_000_000_000

SessionWord = Literal["open", "closed", "lunch", "overnight", "weekend", "holiday", "early close"]
"""A state of the event's market. `closed` is any but `open`."""


class MatchConfig(Model):
    """What is meant; a key that is absent takes anything, except `kind`, which is `market` then."""

    kind: OneOrMany[Kind] = written("market")
    """What it is about: a market, a feed, or stressd itself."""
    market: OneOrMany[str] | None = None
    """Markets; a spread between two is its own, `US-DE`. Example: `[JP, US]`."""
    series: OneOrMany[str] | None = None
    """Globs over series. Example: `"*.GOV.30Y"`."""
    rule: OneOrMany[str] | None = None
    """Rules by name. Example: `sigma-breach`."""
    severity: OneOrMany[SeverityName] | None = None
    """Severities. Example: `[high, critical]`."""
    direction: OneOrMany[Direction] | None = None
    """`up` or `down`. Example: `up`."""
    origin: OneOrMany[Origin] | None = None
    """`live`, `drill`, `replay` or `simulated`. Example: `live`."""

    def match(self) -> Match:
        """As the machine has it."""
        return Match(
            kinds=tuple(self.kind),
            markets=tuple(self.market or ()),
            series=tuple(self.series or ()),
            rules=tuple(self.rule or ()),
            severities=tuple(self.severity or ()),
            directions=tuple(self.direction or ()),
            origins=tuple(self.origin or ()),
        )


class RouteMatch(MatchConfig):
    """What a route takes; a key that is absent takes anything, except `kind`, which is `market` then."""

    session: OneOrMany[SessionWord] | None = None
    """Of the event's market at the time of the event: open, closed, or closed for lunch, overnight, weekend, holiday,
    early close. Example: `[closed, holiday]`."""
    hours: HoursConfig | None = None
    """Hours on a clock. Example: `{zone: Asia/Tokyo, from: 18:00, to: 08:00}`."""


class EscalationConfig(Model):
    """Who is told of what nobody has acknowledged."""

    after: Duration
    """By the clock on the wall, since those of the route were told. Example: `15m`."""
    severity: OneOrMany[SeverityName] = written(["high", "critical"])
    """Of which it is taken."""
    sinks: OneOrMany[str]
    """Who is told then. Example: `duty-pager`."""

    @model_validator(mode="after")
    def _positive(self) -> EscalationConfig:
        if self.after <= 0:
            raise KeyFault("after", "`after` must be longer than zero: name the sink in `sinks` to tell it at once")
        return self


class RouteConfig(Model):
    """Who hears of what."""

    match: RouteMatch = RouteMatch()
    """What it takes. Example: `{severity: [warn, high, critical]}`."""
    updates: OneOrMany[EventType] = written(list(DEFAULT_UPDATES))
    """Which transitions of an episode are told."""
    propagated: Literal["once", "each", "all"] = "once"
    """Of the answers of other markets: `once`, the first that is a link; `each`, every further market's; `all`, "did
    not respond" too."""
    sinks: OneOrMany[str]
    """Who is told; each sink once, however many routes name it. Example: `[desk-slack, rates-mail]`."""
    digest: str | None = None
    """Told in the digest of this name instead of one by one. Example: `closes`."""
    inhibit: bool = True
    """Whether something larger may mute it."""
    storm: bool = True
    """Whether a storm may gather it; `false` for machines, which want every event."""
    remind: Duration | None = None
    """After how long those who were told are reminded of what is still open and not acknowledged; then after twice as
    long, up to a day. Default: never. Example: `4h`."""
    escalate: list[EscalationConfig] = written([])
    """Who is told next where nobody acknowledges. Example: `[{after: 15m, severity: critical, sinks: duty-pager}]`."""

    @model_validator(mode="after")
    def _patient(self) -> RouteConfig:
        if self.remind is not None and self.remind < MINUTE:
            raise KeyFault("remind", "`remind` is a minute at least")
        if self.digest is not None and (self.remind is not None or self.escalate):
            key = "remind" if self.remind is not None else "escalate"
            raise KeyFault(key, f"what is told in a digest has no `{key}`")
        return self


class MuteConfig(MatchConfig):
    """What is muted: `info` and `warn` where no severity is named, never `critical`."""

    severity: OneOrMany[SeverityName] = written(["info", "warn"])
    """Of which severity; never `critical`."""


class InhibitConfig(Model):
    """What is muted beside something larger. A sink that was not told of that, or was told of this already, hears of it
    all the same."""

    mute: MuteConfig
    """What is not told by itself, but listed in the next message of the others. Example: `{market: UK}`."""
    sources: OneOrMany[MatchConfig] = Field(alias="while")
    """While all of these are open. Example: `[{market: JP, severity: [high, critical]}, {market: US}]`."""

    @model_validator(mode="after")
    def _mild(self) -> InhibitConfig:
        if "critical" in self.mute.severity:
            raise KeyFault(("mute", "severity"), "what is critical is never muted")
        return self


class StormConfig(Model):
    """When too much happens at once to one sink: what is more is gathered and told in one summary."""

    messages: Annotated[int, Field(ge=1, le=20)] = 2
    """More than so many messages, of more than one episode, in `within` are a storm."""
    within: Duration = written("10s")
    """The time over which they are counted."""
    longest: Duration = written("60s")
    """While it goes on, there is at most one summary in this time."""

    @model_validator(mode="after")
    def _ordered(self) -> StormConfig:
        if not 0 < self.within <= self.longest:
            raise KeyFault("within", "`within` is longer than zero and not longer than `longest`")
        return self


def _none(value: Any) -> Any:
    return None if value == "none" else value


Storm = Annotated[
    StormConfig | None,
    BeforeValidator(_none, json_schema_input_type=StormConfig | Literal["none"]),
]
"""`none` gathers nothing."""


def _close(value: Any) -> Any:
    return {"market": value} if isinstance(value, str) else value


class DigestTime(Model):
    """The closes of a market, or a time of day in a zone."""

    market: str | None = None
    """At its closes. Example: `JP`."""
    time: ClockTime | None = None
    """A time of day. Example: `17:30`."""
    zone: Zone | None = None
    """Of this time. Example: `Europe/London`."""
    days: Days = written("weekdays")
    """On which days it counts."""

    @model_validator(mode="after")
    def _one(self) -> DigestTime:
        if (self.market is None) == (self.time is None):
            raise KeyFault("time", "either `market: JP`, for its closes, or `time:` with `zone:`")
        if self.time is not None and self.zone is None:
            raise KeyFault("time", "`time` needs a `zone` such as `Europe/London`")
        if self.market is not None and "days" in self.model_fields_set:
            raise KeyFault("days", "a market closes on its own days")
        return self


class DigestConfig(Model):
    """What is told together: what routes ask for by its name, and what was withheld from its sinks."""

    name: Slug
    """The name by which routes ask for it. Example: `closes`."""
    at: OneOrMany[Annotated[DigestTime, BeforeValidator(_close, json_schema_input_type=str | DigestTime)]]
    """Closes of markets, early ones too, and times of day. Example: `[JP, UK, US]`."""
    sinks: OneOrMany[str] | None = None
    """Who gets it beside the sinks of these routes. Example: `[desk-slack]`."""
    empty: bool = False
    """Send it with nothing in it too."""


class DailyConfig(Model):
    """A summary of each session of a market at its close: every tenor, its move and its range, the curve, the episodes,
    the data. It is kept as a file, and told to `sinks`."""

    markets: OneOrMany[str] | None = None
    """Whose sessions. Default: every market that closes. Example: `[JP, US]`."""
    sinks: OneOrMany[str] | None = None
    """Who is told. Default: nobody; it is kept as a file. Example: `rates-mail`."""
    after: Annotated[Duration, Field(le=3_600 * 10**9)] = written("1m")
    """How long after the close, early closes too: last ticks come late."""
