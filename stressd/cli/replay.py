"""`stressd replay`: tick files through the live pipeline, without a network."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stressd.alerts.event import to_json
from stressd.cli.bundle_replay import replay_bundle, text_of
from stressd.cli.errors import UserError
from stressd.cli.place import read_config
from stressd.cli.replay_page import add_page, show
from stressd.cli.table import table
from stressd.cli.watched import of_config, of_series, on_page, tell
from stressd.lab.bundle.archive import is_bundle
from stressd.lab.offline import drive
from stressd.lab.realised import Moves, SessionMeasures, measured, measures
from stressd.lab.replay import pipeline, quality
from stressd.lab.ticks import CanonicalNames, in_order, read_tick_file


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = subparsers.add_parser(
        "replay",
        help="run tick files through the live pipeline",
        description="CSV or NDJSON with time, series and value (or bid and ask), gzipped or not, - for standard input; "
        "several files are merged by time of receipt. Without a configuration every series in them is watched. Exit "
        "status 1 where a line cannot be read, a series is unknown or there is no tick. A bundle (`stressd bundle`) "
        "brings state and configuration with it, and says at the end whether what it gives is what was told; exit "
        "status 1 where it is not.",
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="tick files, - for standard input; or one bundle")
    parser.add_argument("-c", "--config", type=Path, metavar="FILE", help="rules and aliases; default: built in")
    parser.add_argument(
        "--measures", action="store_true",
        help="per series and session at the end: realised volatility, the part of it that came by jumps, and the "
        "Lee-Mykland test of the move that looks most like one",
    )  # fmt: skip
    add_page(parser)
    parser.add_argument("--json", action="store_true", help="events as JSON lines, measures and quality last")
    parser.add_argument(
        "--quality",
        action="store_true",
        help="with --json: a last line with what the ticks of each series were worth, which is otherwise a table",
    )


def run(args: argparse.Namespace) -> int:
    """Exit status."""
    if any(is_bundle(path) for path in args.files):
        return replay_bundle(args)
    loaded = read_config(args.config, environment=False) if args.config else None
    resolver = loaded.resolver if loaded else CanonicalNames()
    files = [read_tick_file(path, resolver) for path in args.files]
    faults = [fault for file in files for fault in file.faults]
    tell(faults)
    ticks = in_order(files)
    if not ticks:
        raise UserError(f"no tick in {', '.join(args.files)}")
    if args.page:
        return show(loaded or on_page({tick.series for tick in ticks}), ticks, args)
    setup = of_config(loaded) if loaded else of_series({tick.series for tick in ticks})
    kept: dict[str, Moves] = {}
    if args.measures:
        setup, kept = measured(setup)
    told = 0
    live = pipeline(setup, ticks)
    for event in drive(live, ticks):
        told += 1
        sys.stdout.write(to_json(event).decode() + "\n" if args.json else text_of(event) + "\n\n")
    if not args.json:
        episodes = "nothing to tell" if not told else f"{told} messages"
        print(f"{len(ticks):,} ticks of {len({tick.series for tick in ticks})} series: {episodes}")
        print("\n".join(["", *_worth(quality(live.engine))]))
    if args.measures:
        rows = measures(setup, kept)
        print(json.dumps({"measures": [row.as_json() for row in rows]}) if args.json else "\n".join(_table(rows)))
    if args.json and args.quality:
        print(json.dumps({"quality": quality(live.engine)}))
    return 1 if faults else 0


def _table(rows: Sequence[SessionMeasures]) -> list[str]:
    cells = [
        [
            row.series,
            row.session,
            str(row.moves),
            f"{row.volatility:.2f}",
            f"{row.smooth:.2f}",
            f"{row.median:.2f}",
            "-" if row.jump_share is None else f"{row.jump_share:.0%}",
            "-"
            if row.largest_bp is None or row.largest_at is None
            else f"{row.largest_bp:+.1f}bp {row.largest_at[11:16]}",
            "-" if row.largest_sigma is None else f"{row.largest_sigma:.1f}σ",
            "-" if row.p is None else f"{row.p:.2g}",
        ]
        for row in rows
    ]
    header = ["SERIES", "SESSION", "MOVES", "RV bp", "BIPOWER bp", "MEDRV bp", "JUMPS", "LARGEST, UTC", "", "P"]
    told = ["", *table(header, cells)]
    return told if rows else ["", "too few moves of five minutes for measures"]


def _worth(found: dict[str, dict[str, Any]]) -> list[str]:
    """What the ticks of each series that had any were worth."""
    names = ("ticks", "duplicates", "crossed", "wide", "reordered", "late", "quarantined", "confirmed", "rejected")
    rows = []
    for series, row in found.items():
        if not any(row[name] for name in names):
            continue
        quotes = row["quotes"]
        width = "-" if quotes is None or quotes["mean_bp"] is None else f"{quotes['mean_bp']:.2f}bp"
        widest = "-" if quotes is None or quotes["widest_decile_bp"] is None else f"{quotes['widest_decile_bp']:.2f}bp"
        rows.append([series, *[f"{row[name]:,}" for name in names], str(row["silences"]), width, widest])
    return table(["SERIES", *[name.upper() for name in names], "SILENCES", "BID-ASK", "WIDEST 10 %"], rows)
