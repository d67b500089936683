"""`stressd history`: the past that warms scales, ranks and records."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from stressd.cli.errors import UserError
from stressd.cli.place import add_state, read_config, state_of
from stressd.cli.watched import tell
from stressd.lab.faults import UnreadFile
from stressd.lab.history import Outcome, Progress, import_files, read_all
from stressd.lab.publishers import DailyFile
from stressd.lab.ticks import CanonicalNames, TickFile
from stressd.market.series import curve_order
from stressd.market.times import day_iso, iso
from stressd.store import Store, StoreError

CHANGES_SHOWN = 10


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = subparsers.add_parser("history", help="import the history that warms the engine")
    actions = parser.add_subparsers(metavar="ACTION", required=True, dest="action")
    common = argparse.ArgumentParser(add_help=False)
    add_state(common)
    common.add_argument("--json", action="store_true", help="one JSON object a line")
    importing = actions.add_parser(
        "import",
        parents=[common],
        help="read files into the store",
        description="Daily files as the MoF (jgbcme), FRED (DGS*) or the Treasury (par yield curve) publish them, wide "
        "CSV (date,JP.GOV.10Y,...), and tick files; told apart by content, gzipped or not. If one cannot be read, none "
        "is imported. Importing a file again changes nothing.",
    )
    importing.add_argument(
        "files", nargs="+", metavar="FILE", help="daily files or tick files, told apart by their content"
    )
    actions.add_parser("list", parents=[common], help="what the store holds")


def run(args: argparse.Namespace) -> int:
    """Exit status: 1 if a file is not understood."""
    loaded = read_config(args.config, environment=False) if args.config else None
    directory = state_of(args)
    try:
        if args.action == "list":
            return _list(directory, args.json)
        try:
            daily, ticks = read_all(args.files, loaded.resolver if loaded else CanonicalNames())
            store = Store.open(directory)
            try:
                outcomes = import_files(store, daily, ticks, _progress() if sys.stderr.isatty() else None)
            finally:
                store.close()
        except UnreadFile as error:
            tell(error.faults)
            print("stressd: nothing was imported", file=sys.stderr)
            return 1
    except StoreError as error:
        raise UserError(str(error)) from None
    if args.json:
        print(json.dumps([_record(outcome) for outcome in outcomes]))
    else:
        _tell_outcomes(daily, ticks, outcomes, directory)
    return 0


def _progress() -> Progress:
    def show(what: str, done: int, total: int) -> None:
        print(f"\r{what}: {done:,} of {total:,}", end="\n" if done >= total else "", file=sys.stderr, flush=True)

    return show


def _tell_outcomes(daily: list[DailyFile], ticks: list[TickFile], outcomes: list[Outcome], directory: Path) -> None:
    for file in daily:
        first, last = file.days()
        names = ", ".join(file.series)
        print(f"{file.path}: {file.source}, {names}, {day_iso(first)} to {day_iso(last)}, {file.values():,} values")
    for tick_file in ticks:
        times = [tick.time for tick in tick_file.ticks]
        print(f"{tick_file.path}: {len(times):,} ticks, {iso(min(times))} to {iso(max(times))}")
    for outcome in outcomes:
        print(
            f"{outcome.source}: {outcome.done.added:,} new, {outcome.done.changed:,} changed, of {outcome.done.rows:,}"
        )
        for change in outcome.changes[:CHANGES_SHOWN]:
            print(f"  {change}")
        if len(outcome.changes) > CHANGES_SHOWN:
            print(f"  and {len(outcome.changes) - CHANGES_SHOWN:,} more")
    print(f"stored in {directory}")


def _record(outcome: Outcome) -> dict[str, object]:
    return {
        "kind": outcome.kind,
        "source": outcome.source,
        "files": outcome.files,
        "values": outcome.done.rows,
        "new": outcome.done.added,
        "changed": [
            {"series": change.series, "date": day_iso(change.day), "before": change.before, "after": change.after}
            for change in outcome.changes
        ],
    }


def _list(directory: Path, as_json: bool) -> int:
    store = Store.open(directory, create=False)
    try:
        held = store.daily_sources()
    finally:
        store.close()
    if as_json:
        rows = [
            {
                "series": each.series,
                "source": each.source,
                "convention": each.convention,
                "values": each.rows,
                "first": day_iso(each.first),
                "last": day_iso(each.last),
            }
            for each in held
        ]
        print(json.dumps(rows))
        return 0
    for each in sorted(held, key=lambda one: curve_order(one.series)):
        convention = each.convention or "convention not stated"
        span = f"{day_iso(each.first)} to {day_iso(each.last)}"
        print(f"{each.series:14}{each.source:10}{each.rows:>7,}  {span}  {convention}")
    if not held:
        print(f"no history in {directory}")
    return 0
