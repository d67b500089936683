"""What the engine decides on the benchmark's ticks from memory: the oracle for what is decided from the socket.

usage: breaches.py TICKS     Prints the form of the engine, its breaches and told events, a digest of each, its CPU.
"""

from __future__ import annotations

import gc
import hashlib
import sys
from collections.abc import Iterable
from dataclasses import replace

import meter
import msgspec
import stream

from stressd import METHOD, __version__
from stressd.alerts.desk import Desk, DeskSpec
from stressd.alerts.episodes import Episodes
from stressd.alerts.event import Event
from stressd.alerts.pipeline import Pipeline, Routed
from stressd.alerts.routing import RouteSpec
from stressd.alerts.spec import EpisodesSpec
from stressd.config.builtin import default_spec
from stressd.engine.engine import Engine
from stressd.engine.events import ENTERED, Breach
from stressd.engine.form import FORM
from stressd.engine.spec import EngineSpec
from stressd.market.aliases import AliasTable
from stressd.market.tick import Tick

SERIES = [stream.name(market, tenor) for market, tenor in stream.SERIES]
BATCHES = 997
"""Ticks that the oracle feeds at once: another cut than any network's."""


def resolver() -> AliasTable:
    return AliasTable(watched=SERIES)


def spec() -> EngineSpec:
    """The built-in rules over all series; ticks of any age are judged, since all are received at the end."""
    return replace(default_spec(SERIES), max_age=1 << 60)


def pipeline(ticks: int) -> Pipeline:
    """What the daemon runs."""
    of = spec()
    calendars = {market.name: market.calendar for market in of.markets}
    watched = dict.fromkeys(calendars, len(stream.TENORS))
    told = EpisodesSpec("bench", "simulated", __version__, METHOD, "sha256:bench", calendars, watched)
    return Pipeline(Engine(of, stream.end_ns(ticks)), Episodes(told), Desk(DeskSpec((RouteSpec(("desk",)),)), told))


def memory(ticks: int) -> list[Tick]:
    end = stream.end_ns(ticks)
    rows = stream.ticks(ticks)
    return [Tick(stream.name(market, tenor), value, ms * 1_000_000, end, "desk") for market, tenor, value, ms in rows]


def digest(events: Iterable[Event]) -> str:
    """Of everything that was told."""
    return hashlib.sha256(b"\n".join(msgspec.json.encode(event) for event in events)).hexdigest()


def count(routed: Iterable[Routed]) -> int:
    """Episodes opened."""
    return sum(one.event.type == "opened" for one in routed)


def numbers(breach: Breach) -> tuple[object, ...]:
    return (
        breach.series, breach.horizon, breach.phase, breach.direction, breach.severity, breach.time, breach.value,
        breach.reference_value, breach.reference_time, breach.z, breach.sigma_bp, breach.threshold,
    )  # fmt: skip


def main(ticks: int) -> None:
    kept = memory(ticks)
    cut = [kept[i : i + BATCHES] for i in range(0, ticks, BATCHES)]
    engine = Engine(spec(), stream.end_ns(ticks))
    gc.collect()
    gc.freeze()  # as the daemon does when it is warm
    began = meter.cpu()
    said = [event for some in cut for event in engine.feed(some)]
    cpu = meter.cpu() - began
    found = [numbers(event) for event in said if isinstance(event, Breach)]
    way = pipeline(ticks)
    routed: list[Routed] = [one for some in cut for one in way.feed(some)]
    meter.report(
        cpu, cpu, ticks, form=FORM, entered=sum(row[2] == ENTERED for row in found),
        breaches=hashlib.sha256(repr(found).encode()).hexdigest(), opened=count(routed),
        told=digest(one.event for one in routed),
    )  # fmt: skip


if __name__ == "__main__":
    main(int(sys.argv[1]))
