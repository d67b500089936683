"""Everything the engine keeps of one series, and what a tick does to it.

The path of a tick: gate, references of each horizon, one comparison per horizon against the least move that could
matter. Only a move beyond that, or a breach that is on, costs more.
"""

from __future__ import annotations

import math
from typing import Any, Final

from stressd.engine.agenda import MarketAgenda
from stressd.engine.clock import MarketClock
from stressd.engine.detectors import detectors_of
from stressd.engine.events import ENTERED, LEFT, PEAKED, RAISED, Breach, Event, FeedNote, Standing
from stressd.engine.gate import SourceGate, believed
from stressd.engine.horizons import DAILY, H1, H5, H30, SESSION, Horizons, number, plain
from stressd.engine.levels import LevelWatch
from stressd.engine.move import Move
from stressd.engine.records import Records
from stressd.engine.ring import SLOT
from stressd.engine.sigma import SAYS_ENTERED, SAYS_LEFT, SAYS_PEAKED, SAYS_RAISED, SigmaWatch
from stressd.engine.silence import SilenceWatch
from stressd.engine.sources import Sources
from stressd.engine.spec import HORIZONS, WARN, EngineSpec, SeriesSpec
from stressd.market.tick import BACKLOG, Tick

LIVE: Final = "live"
"""Source of the fixings that the engine takes from live ticks, whichever feed they came from."""

LONGEST_GAP: Final = 14
"""Days between two fixings beyond which their difference is no daily move."""

OWN_FIXINGS: Final = 63
"""Live fixings after which a scale that was warmed in another convention is the feed's own."""


