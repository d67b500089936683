"""`stressd restore`: a backup in the place of the present state."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import msgspec

from stressd.cli.backup import describe
from stressd.cli.errors import UserError
from stressd.cli.place import add_state, state_of
from stressd.store import StoreError
from stressd.store.backup import restore


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = subparsers.add_parser(
        "restore",
        help="put a backup in the place of the state, once the daemon is stopped",
        description="Checks the backup as a whole, moves the present state into a folder of its own, and puts the "
        "backup in its place. Also takes a store by itself, such as the stressd.db.v1 that an upgrade has left.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the backup")
    parser.add_argument("--json", action="store_true", help="what was restored, as JSON")
    add_state(parser)


def run(args: argparse.Namespace) -> int:
    """Exit status. Raises UserError."""
    state = state_of(args)
    try:
        manifest, aside = restore(args.file, state, now=time.time_ns())
    except StoreError as error:
        raise UserError(str(error)) from None
    if args.json:
        told = {"state": str(state), "aside": None if aside is None else str(aside)}
        print(json.dumps(msgspec.to_builtins(manifest) | told))
        return 0
    print(f"{state}: {describe(manifest)}")
    if aside is not None:
        print(f"what was there is in {aside}: remove it when all is well", file=sys.stderr)
    print(
        "start the daemon: what was to be delivered then goes out, marked as a possible repeat where it may be one",
        file=sys.stderr,
    )
    return 0
