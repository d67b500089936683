"""`stressd send-test SINK`: one labelled message through one real sink."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from dataclasses import replace
from pathlib import Path

from stressd import METHOD, __version__
from stressd.alerts.event import Event
from stressd.alerts.notification import Notification, Telling
from stressd.alerts.spec import EpisodesSpec
from stressd.cli.errors import UserError
from stressd.cli.place import read_config
from stressd.config.load import Loaded
from stressd.market.times import iso
from stressd.runtime.build import BuildError, episodes_spec, make_sinks
from stressd.runtime.registry import registry
from stressd.runtime.rendering import Renderer
from stressd.sinks.base import Receipt, Sink, SinkError

NOTE = "This is a test: somebody ran `stressd send-test`. No market has moved, and nothing needs to be done."


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
    try:
        sink = make_sinks(loaded, registry())[args.sink]
    except BuildError as error:
        raise UserError(str(error)) from None
    try:
        receipt = asyncio.run(_send(sink, message(loaded, time.time_ns(), args.sink)))
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


def message(loaded: Loaded, at: int, sink: str = "") -> Notification:
    """The test message, in that sink's wording. at: ns UTC."""
    spec: EpisodesSpec = episodes_spec(loaded, "drill")
    day = iso(at)[2:10].replace("-", "")
    episode = f"SELF-{day}-{at // 1_000_000 % 36**4:04x}"
    event = Event(
        id=f"{episode}.1",
        episode=episode,
        seq=1,
        type="opened",
        kind="self",
        origin="drill",
        time=iso(at),
        instance=spec.instance,
        rule="send-test",
        market="",
        direction=None,
        severity="info",
        headline=f"Test message from stressd {spec.instance}",
        series=[],
        note=NOTE,
        version=__version__,
        method=METHOD,
        config=spec.config,
    )
    # Nothing will end it: a pager must not keep it open
    return replace(Renderer(loaded)(event, Telling(first=True, page_url=loaded.page_url, sink=sink)), life="once")


async def _send(sink: Sink, notification: Notification) -> Receipt:
    try:
        return await sink.send(notification)
    finally:
        await sink.close()
