"""From the configuration to what the engine, the router and the feeds are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from stressd.alerts.days import DailySpec
from stressd.alerts.desk import DeskSpec
from stressd.alerts.digest import DigestSpec, LocalTime, MarketClose
from stressd.alerts.inhibition import InhibitSpec
from stressd.alerts.matching import WORDS
from stressd.alerts.people.escalation import EscalationStep
from stressd.alerts.people.maintenance import MaintenanceSpec
from stressd.alerts.routing import RouteSpec
from stressd.alerts.storm import StormSpec
from stressd.config.agenda import recurrence
from stressd.config.curves import CurveConfig
from stressd.config.facts import Facts, alias_row
from stressd.config.fields import FeedConfig, SeverityName
from stressd.config.hours import day_numbers
from stressd.config.model import Config, MaintenanceConfig, MarketConfig
from stressd.config.routes import DigestConfig, RouteConfig
from stressd.config.rules import DetectorConfig, LevelConfig, SigmaConfig, SilenceConfig, rungs
from stressd.engine.agenda import AgendaItem
from stressd.engine.spec import (
    SEVERITIES,
    BudgetSpec,
    CurveRule,
    EngineSpec,
    LevelRule,
    MarketSpec,
    PropagationSpec,
    SeriesSpec,
    SigmaRule,
    SilenceRule,
)
from stressd.market.aliases import AliasTable
from stressd.market.calendar import Calendar
from stressd.market.hours import minutes
from stressd.market.joint import JointCalendar
from stressd.market.series import market_of, parse_series, series_id
from stressd.market.sessions import ALWAYS
from stressd.market.tenors import tenor_months


def resolver(facts: Facts) -> AliasTable:
    """The SeriesResolver of the feeds: configured series and aliases."""
    rows = [alias_row(name, target) for name, (_, target) in facts.aliases.items()]
    return AliasTable(rows, facts.series)


def engine_spec(
    config: Config, facts: Facts, calendars: Mapping[str, Calendar], agenda: tuple[AgendaItem, ...]
) -> EngineSpec:
    """The engine's specification. Globs of rules are resolved to the configured series, in configured order."""
    feeds = [feed for _, feed in facts.feeds]
    sigma, level, silence, detectors, curve = [], [], [], [], []
    slopes: list[str] = []
    for _, rule in facts.rules:
        series = tuple(facts.matching(rule.series, spreads=not isinstance(rule, SilenceConfig)))
        if isinstance(rule, SigmaConfig):
            sigma.append(_sigma(rule, series))
        elif isinstance(rule, LevelConfig):
            level.append(_level(rule, series))
        elif isinstance(rule, CurveConfig):
            curve.append(_curve(rule, facts))
            slopes += _slopes(rule, facts)
        elif isinstance(rule, DetectorConfig):
            detectors.append(rule.rule(series))
        else:
            silence.append(_silence(rule, series))
    propagation, gate = config.propagation, config.gate
    return EngineSpec(
        markets=(
            *(
                MarketSpec(name, calendars[name], series_id(name, market.gauge_tenor), _decays(market))
                for name, market in config.markets.items()
            ),
            *(spread_market(name, calendars) for name in dict.fromkeys(map(market_of, facts.spreads)) if "-" in name),
        ),
        series=(
            *(_series(name, config, facts, feeds) for name in facts.series),
            *(spread_spec(name) for name in dict.fromkeys([*facts.spreads, *slopes])),
        ),
        sigma_rules=tuple(sigma),
        level_rules=tuple(level),
        silence_rules=tuple(silence),
        curve_rules=tuple(curve),
        agenda=agenda,
        detector_rules=tuple(detectors),
        propagation=PropagationSpec(
            pairs=tuple(dict.fromkeys(_pair(text) for text in propagation.pairs)),
            window=propagation.window,
            bar=propagation.bar,
            open_bar=propagation.open_bar,
            floor_bp=propagation.floor,
            co_move=propagation.co_move,
            level=propagation.level,
        ),
        future_tolerance=gate.future_tolerance,
        max_age=gate.max_age,
        failover_after=gate.failover_after,
    )


def _pair(text: str) -> tuple[str, str]:
    """(source, follower) of `JP -> US`."""
    source, _, follower = text.partition("->")
    return source.strip(), follower.strip()


def desk(config: Config, calendars: Mapping[str, Calendar]) -> DeskSpec:
    """Who hears what."""
    storm = config.storm
    return DeskSpec(
        routes=tuple(map(_route, config.routes)),
        inhibit=tuple(
            InhibitSpec(rule.mute.match(), tuple(source.match() for source in rule.sources)) for rule in config.inhibit
        ),
        storm=StormSpec(storm.messages, storm.within, storm.longest) if storm is not None else None,
        digests=tuple(map(_digest, config.digests)),
        daily=_daily(config, calendars),
    )


def _daily(config: Config, calendars: Mapping[str, Calendar]) -> DailySpec:
    """What never closes has no summary."""
    if config.daily is None:
        return DailySpec()
    closing = [name for name in config.markets if name in calendars and calendars[name].name != ALWAYS]
    return DailySpec(tuple(config.daily.markets or closing), tuple(config.daily.sinks or ()), config.daily.after)


