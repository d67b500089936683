"""`stressd shadow`: what rules on trial would have told otherwise."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import Any

from stressd.cli.ask import ask
from stressd.cli.errors import UserError
from stressd.cli.place import add_state, state_of
from stressd.cli.table import table


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = subparsers.add_parser(
        "shadow",
        help="what rules on trial would have told otherwise",
        description="The rules of `shadow:` see the same ticks as those at work and tell nobody. Shown is what would "
        "have differed: episodes of the one or the other alone, episodes with other times or severities, messages a "
        "week and sink, and what the trial costs. Exit status 1 where no rules are on trial, or the trial was switched "
        "off.",
    )
    add_state(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(args: argparse.Namespace) -> int:
    """Exit status."""
    answer = ask(state_of(args), "/api/v1/shadow")
    if not isinstance(answer, dict) or "shadow" not in answer:
        raise UserError("whatever answers there is no daemon of this version")
    shadow = answer["shadow"]
    if shadow is None:
        raise UserError("no rules are on trial: the configuration has no `shadow`")
    print(json.dumps(shadow, ensure_ascii=False) if args.json else "\n".join(shadow_lines(shadow)))
    return 1 if shadow["state"] == "off" else 0


def shadow_lines(shadow: Mapping[str, Any]) -> list[str]:
    """For people."""
    state = {"running": f"until {shadow['ends'][:16]}Z", "over": "over", "off": f"SWITCHED OFF: {shadow['reason']}"}
    cost = shadow["cost"]
    memory = "not measured yet" if cost["bytes"] is None else f"about {cost['bytes'] / 1e6:.1f} MB"
    lines = [
        f"{shadow['file']} in shadow since {shadow['began'][:16]}Z, {state[shadow['state']]}",
        f"costs {cost['share']:.1%} of a core, at most {cost['longest_s'] * 1e3:.1f} ms a pass, {memory}",
        "",
        shadow["text"],
    ]
    if shadow["rules"]:
        rows = [
            [r["rule"], r["market"], *(str(r[key]) for key in ("same", "other", "only_old", "only_new"))]
            for r in shadow["rules"]
        ]
        lines += ["", *table(["RULE", "MARKET", "SAME", "OTHER", "ONLY NOW", "ONLY IN SHADOW"], rows)]
    if shadow["sinks"]:
        rows = [[s["sink"], f"{s['old_a_week']:.1f}", f"{s['new_a_week']:.1f}"] for s in shadow["sinks"]]
        lines += ["", *table(["SINK", "MESSAGES A WEEK", "IN SHADOW"], rows)]
    if shadow["episodes"]:
        lines += ["", "what differs, newest last:"]
        lines += [f"({shadow['more']} more before these)"] if shadow["more"] else []
        for each in shadow["episodes"]:
            lines += _episode(each)
    return lines


def _episode(each: Mapping[str, Any]) -> list[str]:
    verdict = {"only_old": "only now", "only_new": "only in shadow", "other": each["how"]}[each["verdict"]]
    told = each["old"] or each["new"]
    return [
        f"{told['opened'][:16]}Z  {told['episode']}  {told['severity']}  {told['rule']}: {verdict}",
        f"    {told['headline']}",
    ]
