"""`stressd status`: what the running daemon sees, what it can alert on, and what it still has to say."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from stressd.cli.ask import NoDaemon, ask
from stressd.cli.errors import UserError
from stressd.cli.graph_text import graph_lines
from stressd.cli.live.frame import Seen
from stressd.cli.place import add_state, state_of
from stressd.cli.records import open_store
from stressd.cli.status_screen import screen
from stressd.cli.verdict import verdict
from stressd.runtime.graph import kept


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = subparsers.add_parser(
        "status",
        help="what the running daemon sees and can alert on",
        description="Feeds, what can alert now and when the rest can, open episodes, deliveries. "
        "The first line says whether all is well; what is wrong follows, each with its first step and its entry in the "
        "runbook. Exit status 1 when the daemon is blind or stuck, or when there is none. With --graph: which markets "
        "follow which, how often, how fast and how strongly; without a daemon as it was when its state was last saved.",
    )
    add_state(parser)
    parser.add_argument("--graph", action="store_true", help="which markets follow which, instead")
    parser.add_argument("--all", action="store_true", help="a row for every series, with its value")
    parser.add_argument(
        "--watch", nargs="?", type=_seconds, const=2.0, metavar="S",
        help="a screen that stays, with the session of every series; again every so many seconds (default: 2). q ends "
        "it. In a pipe one status after the other",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(args: argparse.Namespace) -> int:
    """Exit status."""
    if args.graph:
        return _graph(state_of(args), args.json)
    if args.watch is not None:
        return _watch(args)
    status = _asked(args)
    if args.json:
        print(json.dumps(status, ensure_ascii=False))
    else:
        print("\n".join(_shown(status, args.all)))
    return _exit(status)


def _asked(args: argparse.Namespace) -> dict[str, Any]:
    status = ask(state_of(args), "/api/v1/status")
    if not isinstance(status, dict) or "state" not in status:
        raise UserError("whatever answers there is no daemon of this version")
    return status


def _seen(args: argparse.Namespace) -> Seen:
    """What one frame of the live screen is made of."""
    status, place = _asked(args), state_of(args)
    state, paths = ask(place, "/api/v1/state"), ask(place, "/api/v1/paths")
    days = ask(place, "/api/v1/stress?days=60")["days"]
    return Seen(status, state, paths["paths"], [each["value"] for each in days])


def _shown(status: dict[str, Any], every: bool) -> list[str]:
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return [*verdict(status, colour), *screen(status, every)]


def _exit(status: dict[str, Any]) -> int:
    return 1 if status["state"] in ("blind", "stuck") else 0


def _watch(args: argparse.Namespace) -> int:
    """Until it is interrupted: on a terminal the newest screen in the place of the former, elsewhere one after the
    other. A daemon that is away may come back."""
    if sys.stdout.isatty() and not args.json and os.environ.get("TERM", "dumb") != "dumb":
        from stressd.cli.live.watch import watch

        return watch(lambda: _seen(args), args.watch)
    while True:
        try:
            status = _asked(args)
            text = json.dumps(status, ensure_ascii=False) if args.json else "\n".join(_shown(status, args.all))
        except NoDaemon as nobody:
            text = f"DOWN: {nobody}"
        print(text, flush=True)
        time.sleep(args.watch)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 3600:
        raise argparse.ArgumentTypeError("a number of seconds from 0.1 to 3600")
    return seconds


def _graph(state: Path, as_json: bool) -> int:
    try:
        found = ask(state, "/api/v1/graph")
    except NoDaemon as nobody:
        with open_store(state) as store:
            found = kept(store)
        if found is None:
            raise nobody from None
        print(f"stressd: {nobody}; this is what it saved last", file=sys.stderr)
    print(json.dumps(found, ensure_ascii=False) if as_json else "\n".join(graph_lines(found)))
    return 0
