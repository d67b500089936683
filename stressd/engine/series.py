"""Everything the engine keeps of one series, and what a tick does to it.

The path of a tick: gate, references of each horizon, one comparison per horizon against the least move that could
matter. Only a move beyond that, or a breach that is on, costs more.
"""

from __future__ import annotations

import math
from typing import Any

from stressd.engine.agenda import MarketAgenda
from stressd.engine.breaches import LIVE, Breaches, watches_of
from stressd.engine.budget import Book
from stressd.engine.clock import MarketClock
from stressd.engine.copyonchange import CopyOnChange
from stressd.engine.detectors import detectors_of
from stressd.engine.events import Event
from stressd.engine.fixings import Fixings
from stressd.engine.gate import SourceGate, believed, doubtful
from stressd.engine.horizon import SESSIONS_A_YEAR
from stressd.engine.horizons import GAP_SHARE, Horizons
from stressd.engine.levels import LevelWatch
from stressd.engine.move import Move
from stressd.engine.overnight import Overnight, kind_of
from stressd.engine.plain import number, plain
from stressd.engine.records import Records
from stressd.engine.ring import SLOT
from stressd.engine.silence import SilenceWatch
from stressd.engine.sources import Sources, failed_over
from stressd.engine.spec import HORIZONS, EngineSpec, SeriesSpec
from stressd.engine.unitflip import UnitWatch
from stressd.market.tick import BACKLOG, FIXING, Tick


