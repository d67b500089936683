"""Slopes, flies and spreads between markets: series that are computed from the accepted ticks of their legs.

Legs never tick at the same instant, and of a parallel jump one leg always tells first. So a spread moves only as far as
both sides confirm: a leg's change counts once every other leg has ticked SETTLE or more after it; until then the leg
may stand at its old value or at its new one, and the spread keeps the value it had if any of these combinations allows
that, else it takes the nearest. Once all legs have spoken it is the plain arithmetic of their values. What one leg says
while another is silent opens nothing.
"""

from __future__ import annotations

from typing import Any, Final

from stressd.engine.breaches import LIVE
from stressd.engine.curve_rules import ShapeWatch
from stressd.engine.events import Breach, Event, LevelHit
from stressd.engine.fixings import LONGEST_GAP
from stressd.engine.plain import number, plain
from stressd.engine.rounds import Round
from stressd.engine.series import SeriesState
from stressd.engine.spec import MINUTE, SECOND, EngineSpec
from stressd.market.tick import BACKLOG, FIXING, Tick

SETTLE: Final = 5 * SECOND
"""ns after a leg's change from which a tick of every other leg confirms it."""

FRESH: Final = 5 * MINUTE
"""ns by which the legs' last ticks may lie apart; beyond it the spread is not live."""

WAITING: Final = 64
"""Unconfirmed values of a leg that are kept, at most one a second."""

PUBLISHED: Final = "published"

CONFIRMED: Final = 0.005
"""Percent by which the legs' last values may be off the spread's own, for the shape of a curve to be told by them."""


class Leg:
    """One leg of one spread. held: its last confirmed value (percent), nan before its first; waiting: later ones as
    (time, value). since: its first tick in the spread's open span that began at `span`."""

    __slots__ = ("fixed", "held", "prior", "restarts", "shifted", "since", "span", "state", "waiting", "weight")

    def __init__(self, state: SeriesState, weight: float) -> None:
        self.state = state
        self.weight = weight
        self.held = float("nan")
        self.waiting: list[tuple[int, float]] = []
        self.span = 0
        self.since = 0
        self.shifted = 0.0
        self.restarts = 0
        # The last live and the last published fixing: (day, value, time, source), and those before them.
        self.fixed: dict[str, tuple[int, float, int, str]] = {}
        self.prior: dict[str, tuple[int, float, int, str]] = {}

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
        prior = {kind: list(row) for kind, row in self.prior.items()}
        held = plain(self.held)
        return [self.state.id, held, waiting, self.span, self.since, self.shifted, self.restarts, fixed, prior]

    def load(self, row: list[Any]) -> None:
        """Take up where `settled` left off."""
        self.held = number(row[1])
        self.waiting = [(int(t), float(y)) for t, y in row[2]]
        self.span, self.since = int(row[3]), int(row[4])
        self.shifted, self.restarts = float(row[5]), int(row[6])
        self.fixed = {kind: _row(kept) for kind, kept in row[7].items()}
        self.prior = {kind: _row(kept) for kind, kept in row[8].items()}


def _row(kept: list[Any]) -> tuple[int, float, int, str]:
    return int(kept[0]), float(kept[1]), int(kept[2]), str(kept[3])