class SeriesState:
    """One series. y, t: last accepted value (percent) and its time (ns). shifted, restarts: by how much other sources
    have moved its terms so far, and how often nothing could be carried over."""

    __slots__ = (
        "active", "clock", "detectors", "duplicates", "fix_day", "fix_source", "fix_time", "fix_value", "fix_z",
        "fixings", "future", "future_tolerance", "history", "horizons", "id", "late", "levels", "market", "max_age",
        "open_day", "open_time", "open_value", "own_fixings", "provisional", "quiet", "records", "rejected",
        "restarts", "sessions", "shifted", "silences", "sources", "spec", "t", "ticks", "watches", "y",
    )  # fmt: skip

    def __init__(self, spec: SeriesSpec, engine: EngineSpec, clock: MarketClock, agenda: MarketAgenda) -> None:
        self.spec = spec
        self.id = spec.id
        self.market = spec.market
        self.clock = clock
        self.future_tolerance = engine.future_tolerance
        self.max_age = engine.max_age
        self.sources = Sources(spec.sources, engine.failover_after)
        self.records = Records()
        self.watches: list[SigmaWatch] = []
        for rule in engine.sigma_rules:
            if spec.id in rule.series:
                self.watches.extend(SigmaWatch(rule, HORIZONS.index(name), name) for name in rule.horizons)
        self.horizons = Horizons(engine.horizons, clock, self.watches)
        self.levels = [LevelWatch(rule, spec.id, spec.market) for rule in engine.level_rules if spec.id in rule.series]
        self.silences = [
            SilenceWatch(rule, spec.id, spec.market, clock.calendar)
            for rule in engine.silence_rules
            if spec.id in rule.series
        ]
        self.detectors = detectors_of(engine, spec, agenda)
        self.quiet = False
        self.history = SourceGate("history", 0)
        self.provisional = ""
        self.y = 0.0
        self.t = 0
        self.open_day = 0
        self.open_value = math.nan
        self.open_time = 0
        self.sessions = 0
        self.fix_value = math.nan
        self.fix_time = 0
        self.fix_day = 0
        self.fix_source = ""
        self.fix_z = math.nan
        self.fixings = 0
        self.own_fixings = 0
        self.active = 0
        self.ticks = 0
        self.duplicates = 0
        self.late = 0
        self.rejected = 0
        self.future = 0
        self.shifted = 0.0
        self.restarts = 0

    def on_tick(self, tick: Tick, at: int, out: list[Event]) -> None:
        """Take in one tick that is no fixing; `at` is the engine's clock."""
        t = tick.time
        y = tick.value
        if t > tick.received + self.future_tolerance:
            t = tick.received
            self.future += 1
        gate: SourceGate | None = self.history if self.quiet else self.sources.active
        if gate is None or (tick.source != gate.name and not self.quiet):
            gate = self.sources.named(tick.source)
            if gate is not self.sources.active and not self._stand_by(gate, t, y, at, out):
                return
        if gate.repeated(t, y) or (t == self.t and y == self.y):
            self.duplicates += 1
            return
        if t < self.t:
            self.late += 1
            return
        limit = believed(t - self.t, self.horizons.step)
        if self.t == 0 or abs(y - self.y) > limit:
            if not gate.confirmed(t, y, limit) and not self.sources.confirm(t, y, limit):
                return
        elif gate.pending:
            self.rejected += len(gate.pending)
            gate.pending = []
        self._accept(t, y, at, tick.flags & BACKLOG == 0 and tick.received - t <= self.max_age, out)

    def on_derived(self, t: int, y: float, at: int, fresh: bool, out: list[Event]) -> None:
        """Take in the value of a spread, whose legs have been through their gates."""
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
            self._enter_span(t, y)
        slot = t // SLOT
        if slot != horizons.slot:
            horizons.roll(slot)
        horizons.ring.put(slot, y, t)
        self.t = t
        self.y = y
        self.ticks += 1
        for silence in self.silences:
            said = silence.tick(at, t)
            if said is not None:
                out.append(said)
                for watch in self.watches:
                    # The hold begins anew: nobody saw the yield stay below its exit.
                    watch.below_since = 0
        if self.quiet:
            fresh = False
        if self.levels:
            self._levels(t, y, at, LIVE, fresh, out)
        if self.detectors is not None:
            self.detectors.tick(t, y, at, fresh, clock, horizons, self.source_name(), out)
        if not fresh:
            return
        refs = horizons.refs
        bars = horizons.bars
        if (
            self.active != 0
            or abs(y - refs[H1]) >= bars[H1]
            or abs(y - refs[H5]) >= bars[H5]
            or abs(y - refs[H30]) >= bars[H30]
            or abs(y - refs[SESSION]) >= bars[SESSION]
            or abs(y - refs[DAILY]) >= bars[DAILY]
        ):
            self._evaluate(t, y, at, out)

    def _enter_span(self, t: int, y: float) -> None:
        """The tick at t is the first of an open or closed span: no intraday move reaches across its start."""
        clock = self.clock
        horizons = self.horizons
        horizons.enter_span(clock.start)
        if not clock.is_open:
            horizons.set_reference(SESSION, math.nan, 0)
            return
        if clock.day != self.open_day:
            if self.open_value == self.open_value:
                self.sessions += 1
                horizons.learn(SESSION, (self.y - self.open_value) * 100.0, self.sessions)
            self.open_day = clock.day
            self.open_value = y
            self.open_time = t
        horizons.set_reference(SESSION, self.open_value, self.open_time)

    def _evaluate(self, t: int, y: float, at: int, out: list[Event]) -> None:
        horizons = self.horizons
        for watch in self.watches:
            h = watch.horizon
            reference = horizons.refs[h]
            if reference != reference or not horizons.knows(h):
                continue
            sigma = horizons.scales[h].sigma
            move = Move(at, t, y, reference, horizons.ref_times[h], sigma, LIVE, False)
            self._offer(watch, move, out)
            if watch.direction != 0 and h != DAILY and watch.settle(move.z, t) == SAYS_LEFT:
                self._say(watch, LEFT, move, out)

    def _offer(self, watch: SigmaWatch, move: Move, out: list[Event]) -> None:
        """Enter, raise or peak; a breach the other way first ends the one that is on."""
        if watch.turns(move.z, move.bp):
            self._say(watch, LEFT, move, out)
        said = watch.offer(move.z, move.bp)
        if said == SAYS_ENTERED:
            self.active += 1
            self._say(watch, ENTERED, move, out)
        elif said == SAYS_RAISED:
            self._say(watch, RAISED, move, out)
        elif said == SAYS_PEAKED:
            self._say(watch, PEAKED, move, out)

    def _say(self, watch: SigmaWatch, phase: str, move: Move, out: list[Event]) -> None:
        h = watch.horizon
        threshold = watch.threshold()
        standing: Standing | None = None
        if h == DAILY and phase != LEFT:
            standing = self.records.standing(move.bp, move.z, threshold, move.value, move.source)
        breach = Breach(
            at=move.at,
            time=move.time,
            rule=watch.rule,
            market=self.market,
            direction=watch.direction,
            phase=phase,
            series=self.id,
            horizon=HORIZONS[h],
            severity=watch.severity,
            value=move.value,
            reference_value=move.reference,
            reference_time=move.reference_time,
            z=move.z,
            sigma_bp=move.sigma_bp,
            threshold=threshold,
            definition=self.horizons.definitions[h],
            provisional=self.provisional,
            fixing=move.fixing,
            source=self.source_name() if move.source == LIVE else move.source,
            standing=standing,
        )
        out.append(breach)
        if phase == LEFT:
            watch.reset()
            self.active -= 1

    def on_fixing(self, tick: Tick, at: int, out: list[Event]) -> bool:
        """Take in an official fixing. Whether it was new."""
        if tick.time <= self.fix_time and tick.source == self.fix_source:
            self.late += 1
            return False
        self.ticks += 1
        day = self.clock.local_day(tick.time - 1)
        if self.levels:
            self._levels(tick.time, tick.value, at, tick.source, not self.quiet and tick.flags & BACKLOG == 0, out)
        self._fix(day, tick.value, tick.time, tick.source, at, tick.flags & BACKLOG == 0, out)
        return True

    def fixing_size(self, tick: Tick) -> float:
        """|move| in sigma that this fixing would be, 0 where that is not known."""
        day = self.clock.local_day(tick.time - 1)
        if (
            self.fix_source != tick.source
            or not 0 < day - self.fix_day <= LONGEST_GAP
            or not self.horizons.knows(DAILY)
        ):
            return 0.0
        return abs(tick.value - self.fix_value) * 100.0 / self.horizons.scales[DAILY].sigma

    def has_live_fixing(self, time: int, day: int) -> bool:
        """Whether a live value of the day stands at the market's fixing time."""
        for silence in self.silences:
            if silence.told:
                # What cannot be seen now is no fixing, and closes nothing.
                return False
        return self.t != 0 and self.open_day == day and self.open_time <= self.t <= time + self.future_tolerance

    def live_fixing(self, time: int, day: int, y: float, at: int, out: list[Event]) -> None:
        """The market's fixing time has come: the last live value of the day is the series' own fixing."""
        self.own_fixings += 1
        if self.own_fixings >= OWN_FIXINGS:
            self.provisional = ""
        self._fix(day, y, time, LIVE, at, True, out)
        self.horizons.set_reference(DAILY, self.fix_value, self.fix_time)

    def _fix(self, day: int, y: float, time: int, source: str, at: int, fresh: bool, out: list[Event]) -> None:
        horizons = self.horizons
        self.fixings += 1
        change = z = math.nan
        if self.fix_source == source and 0 < day - self.fix_day <= LONGEST_GAP:
            change = (y - self.fix_value) * 100.0
            if horizons.knows(DAILY):
                sigma = horizons.scales[DAILY].sigma
                z = change / sigma
                if fresh and not self.quiet:
                    self._judge_fixing(Move(at, time, y, self.fix_value, self.fix_time, sigma, source, True), out)
            if self.detectors is not None:
                told = fresh and not self.quiet
                self.detectors.fixing(y, self.fix_value, self.fix_time, time, at, told, horizons, source, out)
            horizons.learn(DAILY, change, self.fixings)
        self.records.observe(day, change, z, y, source)
        self.fix_value = y
        self.fix_time = time
        self.fix_day = day
        self.fix_source = source
        self.fix_z = z

    def _judge_fixing(self, move: Move, out: list[Event]) -> None:
        """A quiet fixing ends a 1d breach; one that is not quiet enters, raises or peaks."""
        for watch in self.watches:
            if watch.horizon != DAILY:
                continue
            if watch.direction != 0 and move.z * watch.direction < watch.exit:
                self._say(watch, LEFT, move, out)
            told = len(out)
            self._offer(watch, move, out)
            if len(out) == told and watch.direction != 0 and watch.rung(abs(move.z)) >= 0:
                # Another fixing beyond the bar is another move, even where it is no larger.
                self._say(watch, PEAKED, move, out)

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
        back = gate.rank == 0
        text = f"{self.id} is taken from {gate.name} {'again' if back else f'since {old.name} went quiet'}"
        phase = LEFT if back else ENTERED
        if not self.quiet:
            out.append(
                FeedNote(at, t, "failed-over", self.market, phase, "failed over", self.id, gate.name, WARN, text)
            )
        return True

    def begin_live(self) -> None:
        """History is over: its quotes have warmed the scales, and none of its levels is compared with a live one."""
        self.quiet = False
        if self.history.raw_time != 0:
            self.history = SourceGate("history", 0)
            self.rebase(math.nan)

    def rebase(self, offset: float) -> None:
        """Put what is remembered into the terms of another source, whose values lie `offset` (percent) higher."""
        if offset == offset:
            self.shifted += offset
            self.horizons.shift(offset)
            self.y += offset
            self.open_value += offset
            if self.fix_source == LIVE:
                self.fix_value += offset
        else:
            self.restarts += 1
            self.horizons.forget_levels()
            self.t = 0
            self.open_value = math.nan
            self.open_day = 0
            if self.fix_source == LIVE:
                self.fix_source = ""
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

    def source_name(self) -> str:
        """Name of the active source."""
        return self.sources.active.name if self.sources.active is not None else ""

    def state(self) -> dict[str, Any]:
        """Everything that changes, as plain values."""
        return {
            "tick": [self.y, self.t],
            "session": [self.open_day, plain(self.open_value), self.open_time, self.sessions],
            "fixing": [plain(self.fix_value), self.fix_time, self.fix_day, self.fix_source],
            "fixings": [plain(self.fix_z), self.fixings, self.own_fixings],
            "counts": [self.ticks, self.duplicates, self.late, self.rejected, self.future],
            "provisional": self.provisional,
            "terms": [self.shifted, self.restarts],
            "sources": self.sources.state(),
            "horizons": self.horizons.state(),
            "records": self.records.state(),
            "watches": {f"{watch.rule} {HORIZONS[watch.horizon]}": watch.state() for watch in self.watches},
            "levels": {level.rule.name: level.state() for level in self.levels},
            "silences": {silence.rule.name: silence.state() for silence in self.silences},
            "detectors": {} if self.detectors is None else self.detectors.state(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up where `state` left off; rules that it does not know start afresh."""
        y, self.t = state["tick"]
        self.open_day, open_value, self.open_time, self.sessions = state["session"]
        fix_value, self.fix_time, self.fix_day, self.fix_source = state["fixing"]
        fix_z, self.fixings, self.own_fixings = state["fixings"]
        self.y, self.open_value = float(y), number(open_value)
        self.fix_value, self.fix_z = number(fix_value), number(fix_z)
        self.ticks, self.duplicates, self.late, self.rejected, self.future = state["counts"]
        self.provisional = state["provisional"]
        self.shifted, self.restarts = float(state["terms"][0]), int(state["terms"][1])
        self.sources.load(state["sources"])
        self.horizons.load(state["horizons"])
        self.records.load(state["records"])
        for watch in self.watches:
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
        self.active = sum(1 for watch in self.watches if watch.direction != 0)
