"""`stressd silence add|list|end`: tell nobody of something for a while."""

from __future__ import annotations

import argparse
import json
from typing import Any, Final
from urllib.parse import quote

from stressd.alerts.matching import WORDS
from stressd.cli.ask import ask, tell
from stressd.cli.errors import UserError
from stressd.cli.place import add_state, state_of
from stressd.cli.status_screen import silence_lines

PATH: Final = "/api/v1/silences"
_HELP: Final = {
    "kind": "market, feed or self",
    "market": "such as JP",
    "series": "a glob such as 'JP.GOV.*'",
    "rule": "name of a rule",
    "severity": "info, warn, high or critical",
    "direction": "up or down",
    "origin": "live, drill, replay or simulated",
    "episode": "id of an episode, or the end of one",
}


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = subparsers.add_parser(
        "silence",
        help="tell nobody of something for a while",
        description="What is silenced goes on being watched and recorded. Every silence has an end; where something is "
        "still open then, that is told. The running daemon knows who asks by the user at the other end of its socket.",
    )
    deeds = parser.add_subparsers(metavar="add|list|end", required=True, dest="deed")
    adding = deeds.add_parser("add", help="begin a silence", description="Repeat an option for several values.")
    for word in WORDS.values():
        adding.add_argument(f"--{word}", action="append", metavar=word.upper(), help=_HELP.get(word))
    adding.add_argument("--for", dest="length", metavar="TIME", help="how long, such as 2h or 30m")
    adding.add_argument("--until", metavar="TIME", help="or until when, such as 2026-01-20T18:00:00+09:00")
    adding.add_argument("--from", dest="start", metavar="TIME", help="when it begins (default: now)")
    adding.add_argument("--reason", required=True, metavar="TEXT", help="why: everybody sees it")
    adding.add_argument("--but-critical", action="store_true", help="let critical events through")
    listing = deeds.add_parser("list", help="silences that are on or wait for their start")
    ending = deeds.add_parser("end", help="end a silence before its time")
    ending.add_argument("id", metavar="ID", help="as `silence list` shows it")
    for each in (adding, listing, ending):
        add_state(each)
        each.add_argument("--json", action="store_true", help="one JSON object")


def run(args: argparse.Namespace) -> int:
    """Exit status."""
    state = state_of(args)
    if args.deed == "list":
        found = ask(state, PATH)
        lines = silence_lines(found["silences"]) if found["silences"] else ["nothing is silenced"]
        print(json.dumps(found, ensure_ascii=False) if args.json else "\n".join(lines))
        return 0
    if args.deed == "end":
        done = tell(state, "DELETE", f"{PATH}/{quote(args.id, safe='')}")
    else:
        done = tell(state, "POST", PATH, _wanted(args))
    print(json.dumps(done, ensure_ascii=False) if args.json else done["detail"])
    return 0


def _wanted(args: argparse.Namespace) -> dict[str, Any]:
    """Raises UserError."""
    match = {word: values for word in WORDS.values() if (values := getattr(args, word))}
    if not match:
        raise UserError("say what is silenced: --market JP, --rule sigma-breach, --episode 7q2f or another")
    if (args.length is None) == (args.until is None):
        raise UserError("a silence needs an end: --for 2h, or --until 2026-01-20T18:00:00+09:00")
    said = {"match": match, "for": args.length, "until": args.until, "from": args.start, "reason": args.reason}
    said["break_through"] = "critical" if args.but_critical else None
    return {key: value for key, value in said.items() if value is not None}
