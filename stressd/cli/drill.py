"""`stressd drill`: a labelled exercise through the real routes and the real sinks."""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from stressd.alerts.episodes import Episodes
from stressd.alerts.pipeline import Routed
from stressd.alerts.routing import Router
from stressd.cli.errors import UserError
from stressd.cli.place import read_config
from stressd.cli.table import table
from stressd.config.load import Loaded
from stressd.engine.events import ENTERED, LEFT, RAISED, Breach
from stressd.engine.spec import CRITICAL, MINUTE, SECOND, WARN
from stressd.runtime.build import BuildError, episodes_spec, fallbacks, make_sinks
from stressd.runtime.delivery import Deliverer
from stressd.runtime.registry import registry
from stressd.store import Commit, Delivery, Store

STEPS: Final = ((ENTERED, WARN, 3.2, 0), (RAISED, CRITICAL, 6.9, 20), (LEFT, CRITICAL, 1.1, 15 * 60))
"""(phase, severity, sigma, seconds after the opening)."""

SIGMA_BP: Final = 2.94
FROM: Final = 3.562
"""bp and percent: the 30-year JGB of January 2026."""


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = subparsers.add_parser(
        "drill",
        help="a labelled exercise through the real routes and sinks",
        description="One episode of a configured market is opened, escalated to critical and resolved; everybody whom "
        "the routes name gets real messages, each marked DRILL. A running daemon is not touched. Exit status 0 if all "
        "of them were delivered.",
    )
    parser.add_argument("-c", "--config", type=Path, required=True, metavar="FILE", help="the configuration")
    parser.add_argument(
        "--series", metavar="ID", help="the series that moves (default: the longest of JP, else the first)"
    )
    parser.add_argument("--timeout", type=float, default=60.0, metavar="S", help="seconds to wait for receipts")
    parser.add_argument("--json", action="store_true", help="one JSON object a delivery")


def run(args: argparse.Namespace) -> int:
    """Exit status."""
    loaded = read_config(args.config)
    market, series = _subject(loaded, args.series)
    routed = exercise(loaded, market, series, time.time_ns())
    named = {sink for one in routed for sink in one.sinks}
    if not named:
        raise UserError(f"no route tells anybody of a drill in {series}: there is nobody to exercise")
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


def exercise(loaded: Loaded, market: str, series: str, at: int) -> list[Routed]:
    """The events of one exercise that opens at `at` (ns UTC), by the configured routes."""
    episodes = Episodes(replace(episodes_spec(loaded, "drill"), settle=SECOND))
    router = Router(loaded.routes)
    rule = next((rule.name for rule in loaded.engine.sigma_rules if series in rule.series), "sigma-breach")
    return [
        Routed(event, router.assign(event))
        for breach in _breaches(rule, market, series, at)
        for event in episodes.apply(breach)
    ]


def _breaches(rule: str, market: str, series: str, at: int) -> Iterator[Breach]:
    for phase, severity, sigma, after in STEPS:
        now = at + after * SECOND
        value = FROM + sigma * SIGMA_BP / 100.0
        reference = at - 5 * MINUTE
        yield Breach(
            at=now, time=now, rule=rule, market=market, direction=1, phase=phase, series=series, horizon="5m",
            severity=severity, value=value, reference_value=FROM, reference_time=reference, z=sigma, sigma_bp=SIGMA_BP,
            threshold={WARN: 3.0, CRITICAL: 6.0}[severity], definition="invented for this drill",
            provisional="", fixing=False, source="drill", standing=None,
        )  # fmt: skip


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
        deliverer = Deliverer(store, sinks, page_url=loaded.page_url, fallbacks=fallbacks(loaded))
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
