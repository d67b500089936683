"""The periodic report put together: fixings and ticks from files or the store, episodes, links, the running daemon."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stressd.alerts.event import Event
from stressd.cli.ask import NoDaemon, ask
from stressd.cli.errors import UserError
from stressd.cli.place import read_config, state_of
from stressd.cli.report import as_json, write
from stressd.cli.report_text import report_text
from stressd.cli.watched import of_config, of_series, tell
from stressd.config.load import Loaded
from stressd.engine.engine import Engine, SnapshotError
from stressd.lab.backtest import Daily, merged
from stressd.lab.faults import Fault, UnreadFile
from stressd.lab.history import stored_daily
from stressd.lab.offline import Setup
from stressd.lab.publishers import read_daily
from stressd.lab.report.findings import findings
from stressd.lab.report.page import period_page
from stressd.lab.report.paths import TickLags
from stressd.lab.report.report import Report
from stressd.lab.ruleset import daily_trial, tick_trial
from stressd.lab.ticks import CanonicalNames, in_order, read_tick_file
from stressd.market.series import YIELD, market_of, parse_series
from stressd.market.tick import Tick
from stressd.market.times import day_iso, day_of, iso
from stressd.runtime.snapshots import Saved, Snapshots
from stressd.store import Store, StoreError


class Given:
    """What a report is made of. made_of: in words; events: told by the daemon, None where the rules must be run; saved:
    the daemon's engine, None where there is none; labels: by episode, one of each person, the latest last."""

    __slots__ = ("daily", "events", "labels", "made_of", "saved", "ticks")

    def __init__(self, daily: Mapping[str, Daily], ticks: Sequence[Tick], made_of: str) -> None:
        self.daily = daily
        self.ticks = ticks
        self.made_of = made_of
        self.events: list[Event] | None = None
        self.saved: Saved | None = None
        self.labels: dict[str, list[str]] = {}


def period(args: argparse.Namespace, days: int) -> int:
    """Exit status. days: length of a period of which only one end is given, or none."""
    loaded = read_config(args.config, environment=False) if args.config else None
    stored = not args.daily and (not args.ticks or args.state is not None)
    try:
        daily = merged([read_daily(path) for path in args.daily])
        ticks = _ticks(args.ticks, loaded)
    except UnreadFile as error:
        tell(error.faults)
        return 1
    if stored:
        directory = state_of(args)
        given = _of_store(directory, ticks)
    else:
        count = len(args.daily) + len(args.ticks)
        given = Given(daily, ticks, f"{count} file{'s' if count > 1 else ''}")
    setup = of_config(loaded) if loaded else of_series({*given.daily, *(tick.series for tick in ticks)})
    report = _report(args, days, setup, given)
    if stored:
        report.daemon = _daemon(directory)
    if args.html is not None:
        write(args.html, period_page(report))
    print(as_json(report.plain() | {"findings": findings(report)}) if args.json else report_text(report))
    return 0


def _report(args: argparse.Namespace, days: int, setup: Setup, given: Given) -> Report:
    watched = set(setup.series())
    daily = {name: each for name, each in given.daily.items() if name in watched}
    ticks = [tick for tick in given.ticks if tick.series in watched]
    if not daily and not ticks:
        raise UserError("no fixing and no tick of a series that is watched")
    since, until = _ends(args, days, daily, ticks)
    report = Report(setup, daily, since, until, given.made_of, gauges=args.gauges)
    if ticks:
        report.tick_lags = TickLags(ticks, setup.spec)
    if given.events is not None:
        report.told(given.events, setup.spec, "the daemon", {})
        report.labelled(given.events, given.labels)
        _recall(report, args, setup, given)
    else:
        _run(report, setup, daily, ticks)
    return report


