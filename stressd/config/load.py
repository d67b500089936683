"""A configuration file, read whole: every fault in one run, or all that the rest of stressd needs to know."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import Any, Final

from stressd.alerts.desk import DeskSpec
from stressd.alerts.notification import Position
from stressd.alerts.people.maintenance import MaintenanceSpec
from stressd.alerts.people.spec import PeopleSpec
from stressd.alerts.templates import Wording
from stressd.config import build, checks
from stressd.config.agenda import agenda
from stressd.config.desk import check_desk
from stressd.config.episodes import episode_settings
from stressd.config.exposed import check_exposed, check_readers, check_tokens
from stressd.config.facts import Facts, gather, shell
from stressd.config.faults import ConfigError, Fault
from stressd.config.fields import FeedConfig, Model, SecretError, SinkConfig
from stressd.config.model import Config, Listen
from stressd.config.registry import Registry
from stressd.config.report import Report
from stressd.config.rules import AnyRule
from stressd.config.secrets import check_environment
from stressd.config.shadow import NOT_HEARD
from stressd.config.template import wordings
from stressd.config.text import mapping, read_text
from stressd.config.translate import secret_keys
from stressd.engine.spec import EngineSpec
from stressd.market.aliases import AliasTable

RUNBOOK: Final = "docs/runbook.md"
"""What messages name as the runbook where nobody has said where it is published."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A valid configuration. feeds, sinks, rules: by their own types, in the order of the file. resolver: the
    SeriesResolver for feeds. digest: "sha256:..." of the content, whatever its layout and comments, and of the files of
    events and templates; it holds references to secrets, never secrets. listen: None where no HTTP server is wanted.
    warnings: what is valid but looks wrong. wordings: by sink, of those that have templates. data: the file as it was
    parsed. shadow: the same with the rules on trial."""

    path: FilePath
    model: Config
    engine: EngineSpec
    desk: DeskSpec
    maintenance: tuple[MaintenanceSpec, ...]
    resolver: AliasTable
    feeds: list[FeedConfig]
    sinks: list[SinkConfig]
    rules: list[AnyRule]
    digest: str
    warnings: list[Fault]
    wordings: dict[str, Wording]
    data: Mapping[str, Any]
    shadow: Loaded | None = None

    @property
    def watched(self) -> dict[str, tuple[str, ...]]:
        """The series of each rule, by the rule's name."""
        spec = self.engine
        found = {rule.name: rule.series for rule in spec.sigma_rules}
        found |= {rule.name: rule.series for rule in spec.level_rules}
        found |= {rule.name: rule.series for rule in spec.silence_rules}
        for rule in spec.curve_rules:
            of = tuple(each.id for each in spec.series if rule.noise and each.market in rule.markets and not each.legs)
            found[rule.name] = tuple(dict.fromkeys([*of, *(end for pair in rule.ends for end in pair)]))
        return found | {rule.name: rule.series for rule in spec.detector_rules}

    @property
    def people(self) -> PeopleSpec:
        """What the machine of people's doings is told."""
        calendars = {market.name: market.calendar for market in self.engine.markets}
        return PeopleSpec(self.desk.routes, self.maintenance, calendars)

    @property
    def pace(self) -> dict[str, Any]:
        """Further fields of the episode machine's specification, by their names."""
        page = self.model.runbook_url or RUNBOOK
        return {**episode_settings(self.model), "runbooks": self.runbooks, "runbook_page": page}

    @property
    def runbooks(self) -> dict[str, str]:
        """By rule, the page that says what to do."""
        page = self.model.runbook_url or RUNBOOK
        quiet = {rule.name: f"{page}#silence" for rule in self.rules if rule.type == "silence"}
        return quiet | {rule.name: rule.runbook for rule in self.rules if rule.runbook is not None}

    @property
    def book(self) -> dict[str, Position]:
        """By series, what the desk holds."""
        return {series: each.position for series, each in self.model.book.items()}

    @property
    def instance(self) -> str:
        """Who speaks, in every event."""
        return self.model.instance

    @property
    def state_dir(self) -> FilePath | None:
        """Where state lives, if the file says so."""
        return self.model.state_dir

    @property
    def listen(self) -> Listen | None:
        """Host and port of the HTTP server."""
        return self.model.listen

    @property
    def page_url(self) -> str | None:
        """Where people reach the page; links in messages start with it."""
        return self.model.page_url


Closures = Mapping[str, Mapping[str, str]]
"""Further closed days of markets: market -> ISO date -> reason."""


def load(
    path: FilePath | str, registry: Registry, *, environment: bool = True, closed: Closures | None = None
) -> Loaded:
    """Read a file. environment: also require its secrets and certificates to be there (replay and backtest need none).
    closed: as if the file said so of its markets.

    Raises ConfigError with all faults, and nothing else.
    """
    path = FilePath(path)
    return load_text(read_text(path), path, registry, environment=environment, closed=closed)


