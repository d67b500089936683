"""`stressd backup`: the state in one file, while the daemon works on it."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import msgspec

from stressd import METHOD, __version__
from stressd.cli.errors import UserError
from stressd.cli.place import add_state, state_of
from stressd.market.times import iso
from stressd.store import StoreError
from stressd.store.backup import Manifest, make, prune, verify


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = subparsers.add_parser(
        "backup",
        help="the state in one file, or see that such a file is whole",
        description="Writes what the store holds at one instant (episodes, deliveries, history, estimators) and the "
        "key of links into one file with its sums. A daemon at work is not held up. The file is a secret as the state "
        "is.",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--to", type=Path, metavar="PATH", help="a folder, in which the file is named by its time, or a file"
    )
    what.add_argument("--verify", type=Path, metavar="FILE", help="check every sum and the store in a backup")
    parser.add_argument("--keep", type=_count, metavar="N", help="then remove all but the newest N backups there")
    parser.add_argument("--json", action="store_true", help="what the backup holds, as JSON")
    add_state(parser)


def run(args: argparse.Namespace) -> int:
    """Exit status. Raises UserError."""
    if args.keep is not None and (args.to is None or not args.to.is_dir()):
        raise UserError("--keep needs a folder to keep backups in: `--to FOLDER --keep N`")
    try:
        if args.verify is not None:
            file, manifest = args.verify, verify(args.verify)
        else:
            file, manifest = make(state_of(args), args.to, version=__version__, method=METHOD, now=time.time_ns())
            verify(file)
    except StoreError as error:
        raise UserError(str(error)) from None
    gone = prune(args.to, args.keep) if args.keep is not None else []
    if args.json:
        print(json.dumps(msgspec.to_builtins(manifest) | {"file": str(file), "removed": [str(each) for each in gone]}))
        return 0
    print(f"{file}: {describe(manifest)}")
    for each in gone:
        print(f"removed {each}", file=sys.stderr)
    return 0


def describe(manifest: Manifest) -> str:
    """What a backup holds, in one line."""
    size = sum(held.bytes for held in manifest.files) / 1e6
    parts = [f"state of {iso(manifest.at)}"]
    if manifest.instance:
        parts.append(manifest.instance)
    parts += [
        f"stressd {manifest.version or 'unknown'}, schema {manifest.schema}",
        f"{manifest.open_episodes} open episodes",
        f"{manifest.undelivered} deliveries to make",
        f"{size:.1f} MB",
    ]
    return ", ".join(parts)


def _count(text: str) -> int:
    try:
        count = int(text)
    except ValueError:
        count = 0
    if count < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of backups: 1 or more")
    return count
