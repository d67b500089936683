"""`stressd bundle EPISODE`: everything of an incident in one file, for another machine and other people."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import msgspec

from stressd.cli.errors import UserError
from stressd.cli.place import add_state, state_of
from stressd.cli.records import episode_named, open_store
from stressd.config.state import format_size, parse_size
from stressd.lab.bundle.collect import MOST
from stressd.lab.bundle.make import PATIENCE, make
from stressd.lab.bundle.manifest import BundleError, Manifest
from stressd.runtime.registry import registry


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = subparsers.add_parser(
        "bundle",
        help="an episode with all that led to it, in one file that replays elsewhere",
        description="The state of the engine from before an episode, the recorded ticks and all else that came until "
        "its end, the configuration without secrets, addresses and holdings, the events that were told and their "
        "deliveries: one file, which `stressd replay` turns into the same events on any machine. It is replayed once "
        "when it is made, and says whether that was so. Names of people who acknowledged or silenced are in it. A "
        "running daemon is not held up. Exit status 1 where the episode is unknown.",
    )
    parser.add_argument("episode", metavar="EPISODE", help="for example JP-260120-7q2f, or 7q2f")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="the file, or a folder for it; default: EPISODE.tar.gz here"
    )
    parser.add_argument(
        "--most", type=_size, default=MOST, metavar="SIZE",
        help=f"bytes of ticks and states, unpacked, such as 200MB; default: {format_size(MOST)}",
    )  # fmt: skip
    parser.add_argument(
        "--patience", type=_seconds, default=PATIENCE, metavar="S",
        help=f"seconds that the replay may take, 0 for none; default: {PATIENCE:.0f}",
    )  # fmt: skip
    add_state(parser)
    parser.add_argument("--json", action="store_true", help="what the bundle says of itself, as JSON")


def run(args: argparse.Namespace) -> int:
    """Exit status. Raises UserError."""
    state = state_of(args)
    with open_store(state) as store:
        episode = episode_named(store, args.episode)
        file = args.output or Path()
        file = file / f"{episode.id}.tar.gz" if file.is_dir() else file
        try:
            manifest = make(
                state,
                store,
                episode,
                file,
                registry().detectors,
                time.time_ns(),
                most=args.most,
                patience=args.patience,
            )
        except BundleError as error:
            raise UserError(str(error)) from None
    if args.json:
        print(json.dumps(msgspec.to_builtins(manifest) | {"file": str(file)}, ensure_ascii=False))
    else:
        print(f"{file}: {_describe(manifest, file)}")
        print(manifest.verdict)
        for text in manifest.missing:
            print(f"Not in it: {text}.", file=sys.stderr)
    return 0


def _describe(manifest: Manifest, file: Path) -> str:
    ticks = sum(segment.ticks for segment in manifest.segments)
    size = file.stat().st_size / 1e6
    return f"{manifest.episode}, {ticks:,} ticks, {size:.1f} MB; names of people and of sinks are in it, no secrets"


def _size(text: str) -> int:
    try:
        return parse_size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0.0 <= seconds <= 86_400.0:
        raise argparse.ArgumentTypeError("a number of seconds from 0 to 86400")
    return seconds
