"""`stressd label EPISODE useful|noise|"bad data"`: say what an alert was worth."""

from __future__ import annotations

import argparse

from stressd.alerts.people.commands import LABELS
from stressd.cli.ack import show
from stressd.cli.place import add_state


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = subparsers.add_parser(
        "label",
        help="say what an alert was worth: useful, noise, bad data",
        description="`stressd report` counts labels by rule. The latest word of each user counts.",
    )
    parser.add_argument("episode", metavar="EPISODE", help="its id, or the last four characters: 7q2f")
    words = [*LABELS, *(word.replace(" ", "-") for word in LABELS if " " in word)]
    parser.add_argument("label", choices=words, metavar="LABEL", help=f"one of {', '.join(LABELS)}")
    parser.add_argument("--note", metavar="TEXT", help="why")
    add_state(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(args: argparse.Namespace) -> int:
    """Exit status."""
    return show(args, "label", {"label": args.label.replace("-", " "), "note": args.note})
