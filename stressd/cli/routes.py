"""`stressd routes`: who hears of what, by the routes of a configuration."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any, Final, cast, get_args

from stressd.alerts.event import DataQuality, Direction, Event, Kind, Origin, SeriesMove, Severity
from stressd.alerts.routing import Router
from stressd.cli.errors import UserError
from stressd.cli.place import read_config
from stressd.cli.table import table
from stressd.config.load import Loaded
from stressd.market.times import iso, parse_time

HEADER: Final = ("KIND", "MARKET", "SEVERITY", "AT ONCE", "IN A DIGEST")


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = subparsers.add_parser(
        "routes",
        help="who hears of what, by the routes of a configuration",
        description="Asks the routes who would hear of the opening of an episode: of what the options say, or, where "
        "market or severity are not given, of each of them. Silences, muting and storms are left aside. Exit "
        "status 1 if nobody hears of some of it.",
    )
    parser.add_argument("-c", "--config", type=Path, required=True, metavar="FILE", help="the configuration")
    parser.add_argument("--kind", choices=get_args(Kind), help="default: market")
    parser.add_argument("--market", metavar="JP", help="default: each configured market")
    parser.add_argument("--series", metavar="ID", help="the series that moves (default: the market's gauge)")
    parser.add_argument("--severity", choices=get_args(Severity), help="default: each")
    parser.add_argument("--rule", metavar="NAME", help="the rule that raises it (default: the first that watches it)")
    parser.add_argument("--direction", choices=get_args(Direction), default="up", help="of the move (default: up)")
    parser.add_argument("--origin", choices=get_args(Origin), default="live", help="default: live")
    parser.add_argument("--at", metavar="TIME", help="when, for routes that ask (ISO 8601 with zone); default: now")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def run(args: argparse.Namespace) -> int:
    """Exit status."""
    loaded = read_config(args.config, environment=False)
    answers = [_answer(loaded, event) for event in _events(loaded, args)]
    if args.json:
        for answer in answers:
            print(json.dumps(answer, ensure_ascii=False))
    else:
        rows = [
            [answer["kind"], answer["market"], answer["severity"], _names(answer["sinks"]), _digests(answer["digests"])]
            for answer in answers
        ]
        print("\n".join(table(HEADER, rows)))
    return 0 if all(answer["sinks"] or answer["digests"] for answer in answers) else 1


def _events(loaded: Loaded, args: argparse.Namespace) -> Iterator[Event]:
    """What is asked about, as events."""
    gauges = {market.name: market.gauge for market in loaded.engine.markets if market.gauge}
    known = {series.id: series.market for series in loaded.engine.series}
    if args.series is not None and args.series not in known:
        raise UserError(f"{args.series} is not configured; the configured series are {', '.join(known)}")
    if args.series is not None and args.market not in (None, known[args.series]):
        raise UserError(f"{args.series} is of {known[args.series]}, not of {args.market}")
    if args.market is not None and args.market not in known.values():
        raise UserError(f"unknown market {args.market}: there are {', '.join(dict.fromkeys(known.values()))}")
    if args.rule is not None and args.rule not in loaded.watched:
        raise UserError(f"unknown rule {args.rule}: there are {', '.join(loaded.watched)}")
    at = _time(args.at)
    markets = [known[args.series]] if args.series else [args.market] if args.market else list(gauges)
    severities = [args.severity] if args.severity else list(get_args(Severity))
    for market, severity in product(markets, severities):
        series = args.series or gauges.get(market) or next(name for name, of in known.items() if of == market)
        yield _event(loaded, args, market, series, severity, at)


def _time(given: str | None) -> int:
    try:
        return time.time_ns() if given is None else parse_time(given)
    except ValueError as error:
        raise UserError(f"--at: {error}") from None


def _event(loaded: Loaded, args: argparse.Namespace, market: str, series: str, severity: str, at: int) -> Event:
    kind = cast(Kind, args.kind or "market")
    rule = args.rule or next((name for name, watched in loaded.watched.items() if series in watched), "none")
    of_market = kind == "market"
    return Event(
        id="asked.1", episode="asked", seq=1, type="opened", kind=kind, origin=args.origin, time=iso(at),
        instance=loaded.instance, rule=rule, market="" if kind == "self" else market,
        direction=cast(Direction, args.direction) if of_market else None, severity=cast(Severity, severity),
        headline="", series=[SeriesMove(series=series, value=0.0)] if of_market else [],
        data=DataQuality(affected=[] if of_market or kind == "self" else [series]), version="", method="", config="",
    )  # fmt: skip


def _answer(loaded: Loaded, event: Event) -> dict[str, Any]:
    calendars = {market.name: market.calendar for market in loaded.engine.markets}
    wishes = Router(loaded.desk.routes, calendars).choose(event)
    return {
        "kind": event.kind,
        "market": event.market,
        "series": [move.series for move in event.series],
        "rule": event.rule,
        "direction": event.direction,
        "severity": event.severity,
        "sinks": [sink for sink, wish in wishes.items() if not wish.digest],
        "digests": {sink: wish.digest for sink, wish in wishes.items() if wish.digest},
    }


def _names(sinks: Sequence[str]) -> str:
    return ", ".join(sinks) or "nobody"


def _digests(digests: dict[str, str]) -> str:
    return ", ".join(f"{sink} ({digest})" for sink, digest in digests.items())
