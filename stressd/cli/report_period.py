"""The periodic report put together: fixings from files or from the store, episodes, links, the running daemon."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stressd.alerts.event import Event
from stressd.cli.ask import NoDaemon, ask
from stressd.cli.errors import UserError
from stressd.cli.place import read_config, state_of
from stressd.cli.report import as_json, write
from stressd.cli.report_text import report_text
from stressd.cli.watched import of_config, of_series, tell
from stressd.lab.backtest import Daily, merged
from stressd.lab.faults import Fault, UnreadFile
from stressd.lab.history import stored_daily
from stressd.lab.offline import Setup
from stressd.lab.publishers import read_daily
from stressd.lab.report.findings import findings
from stressd.lab.report.page import period_page
from stressd.lab.report.report import Report, opened
from stressd.lab.ruleset import Trial, daily_trial
from stressd.market.times import day_iso
from stressd.store import Store, StoreError


def period(args: argparse.Namespace, days: int) -> int:
    """Exit status. days: length of a period of which only one end is given, or none."""
    if args.daily:
        daily = _files(args.daily)
        if daily is None:
            return 1
        made_of = f"{len(args.daily)} daily file{'s' if len(args.daily) > 1 else ''}"
        report = _report(args, days, daily, made_of)
        _by_trial(report, _setup(args, daily), daily)
    else:
        report = _from_store(args, days)
    if args.html is not None:
        write(args.html, period_page(report))
    if args.json:
        print(as_json(report.plain() | {"findings": findings(report)}))
    else:
        print(report_text(report))
    return 0


def _setup(args: argparse.Namespace, daily: Mapping[str, Daily]) -> Setup:
    return of_config(read_config(args.config, environment=False)) if args.config else of_series(daily)


def _report(args: argparse.Namespace, days: int, daily: Mapping[str, Daily], made_of: str) -> Report:
    setup = _setup(args, daily)
    own = {name: daily[name] for name in setup.series() if name in daily}
    if not own:
        raise UserError("no fixing of a series that is watched")
    since, until = _ends(args, days, own)
    return Report(setup, own, since, until, made_of, gauges=args.gauges)


def _ends(args: argparse.Namespace, days: int, daily: Mapping[str, Daily]) -> tuple[int, int]:
    if args.since is not None and args.until is not None and args.days is not None:
        raise UserError("--since, --until and --days say the same twice: give two of them")
    length = args.days or days
    last = max(each.rows[-1][0] for each in daily.values())
    if args.until is not None:
        until = args.until
    elif args.since is not None and args.days is not None:
        until = args.since + length - 1
    else:
        until = last
    since = args.since if args.since is not None else until - length + 1
    first = min(each.rows[0][0] for each in daily.values())
    if since > until:
        raise UserError(f"the period ends on {day_iso(until)}, before it begins on {day_iso(since)}")
    if since > last or until < first:
        raise UserError(f"no fixing lies in the period: there are some from {day_iso(first)} to {day_iso(last)}")
    return since, until


def _files(paths: list[str]) -> dict[str, Daily] | None:
    """None after their faults have been told."""
    faults: list[Fault] = []
    files = []
    for path in paths:
        try:
            files.append(read_daily(path))
        except UnreadFile as error:
            faults += error.faults
    if not faults:
        try:
            return merged(files)
        except UnreadFile as error:
            faults += error.faults
    tell(faults)
    return None


def _by_trial(report: Report, setup: Setup, daily: Mapping[str, Daily]) -> None:
    """Episodes and links by the rules run over the fixings up to the end of the period."""
    until = {
        name: Daily(each.source, [row for row in each.rows if row[0] <= report.until]) for name, each in daily.items()
    }
    trial = daily_trial("", setup, {name: each for name, each in until.items() if each.rows}, _nobody)
    if trial is not None:
        report.told(opened(trial.events), setup.spec, "the rules run over the fixings")
        _link(report, trial)


def _nobody(event: Event) -> None:
    """Nobody is told."""


def _link(report: Report, trial: Trial) -> None:
    """The graph that the trial ended with."""


def _from_store(args: argparse.Namespace, days: int) -> Report:
    directory = state_of(args)
    try:
        store = Store.open(directory, create=False)
    except StoreError as error:
        raise UserError(f"{error}; give --daily FILE, or import history: stressd history import FILE...") from None
    try:
        daily = stored_daily(store)
        if not daily:
            raise UserError(
                f"no history in {directory}: give --daily FILE, or import it: stressd history import FILE..."
            )
        report = _report(args, days, daily, f"the store in {directory}")
        setup = _setup(args, daily)
        events = [event for episode in store.episodes() for event in store.events_of(episode.id)]
        if any(event.kind == "market" for event in events):
            report.told(opened(events), setup.spec, "the daemon")
        else:
            _by_trial(report, setup, daily)
    finally:
        store.close()
    report.daemon = _daemon(directory)
    return report


def _daemon(directory: Path) -> dict[str, Any] | None:
    """What the running daemon says of itself; None where none runs."""
    try:
        status = ask(directory, "/api/v1/status")
    except NoDaemon:
        return None
    keys = ("state", "version", "time", "started", "reasons")
    return {key: status[key] for key in keys} | {"open_episodes": len(status["episodes"])}
