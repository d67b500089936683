"""`stressd takeover`: the standby tells people from now on."""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

from stressd.cli.ask import tell
from stressd.cli.errors import UserError
from stressd.cli.place import add_state, state_of
from stressd.runtime import role
from stressd.runtime.role import Role
from stressd.store import ActionRow, Commit, Store, StoreError
from stressd.web.caller import user_text


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = subparsers.add_parser(
        "takeover",
        help="make the standby on this host the daemon that tells people",
        description="The standby of this state directory tells people from now on, and stays so over restarts. Stop "
        "the first daemon before, wherever it can be reached: nothing here can see whether it still tells people. "
        "Exit status 1 where there is no standby.",
    )
    parser.add_argument(
        "--since",
        default="2m",
        metavar="TIME",
        help="what happened in this time before is told again as a possible repeat (default: 2m; none: nothing)",
    )
    parser.add_argument(
        "--give-back", action="store_true", help="instead, while it is stopped: be a standby at the next start"
    )
    add_state(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(args: argparse.Namespace) -> int:
    """Exit status."""
    state = state_of(args)
    if args.give_back:
        return _give_back(state, args.json)
    done = tell(state, "POST", "/api/v1/takeover", {"since": args.since})
    if args.json:
        print(json.dumps(done, ensure_ascii=False))
    else:
        print("\n".join([done["detail"], *(f"! {warning}" for warning in done["warnings"])]))
    return 0


def _give_back(state: Path, as_json: bool) -> int:
    now = time.time_ns()
    try:
        store = Store.open(state, owner=True, create=False)
        try:
            known = role.read(state) or role.fresh(True, now)
            store.commit(Commit(actions=[ActionRow(now, user_text(os.getuid(), None), "cli", "gave back", "")])).result(
                timeout=30
            )
            role.write(state, Role(True, now, known.name))
        finally:
            store.close()
    except StoreError as error:
        raise UserError(f"{error}; it is given back while it is stopped") from None
    said = "It is a standby at its next start, and tells nobody."
    print(json.dumps({"done": "given back", "detail": said}) if as_json else said)
    return 0