def _route(route: RouteConfig) -> RouteSpec:
    wanted = route.match.match()
    return RouteSpec(
        **{name: getattr(wanted, name) for name in WORDS},
        sinks=tuple(route.sinks),
        updates=tuple(route.updates),
        sessions=tuple(route.match.session or ()),
        hours=route.match.hours.hours() if route.match.hours is not None else None,
        propagated=route.propagated,
        digest=route.digest or "",
        inhibit=route.inhibit,
        storm=route.storm,
        remind=route.remind,
        escalate=tuple(EscalationStep(step.after, tuple(step.severity), tuple(step.sinks)) for step in route.escalate),
    )


def _digest(digest: DigestConfig) -> DigestSpec:
    at = [
        MarketClose(each.market)
        if each.market is not None
        else LocalTime(str(each.zone), minutes(str(each.time)), day_numbers(list(each.days)))
        for each in digest.at
    ]
    return DigestSpec(digest.name, tuple(at), tuple(digest.sinks or ()), digest.empty)


def maintenance(configured: Sequence[MaintenanceConfig]) -> tuple[MaintenanceSpec, ...]:
    """The windows of maintenance."""
    return tuple(
        MaintenanceSpec(
            name=each.name,
            match=each.match.match(),
            on=recurrence(each.on, each.zone, each.begin),
            until=minutes(each.to),
            reason=each.reason,
        )
        for each in configured
    )


def carries(feed: FeedConfig, series: str) -> bool:
    """Whether a feed may carry a series."""
    return (feed.markets is None or market_of(series) in feed.markets) and (
        feed.series is None or any(fnmatchcase(series, glob) for glob in feed.series)
    )


def _decays(market: MarketConfig) -> tuple[float, float]:
    return tenor_months(market.decays[0]) / 12.0, tenor_months(market.decays[1]) / 12.0


def _with_ends(rule: CurveConfig, facts: Facts) -> list[str]:
    """Markets whose slope the rule watches."""
    markets = [name for name in facts.markets if rule.market is None or name in rule.market]
    return [name for name in markets if rule.tenors and set(rule.tenors) <= set(facts.markets[name].tenors)]


def _slopes(rule: CurveConfig, facts: Facts) -> list[str]:
    """The slopes behind the rule's shapes: computed also where nobody asks for them as series."""
    return [rule.slope(market) for market in _with_ends(rule, facts)]


def _curve(rule: CurveConfig, facts: Facts) -> CurveRule:
    return CurveRule(
        name=rule.name,
        markets=tuple(name for name in facts.markets if rule.market is None or name in rule.market),
        noise=rule.noise.rungs() if rule.noise is not None else (),
        floor_bp=rule.floor,
        hold=rule.hold,
        shapes=tuple(rule.shapes) if rule.tenors is not None else (),
        ends=tuple(rule.ends(market) for market in _with_ends(rule, facts)),
        move_bp=rule.move,
        rearm_bp=rule.rearm,
        epsilon_bp=rule.epsilon,
        severity=SEVERITIES.index(rule.severity),
    )


def spread_market(name: str, calendars: Mapping[str, Calendar]) -> MarketSpec:
    """The market of a spread between two, "IT-DE": open where both are."""
    first, _, second = name.partition("-")
    return MarketSpec(name, JointCalendar(name, calendars[first], calendars[second]), "")


def spread_spec(name: str) -> SeriesSpec:
    """A spread with its legs."""
    parsed = parse_series(name)
    return SeriesSpec(name, parsed.market, parsed.tenor, legs=parsed.legs)


def _series(name: str, config: Config, facts: Facts, feeds: Sequence[FeedConfig]) -> SeriesSpec:
    parsed = parse_series(name)
    stated = {target.convention for _, target in facts.aliases.values() if target.series == name and target.convention}
    convention = config.markets[parsed.market].convention or (stated.pop() if len(stated) == 1 else None)
    sources = tuple(feed.name for feed in feeds if carries(feed, name))
    return SeriesSpec(name, parsed.market, parsed.tenor, sources, convention)


def _sigma(rule: SigmaConfig, series: tuple[str, ...]) -> SigmaRule:
    budget = None
    steps = rungs(rule.bars(), rule.exit.by_severity())
    if rule.budget is not None:
        budget, steps = BudgetSpec(rule.budget.per_year, rule.budget.per_market, rule.past_alarms or ""), ()
    return SigmaRule(
        name=rule.name,
        series=series,
        horizons=tuple(rule.horizons),
        rungs=steps,
        floor_bp=rule.floors(),
        budget=budget,
        holds=_by_rung(rule.hold),
        waits=_by_rung(rule.wait),
        min_ticks=_by_rung(rule.min_ticks),
    )


def _by_rung(given: Mapping[SeverityName, int]) -> dict[int, int]:
    return {SEVERITIES.index(name): value for name, value in given.items()}


def _level(rule: LevelConfig, series: tuple[str, ...]) -> LevelRule:
    return LevelRule(
        name=rule.name,
        series=series,
        severity=SEVERITIES.index(rule.severity),
        above=tuple(rule.above or ()),
        below=tuple(rule.below or ()),
        round_bp=rule.round,
        highest_since=rule.highest_since,
        lowest_since=rule.lowest_since,
        rearm_bp=rule.rearm,
    )


def _silence(rule: SilenceConfig, series: tuple[str, ...]) -> SilenceRule:
    return SilenceRule(
        name=rule.name,
        series=series,
        severity=SEVERITIES.index(rule.severity),
        after=rule.after or 0,
        budget=rule.budget,
        floor=rule.floor,
        ceiling=rule.ceiling,
        halt_bp=None if rule.halt == "none" else rule.halt,
    )
