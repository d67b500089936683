"""`stressd deliveries list|show|replay|drop`: the outbox, its dead letters, and the log of attempts."""

from __future__ import annotations

import argparse
import json
import os
import pwd
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

from stressd.cli.errors import UserError
from stressd.cli.place import add_state, state_of
from stressd.cli.records import episode_named, open_store
from stressd.cli.table import table
from stressd.market.times import iso
from stressd.store import STANDBY, Attempt, Delivery, Store, StoreError
from stressd.store.shown import as_json, delivery_text

STATES: Final = ("pending", "sending", "delivered", "dead", "superseded")
SHOWN: Final = 50


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = subparsers.add_parser("deliveries", help="list, show, replay or drop deliveries")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="the newest deliveries")
    listing.add_argument("--state-is", choices=STATES, metavar="STATE", help=f"only these: {', '.join(STATES)}")
    listing.add_argument("--sink", metavar="NAME", help="only of this sink")
    listing.add_argument("-n", type=int, default=SHOWN, metavar="N", help=f"how many (default {SHOWN})")
    show = actions.add_parser("show", help="deliveries of an event or an episode, with every attempt")
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
    drop = actions.add_parser(
        "drop",
        help="give up what waits",
        description="What waits becomes a dead letter with your name, and is sent no more; nothing is deleted, and "
        "`replay` brings it back. A running daemon lets go of it within seconds. Exit status 1 where there is none.",
    )
    drop.add_argument("names", metavar="EVENT", nargs="*", help="these events")
    drop.add_argument("--sink", metavar="NAME", help="only to this sink")
    drop.add_argument("--all", action="store_true", help="everything that waits")
    for each in (listing, show, replay, drop):
        add_state(each)
        each.add_argument("--json", action="store_true", help="one JSON object a line")


def run(args: argparse.Namespace) -> int:
    """Exit status."""
    if args.action == "list":
        return _list(args)
    if args.action == "show":
        return _show(args)
    return _replay(args) if args.action == "replay" else _drop(args)


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
        [
            row.event_id,
            row.type,
            row.sink,
            "not sent (standby)" if row.fault == STANDBY else row.state,
            str(row.attempts),
            iso(row.created_at),
            row.last_error or "",
        ]
        for row in rows
    ]
    print("\n".join(table(["EVENT", "TYPE", "SINK", "STATE", "ATTEMPTS", "COMMITTED", "LAST ERROR"], cells)))
    return 0


def _show(args: argparse.Namespace) -> int:
    with open_store(state_of(args)) as store:
        rows = store.deliveries(event_id=args.name)
        if not rows and store.event(args.name) is None:
            rows = store.deliveries(episode=episode_named(store, args.name).id)
        attempts = {(row.event_id, row.sink): store.attempts(row.event_id, row.sink) for row in rows}
    for row in rows:
        tried = attempts[row.event_id, row.sink]
        if args.json:
            print(json.dumps({**as_json(row), "log": [as_json(each) for each in tried]}, ensure_ascii=False))
            continue
        print(f"{row.event_id} {row.type}")
        print(f"  {delivery_text(row)}")
        print(f"  committed {iso(row.created_at)}" + (f", receipt {row.remote_ref}" if row.remote_ref else ""))
        for each in tried:
            print("\n".join(f"    {line}" for line in _attempt(each)))
    if not rows and not args.json:
        print("nobody was to be told of it")
    return 0


def _attempt(one: Attempt) -> list[str]:
    how = one.outcome if one.fault is None else f"failed ({one.fault}): {one.error}"
    lines = [f"{one.attempt}. {iso(one.at)}, {one.took_ms:.0f} ms: {how}"]
    lines += [f"   > {line}" for line in (one.request or "").splitlines()]
    return lines + [f"   < {line}" for line in (one.response or "").splitlines()]


def _replay(args: argparse.Namespace) -> int:
    def put_back(store: Store) -> Future[list[tuple[str, str]]]:
        return store.requeue(args.names or None, args.sink)

    return _change(args, put_back, "back in the queue", "no such dead letters")


def _drop(args: argparse.Namespace) -> int:
    def give_up(store: Store) -> Future[list[tuple[str, str]]]:
        return store.drop(args.names or None, args.sink, author=_who())

    return _change(args, give_up, "dropped", "nothing such waits")


def _who() -> str:
    """By the user's number, which no variable of the environment changes."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def _change(
    args: argparse.Namespace, change: Callable[[Store], Future[list[tuple[str, str]]]], done: str, nothing: str
) -> int:
    if not args.names and not args.all and not args.sink:
        raise UserError("name the events, or say --sink NAME or --all")
    with open_store(state_of(args)) as store:
        try:
            changed = change(store).result(timeout=30)
        except (StoreError, TimeoutError) as error:
            raise UserError(f"the store cannot be written now: {str(error) or 'it is busy'}") from None
    for event_id, sink in changed:
        print(json.dumps({"event_id": event_id, "sink": sink}) if args.json else f"{event_id} to {sink}: {done}")
    if not changed and not args.json:
        print(nothing)
    return 0 if changed else 1


def _print_json(rows: list[Delivery]) -> None:
    for row in rows:
        print(json.dumps(as_json(row), ensure_ascii=False))