class SeriesState(CopyOnChange):
    """One series. y, t: last accepted value (percent) and its time (ns). shifted, restarts: by how much other sources
    have moved its terms so far, and how often nothing could be carried over. curve, tenor: numbers of its curve among
    the engine's, and of itself on it. is_gauge: whether it answers for its market."""

    __slots__ = (
        "breaches", "clock", "curve", "detectors", "duplicates", "fixings", "future", "future_tolerance", "gaps",
        "history", "horizons", "id", "is_gauge", "late", "levels", "market", "max_age", "open_day", "open_time",
        "open_value", "quiet", "records", "rejected", "restarts", "sessions", "shifted", "silences", "sources", "spec",
        "t", "tenor", "ticks", "unit", "y",
    )  # fmt: skip

    def __init__(
        self, spec: SeriesSpec, engine: EngineSpec, clock: MarketClock, book: Book, agenda: MarketAgenda
    ) -> None:
        super().__init__()
        self.spec = spec
        self.id = spec.id
        self.market = spec.market
        self.clock = clock
        self.future_tolerance = engine.future_tolerance
        self.max_age = engine.max_age
        self.sources = Sources(spec.sources, engine.failover_after)
        self.records = Records()
        watches = [
            watch for rule in engine.sigma_rules if spec.id in rule.series for watch in watches_of(rule, spec, book)
        ]
        self.horizons = Horizons(engine.horizons, engine.warmup, clock, watches, agenda)
        self.breaches = Breaches(spec, engine.warmup, watches, self.horizons, self.records, agenda)
        self.fixings = Fixings(self.breaches, self.horizons, self.records)
        self.gaps = Overnight(self.horizons.gap.scale, engine.horizons["gap"].half_life)
        self.levels = [LevelWatch(rule, spec.id, spec.market) for rule in engine.level_rules if spec.id in rule.series]
        self.silences = [
            SilenceWatch(rule, spec.id, spec.market, clock.calendar)
            for rule in engine.silence_rules
            if spec.id in rule.series and not spec.legs
        ]
        self.detectors = detectors_of(engine, spec, agenda)
        self.breaches.carrier = self.source_name()
        self.unit = UnitWatch(spec.id, spec.market)
        self.curve = self.tenor = 0
        self.is_gauge = self.quiet = False
        self.history = SourceGate("history", 0)
        self.y = self.shifted = 0.0
        self.open_value = math.nan
        self.t = self.open_day = self.open_time = self.sessions = self.restarts = 0
        self.ticks = self.duplicates = self.late = self.rejected = self.future = 0

    def on_tick(self, tick: Tick, at: int, out: list[Event]) -> None:
        """Take in one tick that is no fixing; `at` is the engine's clock."""
        self.about_to_change()
        t = tick.time
        y = tick.value
        if t > tick.received + self.future_tolerance:
            t = tick.received
            self.future += 1
        gate: SourceGate | None = self.history if self.quiet else self.sources.active
        if gate is None or (tick.source != gate.name and not self.quiet):
            gate = self.sources.named(tick.source)
            if gate.dirty(tick, self.y, t):
                return
            if gate is not self.sources.active and not self._stand_by(gate, t, y, at, out):
                return
            self.breaches.carrier = self.source_name()
        elif tick.spread == tick.spread and gate.dirty(tick, self.y, t):
            return
        if gate.repeated(t, y) or (t == self.t and y == self.y):
            self.duplicates += 1
            return
        if t < self.t:
            if not gate.slip_in(self.horizons.ring, t, y, self.t, self.y, self.horizons.step):
                self.late += 1
            return
        if self.t == 0 or doubtful(abs(y - self.y), t - self.t, self.horizons.step):
            limit = believed(t - self.t, self.horizons.step)
            if self.t != 0 and self.unit.refuses(y, self.y, at, t, gate.name, self.quiet, out):
                return
            if not gate.confirmed(t, y, limit) and not self.sources.confirm(t, y, limit):
                return
        elif gate.pending or self.unit.run != 0:
            self.rejected += len(gate.pending)
            gate.pending = []
            self.unit.back(at, t, gate.name, out)
        if gate.quotes is not None:
            gate.quotes.stand(t, tick.spread, self.clock)
        self._accept(t, y, at, tick.flags & BACKLOG == 0 and tick.received - t <= self.max_age, out)

    def on_derived(self, t: int, y: float, at: int, fresh: bool, out: list[Event]) -> None:
        """Take in the value of a spread, whose legs have been through their gates."""
        self.about_to_change()
        if self.quiet:
            self.history.raw_time = t
        if t != self.t or y != self.y:
            self._accept(t, y, at, fresh, out)

    def _accept(self, t: int, y: float, at: int, fresh: bool, out: list[Event]) -> None:
        clock = self.clock
        if not clock.start <= t < clock.end:
            clock.move(t)
        horizons = self.horizons
        if clock.start != horizons.span_start:
            self._enter_span(t, y, at, out)
        slot = t // SLOT
        if slot != horizons.slot:
            horizons.roll(slot, self.y, self.t, self.breaches.active == 0)
        if horizons.volatility.noise.tick((y - self.y) * 100.0, t - self.t):
            horizons.thaw(t)
        horizons.put(slot, y, t)
        self.t = t
        self.y = y
        self.ticks += 1
        for silence in self.silences:
            said = silence.tick(at, t)
            if said is not None:
                out.append(said)
                for watch in self.breaches.watches:
                    # The hold begins anew: nobody saw the yield stay below its exit.
                    watch.unsee()
        if self.levels:
            self._levels(t, y, at, LIVE, fresh and not self.quiet, out)
        if self.detectors is not None:
            self.detectors.tick(t, y, at, fresh and not self.quiet, clock, horizons, self.source_name(), out)
        if not fresh:
            return
        if self.gaps.opening() and self.gaps.tick(t, y):
            self._open(t, at, out)
        if (
            self.breaches.busy != 0
            or abs(y - horizons.h1.ref) >= horizons.h1.bar
            or abs(y - horizons.h5.ref) >= horizons.h5.bar
            or abs(y - horizons.h30.ref) >= horizons.h30.bar
            or abs(y - horizons.session.ref) >= horizons.session.bar
            or abs(y - horizons.daily.ref) >= horizons.daily.bar
        ):
            self.breaches.judge(at, t, y, out)

    def _enter_span(self, t: int, y: float, at: int, out: list[Event]) -> None:
        """The tick at t is the first of an open or closed span: no intraday move reaches across its start."""
        clock = self.clock
        horizons = self.horizons
        horizons.close_span(self.y, self.t, self.breaches.active == 0)
        if not clock.is_open:
            horizons.enter_span(clock.start, False)
            horizons.session.ref = math.nan
            return
        if clock.day != self.open_day:
            self._begin_session(t, y, at, out)
        horizons.enter_span(clock.start, True)
        horizons.session.ref = self.open_value
        horizons.session.ref_time = self.open_time

    def _begin_session(self, t: int, y: float, at: int, out: list[Event]) -> None:
        horizons = self.horizons
        gaps = self.gaps
        if self.open_value == self.open_value:
            self.sessions += 1
            gaps.close = horizons.close_value
            gaps.close_time = horizons.close_time
            horizons.learn_session((horizons.close_value - self.open_value) * 100.0, self.sessions)
            self.breaches.end_gap(at, t, y, out)
        horizons.end_session(self.open_day)
        if self.open_day != 0:
            gaps.begin(kind_of(self.open_day, self.clock.day), t)
        horizons.gap.ref = math.nan
        horizons.today.begin(t, y, self.fixings.close(self.open_time), self.dirt())
        self.open_day = self.clock.day
        self.open_value = y
        self.open_time = t

    def dirt(self) -> int:
        """Bad ticks so far: outliers that nothing bore out, crossed or absurd quotes, values in another unit."""
        return self.rejected + self.unit.left_out + self.sources.dirt()

    def _open(self, t: int, at: int, out: list[Event]) -> None:
        """The open is known: judge the gap, and learn from it."""
        gaps = self.gaps
        horizon = self.horizons.gap
        opened = gaps.measure()
        change = (opened - gaps.close) * 100.0
        scale, part = gaps.scale(), 1.0
        if not gaps.known():
            session, daily = self.horizons.session.scale, self.horizons.daily
            scale = session if session.count() >= self.horizons.session.needed else daily.scale
            part = GAP_SHARE
            horizon.known = scale is session or daily.known
        else:
            horizon.known = True
        if horizon.known and scale.sigma > 0.0:
            self.horizons.set_gap(scale, part, gaps.close, gaps.close_time)
            move = Move(at, t, opened, gaps.close, gaps.close_time, horizon.sigma, LIVE, False)
            self.breaches.judge_gap(move, out)
            horizon.observe(abs(move.z), t, SESSIONS_A_YEAR, True)
        gaps.learn(change, self.sessions)

    def on_fixing(self, tick: Tick, at: int, out: list[Event]) -> bool:
        """Take in an official fixing. Whether it was new."""
        self.about_to_change()
        fixings = self.fixings
        if tick.time <= fixings.time and tick.source == fixings.source:
            self.late += 1
            return False
        self.ticks += 1
        if self.levels:
            fresh = not self.quiet and tick.flags & BACKLOG == 0
            self._levels(tick.time, tick.value, at, tick.source, fresh, out)
        self._fix(self.clock.local_day(tick.time - 1), tick, at, out)
        return True

    def on_break(self, tick: Tick) -> None:
        """Take in an official fixing that is a break in the data: no move and no crossing of a level."""
        self.about_to_change()
        self.ticks += 1
        offset = self.fixings.skip(self.clock.local_day(tick.time - 1), tick)
        for level in self.levels:
            level.rebase(offset, tick.source)

    def fixing_size(self, tick: Tick) -> float:
        """|move| in sigma that this fixing would be, 0 where that is not known."""
        return self.fixings.size(self.clock.local_day(tick.time - 1), tick)

    def has_live_fixing(self, time: int, day: int) -> bool:
        """Whether a live value of the day stands at the market's fixing time."""
        if any(silence.told for silence in self.silences):
            return False  # what cannot be seen now is no fixing, and closes nothing
        return self.t != 0 and self.open_day == day and self.open_time <= self.t <= time + self.future_tolerance

    def live_fixing(self, time: int, day: int, y: float, at: int, out: list[Event]) -> None:
        """The market's fixing time has come: the last live value of the day is the series' own fixing."""
        self.about_to_change()
        self._fix(day, Tick(self.id, y, time, at, LIVE, FIXING), at, out)

    def _fix(self, day: int, tick: Tick, at: int, out: list[Event]) -> None:
        fixings = self.fixings
        change = fixings.change(day, tick.value, tick.source)
        if self.detectors is not None and change == change:
            told = tick.flags & BACKLOG == 0 and not self.quiet
            self.detectors.fixing(
                tick.value, fixings.value, fixings.time, tick.time, at, told, self.horizons, tick.source, out
            )
        fixings.take(day, tick, at, out)

    def _levels(self, t: int, y: float, at: int, source: str, fresh: bool, out: list[Event]) -> None:
        for level in self.levels:
            for hit in level.update(at, t, y, source, fresh, self.clock.local_day(t)):
                if source == LIVE:
                    hit.source = self.source_name()
                out.append(hit)

    def _stand_by(self, gate: SourceGate, t: int, y: float, at: int, out: list[Event]) -> bool:
        """A tick of a source that is not active. Whether that source takes over with it."""
        if gate.time != 0 and t < gate.time:
            gate.late += 1
            return False
        if gate.strays(t, y, self.horizons.step):
            return False
        self.clock.move(t)
        beside = self.y if self.t != 0 and abs(t - self.t) <= self.sources.pause else math.nan
        takes_over = self.clock.is_open and self.sources.takes_over(gate, t, self.clock.start)
        gate.compare(t, y, math.nan if takes_over else beside, self.sources.pause)
        if not takes_over:
            return False
        old = self.sources.active
        first = old is None or (old.raw_time == 0 and self.t == 0)
        offset = self.sources.switch(gate)
        if first:
            return True
        self.rebase(offset)
        assert old is not None
        if not self.quiet:
            out.append(failed_over(at, t, self.id, self.market, gate, old.name))
        return True

    def begin_live(self) -> None:
        """History is over: its quotes have warmed the scales, and none of its levels is compared with a live one."""
        self.quiet = False
        self.breaches.forget()
        if self.history.raw_time != 0:
            self.history = SourceGate("history", 0)
            self.rebase(math.nan)

    def rebase(self, offset: float) -> None:
        """Put what is remembered into the terms of another source, whose values lie `offset` (percent) higher."""
        self.about_to_change()
        self.fixings.rebase(offset)
        if offset == offset:
            self.shifted += offset
            self.horizons.shift(offset)
            self.gaps.shift(offset)
            self.y += offset
            self.open_value += offset
        else:
            self.restarts += 1
            self.horizons.forget_levels()
            self.gaps.cancel()
            self.t = 0
            self.open_value = math.nan
            self.open_day = 0
        if self.detectors is not None:
            self.detectors.rebase(offset)
        for level in self.levels:
            if offset == offset:
                level.rebase(offset)
            else:
                level.restart()

    def adopt_failover(self) -> None:
        """It stands told that another source carries this series: let the best one prove itself again."""
        for gate in self.sources.all:
            if gate.rank > 0 and gate.time != 0 and self.sources.active is self.sources.all[0]:
                self.rebase(self.sources.switch(gate))
                self.breaches.carrier = gate.name

    def source_name(self) -> str:
        """Name of the active source."""
        return self.sources.active.name if self.sources.active is not None else ""

    def state(self) -> dict[str, Any]:
        """Everything that changes, as plain values."""
        return {
            "tick": [self.y, self.t],
            "session": [self.open_day, plain(self.open_value), self.open_time, self.sessions],
            "counts": [self.ticks, self.duplicates, self.late, self.rejected, self.future],
            "provisional": self.breaches.provisional,
            "terms": [self.shifted, self.restarts],
            "sources": self.sources.state(),
            "unit": self.unit.state(),
            "fixings": self.fixings.state(),
            "gaps": self.gaps.state(),
            "horizons": self.horizons.state(),
            "records": self.records.state(),
            "watches": {f"{watch.rule} {HORIZONS[watch.horizon]}": watch.state() for watch in self.breaches.watches},
            "levels": {level.rule.name: level.state() for level in self.levels},
            "silences": {silence.rule.name: silence.state() for silence in self.silences},
            "detectors": {} if self.detectors is None else self.detectors.state(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up where `state` left off; rules that it does not know start afresh."""
        y, self.t = state["tick"]
        self.open_day, open_value, self.open_time, self.sessions = state["session"]
        self.y, self.open_value = float(y), number(open_value)
        self.ticks, self.duplicates, self.late, self.rejected, self.future = state["counts"]
        self.breaches.provisional = state["provisional"]
        self.shifted, self.restarts = float(state["terms"][0]), int(state["terms"][1])
        self.sources.load(state["sources"])
        self.unit.load(state["unit"])
        self.breaches.carrier = self.source_name()
        self.fixings.load(state["fixings"])
        self.gaps.load(state["gaps"])
        self.horizons.load(state["horizons"])
        self.records.load(state["records"])
        for watch in self.breaches.watches:
            if (kept := state["watches"].get(f"{watch.rule} {HORIZONS[watch.horizon]}")) is not None:
                watch.load(kept)
        for level in self.levels:
            if (kept := state["levels"].get(level.rule.name)) is not None:
                level.load(kept)
        for silence in self.silences:
            if (kept := state["silences"].get(silence.rule.name)) is not None:
                silence.load(kept)
        if self.detectors is not None:
            self.detectors.load(state["detectors"])
        self.breaches.count()
        self.horizons.set_bars()
