"""Slopes, flies and spreads between markets: series that are computed from the accepted ticks of their legs.

Legs never tick at the same instant, and of a parallel jump one leg always tells first. So a spread moves only as far as
both sides confirm: a leg's change counts once every other leg has ticked SETTLE or more after it; until then the leg
may stand at its old value or at its new one, and the spread keeps the value it had if any of these combinations allows
that, else it takes the nearest. Once all legs have spoken it is the plain arithmetic of their values. What one leg says
while another is silent opens nothing.
"""

from __future__ import annotations

from typing import Any, Final

from stressd.engine.events import Breach, Event, LevelHit
from stressd.engine.plain import number, plain
from stressd.engine.rounds import Round
from stressd.engine.series import LIVE, SeriesState
from stressd.engine.spec import MINUTE, SECOND
from stressd.market.tick import BACKLOG, FIXING, Tick

SETTLE: Final = 5 * SECOND
"""ns after a leg's change from which a tick of every other leg confirms it."""

FRESH: Final = 5 * MINUTE
"""ns by which the legs' last ticks may lie apart; beyond it the spread is not live."""

WAITING: Final = 64
"""Unconfirmed values of a leg that are kept, at most one a second."""

PUBLISHED: Final = "published"


class Leg:
    """One leg of one spread. held: its last confirmed value (percent), nan before its first; waiting: later ones as
    (time, value). since: its first tick in the spread's open span that began at `span`."""

    __slots__ = ("fixed", "held", "restarts", "shifted", "since", "span", "state", "waiting", "weight")

    def __init__(self, state: SeriesState, weight: float) -> None:
        self.state = state
        self.weight = weight
        self.held = float("nan")
        self.waiting: list[tuple[int, float]] = []
        self.span = 0
        self.since = 0
        self.shifted = 0.0
        self.restarts = 0
        # The last live and the last published fixing: (day, value, time, source).
        self.fixed: dict[str, tuple[int, float, int, str]] = {}

    def push(self, t: int, y: float) -> None:
        """The leg has ticked."""
        if self.held != self.held:
            self.held = y
        elif self.waiting and self.waiting[-1][0] // SECOND == t // SECOND:
            self.waiting[-1] = (t, y)
        else:
            self.waiting.append((t, y))
            if len(self.waiting) > WAITING:
                del self.waiting[0]

    def confirm(self, until: int) -> None:
        """Every other leg has ticked SETTLE after `until`: what this one said by then counts."""
        k = 0
        while k < len(self.waiting) and self.waiting[k][0] <= until:
            self.held = self.waiting[k][1]
            k += 1
        if k > 0:
            del self.waiting[:k]

    def shift(self, offset: float) -> None:
        """Another source carries the leg, whose values lie `offset` higher."""
        self.held += offset
        self.waiting = [(t, y + offset) for t, y in self.waiting]
        if LIVE in self.fixed:
            day, value, time, source = self.fixed[LIVE]
            self.fixed[LIVE] = (day, value + offset, time, source)

    def restart(self) -> None:
        """Nothing that the leg said before can be compared with what it says now."""
        self.held = float("nan")
        self.waiting = []
        self.fixed.pop(LIVE, None)

    def settled(self) -> list[Any]:
        """Everything that changes, as plain values."""
        waiting = [[t, y] for t, y in self.waiting]
        fixed = {kind: list(row) for kind, row in self.fixed.items()}
        return [self.state.id, plain(self.held), waiting, self.span, self.since, self.shifted, self.restarts, fixed]

    def load(self, row: list[Any]) -> None:
        """Take up where `settled` left off."""
        self.held = number(row[1])
        self.waiting = [(int(t), float(y)) for t, y in row[2]]
        self.span, self.since = int(row[3]), int(row[4])
        self.shifted, self.restarts = float(row[5]), int(row[6])
        self.fixed = {
            kind: (int(day), float(value), int(time), str(source))
            for kind, (day, value, time, source) in row[7].items()
        }