class Spread:
    """One derived series: `state` has its detectors, `legs` what it is made of. day_shapes, fixing_shapes: of a slope,
    what is told of the shape of the day so far and from fixing to fixing. broken: ordinal of the day on which a leg's
    fixing was a break in the data."""

    __slots__ = ("broken", "day_shapes", "fixing_shapes", "legs", "state")

    def __init__(self, state: SeriesState, legs: list[Leg]) -> None:
        self.state = state
        self.legs = legs
        self.day_shapes: list[ShapeWatch] = []
        self.fixing_shapes: list[ShapeWatch] = []
        self.broken = 0

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
        if self.day_shapes:
            self._day_shape(newest, at, fresh and not own.quiet, out)

    def _day_shape(self, t: int, at: int, fresh: bool, out: list[Event]) -> None:
        """The shape of the day since the last live fixing, while both ends stand where the slope stands."""
        short, long = self.legs[0], self.legs[1]
        before, after = short.fixed.get(LIVE), long.fixed.get(LIVE)
        if before is None or after is None or before[0] != after[0]:
            return
        if abs(long.state.y - short.state.y - self.state.y) > CONFIRMED:
            return
        ends = (short.state.id, short.state.y, before[1], before[2]), (long.state.id, long.state.y, after[1], after[2])
        for watch in self.day_shapes:
            said = watch.update(self.state.market, at, t, ends[0], ends[1], fresh)
            if said is not None:
                said.source = self._source()
                out.append(said)

    def fixing_shape(self, at: int, fresh: bool, out: list[Event]) -> None:
        """The shape from one published fixing to the next."""
        ends: list[tuple[str, float, float, int]] = []
        for leg in self.legs:
            now, then = leg.fixed[PUBLISHED], leg.prior.get(PUBLISHED)
            if then is None or then[3] != now[3] or now[0] - then[0] > LONGEST_GAP:
                return
            ends.append((leg.state.id, now[1], then[1], then[2]))
        for watch in self.fixing_shapes:
            time = self.legs[0].fixed[PUBLISHED][2]
            said = watch.update(self.state.market, at, time, ends[0], ends[1], fresh)
            if said is not None:
                said.source = self.legs[0].fixed[PUBLISHED][3]
                out.append(said)

    def ends(self) -> tuple[str, str]:
        """Ids of the short and the long leg of a slope, "" of any other spread."""
        if [leg.weight for leg in self.legs] != [-1.0, 1.0]:
            return "", ""
        return self.legs[0].state.id, self.legs[1].state.id

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
                if kind in leg.fixed:
                    leg.prior[kind] = leg.fixed[kind]
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
        shapes = {watch.rule.name: watch.state() for watch in self.day_shapes}
        return [[leg.settled() for leg in self.legs], self.broken, shapes]

    def load(self, kept: list[Any]) -> None:
        """Take up where `settled` left off."""
        for leg, row in zip(self.legs, kept[0], strict=True):
            if row[0] == leg.state.id:
                leg.load(row)
        self.broken = int(kept[1])
        for watch in self.day_shapes:
            if watch.rule.name in kept[2]:
                watch.load(kept[2][watch.rule.name])


class Spreads:
    """All spreads of the engine, in configured order."""

    __slots__ = ("_of", "all")

    def __init__(self, series: dict[str, SeriesState], spec: EngineSpec) -> None:
        self.all: list[Spread] = []
        self._of: dict[str, list[Spread]] = {}
        for state in series.values():
            if state.spec.legs:
                spread = Spread(state, [Leg(series[name], weight) for name, weight in state.spec.legs])
                self.all.append(spread)
                for name, _ in state.spec.legs:
                    self._of.setdefault(name, []).append(spread)
        for rule in spec.curve_rules:
            for spread in self.all:
                if rule.shapes and spread.ends() in rule.ends:
                    spread.day_shapes.append(ShapeWatch(rule))
                    spread.fixing_shapes.append(ShapeWatch(rule))

    def on_tick(self, mover: SeriesState, at: int, fresh: bool, out: list[Event]) -> None:
        """`mover` has accepted a tick. fresh: one that may open something."""
        spreads = self._of.get(mover.id)
        if spreads is not None:
            for spread in spreads:
                spread.on_tick(mover, at, fresh, out)

    def on_fixings(
        self, legs: list[SeriesState], broken: dict[str, bool], at: int, flags: int, out: list[Event]
    ) -> None:
        """These have fixed: judge the spreads whose legs have all done so now, the largest move first. broken: those of
        the legs whose fixing is a break in the data, and so no move of a spread either."""
        if not self.all or not legs:
            return
        own = Round(legs[0].market, at, at)
        for leg in legs:
            for spread in self._of.get(leg.id, ()):
                if leg.id in broken:
                    spread.broken = leg.fixings.day
                tick = spread.fixing(leg, flags)
                if tick is None:
                    continue
                if spread.broken == leg.fixings.day:
                    spread.state.on_break(tick)
                    continue
                own.add(spread.state, tick)
                if spread.fixing_shapes and tick.source != LIVE:
                    spread.fixing_shape(at, flags & BACKLOG == 0 and not leg.quiet, out)
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
