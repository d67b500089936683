"""`stressd drill`: a labelled exercise through the real routes and the real sinks."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from stressd.alerts.desk import Routed
from stressd.cli.errors import UserError
from stressd.cli.place import read_config
from stressd.cli.table import table
from stressd.config.faults import ConfigError
from stressd.config.load import Loaded, load
from stressd.lab.bridges import sessions_before
from stressd.lab.ruletest.model import RuleTest, read_tests
from stressd.lab.ruletest.run import Runner
from stressd.market.sessions import local
from stressd.market.times import day_iso, day_of
from stressd.runtime.build import BuildError, fallbacks, make_sinks
from stressd.runtime.delivery import Deliverer
from stressd.runtime.registry import registry
from stressd.runtime.rendering import Renderer
from stressd.store import Commit, Delivery, Store

MOVE: Final = 25.0
"""bp, over two hours, one hour after the open: first beyond the bars of the short horizons, then far beyond all. The
market's other tenors go along."""


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = subparsers.add_parser(
        "drill",
        help="a labelled exercise through the real routes and sinks",
        description="A made-up shock, or that of a rule test, runs through the configured engine, episodes and "
        "routes; everybody whom the routes name gets real messages, each marked DRILL, with the exercise's own times. "
        "A running daemon is not touched. Exit status 0 if all of them were delivered.",
    )
    parser.add_argument("-c", "--config", type=Path, required=True, metavar="FILE", help="the configuration")
    parser.add_argument(
        "--series", metavar="ID", help="the series that moves (default: the longest of JP, else the first)"
    )
    parser.add_argument("--test", type=Path, metavar="FILE", help="play the first test of this file of rule tests")
    parser.add_argument("-k", metavar="WORDS", default="", help="with --test: the first whose name holds these words")
    parser.add_argument("--timeout", type=float, default=60.0, metavar="S", help="seconds to wait for receipts")
    parser.add_argument("--json", action="store_true", help="one JSON object a delivery")


def run(args: argparse.Namespace) -> int:
    """Exit status."""
    loaded = read_config(args.config)
    scenario = _chosen(args.test, args.k) if args.test else shock(loaded, args.series, time.time_ns())
    print(f"stressd: the exercise is `{scenario.name}`", file=sys.stderr)
    routed = exercise(args.config, scenario)
    named = {sink for one in routed for sink in one.sinks}
    if not named:
        raise UserError("no route tells anybody of this exercise: there is nobody to exercise")
    rows = asyncio.run(_deliver(loaded, routed, args.timeout))
    untold = sorted({sink.name for sink in loaded.sinks} - named)
    if args.json:
        for row in rows:
            print(json.dumps(_as_json(row)))
    else:
        cells = [[row.event_id, row.type, row.sink, row.state, str(row.attempts), row.last_error or ""] for row in rows]
        print("\n".join(table(["EVENT", "TYPE", "SINK", "STATE", "ATTEMPTS", "LAST ERROR"], cells)))
        if untold:
            print(f"not told, because no route names them for it: {', '.join(untold)}")
    return 0 if all(row.state in ("delivered", "superseded") for row in rows) else 1


def exercise(config: Path, scenario: RuleTest) -> list[Routed]:
    """The events of the exercise, by the configured rules and routes. Raises UserError."""
    known = registry()
    runner = Runner(lambda closed: load(config, known, closed=closed))
    try:
        return runner.play(scenario, "drill")
    except ValueError as error:
        raise UserError(str(error)) from None


def shock(loaded: Loaded, wanted: str | None, now: int) -> RuleTest:
    """A sell-off in one market on its last trading day but one before `now` (ns UTC), most of it in the long end."""
    market, series = _subject(loaded, wanted)
    trading = next(each.calendar for each in loaded.engine.markets if each.name == market)
    (day,) = sessions_before(trading, sessions_before(trading, day_of(now), 1)[0], 1)
    opens = trading.session_at(trading.fixing_on(day) - 1).open
    clock = f"{local(opens, trading.zone) + timedelta(hours=1):%H:%M}"
    mine = [each.id for each in loaded.engine.series if each.market == market and not each.legs]
    moves = {each: f"+{MOVE if each == series else 0.6 * MOVE:.0f}bp over 2h from {clock}" for each in mine}
    return RuleTest.model_validate(
        {
            "name": f"{series} +{MOVE:.0f}bp on {day_iso(day)}", "day": day_iso(day), "days": 2, "before": 4,
            "noise": 0.2, "moves": moves, "expect": [],
        }
    )  # fmt: skip


def _chosen(path: Path, words: str) -> RuleTest:
    try:
        tests = [test for test in read_tests(path).tests if words.lower() in test.name.lower()]
    except ConfigError as error:
        print(error, file=sys.stderr)
        raise UserError(f"{path}: cannot be read") from None
    if not tests:
        raise UserError(f"{path}: no test's name holds `{words}`")
    return tests[0]


def _subject(loaded: Loaded, wanted: str | None) -> tuple[str, str]:
    known = {series.id: series.market for series in loaded.engine.series if not series.legs}
    if wanted is not None:
        if wanted not in known:
            raise UserError(f"{wanted} is not configured; the configured series are {', '.join(known)}")
        return known[wanted], wanted
    name = next((name for name in reversed(known) if known[name] == "JP"), next(iter(known)))
    return known[name], name


async def _deliver(loaded: Loaded, routed: Sequence[Routed], timeout: float) -> list[Delivery]:
    """Send through a store of its own, so that a running daemon knows nothing of it."""
    try:
        sinks = make_sinks(loaded, registry())
    except BuildError as error:
        raise UserError(str(error)) from None
    with tempfile.TemporaryDirectory(prefix="stressd-drill-") as directory:
        store = Store.open(directory)
        deliverer = Deliverer(
            store, sinks, page_url=loaded.page_url, fallbacks=fallbacks(loaded), render=Renderer(loaded)
        )
        await deliverer.start()
        try:
            async with asyncio.timeout(timeout):
                for one in routed:
                    # One after the other: together they would be told as one message.
                    await asyncio.wrap_future(store.commit(Commit([one])))
                    deliverer.committed([one])
                    await asyncio.sleep(0)
                    await deliverer.idle()
        except TimeoutError:
            pass
        finally:
            await deliverer.stop(timeout=2.0)
        rows = store.deliveries()
        await asyncio.to_thread(store.close)
    return rows


def _as_json(row: Delivery) -> dict[str, Any]:
    return {
        "event_id": row.event_id,
        "type": row.type,
        "sink": row.sink,
        "state": row.state,
        "attempts": row.attempts,
        "error": row.last_error,
    }
