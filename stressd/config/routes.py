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
    market: OneOrMany[str] | None = None
    series: OneOrMany[str] | None = None
    rule: OneOrMany[str] | None = None
    severity: OneOrMany[SeverityName] | None = None
    direction: OneOrMany[Direction] | None = None
    origin: OneOrMany[Origin] | None = None

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
    """What a route takes; a key that is absent takes anything, except `kind`, which is `market` then. session: of the
    event's market at the time of the event. hours: on a clock."""

    session: OneOrMany[SessionWord] | None = None
    hours: HoursConfig | None = None


class EscalationConfig(Model):
    """Who is told of what nobody has acknowledged. after: by the clock on the wall, since those of the route were told.
    severity: of which it is taken."""

    after: Duration
    severity: OneOrMany[SeverityName] = written(["high", "critical"])
    sinks: OneOrMany[str]

    @model_validator(mode="after")
    def _positive(self) -> EscalationConfig:
        if self.after <= 0:
            raise KeyFault("after", "`after` must be longer than zero: name the sink in `sinks` to tell it at once")
        return self


class RouteConfig(Model):
    """Who hears of what. updates: which transitions of an episode are told; propagated: of the answers of other markets
    the first that is a link, each further market's, or all. digest: told in the digest of that name instead of one by
    one. inhibit, storm: whether something else may mute it or gather it. remind: after how long those who were told are
    reminded of what is still open, then after twice as long, up to a day. escalate: who is told where nobody
    acknowledges."""

    match: RouteMatch = RouteMatch()
    updates: OneOrMany[EventType] = written(list(DEFAULT_UPDATES))
    propagated: Literal["once", "each", "all"] = "once"
    sinks: OneOrMany[str]
    digest: str | None = None
    inhibit: bool = True
    storm: bool = True
    remind: Duration | None = None
    escalate: list[EscalationConfig] = written([])

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


class InhibitConfig(Model):
    """mute: what is not told by itself while all of `while` are open; it is listed in their next message. A sink that
    was not told of them, or was told of it already, hears of it all the same."""

    mute: MuteConfig
    sources: OneOrMany[MatchConfig] = Field(alias="while")

    @model_validator(mode="after")
    def _mild(self) -> InhibitConfig:
        if "critical" in self.mute.severity:
            raise KeyFault(("mute", "severity"), "what is critical is never muted")
        return self


class StormConfig(Model):
    """messages: what is more than so many messages to one sink in `within`, of more than one episode, is gathered and
    told in one summary, and as long as it goes on in at most one of them in `longest`."""

    messages: Annotated[int, Field(ge=1, le=20)] = 2
    within: Duration = written("10s")
    longest: Duration = written("60s")

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
    """The closes of a market, or a time of day in a zone. days: on which that time counts."""

    market: str | None = None
    time: ClockTime | None = None
    zone: Zone | None = None
    days: Days = written("weekdays")

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
    """at: the closes of markets (`[JP, US]`) and times of day. Told then: what routes ask for by its `name`, and what
    was withheld from its sinks. sinks: who gets it beside those of these routes. empty: also with nothing in it."""

    name: Slug
    at: OneOrMany[Annotated[DigestTime, BeforeValidator(_close, json_schema_input_type=str | DigestTime)]]
    sinks: OneOrMany[str] | None = None
    empty: bool = False