class Spread:
    """One derived series: `state` has its detectors, `legs` what it is made of."""

    __slots__ = ("legs", "state")

    def __init__(self, state: SeriesState, legs: list[Leg]) -> None:
        self.state = state
        self.legs = legs

    def on_tick(self, mover: SeriesState, at: int, fresh: bool, out: list[Event]) -> None:
        """A leg has accepted a tick. fresh: one that may open something."""
        own = self.state
        newest = mover.t
        oldest = mover.t
        for leg in self.legs:
            state = leg.state
            if leg.shifted != state.shifted or leg.restarts != state.restarts:
                self._follow_source(leg)
            if state is mover:
                leg.push(state.t, state.y)
            newest = max(newest, state.t)
            oldest = min(oldest, state.t)
        clock = own.clock
        clock.move(newest)
        for leg in self.legs:
            if leg.state is mover and leg.span != clock.start and mover.t >= clock.start:
                leg.span = clock.start
                leg.since = mover.t
        if newest - oldest > FRESH or not clock.is_open or own.t > newest:
            return
        starts = own.t < clock.start
        low = high = latest = 0.0
        for leg in self.legs:
            if starts and (leg.span != clock.start or newest - leg.since < SETTLE):
                # The first value of a session must not be that of one leg's open and another's last close.
                return
            leg.confirm(self._heard(leg) - SETTLE)
            held = leg.weight * leg.held
            now = leg.weight * leg.state.y
            latest += now
            low += min(held, now)
            high += max(held, now)
        y = latest if starts else min(max(own.y, low), high)
        before = len(out)
        own.on_derived(newest, y, at, fresh, out)
        if len(out) > before:
            source = self._source()
            for event in out[before:]:
                if isinstance(event, (Breach, LevelHit)):
                    event.source = source

    def _heard(self, leg: Leg) -> int:
        """Until when every leg but this one has been heard."""
        heard = 1 << 62
        for other in self.legs:
            if other is not leg:
                heard = min(heard, other.state.t)
        return heard

    def _follow_source(self, leg: Leg) -> None:
        """Another source carries a leg now: that is no move of the spread."""
        state = leg.state
        if leg.restarts != state.restarts:
            leg.restart()
            self.state.rebase(float("nan"))
        else:
            offset = state.shifted - leg.shifted
            leg.shift(offset)
            self.state.rebase(leg.weight * offset)
        leg.shifted = state.shifted
        leg.restarts = state.restarts

    def _source(self) -> str:
        names = [leg.state.source_name() for leg in self.legs]
        return "+".join(dict.fromkeys(name for name in names if name))

    def fixing(self, mover: SeriesState, flags: int) -> Tick | None:
        """A leg has fixed. The spread's own fixing, where the others of the same day and kind are there: their
        arithmetic, at the time of the latest."""
        kind = LIVE if mover.fixings.source == LIVE else PUBLISHED
        for leg in self.legs:
            if leg.state is mover:
                leg.fixed[kind] = (mover.fixings.day, mover.fixings.value, mover.fixings.time, mover.fixings.source)
        value = 0.0
        time = 0
        sources: list[str] = []
        for leg in self.legs:
            row = leg.fixed.get(kind)
            if row is None or row[0] != mover.fixings.day:
                return None
            value += leg.weight * row[1]
            time = max(time, row[2])
            if row[3] not in sources:
                sources.append(row[3])
        return Tick(self.state.id, value, time, time, "+".join(sources), FIXING | flags)

    def settled(self) -> list[Any]:
        """Everything that changes and is not in `state`, as plain values."""
        return [leg.settled() for leg in self.legs]

    def load(self, rows: list[Any]) -> None:
        """Take up where `settled` left off."""
        for leg, row in zip(self.legs, rows, strict=True):
            if row[0] == leg.state.id:
                leg.load(row)


class Spreads:
    """All spreads of the engine, in configured order."""

    __slots__ = ("_max_age", "_of", "all")

    def __init__(self, series: dict[str, SeriesState], max_age: int) -> None:
        self._max_age = max_age
        self.all: list[Spread] = []
        self._of: dict[str, list[Spread]] = {}
        for state in series.values():
            if state.spec.legs:
                spread = Spread(state, [Leg(series[name], weight) for name, weight in state.spec.legs])
                self.all.append(spread)
                for name, _ in state.spec.legs:
                    self._of.setdefault(name, []).append(spread)

    def on_tick(self, mover: SeriesState, tick: Tick, at: int, out: list[Event]) -> None:
        """`mover` has accepted `tick`."""
        spreads = self._of.get(mover.id)
        if spreads is not None:
            fresh = tick.flags & BACKLOG == 0 and tick.received - mover.t <= self._max_age
            for spread in spreads:
                spread.on_tick(mover, at, fresh, out)

    def on_fixings(self, legs: list[SeriesState], at: int, flags: int, out: list[Event]) -> None:
        """These have fixed: judge the spreads whose legs have all done so now, the largest move first."""
        if not self.all or not legs:
            return
        own = Round(legs[0].market, at, at)
        for leg in legs:
            for spread in self._of.get(leg.id, ()):
                tick = spread.fixing(leg, flags)
                if tick is not None:
                    own.add(spread.state, tick)
        for state, tick in own.ordered():
            if tick.source == LIVE:
                state.live_fixing(tick.time, state.clock.local_day(tick.time - 1), tick.value, at, out)
            else:
                state.on_fixing(tick, at, out)

    def begin_live(self) -> None:
        """History is over: what is wrong with a leg's scale is wrong with the spread's."""
        for spread in self.all:
            spread.state.breaches.provisional = next(
                (leg.state.breaches.provisional for leg in spread.legs if leg.state.breaches.provisional), ""
            )

    def state(self) -> dict[str, Any]:
        """What is not in the series' own states, as plain values."""
        return {spread.state.id: spread.settled() for spread in self.all}

    def load(self, state: dict[str, Any]) -> None:
        """Take up where `state` left off; a spread that it does not know starts afresh."""
        for spread in self.all:
            if spread.state.id in state:
                spread.load(state[spread.state.id])