def load_text(
    text: str, path: FilePath, registry: Registry, *, environment: bool = True, closed: Closures | None = None
) -> Loaded:
    """The same with the text in hand; `path` names it in faults."""
    models: list[type[Model]] = [Config, *(feed.config for feed in registry.feeds.values())]
    models += [sink.config for sink in registry.sinks.values()]
    report = mapping(path, text, "instance", {key for model in models for key in secret_keys(model)})
    data = report.marked.data
    for market, days in (closed or {}).items():
        _close(data, market, days)
    return _loaded(data, path, registry, report, environment)


def _close(data: dict[str, Any], market: str, days: Mapping[str, str]) -> None:
    markets = data.get("markets")
    told = markets.get(market) if isinstance(markets, dict) else None
    if isinstance(told, dict):
        known = told.get("closed")
        told["closed"] = {**(known if isinstance(known, dict) else {}), **days}


def _loaded(data: dict[str, Any], path: FilePath, registry: Registry, report: Report, environment: bool) -> Loaded:
    facts = gather(data, registry, report)
    config = shell(data, report)
    facts.series = [name for market, each in facts.markets.items() for name in each.series(market)]
    calendars = checks.calendars(facts, report)
    checks.check_names(data, report)
    checks.check_markets(facts, report)
    facts.spreads = checks.spreads(data, facts, report)
    checks.check_aliases(facts, report)
    checks.check_feeds(facts, report)
    checks.check_rules(facts, report)
    checks.check_pairs(data, facts, report)
    checks.check_probe(data, report)
    checks.check_routes(data, facts, report)
    checks.check_maintenance(data, facts, report)
    check_desk(data, facts, calendars, report)
    checks.check_fallbacks(data, report)
    checks.check_book(data, facts, report)
    events, tables = agenda(facts.events, calendars, path.parent, report)
    worded, templates = wordings(facts.sinks, path.parent, report)
    tables += templates
    _warn_of_gaps(data, report)
    check_exposed(config, facts, report)
    check_readers(config, report)
    if environment:
        check_tokens(config, facts, report)
        _check_environment(facts, config, report)
    if config is None or report.has_errors():
        raise ConfigError(report.faults())
    trial = None if config.shadow is None else _on_trial(path.parent / config.shadow.file, data, registry, report)
    return Loaded(
        path=path,
        model=config,
        engine=build.engine_spec(config, facts, calendars, events),
        desk=build.desk(config, calendars),
        maintenance=build.maintenance(config.maintenance),
        resolver=build.resolver(facts),
        feeds=[feed for _, feed in facts.feeds],
        sinks=[sink for _, sink in facts.sinks],
        rules=[rule for _, rule in facts.rules],
        digest=digest({**data, "tables": tables} if tables else data),
        warnings=report.faults(),
        wordings=worded,
        data=data,
        shadow=trial,
    )


def _on_trial(path: FilePath, under: dict[str, Any], registry: Registry, report: Report) -> Loaded:
    """The rules in shadow: what the file does not say is as in the configuration; the digest is of what it says. Raises
    ConfigError."""
    try:
        own = mapping(path, read_text(path), "rules")
        data = own.marked.data
        kept = {key: under[key] for key in NOT_HEARD if key in under}
        said = {key: value for key, value in data.items() if key not in (*NOT_HEARD, "shadow")}
        merged = {**{key: value for key, value in under.items() if key != "shadow"}, **said, **kept}
        data.clear()
        data.update(merged)
        return replace(_loaded(data, path, registry, own, environment=False), digest=digest(said))
    except ConfigError as error:
        raise ConfigError([*report.faults(), *error.faults]) from None


def digest(data: Any) -> str:
    """sha256 of the parsed content: the same for two layouts of one configuration."""
    canonical = json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


def _warn_of_gaps(data: dict[str, Any], report: Report) -> None:
    for section, consequence in (("feeds", "no tick would come in"), ("rules", "nothing would be told")):
        if data.get(section) is None or data[section] == []:
            report.mapping((section,), f"there are no {section}: {consequence}", "", "warning")


def _check_environment(facts: Facts, config: Config | None, report: Report) -> None:
    for i, feed in facts.feeds:
        check_environment(feed, ("feeds", i), report)
    for i, sink in facts.sinks:
        check_environment(sink, ("sinks", i), report)
        try:
            wrong = sink.wrong_secret()
        except SecretError:
            continue
        if wrong is not None:
            report.value(("sinks", i, wrong[0]), wrong[1])
    for section in ("tokens", "links", "heartbeat"):
        check_environment(getattr(config, section, None), (section,), report)
