"""Whether digests and what mutes what fit the rest of a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stressd.config.checks import check_match, check_sinks
from stressd.config.facts import Facts, entries
from stressd.config.faults import shown, suggest
from stressd.config.report import Report
from stressd.config.yaml_marks import Path
from stressd.market.calendar import Calendar


def check_desk(
    data: Mapping[str, Any], facts: Facts, calendars: Mapping[str, Calendar], report: Report
) -> None:  # fmt: skip
    """Digests are named once and taken by somebody, at closes of markets that there are; rules mute what there is."""
    rules = [item["name"] for _, item in entries(data, "rules") if isinstance(item.get("name"), str)]
    for i, rule in facts.inhibit:
        check_match(rule.mute, ("inhibit", i, "mute"), rules, facts, report)
        several = isinstance(report.get(("inhibit", i, "while")), list)
        for j, source in enumerate(rule.sources):
            place: Path = ("inhibit", i, "while", j) if several else ("inhibit", i, "while")
            check_match(source, place, rules, facts, report)
    names = [item["name"] for _, item in entries(data, "digests") if isinstance(item.get("name"), str)]
    asked = {route.digest for _, route in facts.routes}
    for i, route in facts.routes:
        if route.digest is not None and route.digest not in names:
            hint = suggest(route.digest, names, "digests") if names else "there are no `digests:`"
            report.value(("routes", i, "digest"), f"unknown digest {shown(route.digest)}", hint)
    _check_daily(data, facts, calendars, report)
    for i, digest in facts.digests:
        path: Path = ("digests", i)
        check_sinks(data, digest.sinks or [], (*path, "sinks"), report)
        if digest.sinks is None and digest.name not in asked:
            text = f"nobody gets digest {shown(digest.name)}: no route names it, and it has no `sinks`"
            report.value((*path, "name"), text, "", "warning")
        several = isinstance(report.get((*path, "at")), list)
        for j, time in enumerate(digest.at):
            place = (*path, "at", j) if several else (*path, "at")
            if time.market is None or time.market not in calendars:
                if time.market is not None and facts.complete:
                    report.value(place, f"unknown market {shown(time.market)}", suggest(time.market, list(calendars)))
            elif calendars[time.market].name == "always":
                report.value(place, f"{time.market} never closes", "write `time:` and `zone:`")


def _check_daily(data: Mapping[str, Any], facts: Facts, calendars: Mapping[str, Calendar], report: Report) -> None:
    """Its markets close, and its sinks are there."""
    daily = facts.daily
    if daily is None:
        return
    check_sinks(data, daily.sinks or [], ("daily", "sinks"), report)
    several = isinstance(report.get(("daily", "markets")), list)
    for j, market in enumerate(daily.markets or []):
        place: Path = ("daily", "markets", j) if several else ("daily", "markets")
        if market not in calendars:
            if facts.complete:
                report.value(place, f"unknown market {shown(market)}", suggest(market, list(calendars)))
        elif calendars[market].name == "always":
            report.value(place, f"{market} never closes", "a `digest` at a time of day sums up what was told of it")
