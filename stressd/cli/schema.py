"""`stressd schema`: the JSON Schema of the configuration, of events, or of the report."""

from __future__ import annotations

import argparse

from stressd.config.schema import as_text, config_schema, event_schema
from stressd.lab.report.shape import report_schema
from stressd.runtime.registry import registry


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = subparsers.add_parser(
        "schema",
        help="the JSON Schema of the configuration, of events or of the report",
        description="Prints the JSON Schema of the configuration (draft 7), which editors use, or "
        "that of the events in `--json` output and webhooks, or that of `stressd report --json`.",
    )
    parser.add_argument("what", nargs="?", choices=("config", "event", "report"), default="config")
    parser.add_argument("--json", action="store_true", help="no effect: it is JSON already")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit status 0."""
    schemas = {"config": lambda: config_schema(registry()), "event": event_schema, "report": report_schema}
    print(as_text(schemas[args.what]()), end="")
    return 0
