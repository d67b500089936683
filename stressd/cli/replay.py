"""`stressd replay`: tick files through the live pipeline, without a network."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from stressd.alerts.event import Event, to_json
from stressd.alerts.render import render
from stressd.cli.errors import UserError
from stressd.cli.place import read_config
from stressd.cli.watched import of_config, of_series, tell
from stressd.lab.replay import replay
from stressd.lab.ticks import CanonicalNames, in_order, read_tick_file


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = subparsers.add_parser(
        "replay",
        help="run tick files through the live pipeline",
        description="CSV or NDJSON with time, series and value (or bid and ask), gzipped or not, - for standard input; "
        "several files are merged by time of receipt. Without a configuration every series in them is watched. Exit "
        "status 1 where a line cannot be read, a series is unknown or there is no tick.",
    )
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("-c", "--config", type=Path, metavar="FILE", help="rules and aliases; default: built in")
    parser.add_argument("--json", action="store_true", help="events as JSON lines")


def run(args: argparse.Namespace) -> int:
    """Exit status."""
    loaded = read_config(args.config, environment=False) if args.config else None
    resolver = loaded.resolver if loaded else CanonicalNames()
    files = [read_tick_file(path, resolver) for path in args.files]
    faults = [fault for file in files for fault in file.faults]
    tell(faults)
    ticks = in_order(files)
    if not ticks:
        raise UserError(f"no tick in {', '.join(args.files)}")
    setup = of_config(loaded) if loaded else of_series({tick.series for tick in ticks})
    told = 0
    for event in replay(setup, ticks):
        told += 1
        sys.stdout.write(to_json(event).decode() + "\n" if args.json else _text(event) + "\n\n")
    if not args.json:
        episodes = "nothing to tell" if not told else f"{told} messages"
        print(f"{len(ticks):,} ticks of {len({tick.series for tick in ticks})} series: {episodes}")
    return 1 if faults else 0


def _text(event: Event) -> str:
    told = render(
        event, first=event.seq == 1, page_url=None, thread_root=None, late_s=None, merged=0, possible_repeat=False
    )
    return f"{event.time}  {told.severity.upper()}  {told.text}"
