"""Warming an engine: with its own saved state first, and with imported history where that state knows less."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import merge
from operator import attrgetter
from typing import Any, Final

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


REFUSALS: Final = (SnapshotError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError)
"""What an engine raises on a state that is not as its own are."""


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
    spec: EngineSpec,
    start: int,
    store: Store,
    saved: Saved | None,
    history: History,
    recorded: Iterable[Sequence[Tick]] = (),
) -> Engine:
    """An engine for `spec` at `start` (ns UTC), as warm as it can be, after a stop: what could not be heard meanwhile
    is no silence.

    What `saved` knows goes on where it stood. A series that it does not know, or whose history has been imported anew
    since, is warmed from the history; one that had no history before is warmed on top of its own state. recorded: what
    came after it; what follows of it has been told, or will be when it is reconciled with what was.
    """
    if saved is not None:
        try:
            succession = Succession(spec, start, store, saved.engine["series"], saved.history, history)
            engine = succession.take_over(saved.engine)
            for batch in recorded:
                engine.feed(batch)
            engine.resume(start)
            return engine
        except REFUSALS as error:
            log.warning("snapshot.refused", reason=f"{type(error).__name__}: {error}")
    engine = Engine(spec, start)
    ticks = store.history_ticks(start - TICK_WINDOW, start, [series.id for series in spec.series])
    _Source(spec, store, history, start).warm(engine, set(history.chosen), ticks)
    log.info("engine.warmed", series=len(spec.series), from_history=len(history.chosen))
    return engine


class Succession:
    """An engine for `spec` that will go on where another one stands. Making it takes long where history is to be gone
    through, and may be done in a thread of its own; `take_over` is quick. in_step: what was told needs no reconciling
    afterwards, since no series begins from its history.

    known: the series of that other engine; warmed: what they had been warmed with.
    """

    def __init__(
        self, spec: EngineSpec, start: int, store: Store, known: Iterable[str], warmed: Mapping[str, str],
        history: History,
    ) -> None:  # fmt: skip
        there = set(known)
        now = history.signature()
        self._source = _Source(spec, store, history, start)
        self._changed = {name for name in there if warmed.get(name) not in (None, now.get(name))}
        self._added = {name for name in now if name in there and name not in warmed}
        self.new = {series.id for series in spec.series} - there
        self.in_step = not self._changed and not self._added
        self._engine = Engine(spec, start)
        if self._changed or set(now) - there:
            # All of them, in order: how markets usually move together is learned from both at once.
            self._source.warm(self._engine, set(now))
        self._from_history = len(self._changed | self._added | (set(now) - there))

    def take_over(self, snapshot: dict[str, Any]) -> Engine:
        """The engine, with the state in `snapshot`. Raises SnapshotError, KeyError, ValueError, TypeError, IndexError
        where that is none."""
        kept = snapshot["series"]
        if self._changed:
            kept = {name: state for name, state in kept.items() if name not in self._changed}
        self._engine.restore({**snapshot, "series": kept})
        if self._added:
            self._source.warm(self._engine, self._added)
        log.info("engine.resumed", series=len(kept), from_history=self._from_history)
        return self._engine


class _Yielding(Sequence[Tick]):
    """Ticks that are handed over one by one by interpreted code, so that other threads have their turn meanwhile."""

    def __init__(self, ticks: list[Tick]) -> None:
        self._ticks = ticks

    def __iter__(self) -> Iterator[Tick]:
        yield from self._ticks

    def __len__(self) -> int:
        return len(self._ticks)

    def __getitem__(self, place: Any) -> Any:
        return self._ticks[place]


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
            _Yielding(list(merge(*columns.values(), ticks, key=attrgetter("time")))),
            {k: v for k, v in conventions.items() if v},
        )

    def _fixings(self, name: str) -> list[Tick]:
        source = self.history.chosen[name]
        ticks = []
        for fixing in self._store.history_daily(name, source.source):
            at = self._calendars[name].fixing_on(fixing.day)
            if at <= self._until:
                ticks.append(Tick(name, fixing.value, at, at, source.source, FIXING))
        return ticks
