"""`stressd preview`: every message as each channel shows it, on made-up events, for whoever words or reads them."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from email.policy import SMTP
from html import escape
from pathlib import Path
from typing import Any

from stressd.alerts.canned import canned
from stressd.alerts.event import Event
from stressd.alerts.notification import Action, Notification, Telling
from stressd.cli.errors import UserError
from stressd.config.faults import ConfigError
from stressd.config.load import Loaded, load
from stressd.runtime.chart import NoChart, draw
from stressd.runtime.registry import registry
from stressd.runtime.rendering import Renderer
from stressd.sinks.blocks import payload
from stressd.sinks.mail import as_html, as_text, compose
from stressd.sinks.terminal import as_text as as_terminal

ACTIONS = (
    Action("ack 30m", "https://stressd.example/act?made-up"),
    Action("silence 2h", "https://stressd.example/act?made-up"),
)


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = subparsers.add_parser(
        "preview",
        help="every message as its channel shows it, on made-up events",
        description="Writes, for each sink of the configuration, every kind of message as text, Slack blocks, HTML, "
        "mail and picture into a folder, with an index.html to look at. Sends nothing.",
    )
    parser.add_argument("-c", "--config", type=Path, required=True, metavar="FILE", help="the configuration")
    parser.add_argument("--to", type=Path, required=True, metavar="DIR", help="a new or empty folder")
    parser.add_argument("--sink", metavar="NAME", help="of this sink only")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit status."""
    try:
        loaded = load(args.config, registry(), environment=False)
    except ConfigError as error:
        raise UserError(str(error)) from None
    sinks = [sink.name for sink in loaded.sinks if args.sink in (None, sink.name)]
    if not sinks:
        raise UserError(f"no sink `{args.sink}` is configured" if args.sink else "no sink is configured")
    try:
        args.to.mkdir(parents=True, exist_ok=True)
        if any(args.to.iterdir()):
            raise UserError(f"{args.to} is not empty")
        written = _write(loaded, sinks, args.to)
    except OSError as error:
        raise UserError(f"{args.to}: cannot be written: {error.strerror}") from None
    index = args.to / "index.html"
    found = {"messages": written, "sinks": sinks, "index": str(index)}
    print(json.dumps(found) if args.json else f"{written} messages of {', '.join(sinks)}: open {index}")
    return 0


def _write(loaded: Loaded, sinks: list[str], folder: Path) -> int:
    render = Renderer(loaded)
    events = canned()
    charts = [_chart(event) for event in events]
    page = ['<!DOCTYPE html><meta charset="utf-8"><title>stressd preview</title><body style="font-family:sans-serif">']
    for sink in sinks:
        page.append(f"<h1>{escape(sink)}</h1><ol>")
        for i, (event, chart) in enumerate(zip(events, charts, strict=True)):
            telling = Telling(first=event.seq <= 1, page_url=loaded.page_url, actions=ACTIONS, sink=sink)
            notification = replace(render(event, telling), chart=chart)
            stem = f"{sink}-{i:02d}-{event.kind}-{event.type}"
            names = _one(folder / stem, notification)
            links = " ".join(f'<a href="{escape(name)}">{escape(name.rpartition(".")[2])}</a>' for name in names)
            page.append(f"<li>{escape(notification.title)} {links}</li>")
        page.append("</ol>")
    (folder / "index.html").write_text("\n".join(page), encoding="utf-8")
    return len(events) * len(sinks)


def _chart(event: Event) -> bytes | None:
    try:
        return draw(event)
    except NoChart:
        return None


def _one(stem: Path, n: Notification) -> list[str]:
    """The files of one message."""
    picture = stem.name + ".png" if n.chart is not None else None
    html = n.html.replace("cid:chart", picture or "") if n.html is not None else as_html(n, picture)
    mail = compose(n, "stressd@bank.example", ["rates@bank.example"], "stressd.bank.example")
    made: dict[str, Any] = {
        "txt": as_text(n),
        "html": html,
        "json": json.dumps(payload(n), ensure_ascii=False, indent=1),
        "term.txt": as_terminal(n, colour=False, width=100),
        "eml": mail.as_bytes(policy=SMTP),
    }
    if n.chart is not None:
        made["png"] = n.chart
    names = []
    for ending, content in made.items():
        file = stem.with_name(f"{stem.name}.{ending}")
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        names.append(file.name)
    return names
