"""`stressd reload`: read the configuration again, and say what came of it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from stressd.cli.ask import send, tell
from stressd.cli.place import add_state, state_of

PATIENCE: Final = 300.0
"""Seconds: series with much history are warmed first, and attempts under way are finished."""


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = subparsers.add_parser(
        "reload",
        help="read the configuration again, and say what came of it",
        description="Has the running daemon read its configuration again, as `systemctl reload` does, waits until that "
        "is done, and prints what changed, or every reason why it was refused; then the one before runs on. Exit "
        "status 1 where it was refused or no daemon runs.",
    )
    add_state(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(args: argparse.Namespace) -> int:
    """Exit status."""
    done = tell(state_of(args), "POST", "/api/v1/reload", timeout=PATIENCE)
    print(json.dumps(done, ensure_ascii=False) if args.json else "\n".join(reload_lines(done)))
    return 1 if done["outcome"] == "refused" else 0


def compared(state: Path, file: Path) -> Mapping[str, Any]:
    """What a reload of the daemon of this state directory to `file` would come to. Raises UserError, OSError."""
    return send(state, f"/api/v1/compare?name={file.name}", file.read_bytes(), timeout=PATIENCE)


def reload_lines(done: Mapping[str, Any], *, would: bool = False) -> list[str]:
    """One reload, for people. would: it was not carried out."""
    if done["outcome"] == "refused":
        head = "would be refused:" if would else "refused; the configuration before runs on:"
        return [head, *(f"  {fault}" for fault in done["faults"])]
    if done["outcome"] == "unchanged":
        return ["nothing would change" if would else "nothing has changed"]
    if would:
        head = "would be taken over, with these changes:"
    else:
        head = f"reloaded in {done['took_s']:.1f} s; ticks waited {done['stood_s'] * 1e3:.0f} ms:"
    return [head, *(f"  {line}" for line in (*done["text"], *done["said"]))]
