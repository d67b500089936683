"""`stressd score`: told events against the labels of simulated ticks."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import msgspec

from stressd.alerts.event import Event, from_json
from stressd.cli.errors import UserError
from stressd.cli.watched import tell
from stressd.lab.faults import Fault, UnreadFile
from stressd.lab.scoring.figures import figures
from stressd.lab.scoring.plot import NoPlots, plot
from stressd.lab.scoring.report import report
from stressd.lab.scoring.score import Score, score
from stressd.lab.sim.labels import read_labels


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = subparsers.add_parser(
        "score",
        help="score told events against the labels of simulated ticks",
        description="Recall by size, precision, delay, false alarms a market-month, links and return periods. Exit "
        "status 1 where a line cannot be read.",
    )
    parser.add_argument(
        "events", metavar="EVENTS", help="JSON lines, as replay --json prints them; - is standard input"
    )
    parser.add_argument("labels", metavar="LABELS", type=Path, help="labels.ndjson of the run")
    add_report(parser)


def add_report(parser: argparse.ArgumentParser) -> None:
    """How a score is told."""
    shown = parser.add_argument_group("the report")
    shown.add_argument("--rule", action="append", default=[], metavar="NAME", help="only episodes of this rule")
    shown.add_argument("--budget", type=float, default=1.0, metavar="N", help="false alarms a market-month (1)")
    shown.add_argument("--json", action="store_true", help="the figures as one JSON object")
    shown.add_argument("--plot", type=Path, metavar="FILE", help="a picture of them, PNG (needs matplotlib)")


def run(args: argparse.Namespace) -> int:
    """Exit status."""
    try:
        with args.labels.open("rb") as file:
            labels = read_labels(args.labels, file)
        told = _events(args.events)
    except UnreadFile as error:
        tell(error.faults)
        return 1
    give(score(told, labels, args.rule), args)
    return 0


def give(scored: Score, args: argparse.Namespace) -> None:
    """Print the report, and draw the picture. Raises UserError."""
    found = figures(scored)
    if args.plot is not None:
        try:
            plot(scored, found, args.budget, args.plot)
        except NoPlots as error:
            raise UserError(str(error)) from None
    print(json.dumps(found) if args.json else report(found, args.budget))


def _events(path: str) -> list[Event]:
    """Raises UnreadFile with the first lines that are no events."""
    lines = sys.stdin.buffer.readlines() if path == "-" else Path(path).read_bytes().splitlines()
    events: list[Event] = []
    faults: list[Fault] = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                events.append(from_json(line))
            except msgspec.MsgspecError as error:
                faults.append(Fault(path, number, f"no event: {error}"))
    if faults:
        raise UnreadFile(faults[:5])
    return events
