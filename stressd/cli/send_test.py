"""`stressd send-test SINK`: one labelled message through one real sink."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from pathlib import Path

from stressd.cli.errors import UserError
from stressd.cli.place import read_config
from stressd.runtime.build import BuildError
from stressd.runtime.registry import registry
from stressd.runtime.sendtest import send_test
from stressd.sinks.base import SinkError


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = subparsers.add_parser(
        "send-test",
        help="send a labelled test message through a sink",
        description="One attempt, no retry. Exit status 0 if the other side accepted the message.",
    )
    parser.add_argument("sink", metavar="SINK", help="name of the sink")
    parser.add_argument("-c", "--config", type=Path, required=True, metavar="FILE", help="the configuration")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(args: argparse.Namespace) -> int:
    """Exit status."""
    loaded = read_config(args.config)
    names = [sink.name for sink in loaded.sinks]
    if args.sink not in names:
        raise UserError(f"no sink is named {args.sink}; the configured ones are {', '.join(names) or 'none'}")
    why = "somebody ran `stressd send-test`"
    try:
        receipt = asyncio.run(send_test(loaded, registry(), args.sink, time.time_ns(), why))
    except BuildError as error:
        raise UserError(str(error)) from None
    except SinkError as error:
        if args.json:
            print(json.dumps({"sink": args.sink, "delivered": False, "fault": error.fault, "error": str(error)}))
            return 1
        raise UserError(f"{args.sink}: not delivered ({error.fault}): {error}") from None
    if args.json:
        print(
            json.dumps({"sink": args.sink, "delivered": True, "receipt": receipt.remote_ref, "detail": receipt.detail})
        )
    else:
        told = ", ".join(part for part in (receipt.remote_ref, receipt.detail) if part)
        print(f"{args.sink}: accepted" + (f" ({told})" if told else ""))
    return 0
