"""`stressd backtest`: daily fixings through the same engine and episodes as live."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from stressd.alerts.event import Event, to_json
from stressd.cli.errors import UserError
from stressd.cli.place import add_state, read_config, state_of
from stressd.cli.watched import of_config, of_series, tell
from stressd.lab.backtest import (
    Daily,
    SeriesSummary,
    daily_only,
    episode_lines,
    fixing_ticks,
    merged,
    summarise,
)
from stressd.lab.faults import Fault, UnreadFile
from stressd.lab.history import stored_daily
from stressd.lab.offline import Setup, drive
from stressd.lab.publishers import DailyFile, read_daily
from stressd.store import Store, StoreError


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = subparsers.add_parser(
        "backtest",
        help="run daily fixings through the engine",
        description="What stressd would have told on daily fixings, and how often a year. Exit status 1 where a line "
        "cannot be read, a series is unknown or there is no fixing.",
    )
    parser.add_argument(
        "--daily", nargs="+", action="extend", metavar="FILE", default=[],
        help="wide CSV (date,JP.GOV.10Y,...), or as the MoF, FRED or the Treasury publish it; default: the store",
    )  # fmt: skip
    add_state(parser)
    parser.add_argument("--json", action="store_true", help="events as JSON lines, the summary last")


def run(args: argparse.Namespace) -> int:
    """Exit status."""
    loaded = read_config(args.config, environment=False) if args.config else None
    strays: list[str] = []
    if args.daily:
        files = _read(args.daily)
        if files is None:
            return 1
        daily, given = files
        if loaded is not None:
            strays = _strays(given, {series.id for series in loaded.engine.series})
    else:
        daily = _stored(state_of(args))
    setup = of_config(loaded) if loaded is not None else of_series(daily)
    setup = Setup(daily_only(setup.spec), setup.instance, setup.routes, setup.config)
    ticks = fixing_ticks(daily, setup.spec)
    for series in strays:
        print(f"stressd: unknown series {series}: it is not in {args.config}", file=sys.stderr)
    if not ticks:
        raise UserError("no fixing of a series that is watched")
    events = []
    for event in drive(setup.pipeline(ticks[0].received, "replay"), ticks):
        events.append(event)
        if args.json:
            sys.stdout.write(to_json(event).decode() + "\n")
    summary = summarise(daily, setup.series(), events)
    if args.json:
        print(json.dumps({"summary": summary}))
    else:
        print(_report(events, summary))
    return 1 if strays else 0


def _read(paths: Sequence[str]) -> tuple[dict[str, Daily], list[DailyFile]] | None:
    """The files' fixings; None after their faults have been told."""
    files: list[DailyFile] = []
    faults: list[Fault] = []
    for path in paths:
        try:
            files.append(read_daily(path))
        except UnreadFile as error:
            faults += error.faults
    try:
        daily = merged(files)
    except UnreadFile as error:
        faults += error.faults
    tell(faults)
    return None if faults else (daily, files)


def _strays(files: Sequence[DailyFile], watched: set[str]) -> list[str]:
    """Series that the user asked for and no market lists. A publisher's file has all tenors, asked for or not."""
    return [series for file in files if file.layout == "wide" for series in file.series if series not in watched]


def _stored(directory: Path) -> dict[str, Daily]:
    try:
        store = Store.open(directory, create=False)
    except StoreError as error:
        raise UserError(f"{error}; give --daily FILE, or import history: stressd history import FILE...") from None
    try:
        daily = stored_daily(store)
    finally:
        store.close()
    if not daily:
        raise UserError(f"no history in {directory}: give --daily FILE, or import it: stressd history import FILE...")
    return daily


def _report(events: Sequence[Event], summary: Mapping[str, SeriesSummary]) -> str:
    lines = []
    for episode in episode_lines(events):
        until = "" if episode.last[:10] == episode.first[:10] else f" to {episode.last[:10]}"
        lines.append(f"{episode.first[:10]}{until:14}  {episode.severity:8}  {episode.headline}")
        if episode.followers:
            lines.append(f"{'':26}{episode.followers}")
    lines += ["", f"{'series':14}{'fixings':>9}{'years':>7}{'episodes':>10}{'a year':>8}"]
    for series, each in summary.items():
        rate = "-" if each["realised_per_year"] is None else f"{each['realised_per_year']:.2f}"
        lines.append(f"{series:14}{each['observations']:>9}{each['years']:>7.1f}{each['episodes']:>10}{rate:>8}")
    return "\n".join(lines)
