"""`stressd decisions`: what this release decides on the bundled history, and whether its method stands for that."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from stressd import METHOD, __version__
from stressd.cli.watched import of_config
from stressd.config.load import load_text
from stressd.lab.decisions.decide import RULES, decide, differences, recorded, rules
from stressd.runtime.registry import registry


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = subparsers.add_parser(
        "decisions",
        help="what this release decides on a history that is always the same",
        description="Runs two years of fixings and six weeks of ticks, made up and the same in every release, through "
        "the live engine and episodes, and compares every decision with the list that the release came with. Exit "
        "status: 1 where one differs: then the method is not the one that its events name.",
    )
    parser.add_argument("--list", action="store_true", help="print every decision")
    parser.add_argument("--json", action="store_true", help="the verdict as JSON")


def now() -> list[str]:
    """What is decided by the engine as it is installed."""
    return decide(of_config(load_text(rules(), Path(RULES), registry(), environment=False)))


def run(args: argparse.Namespace) -> int:
    """Exit status: 1 where a decision differs from the list."""
    if sys.stderr.isatty():
        print("six weeks of three markets: this takes ten seconds or so", file=sys.stderr)
    method, before = recorded()
    after = now()
    found = differences(before, after)
    same = method == METHOD and not found
    if args.json:
        told = {"version": __version__, "method": METHOD, "decisions": len(after), "same": same, "differences": found}
        print(json.dumps(told | ({"list": after} if args.list else {})))
        return 0 if same else 1
    for line in after if args.list else found:
        print(line)
    print(f"stressd {__version__}, method {METHOD}: {len(after)} decisions, ", end="")
    if same:
        print("all as listed")
    elif method != METHOD:
        print(f"but the list is of method {method}")
    else:
        print(f"{len(found)} lines differ from the list: this is not method {METHOD}")
    return 0 if same else 1
