"""`stressd backtest`: history through the same engine and episodes as live, one or several rule sets side by side."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from stressd.alerts.event import Event, to_json
from stressd.cli.backtest_text import beside, report
from stressd.cli.errors import UserError
from stressd.cli.place import read_config, state_of
from stressd.cli.watched import of_config, of_series, tell
from stressd.config.load import Loaded
from stressd.feeds.base import SeriesResolver
from stressd.lab.backtest import Daily, merged
from stressd.lab.faults import Fault, UnreadFile
from stressd.lab.history import stored_daily
from stressd.lab.offline import Setup
from stressd.lab.publishers import DailyFile, read_daily
from stressd.lab.ruleset import Trial, daily_trial, tick_trial
from stressd.lab.stress import stress_days
from stressd.lab.ticks import CanonicalNames, TickFile, in_order, read_tick_file
from stressd.lab.verdict import Verdict, judge
from stressd.market.times import day_of, parse_day
from stressd.store import Store, StoreError

BUILT_IN = "built in"


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = subparsers.add_parser(
        "backtest",
        help="run history through the engine: rates beside budgets, recall of stress days",
        description="What stressd would have told on daily fixings or recorded ticks, how often a year beside what its "
        "budgets promise, and on which of the known days of stress. Several -c stand side by side. Exit status 1 where "
        "a line cannot be read, a series is unknown or there is nothing to run.",
    )
    parser.add_argument(
        "--daily", nargs="+", action="extend", metavar="FILE", default=[],
        help="wide CSV (date,JP.GOV.10Y,...), or as the MoF, FRED or the Treasury publish it; default: the store",
    )  # fmt: skip
    parser.add_argument(
        "--tick", nargs="+", action="extend", metavar="FILE", default=[],
        help="tick files as for replay; daily files then only warm the engine",
    )  # fmt: skip
    parser.add_argument(
        "-c", "--config", type=Path, action="append", metavar="FILE", default=[],
        help="rules; give several to compare them; default: built in",
    )  # fmt: skip
    parser.add_argument("--since", type=_day, metavar="DATE", help="leave out what is older, such as 2005-01-01")
    parser.add_argument("--state", type=Path, metavar="DIR", help="the state directory, for its imported history")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw yields, bars, episodes and stress days (PNG)")
    parser.add_argument("--json", action="store_true", help="events as JSON lines, a summary after each rule set")


def run(args: argparse.Namespace) -> int:
    """Exit status."""
    loaded = [read_config(path, environment=False) for path in args.config]
    given = _read(args.daily)
    recorded = _read_ticks(args.tick, loaded)
    if given is None or recorded is None:
        return 1
    daily = merged(given) if args.daily else ({} if args.tick else _stored(_directory(args)))
    if args.since is not None:
        daily = {name: Daily(each.source, rows) for name, each in daily.items() if (rows := _from(each, args.since))}
        for file in recorded:
            file.ticks = [tick for tick in file.ticks if day_of(tick.received) >= args.since]
    verdicts = []
    strays = 0
    for name, setup in _rule_sets(args.config, loaded, daily, recorded):
        watched = set(setup.series())
        for series in _strays(given, recorded, watched):
            print(f"stressd: unknown series {series}: it is not in {name}", file=sys.stderr)
            strays += 1
        verdict = _verdict(name, setup, daily, recorded, args.json)
        verdicts.append(verdict)
        if args.json:
            print(json.dumps(verdict.plain(), ensure_ascii=False))
    if not args.json:
        print(report(verdicts[0]) if len(verdicts) == 1 else beside(verdicts))
    if args.plot is not None:
        _draw(args.plot, verdicts)
    return 1 if strays else 0


def _day(text: str) -> int:
    try:
        return parse_day(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _from(daily: Daily, first: int) -> list[tuple[int, float]]:
    return [row for row in daily.rows if row[0] >= first]


def _directory(args: argparse.Namespace) -> Path:
    place = argparse.Namespace(state=args.state, config=args.config[0] if args.config else None)
    return state_of(place)


def _rule_sets(
    paths: Sequence[Path], loaded: Sequence[Loaded], daily: Mapping[str, Daily], recorded: Sequence[TickFile]
) -> list[tuple[str, Setup]]:
    if loaded:
        short = len({path.name for path in paths}) == len(paths)
        names = [path.name if short else str(path) for path in paths]
        return [(name, of_config(each)) for name, each in zip(names, loaded, strict=True)]
    return [(BUILT_IN, of_series({*daily, *(tick.series for file in recorded for tick in file.ticks)}))]


def _verdict(
    name: str, setup: Setup, daily: Mapping[str, Daily], recorded: Sequence[TickFile], as_json: bool
) -> Verdict:
    def told(event: Event) -> None:
        if as_json:
            sys.stdout.write(to_json(event).decode() + "\n")

    trial: Trial | None
    if recorded:
        trial = tick_trial(name, setup, in_order(recorded), daily, told)
        missing = "no tick of a series that is watched"
    else:
        trial = daily_trial(name, setup, daily, told)
        missing = "no fixing of a series that is watched"
    if trial is None:
        raise UserError(f"{name}: {missing}" if name != BUILT_IN else missing)
    return judge(trial, stress_days())


def _draw(path: Path, verdicts: Sequence[Verdict]) -> None:
    from stressd.lab.picture import draw
    from stressd.lab.scoring.plot import NoPlots

    try:
        draw(path, verdicts)
    except (NoPlots, OSError) as error:
        raise UserError(f"--plot: {error}") from None
    print(f"drawn to {path}", file=sys.stderr)


def _read(paths: Sequence[str]) -> list[DailyFile] | None:
    """The daily files; None after their faults have been told."""
    files: list[DailyFile] = []
    faults: list[Fault] = []
    for path in paths:
        try:
            files.append(read_daily(path))
        except UnreadFile as error:
            faults += error.faults
    try:
        merged(files)
    except UnreadFile as error:
        faults += error.faults
    tell(faults)
    return None if faults else files


def _read_ticks(paths: Sequence[str], loaded: Sequence[Loaded]) -> list[TickFile] | None:
    """The tick files; None after their faults have been told. Aliases are those of the first configuration."""
    resolver: SeriesResolver = loaded[0].resolver if loaded else CanonicalNames()
    files = [read_tick_file(path, resolver) for path in paths]
    faults = [fault for file in files for fault in file.faults]
    tell(faults)
    return None if faults else files


def _strays(files: Sequence[DailyFile], recorded: Sequence[TickFile], watched: set[str]) -> list[str]:
    """Series that the user asked for and no market lists. A publisher's file has all tenors, asked for or not."""
    wide = [series for file in files if file.layout == "wide" for series in file.series]
    ticked = [tick.series for file in recorded for tick in file.ticks]
    return [series for series in dict.fromkeys((*wide, *ticked)) if series not in watched]


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
