"""What must fit together across the sections of a file: names, references, coverage."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from stressd.config.curves import CurveConfig
from stressd.config.facts import Facts, alias_row, entries
from stressd.config.faults import did_you_mean, shown, suggest
from stressd.config.model import CROSS_PATTERN
from stressd.config.report import Report
from stressd.config.routes import MatchConfig
from stressd.config.rules import SilenceConfig
from stressd.config.yaml_marks import Path
from stressd.engine.curve import LEAST
from stressd.market.aliases import AliasTable
from stressd.market.calendar import Calendar
from stressd.market.hours import minutes
from stressd.market.series import parse_series
from stressd.market.sessions import calendar, names
from stressd.market.times import parse_day


def check_names(data: Mapping[str, Any], report: Report) -> None:
    """Names of feeds, rules and sinks, and those of aliases in a list, are given once."""
    for section in ("feeds", "rules", "sinks", "aliases", "maintenance", "tokens", "digests"):
        first: dict[str, int] = {}
        for i, item in entries(data, section):
            name = item.get("name")
            if not isinstance(name, str):
                continue
            if name in first:
                line = report.line_of((section, first[name], "name"))
                report.value(
                    (section, i, "name"), f"two {section} are named {shown(name)}", f"the first is on line {line}"
                )
            first.setdefault(name, i)


def calendars(facts: Facts, report: Report) -> dict[str, Calendar]:
    """The calendar of each market, with its overrides."""
    made: dict[str, Calendar] = {}
    for name, market in facts.markets.items():
        path: Path = ("markets", name)
        wanted = market.calendar or name
        if wanted not in names():
            if market.calendar is None:
                known = ", ".join(names())
                report.mapping(path, f"no calendar is called {shown(name)}", f"write `calendar:`  known: {known}")
            else:
                report.value((*path, "calendar"), f"unknown calendar {shown(wanted)}", suggest(wanted, names()))
            continue
        closed = {parse_day(day): f"holiday: {reason}" for day, reason in market.closed.items()}
        early = {parse_day(day): minutes(clock) for day, clock in market.early.items()}
        try:
            made[name] = calendar(wanted, fixing=market.fixing, closed=closed, early=early)
        except ValueError as error:
            report.mapping(path, str(error))
    return made


def check_markets(facts: Facts, report: Report) -> None:
    """Gauges are configured tenors, tenors are given once."""
    for name, market in facts.markets.items():
        if market.gauge is not None and market.gauge not in market.tenors:
            report.value(
                ("markets", name, "gauge"),
                f"the gauge {shown(market.gauge)} is no tenor of {shown(name)}",
                suggest(market.gauge, market.tenors, "its tenors"),
            )
        for i, tenor in enumerate(market.tenors):
            if tenor in market.tenors[:i]:
                report.value(("markets", name, "tenors", i), f"tenor {shown(tenor)} is listed twice")


def spreads(data: Mapping[str, Any], facts: Facts, report: Report) -> list[str]:
    """Canonical ids of the spreads whose legs are all configured; the others are reported."""
    found: list[str] = []
    for name, market in facts.markets.items():
        for i, spread in enumerate(market.spreads):
            found += _with_legs(f"{name}.GOV.{spread}", ("markets", name, "spreads", i), found, facts, report)
    listed = data.get("spreads")
    for i, written in enumerate(listed if isinstance(listed, list) else []):
        if isinstance(written, str) and re.fullmatch(CROSS_PATTERN, written):
            try:
                parse_series(written)
            except ValueError:
                continue
            found += _with_legs(written, ("spreads", i), found, facts, report)
    return found


def _with_legs(name: str, path: Path, known: list[str], facts: Facts, report: Report) -> list[str]:
    missing = [leg for leg, _ in parse_series(name).legs if leg not in facts.series]
    if name in known:
        report.value(path, f"spread {shown(name)} is listed twice")
    elif missing and facts.complete:
        text = f"spread {shown(name)} needs {' and '.join(missing)}, which is not configured"
        report.value(path, text, _near(missing[0], facts))
    return [] if name in known or missing else [name]


def check_aliases(facts: Facts, report: Report) -> None:
    """Aliases stand for configured series and hide none."""
    for name, (path, target) in facts.aliases.items():
        where = (*path, "series") if isinstance(report.get(path), dict) else path
        if target.pattern:
            try:
                AliasTable([alias_row(name, target)])
            except ValueError as error:
                report.key(path, str(error))
        elif target.series in facts.spreads:
            report.value(where, f"alias {shown(name)} stands for a spread, which is computed from its legs")
        elif target.series not in facts.series and facts.complete:
            report.value(
                where, f"alias {shown(name)} stands for {_unknown_series(target.series)}", _near(target.series, facts)
            )
        if name in (*facts.series, *facts.spreads) and name != target.series:
            report.key(path, f"{shown(name)} is a configured series and cannot be an alias of another")


def check_feeds(facts: Facts, report: Report) -> None:
    """What a feed is said to carry is configured."""
    for i, feed in facts.feeds:
        _check_markets_known(feed.markets, ("feeds", i, "markets"), facts, report)
        _check_globs(feed.series, ("feeds", i, "series"), facts, report, spreads=False)


def check_rules(facts: Facts, report: Report) -> None:
    """Rules match something."""
    for i, rule in facts.rules:
        if isinstance(rule, CurveConfig):
            _check_curve(rule, ("rules", i), facts, report)
            continue
        silence = isinstance(rule, SilenceConfig)
        _check_globs(rule.series, ("rules", i, "series"), facts, report, spreads=not silence)


def _check_curve(rule: CurveConfig, path: Path, facts: Facts, report: Report) -> None:
    """A curve rule names markets, and finds what it needs in each of them, or where it names none in one at least."""
    _check_markets_known(rule.market, (*path, "market"), facts, report)
    if not facts.complete:
        return
    named = [market for market in rule.market or () if market in facts.markets]
    if rule.tenors is not None:
        bare = [name for name in named or facts.markets if not set(rule.tenors) <= set(facts.markets[name].tenors)]
        if bare and (named or len(bare) == len(facts.markets)):
            text = f"{' and '.join(bare)} {'has' if len(bare) == 1 else 'have'} not both of {' and '.join(rule.tenors)}"
            report.value((*path, "tenors"), text, suggest("", facts.markets[bare[0]].tenors, "its tenors"))
    if rule.noise is not None:
        few = [name for name in named or facts.markets if len(set(facts.markets[name].tenors)) < LEAST]
        if few and (named or len(few) == len(facts.markets)):
            text = f"{' and '.join(few)}: a smooth curve needs {LEAST} tenors"
            report.key((*path, "noise"), text, "leave `noise` out, or list more tenors")


def check_pairs(data: Mapping[str, Any], facts: Facts, report: Report) -> None:
    """Pairs are of two configured markets."""
    section = data.get("propagation")
    pairs = section.get("pairs") if isinstance(section, dict) else None
    for i, pair in enumerate(pairs if isinstance(pairs, list) else []):
        path: Path = ("propagation", "pairs", i)
        ends = [end.strip() for end in pair.split("->")] if isinstance(pair, str) and pair.count("->") == 1 else []
        for end in ends:
            if end not in _market_names(report):
                report.value(path, f"unknown market {shown(end)}", suggest(end, _market_names(report)))
        if len(ends) == 2 and ends[0] == ends[1]:
            report.value(path, "a pair is of two different markets")


def check_probe(data: Mapping[str, Any], report: Report) -> None:
    """The probe goes through configured sinks."""
    section = data.get("probe")
    named = section.get("sinks") if isinstance(section, dict) else None
    sinks = [item["name"] for _, item in entries(data, "sinks") if isinstance(item.get("name"), str)]
    for i, sink in enumerate(named if isinstance(named, list) else [named]):
        if isinstance(sink, str) and sink not in sinks:
            path: Path = ("probe", "sinks", i) if isinstance(named, list) else ("probe", "sinks")
            report.value(path, f"unknown sink {shown(sink)}", suggest(sink, sinks, "sinks"))


def check_routes(data: Mapping[str, Any], facts: Facts, report: Report) -> None:
    """Routes name sinks, markets, rules and series that there are; all sinks are used; nothing goes unheard."""
    rules = [item["name"] for _, item in entries(data, "rules") if isinstance(item.get("name"), str)]
    used = {sink for _, digest in facts.digests for sink in digest.sinks or []}
    used |= set(facts.daily.sinks or []) if facts.daily is not None else set()
    for i, route in facts.routes:
        path: Path = ("routes", i)
        used.update(route.sinks)
        check_sinks(data, route.sinks, (*path, "sinks"), report)
        for k, step in enumerate(route.escalate):
            used.update(step.sinks)
            check_sinks(data, step.sinks, (*path, "escalate", k, "sinks"), report)
        check_match(route.match, (*path, "match"), rules, facts, report)
    section = data.get("probe")
    probed = section.get("sinks") if isinstance(section, dict) else None
    used.update(name for name in (probed if isinstance(probed, list) else [probed]) if isinstance(name, str))
    written = data.get("routes")
    if not written or (isinstance(written, list) and len(facts.routes) == len(written)):
        _check_coverage(data, facts, used, report)


def check_sinks(data: Mapping[str, Any], named: Sequence[str], path: Path, report: Report) -> None:
    """Sinks that are named are configured."""
    sinks = [item["name"] for _, item in entries(data, "sinks") if isinstance(item.get("name"), str)]
    for j, sink in enumerate(named):
        if sink not in sinks:
            report.value((*path, j), f"unknown sink {shown(sink)}", suggest(sink, sinks, "sinks"))


def check_maintenance(data: Mapping[str, Any], facts: Facts, report: Report) -> None:
    """Windows withhold what there is."""
    rules = [item["name"] for _, item in entries(data, "rules") if isinstance(item.get("name"), str)]
    for i, window in facts.maintenance:
        check_match(window.match, ("maintenance", i, "match"), rules, facts, report)


def check_match(match: MatchConfig, path: Path, rules: Sequence[str], facts: Facts, report: Report) -> None:
    """Markets, series and rules are configured; what feed and self events are about need not be."""
    if match.kind != ["market"]:
        return
    _check_markets_known(match.market, (*path, "market"), facts, report, spreads=True)
    _check_globs(match.series, (*path, "series"), facts, report)
    for j, rule in enumerate(match.rule or []):
        if rule not in rules:
            report.value((*path, "rule", j), f"unknown rule {shown(rule)}", suggest(rule, rules, "rules"))


def check_fallbacks(data: Mapping[str, Any], report: Report) -> None:
    """A fallback is another sink, and has none of its own: what fails there must not come back."""
    sinks = {item["name"]: item for _, item in entries(data, "sinks") if isinstance(item.get("name"), str)}
    for i, item in entries(data, "sinks"):
        place: Path = ("sinks", i, "fallback")
        fallback = item.get("fallback")
        if not isinstance(fallback, str):
            continue
        if fallback == item.get("name"):
            report.value(place, "a sink cannot be its own fallback")
        elif fallback not in sinks:
            others = [name for name in sinks if name != item.get("name")]
            report.value(place, f"unknown sink {shown(fallback)}", suggest(fallback, others, "sinks"))
        elif sinks[fallback].get("fallback") is not None:
            text = f"{shown(fallback)} has a fallback itself, and cannot be one"
            report.value(place, text, "name a sink that has no `fallback`")


def _check_coverage(data: Mapping[str, Any], facts: Facts, used: set[str], report: Report) -> None:
    if not data.get("routes"):
        report.mapping(
            ("routes",) if "routes" in data else (), "there are no routes: nobody would be told", "", "warning"
        )
        return
    used = used | {item["fallback"] for _, item in entries(data, "sinks") if isinstance(item.get("fallback"), str)}
    for i, item in entries(data, "sinks"):
        name = item.get("name")
        if isinstance(name, str) and name not in used:
            report.value(("sinks", i, "name"), f"no route uses sink {shown(name)}", "", "warning")
    matches = [route.match for _, route in facts.routes]
    for i, rule in facts.rules:
        kind = "feed" if isinstance(rule, SilenceConfig) else "market"
        watched = facts.matching(rule.series, spreads=kind == "market")
        for severity in rule.severities():
            unheard = [s for s in watched if not any(_takes(m, kind, s, rule.name, severity) for m in matches)]
            if unheard:
                markets = list(dict.fromkeys(parse_series(s).market for s in unheard))
                where = "" if len(unheard) == len(watched) else f" of {', '.join(markets)}"
                text = f"rule {shown(rule.name)} can raise `{severity}`{where}, which no route takes"
                report.value(("rules", i, "name"), text, "", "warning")
    deaf = [kind for kind in ("feed", "self") if not any(kind in match.kind for match in matches)]
    if deaf:
        kinds = " and ".join(f"`{kind}`" for kind in deaf)
        text = f"no route takes {kinds} events: nobody would hear that stressd is blind or in trouble"
        report.key(("routes",), text, f"add a route with `match: {{kind: [{', '.join(deaf)}]}}`", "warning")


def _takes(match: MatchConfig, kind: str, series: str, rule: str, severity: str) -> bool:
    return (
        kind in match.kind
        and (match.market is None or parse_series(series).market in match.market)
        and (match.rule is None or rule in match.rule)
        and (match.severity is None or severity in match.severity)
        and (match.series is None or any(fnmatchcase(series, glob) for glob in match.series))
    )


def _check_globs(globs: Sequence[str] | None, path: Path, facts: Facts, report: Report, spreads: bool = True) -> None:
    for i, glob in enumerate(globs or []):
        if facts.complete and not facts.matching([glob], spreads):
            what = "no configured series matches" if any(c in glob for c in "*?[") else "unknown series"
            report.value((*path, i), f"{what} {shown(glob)}", _near(glob, facts))


def _check_markets_known(
    markets: Sequence[str] | None, path: Path, facts: Facts, report: Report, spreads: bool = False
) -> None:
    known = _market_names(report)
    if spreads:
        known += [market for name in facts.spreads if (market := parse_series(name).market) not in known]
    for i, market in enumerate(markets or []):
        if market not in known:
            report.value((*path, i), f"unknown market {shown(market)}", suggest(market, known, "markets"))


def _market_names(report: Report) -> list[str]:
    markets = report.get(("markets",))
    return list(markets) if isinstance(markets, dict) else []


def _unknown_series(name: str) -> str:
    return f"{shown(name)}, which is not configured"


def _near(name: str, facts: Facts) -> str:
    """The nearest series, and what there is of each market."""
    there = "; ".join(
        f"{market}.GOV.{'|'.join(s.rsplit('.', 1)[1] for s in config.series(market) + config.spread_series(market))}"
        for market, config in list(facts.markets.items())[:6]
    )
    known = [*facts.series, *facts.spreads]
    return " ".join(part for part in (did_you_mean(name, known), f"there are {there}" if there else "") if part)


def check_book(data: Mapping[str, Any], facts: Facts, report: Report) -> None:
    """Every position is one in a configured series."""
    book = data.get("book")
    known = [*facts.series, *facts.spreads]
    for name in book if isinstance(book, dict) and facts.complete else ():
        if name not in known:
            report.key(("book", name), f"the book holds {_unknown_series(str(name))}", _near(str(name), facts))
