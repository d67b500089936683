"""`stressd ack EPISODE`: say that somebody looks after an open episode."""

from __future__ import annotations

import argparse
import json
from typing import Any
from urllib.parse import quote

from stressd.cli.ask import tell
from stressd.cli.place import add_state, state_of


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = subparsers.add_parser(
        "ack",
        help="say that somebody looks after an episode",
        description="No reminders and no escalation while it is acknowledged; its news and its end are told as before.",
    )
    parser.add_argument("episode", metavar="EPISODE", help="its id, or the last four characters: 7q2f")
    parser.add_argument("--for", dest="length", metavar="TIME", help="how long, such as 30m (default: to its end)")
    parser.add_argument("--note", metavar="TEXT", help="what everybody should know")
    add_state(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(args: argparse.Namespace) -> int:
    """Exit status."""
    return show(args, "ack", {"for": args.length, "note": args.note})


def show(args: argparse.Namespace, deed: str, said: dict[str, Any]) -> int:
    """Do something with an episode, and print what the daemon says."""
    given = {key: value for key, value in said.items() if value is not None}
    done = tell(state_of(args), "POST", f"/api/v1/episodes/{quote(args.episode, safe='')}/{deed}", given)
    print(json.dumps(done, ensure_ascii=False) if args.json else f"{done['detail']}\n{done['headline']}")
    return 0
