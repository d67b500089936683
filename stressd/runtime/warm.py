"""Warming an engine: with its own saved state first, and with imported history where that state knows less."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import merge
from operator import attrgetter
from typing import Final

import structlog

from stressd.engine.breaches import LIVE
from stressd.engine.engine import Engine, SnapshotError
from stressd.engine.spec import DAY, EngineSpec
from stressd.market.tick import FIXING, Tick
from stressd.runtime.snapshots import Saved
from stressd.store import HistorySource, Store

TICK_WINDOW: Final = 120 * DAY
"""How far back imported ticks are read: beyond it the intraday scales have forgotten them."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class History:
    """What the store holds for each configured series: the fixings of one publisher, chosen by `choose`. spreads: those
    that can be computed of it, with their legs."""

    chosen: dict[str, HistorySource]
    spreads: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def signature(self) -> dict[str, str]:
        """By series, what a snapshot was warmed with."""
        found = {name: f"{s.source} {s.rows} {s.first} {s.last}" for name, s in self.chosen.items()}
        return found | {name: "; ".join(found[leg] for leg in legs) for name, legs in self.spreads.items()}


def choose(spec: EngineSpec, store: Store) -> History:
    """Per series the publisher in the live feed's convention, else the one with the longest history. The daemon's own
    fixings are in its snapshot already."""
    chosen: dict[str, HistorySource] = {}
    for series in spec.series:
        if series.legs:
            continue
        sources = [source for source in store.daily_sources(series.id) if source.source != LIVE]
        same = [source for source in sources if source.convention == series.convention]
        if sources:
            chosen[series.id] = (same or sources)[0]
    legs = {series.id: tuple(leg for leg, _ in series.legs) for series in spec.series if series.legs}
    return History(chosen, {name: each for name, each in legs.items() if all(leg in chosen for leg in each)})


def prepare(
    spec: EngineSpec, start: int, store: Store, saved: Saved | None, history: History, *, heard: bool = False
) -> Engine:
    """An engine for `spec` at `start` (ns UTC), as warm as it can be.

    What `saved` knows goes on where it stood. A series that it does not know, or whose history has been imported anew
    since, is warmed from the history; one that had no history before is warmed on top of its own state.
    heard: nothing was missed between `saved` and `start`; otherwise what could not be heard is no silence.
    """
    source = _Source(spec, store, history, start)
    if saved is not None:
        try:
            engine = _resume(spec, start, saved, source)
            if not heard:
                engine.resume(start)
            return engine
        except (SnapshotError, KeyError, ValueError, TypeError, IndexError) as error:
            log.warning("snapshot.refused", reason=f"{type(error).__name__}: {error}")
    engine = Engine(spec, start)
    ticks = store.history_ticks(start - TICK_WINDOW, start, [series.id for series in spec.series])
    source.warm(engine, set(history.chosen), ticks)
    log.info("engine.warmed", series=len(spec.series), from_history=len(history.chosen))
    return engine


def _resume(spec: EngineSpec, start: int, saved: Saved, source: _Source) -> Engine:
    known = set(saved.engine["series"])
    now = source.history.signature()
    changed = {name for name in known if saved.history.get(name) not in (None, now.get(name))}
    added = {name for name in now if name in known and name not in saved.history}
    engine = Engine(spec, start)
    if changed or set(now) - known:
        # All of them, in order: how markets usually move together is learned from both at once.
        source.warm(engine, set(now))
    kept = {name: state for name, state in saved.engine["series"].items() if name not in changed}
    engine.restore({**saved.engine, "series": kept})
    if added:
        source.warm(engine, added)
    log.info("engine.resumed", series=len(kept), from_history=len(changed | added | (set(now) - known)))
    return engine


class _Source:
    """The stored history of a configuration's series, as ticks up to `until`."""

    def __init__(self, spec: EngineSpec, store: Store, history: History, until: int) -> None:
        calendars = {market.name: market.calendar for market in spec.markets}
        self._calendars = {series.id: calendars[series.market] for series in spec.series}
        self._store = store
        self._until = until
        self.history = history

    def warm(self, engine: Engine, names: set[str], ticks: Iterable[Tick] = ()) -> None:
        """Warm with the fixings of these series, each at its market's fixing time, and with `ticks`."""
        columns = {name: self._fixings(name) for name in sorted(names) if name in self.history.chosen}
        conventions = {name: self.history.chosen[name].convention for name in columns}
        engine.warm(
            list(merge(*columns.values(), ticks, key=attrgetter("time"))), {k: v for k, v in conventions.items() if v}
        )

    def _fixings(self, name: str) -> list[Tick]:
        source = self.history.chosen[name]
        ticks = []
        for fixing in self._store.history_daily(name, source.source):
            at = self._calendars[name].fixing_on(fixing.day)
            if at <= self._until:
                ticks.append(Tick(name, fixing.value, at, at, source.source, FIXING))
        return ticks
