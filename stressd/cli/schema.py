"""`stressd schema`: JSON Schemas, and the pages of docs/ that are made from them and from the commands."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any, Final

from stressd.config.reference import config_markdown
from stressd.config.schema import as_text, config_schema, event_schema
from stressd.lab.report.shape import report_schema
from stressd.runtime.registry import registry


def _commands() -> Any:
    from stressd.cli.pages.commands import command_rows

    return command_rows()


def _commands_markdown() -> str:
    from stressd.cli.pages.commands import commands_markdown

    return commands_markdown()


def _events_markdown() -> str:
    from stressd.cli.pages.events import events_markdown

    return events_markdown()


DATA: Final[dict[str, Callable[[], Any]]] = {
    "config": lambda: config_schema(registry()),
    "event": event_schema,
    "report": report_schema,
    "commands": _commands,
}
PAGES: Final[dict[str, Callable[[], str]]] = {
    "config": lambda: config_markdown(config_schema(registry())),
    "event": _events_markdown,
    "commands": _commands_markdown,
}


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = subparsers.add_parser(
        "schema",
        help="the JSON Schema of the configuration, of events or of the report",
        description="Prints the JSON Schema of the configuration (draft 7), which editors use, or "
        "that of the events in `--json` output and webhooks, or that of `stressd report --json`; or all commands with "
        "their options. With --markdown: the reference of the configuration, of events or of the commands.",
    )
    parser.add_argument("what", nargs="?", choices=tuple(DATA), default="config", help="of what (default: config)")
    parser.add_argument("--markdown", action="store_true", help="as a page to read, not of the report")
    parser.add_argument("--json", action="store_true", help="no effect: it is JSON already")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit status 0, or 2 for a page that there is none of."""
    if not args.markdown:
        print(as_text(DATA[args.what]()), end="")
        return 0
    if args.what not in PAGES:
        print(f"stressd: of {args.what} there is no page, only --json", file=sys.stderr)
        return 2
    print(PAGES[args.what](), end="")
    return 0
