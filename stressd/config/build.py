"""From the configuration to what the engine, the router and the feeds are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from stressd.alerts.matching import Match
from stressd.alerts.people.escalation import EscalationStep
from stressd.alerts.people.maintenance import MaintenanceSpec
from stressd.alerts.routing import RouteSpec
from stressd.config.agenda import recurrence
from stressd.config.curves import CurveConfig
from stressd.config.facts import Facts, alias_row
from stressd.config.fields import FeedConfig
from stressd.config.model import Config, MaintenanceConfig, MarketConfig, MatchConfig, RouteConfig
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


def routes(configured: Sequence[RouteConfig]) -> tuple[RouteSpec, ...]:
    """The router's specification."""
    return tuple(
        RouteSpec(
            sinks=tuple(route.sinks),
            kinds=tuple(route.match.kind),
            markets=tuple(route.match.market or ()),
            series=tuple(route.match.series or ()),
            rules=tuple(route.match.rule or ()),
            severities=tuple(route.match.severity or ()),
            directions=tuple(route.match.direction or ()),
            origins=tuple(route.match.origin or ()),
            updates=tuple(route.updates),
            remind=route.remind,
            escalate=tuple(
                EscalationStep(step.after, tuple(step.severity), tuple(step.sinks)) for step in route.escalate
            ),
        )
        for route in configured
    )


def maintenance(configured: Sequence[MaintenanceConfig]) -> tuple[MaintenanceSpec, ...]:
    """The windows of maintenance."""
    return tuple(
        MaintenanceSpec(
            name=each.name,
            match=_match(each.match),
            on=recurrence(each.on, each.zone, each.begin),
            until=minutes(each.to),
            reason=each.reason,
        )
        for each in configured
    )


def _match(match: MatchConfig) -> Match:
    return Match(
        kinds=tuple(match.kind),
        markets=tuple(match.market or ()),
        series=tuple(match.series or ()),
        rules=tuple(match.rule or ()),
        severities=tuple(match.severity or ()),
        directions=tuple(match.direction or ()),
        origins=tuple(match.origin or ()),
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
    if rule.budget is not None:
        budget = BudgetSpec(rule.budget.per_year, rule.budget.per_market, rule.past_alarms or "")
        return SigmaRule(rule.name, series, tuple(rule.horizons), (), rule.floors(), rule.hold, budget)
    steps = rungs(rule.bars(), rule.exit.by_severity())
    return SigmaRule(rule.name, series, tuple(rule.horizons), steps, rule.floors(), rule.hold)


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