def _run(report: Report, setup: Setup, daily: Mapping[str, Daily], ticks: Sequence[Tick]) -> None:
    """Episodes and links by the rules, run over the ticks, else over the fixings up to the end of the period."""
    known = {
        name: Daily(each.source, [row for row in each.rows if row[0] <= report.until]) for name, each in daily.items()
    }
    known = {name: each for name, each in known.items() if each.rows}
    trial = tick_trial("", setup, ticks, known, _nobody) if ticks else daily_trial("", setup, known, _nobody)
    if trial is not None:
        days: dict[str, set[int]] = {}
        for tick in ticks:
            days.setdefault(market_of(tick.series), set()).add(day_of(tick.time))
        made_of = f"the rules run over the {'ticks' if ticks else 'fixings'}"
        report.told(trial.events, setup.spec, made_of, {market: len(each) for market, each in days.items()})
        report.learned(trial.engine, trial.events, made_of)


def _recall(report: Report, args: argparse.Namespace, setup: Setup, given: Given) -> None:
    """Links and the stress index as the daemon's last snapshot has them."""
    if given.saved is None or given.events is None:
        return
    known = [name for name in given.saved.engine["series"] if parse_series(name).kind == YIELD]
    spec = setup.spec if args.config else of_series(known).spec
    engine = Engine(spec, given.saved.at)
    try:
        engine.restore(given.saved.engine)
    except (SnapshotError, KeyError, ValueError, TypeError, IndexError) as error:
        print(f"stressd: the daemon's state cannot be used: {error}", file=sys.stderr)
        return
    report.learned(engine, given.events, f"the daemon's state of {iso(given.saved.at)}")


def _nobody(event: Event) -> None:
    """Nobody is told."""


def _ends(args: argparse.Namespace, days: int, daily: Mapping[str, Daily], ticks: Sequence[Tick]) -> tuple[int, int]:
    """First and last day of the period. Raises UserError where nothing lies in it."""
    if args.since is not None and args.until is not None and args.days is not None:
        raise UserError("--since, --until and --days say the same twice: give two of them")
    had = [day for each in daily.values() for day in (each.rows[0][0], each.rows[-1][0])]
    had += [day_of(tick.time) for tick in (ticks[0], ticks[-1])] if ticks else []
    first, last = min(had), max(had)
    length = args.days or (days if daily else last - first + 1)
    if args.until is not None:
        until = args.until
    elif args.since is not None and args.days is not None:
        until = args.since + length - 1
    else:
        until = last
    since = args.since if args.since is not None else until - length + 1
    if since > until:
        raise UserError(f"the period ends on {day_iso(until)}, before it begins on {day_iso(since)}")
    if since > last or until < first:
        raise UserError(f"nothing lies in the period: there is something from {day_iso(first)} to {day_iso(last)}")
    return since, until


def _ticks(paths: Sequence[str], loaded: Loaded | None) -> list[Tick]:
    """Raises UnreadFile."""
    files = [read_tick_file(path, loaded.resolver if loaded else CanonicalNames()) for path in paths]
    faults: list[Fault] = [fault for file in files for fault in file.faults]
    faults += [Fault(file.path, 0, "no tick in it") for file in files if not file.faults and not file.ticks]
    if faults:
        raise UnreadFile(faults)
    return in_order(files)


def _of_store(directory: Path, ticks: Sequence[Tick]) -> Given:
    """Raises UserError."""
    hint = "give --daily FILE or --ticks FILE, or import history: stressd history import FILE..."
    try:
        store = Store.open(directory, create=False)
    except StoreError as error:
        raise UserError(f"{error}; {hint}") from None
    try:
        given = Given(stored_daily(store), ticks, f"the store in {directory}")
        if not given.daily:
            raise UserError(f"no history in {directory}: {hint}")
        events = [event for episode in store.episodes() for event in store.events_of(episode.id)]
        if any(event.kind == "market" for event in events):
            given.events = events
            given.saved = Snapshots(store).load()
            for row in store.labels():
                given.labels.setdefault(row.episode, []).append(row.label)
        return given
    finally:
        store.close()


def _daemon(directory: Path) -> dict[str, Any] | None:
    """What the running daemon says of itself; None where none runs."""
    try:
        status = ask(directory, "/api/v1/status")
    except NoDaemon:
        return None
    keys = ("state", "version", "time", "started", "reasons")
    return {key: status[key] for key in keys} | {"open_episodes": len(status["episodes"])}
