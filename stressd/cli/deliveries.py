"""`stressd deliveries list|show|replay`: the outbox and its dead letters."""

from __future__ import annotations

import argparse
import json
from typing import Final

from stressd.cli.errors import UserError
from stressd.cli.place import add_state, state_of
from stressd.cli.records import as_json, delivery_text, episode_named, open_store
from stressd.cli.table import table
from stressd.market.times import iso
from stressd.store import Delivery, StoreError

STATES: Final = ("pending", "sending", "delivered", "dead", "superseded")
SHOWN: Final = 50


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = subparsers.add_parser("deliveries", help="list, show or replay deliveries")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="the newest deliveries")
    listing.add_argument("--state-is", choices=STATES, metavar="STATE", help=f"only these: {', '.join(STATES)}")
    listing.add_argument("--sink", metavar="NAME", help="only of this sink")
    listing.add_argument("-n", type=int, default=SHOWN, metavar="N", help=f"how many (default {SHOWN})")
    show = actions.add_parser("show", help="everything about the deliveries of an event or an episode")
    show.add_argument("name", metavar="EVENT|EPISODE", help="for example JP-260120-7q2f.3")
    replay = actions.add_parser(
        "replay",
        help="put dead letters back into the queue",
        description="The running daemon sends them within seconds, else the next one does; each message says how late "
        "it is. Exit status 1 where there is none.",
    )
    replay.add_argument("names", metavar="EVENT", nargs="*", help="these events")
    replay.add_argument("--sink", metavar="NAME", help="only of this sink")
    replay.add_argument("--all", action="store_true", help="every dead letter")
    for each in (listing, show, replay):
        add_state(each)
        each.add_argument("--json", action="store_true", help="one JSON object a line")


def run(args: argparse.Namespace) -> int:
    """Exit status."""
    if args.action == "list":
        return _list(args)
    return _show(args) if args.action == "show" else _replay(args)


def _list(args: argparse.Namespace) -> int:
    with open_store(state_of(args)) as store:
        rows = store.deliveries(states=[args.state_is] if args.state_is else None, sink=args.sink, limit=max(args.n, 1))
    if args.json:
        _print_json(rows)
        return 0
    if not rows:
        print("no such deliveries")
        return 0
    cells = [
        [row.event_id, row.type, row.sink, row.state, str(row.attempts), iso(row.created_at), row.last_error or ""]
        for row in rows
    ]
    print("\n".join(table(["EVENT", "TYPE", "SINK", "STATE", "ATTEMPTS", "COMMITTED", "LAST ERROR"], cells)))
    return 0


def _show(args: argparse.Namespace) -> int:
    with open_store(state_of(args)) as store:
        rows = store.deliveries(event_id=args.name)
        if not rows and store.event(args.name) is None:
            rows = store.deliveries(episode=episode_named(store, args.name).id)
    if args.json:
        _print_json(rows)
    for row in () if args.json else rows:
        print(f"{row.event_id} {row.type}")
        print(f"  {delivery_text(row)}")
        print(f"  committed {iso(row.created_at)}" + (f", receipt {row.remote_ref}" if row.remote_ref else ""))
    if not rows and not args.json:
        print("nobody was to be told of it")
    return 0


def _replay(args: argparse.Namespace) -> int:
    if not args.names and not args.all and not args.sink:
        raise UserError("name the events, or say --sink NAME or --all")
    with open_store(state_of(args)) as store:
        try:
            put_back = store.requeue(args.names or None, args.sink).result(timeout=30)
        except (StoreError, TimeoutError) as error:
            raise UserError(f"the store cannot be written now: {str(error) or 'it is busy'}") from None
    if args.json:
        for event_id, sink in put_back:
            print(json.dumps({"event_id": event_id, "sink": sink}))
    else:
        for event_id, sink in put_back:
            print(f"{event_id} to {sink}: back in the queue")
        if not put_back:
            print("no such dead letters")
    return 0 if put_back else 1


def _print_json(rows: list[Delivery]) -> None:
    for row in rows:
        print(json.dumps(as_json(row), ensure_ascii=False))
