"""`stressd schema`: the JSON Schema of the configuration, or of events."""

from __future__ import annotations

import argparse

from stressd.config.schema import as_text, config_schema, event_schema
from stressd.runtime.registry import registry


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = subparsers.add_parser(
        "schema",
        help="the JSON Schema of the configuration or of events",
        description="Prints the JSON Schema of the configuration (draft 7), which editors use, or "
        "that of the events in `--json` output and webhooks.",
    )
    parser.add_argument("what", nargs="?", choices=("config", "event"), default="config")
    parser.add_argument("--json", action="store_true", help="no effect: it is JSON already")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit status 0."""
    print(as_text(config_schema(registry()) if args.what == "config" else event_schema()), end="")
    return 0
