"""What could be read of a file, however much else is wrong with it: the ground for checks across sections."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, TypeVar

from pydantic import ValidationError

from stressd.config.agenda import EventConfig
from stressd.config.faults import shown, suggest
from stressd.config.fields import FeedConfig, Model, SinkConfig
from stressd.config.model import (
    MARKET_PATTERN,
    AliasEntry,
    AliasTarget,
    Config,
    MaintenanceConfig,
    MarketConfig,
)
from stressd.config.registry import Registry
from stressd.config.report import Report
from stressd.config.routes import DailyConfig, DigestConfig, InhibitConfig, RouteConfig
from stressd.config.rules import AnyRule
from stressd.config.translate import tell
from stressd.config.yaml_marks import Path
from stressd.market.aliases import Alias

M = TypeVar("M", bound=Model)


@dataclass(slots=True)
class Facts:
    """The valid parts, each with its place. series: what feeds bring; spreads: what is computed of it. complete:
    nothing of markets was refused, so that what is not in `series` or `spreads` really is not configured."""

    markets: dict[str, MarketConfig] = field(default_factory=dict)
    aliases: dict[str, tuple[Path, AliasTarget]] = field(default_factory=dict)
    feeds: list[tuple[int, FeedConfig]] = field(default_factory=list)
    rules: list[tuple[int, AnyRule]] = field(default_factory=list)
    sinks: list[tuple[int, SinkConfig]] = field(default_factory=list)
    routes: list[tuple[int, RouteConfig]] = field(default_factory=list)
    events: list[tuple[int, EventConfig]] = field(default_factory=list)
    maintenance: list[tuple[int, MaintenanceConfig]] = field(default_factory=list)
    inhibit: list[tuple[int, InhibitConfig]] = field(default_factory=list)
    digests: list[tuple[int, DigestConfig]] = field(default_factory=list)
    daily: DailyConfig | None = None
    series: list[str] = field(default_factory=list)
    spreads: list[str] = field(default_factory=list)
    complete: bool = True

    def matching(self, globs: Sequence[str], spreads: bool = True) -> list[str]:
        """Configured series, and spreads unless they are not wanted, that one of the globs matches, in configured
        order."""
        known = [*self.series, *self.spreads] if spreads else self.series
        return [name for name in known if any(fnmatchcase(name, glob) for glob in globs)]


def alias_row(name: str, target: AliasTarget) -> Alias:
    """The row of the table of names."""
    return Alias(name, target.series, target.unit, target.convention, pattern=target.pattern)


def entries(data: Any, section: str) -> list[tuple[int, dict[str, Any]]]:
    """The mappings of a list section with their index; nothing where the section is no list."""
    found = data.get(section) if isinstance(data, dict) else None
    return [(i, item) for i, item in enumerate(found) if isinstance(item, dict)] if isinstance(found, list) else []


def gather(data: dict[str, Any], registry: Registry, report: Report) -> Facts:
    """Validate each feed, rule and sink by its own type, reporting what is wrong with it, and take what is valid of the
    rest (whose faults are reported with the file as a whole)."""
    facts = Facts()
    markets = data.get("markets")
    for name, item in (markets if isinstance(markets, dict) else {}).items():
        market = attempt(MarketConfig, item)
        if market is not None and re.fullmatch(MARKET_PATTERN, name):
            facts.markets[name] = market
        else:
            facts.complete = False
    facts.aliases = _aliases(data.get("aliases"))
    facts.routes = [(i, r) for i, item in entries(data, "routes") if (r := attempt(RouteConfig, item)) is not None]
    facts.inhibit = [(i, h) for i, item in entries(data, "inhibit") if (h := attempt(InhibitConfig, item)) is not None]
    facts.digests = [(i, d) for i, item in entries(data, "digests") if (d := attempt(DigestConfig, item)) is not None]
    facts.daily = attempt(DailyConfig, data.get("daily"))
    facts.events = [(i, e) for i, item in entries(data, "events") if (e := attempt(EventConfig, item)) is not None]
    facts.maintenance = [
        (i, m) for i, item in entries(data, "maintenance") if (m := attempt(MaintenanceConfig, item)) is not None
    ]
    feed_types = {name: feed.config for name, feed in registry.feeds.items()}
    for i, item in entries(data, "feeds"):
        if (feed := _typed(item, "feed", feed_types, ("feeds", i), report)) is not None:
            facts.feeds.append((i, feed))
    for i, item in entries(data, "rules"):
        if (rule := _rule(item, registry.rules, ("rules", i), report)) is not None:
            facts.rules.append((i, rule))
    sink_types = {name: sink.config for name, sink in registry.sinks.items()}
    for i, item in entries(data, "sinks"):
        if (sink := _typed(item, "sink", sink_types, ("sinks", i), report)) is not None:
            facts.sinks.append((i, sink))
    return facts


def shell(data: dict[str, Any], report: Report) -> Config | None:
    """The file as a whole; None, with everything reported, where it is not valid."""
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        tell(error, Config, (), report)
        return None


def attempt(model: type[M], item: Any) -> M | None:
    """The valid model, or None without a word."""
    try:
        return model.model_validate(item)
    except ValidationError:
        return None


def _typed(item: dict[str, Any], what: str, types: Mapping[str, type[M]], path: Path, report: Report) -> M | None:
    """A feed, sink or rule by its `type`."""
    name = item.get("type")
    known = sorted(types)
    if "type" not in item:
        report.mapping(path, f"`type` is missing in {report.label(path)}", suggest("", known))
    elif not isinstance(name, str) or name not in types:
        hint = suggest(name if isinstance(name, str) else "", known, always=True)
        report.value((*path, "type"), f"unknown {what} type {shown(name)}", hint)
    else:
        try:
            return types[name].model_validate(item)
        except ValidationError as error:
            tell(error, types[name], path, report)
    return None


def _rule(item: dict[str, Any], types: Mapping[str, type[AnyRule]], path: Path, report: Report) -> AnyRule | None:
    return _typed(item, "rule", types, path, report)


def _aliases(data: Any) -> dict[str, tuple[Path, AliasTarget]]:
    if isinstance(data, dict):
        return {
            name: (("aliases", name), target)
            for name, item in data.items()
            if (target := attempt(AliasTarget, {"series": item} if isinstance(item, str) else item)) is not None
        }
    listed = [(i, attempt(AliasEntry, item)) for i, item in enumerate(data if isinstance(data, list) else [])]
    return {entry.name: (("aliases", i), entry) for i, entry in reversed(listed) if entry is not None}
