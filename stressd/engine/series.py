"""Everything the engine keeps of one series, and what a tick does to it.

The path of a tick: gate, references of each horizon, one comparison per horizon against the least move that could matter.
Only a move beyond that, or a breach that is on, costs more.
"""

from __future__ import annotations

import math
from typing import Any, Final

from stressd.engine.clock import MarketClock
from stressd.engine.events import ENTERED, LEFT, PEAKED, RAISED, Breach, Event, FeedNote, Standing
from stressd.engine.gate import FLOOR, LONGEST, PRIOR_STEP, REACH, SHORTEST, SourceGate
from stressd.engine.levels import LevelWatch
from stressd.engine.moments import Scale
from stressd.engine.records import Records
from stressd.engine.ring import SLOT, Ring
from stressd.engine.sigma import SAYS_ENTERED, SAYS_LEFT, SAYS_PEAKED, SAYS_RAISED, SigmaWatch
from stressd.engine.silence import SilenceWatch
from stressd.engine.sources import Sources
from stressd.engine.spec import HORIZONS, HOUR, WARN, EngineSpec, SeriesSpec
from stressd.market.tick import BACKLOG, FIXING, Tick

H1: Final = 0
H5: Final = 1
H30: Final = 2
SESSION: Final = 3
DAILY: Final = 4
SPANS: Final = (12, 60, 360)
"""Slots of the three intraday horizons."""

LIVE: Final = "live"
"""Source of the fixings that the engine takes from live ticks, whichever feed they came from."""

LONGEST_GAP: Final = 14
"""Days between two fixings beyond which their difference is no daily move."""

OWN_FIXINGS: Final = 63
"""Live fixings after which a scale that was warmed in another convention is the feed's own."""

INFINITE: Final = 1e300


class SeriesState:
    """One series. y, t: last accepted value (percent) and its time (ns)."""

    __slots__ = (
        "active", "at", "bars", "block_slot", "block_z", "clock", "counts", "definitions", "duplicates", "fix_day",
        "fix_source", "fix_time", "fix_value", "fix_z", "fixings", "future", "future_tolerance", "id", "late", "levels", "market",
        "max_age", "needed", "open_day", "open_time", "open_value", "own_fixings", "provisional", "quiet", "records",
        "ref_times", "refs", "rejected", "ring", "scales", "sessions", "silences", "slot", "sources", "span_start", "spec",
        "step", "t", "ticks", "watches", "y",
    )  # fmt: skip

    def __init__(self, spec: SeriesSpec, engine: EngineSpec, clock: MarketClock) -> None:
        self.spec = spec
        self.id = spec.id
        self.market = spec.market
        self.clock = clock
        self.future_tolerance = engine.future_tolerance
        self.max_age = engine.max_age
        self.sources = Sources(spec.sources, engine.failover_after)
        self.ring = Ring()
        self.scales = [Scale(engine.horizons[name].half_life) for name in HORIZONS]
        self.needed = [engine.horizons[name].min_samples for name in HORIZONS]
        self.definitions = [_definition(name, engine.horizons[name].half_life) for name in HORIZONS]
        self.refs: list[float] = [math.nan] * len(HORIZONS)
        self.ref_times: list[int] = [0] * len(HORIZONS)
        self.bars: list[float] = [INFINITE] * len(HORIZONS)
        self.records = Records()
        self.watches: list[SigmaWatch] = []
        for rule in engine.sigma_rules:
            if spec.id in rule.series:
                self.watches.extend(SigmaWatch(rule, HORIZONS.index(name), name) for name in rule.horizons)
        self.levels = [LevelWatch(rule, spec.id, spec.market) for rule in engine.level_rules if spec.id in rule.series]
        self.silences = [
            SilenceWatch(rule, spec.id, spec.market, clock.calendar) for rule in engine.silence_rules if spec.id in rule.series
        ]
        self.quiet = False
        self.provisional = ""
        self.y = 0.0
        self.t = 0
        self.at = 0
        self.slot = 0
        self.span_start = 0
        self.step = PRIOR_STEP
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
        self.block_slot = 0
        self.block_z = math.nan
        self.active = 0
        self.ticks = 0
        self.duplicates = 0
        self.late = 0
        self.rejected = 0
        self.future = 0

    # --- the path of a tick -------------------------------------------------------------------------------------------

    def on_tick(self, tick: Tick, at: int, out: list[Event]) -> None:
        """Take in one tick that is no fixing; `at` is the engine's clock."""
        t = tick.time
        y = tick.value
        if t > tick.received + self.future_tolerance:
            t = tick.received
            self.future += 1
        gate = self.sources.active
        if gate is None or tick.source != gate.name:
            gate = self.sources.named(tick.source)
            if gate is not self.sources.active:
                if not self._stand_by(gate, t, y, at, out):
                    return
        if gate.repeated(t, y) or (t == self.t and y == self.y):
            self.duplicates += 1
            return
        if t < self.t:
            self.late += 1
            return
        passed = t - self.t
        if passed < SHORTEST:
            passed = SHORTEST
        elif passed > LONGEST:
            passed = LONGEST
        limit = REACH * self.step * math.sqrt(passed) + FLOOR
        if self.t == 0 or abs(y - self.y) > limit:
            if not gate.confirmed(t, y, limit) and not self.sources.confirm(t, y, limit):
                return
        elif gate.pending_time != 0:
            gate.pending_time = 0
            self.rejected += 1
        self._accept(t, y, at, tick.flags & BACKLOG == 0 and tick.received - t <= self.max_age, out)

    def _accept(self, t: int, y: float, at: int, fresh: bool, out: list[Event]) -> None:
        clock = self.clock
        if not clock.start <= t < clock.end:
            clock.move(t)
        if clock.start != self.span_start:
            self._enter_span(t, y)
        slot = t // SLOT
        if slot != self.slot:
            self._roll(slot)
        self.ring.put(slot, y, t)
        self.t = t
        self.y = y
        self.at = at
        self.ticks += 1
        for silence in self.silences:
            said = silence.tick(at, t)
            if said is not None:
                out.append(said)
        if self.quiet:
            fresh = False
        if self.levels:
            self._levels(t, y, at, LIVE, fresh, out)
        if not fresh:
            return
        refs = self.refs
        bars = self.bars
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
        self.span_start = clock.start
        for h in (H1, H5, H30):
            self.refs[h] = math.nan
        if not clock.is_open:
            self.refs[SESSION] = math.nan
            return
        if clock.day != self.open_day:
            if self.open_value == self.open_value:
                self.sessions += 1
                self.scales[SESSION].learn((self.y - self.open_value) * 100.0, self.sessions)
                self._set_bar(SESSION)
            self.open_day = clock.day
            self.open_value = y
            self.open_time = t
        self.refs[SESSION] = self.open_value
        self.ref_times[SESSION] = self.open_time

    def _roll(self, slot: int) -> None:
        """The clock has reached another slot: learn from the blocks that ended, and look up the references anew."""
        old = self.slot
        self.slot = slot
        if not self.clock.is_open:
            return
        earliest = -(-self.span_start // SLOT)
        for h in (H1, H5, H30):
            span = SPANS[h]
            if slot // span != old // span:
                self._learn(h, slot // span * span, earliest)
            k = self.ring.find(slot - span, earliest)
            if k < 0:
                self.refs[h] = math.nan
            else:
                self.refs[h] = self.ring.values[k]
                self.ref_times[h] = self.ring.times[k]

    def _learn(self, h: int, boundary: int, earliest: int) -> None:
        """Take in the move of the block that ended at the slot `boundary`, if both of its ends were seen."""
        last = self.ring.find(boundary - 1, earliest)
        first = self.ring.find(boundary - 1 - SPANS[h], earliest)
        if last < 0 or first < 0:
            return
        scale = self.scales[h]
        move = (self.ring.values[last] - self.ring.values[first]) * 100.0
        if h == H5 and scale.count() >= self.needed[h] and scale.sigma > 0.0:
            self.block_slot = boundary
            self.block_z = move / scale.sigma
        scale.learn(move, self.clock.open_time(max(boundary * SLOT, self.clock.start)))
        self._set_bar(h)
        if h == H1 and scale.count() >= self.needed[h]:
            self.step = max(scale.sigma, 0.1) * 0.01 / math.sqrt(60.0 * 1e9)

    def _set_bar(self, h: int) -> None:
        """The least move (percent) over horizon h that any rule could want to hear of."""
        least = INFINITE
        scale = self.scales[h]
        if scale.count() >= self.needed[h]:
            for watch in self.watches:
                if watch.horizon == h:
                    least = min(least, watch.bar_bp(scale.sigma) * 0.01 - 1e-11)
        self.bars[h] = least

    # --- sigma --------------------------------------------------------------------------------------------------------

    def _evaluate(self, t: int, y: float, at: int, out: list[Event]) -> None:
        for watch in self.watches:
            h = watch.horizon
            reference = self.refs[h]
            scale = self.scales[h]
            if reference != reference or scale.count() < self.needed[h] or scale.sigma <= 0.0:
                continue
            move = (y - reference) * 100.0
            self._offer(watch, move / scale.sigma, move, t, y, reference, self.ref_times[h], at, False, LIVE, out)
            if watch.direction != 0 and h != DAILY and watch.settle(move / scale.sigma, t) == SAYS_LEFT:
                self._say(watch, LEFT, move / scale.sigma, t, y, reference, self.ref_times[h], at, False, LIVE, out)

    def _offer(
        self, watch: SigmaWatch, z: float, move: float, t: int, y: float, reference: float, reference_time: int, at: int,
        fixing: bool, source: str, out: list[Event],
    ) -> None:  # fmt: skip
        if watch.direction != 0 and move * watch.direction < 0.0 and watch.rung(abs(z)) >= 0 and abs(move) >= watch.floor_bp:
            self._say(watch, LEFT, z, t, y, reference, reference_time, at, fixing, source, out)
        said = watch.offer(z, move)
        if said == SAYS_ENTERED:
            self.active += 1
            self._say(watch, ENTERED, z, t, y, reference, reference_time, at, fixing, source, out)
        elif said == SAYS_RAISED:
            self._say(watch, RAISED, z, t, y, reference, reference_time, at, fixing, source, out)
        elif said == SAYS_PEAKED:
            self._say(watch, PEAKED, z, t, y, reference, reference_time, at, fixing, source, out)

    def _say(
        self, watch: SigmaWatch, phase: str, z: float, t: int, y: float, reference: float, reference_time: int, at: int,
        fixing: bool, source: str, out: list[Event],
    ) -> None:  # fmt: skip
        h = watch.horizon
        standing: Standing | None = None
        if h == DAILY and phase != LEFT:
            standing = self.records.standing((y - reference) * 100.0, z, watch.threshold(), y, source)
        out.append(
            Breach(
                at, t, watch.rule, self.market, watch.direction, phase, self.id, HORIZONS[h], watch.severity, y, reference,
                reference_time, z, self.scales[h].sigma, watch.threshold(), self.definitions[h], self.provisional, fixing,
                source if fixing and source != LIVE else self.source_name(), standing,
            )  # fmt: skip
        )
        if phase == LEFT:
            watch.reset()
            self.active -= 1

    # --- fixings ------------------------------------------------------------------------------------------------------

    def on_fixing(self, tick: Tick, at: int, out: list[Event]) -> bool:
        """Take in an official fixing. Whether it was new."""
        if tick.time <= self.fix_time and tick.source == self.fix_source:
            self.late += 1
            return False
        self.ticks += 1
        day = self.clock.local_day(tick.time)
        if self.levels:
            self._levels(tick.time, tick.value, at, tick.source, not self.quiet and tick.flags & BACKLOG == 0, out)
        self._fix(day, tick.value, tick.time, tick.source, at, tick.flags & BACKLOG == 0, out)
        return True

    def live_fixing(self, time: int, day: int, at: int, out: list[Event]) -> bool:
        """The market's fixing time has come: the last live value of the day is the series' own fixing. Whether there was one."""
        if self.open_day != day or self.t < self.open_time or self.t > time + self.future_tolerance or self.t == 0:
            return False
        self.own_fixings += 1
        if self.own_fixings >= OWN_FIXINGS:
            self.provisional = ""
        self._fix(day, self.y, time, LIVE, at, True, out)
        self.refs[DAILY] = self.fix_value
        self.ref_times[DAILY] = self.fix_time
        return True

    def _fix(self, day: int, y: float, time: int, source: str, at: int, fresh: bool, out: list[Event]) -> None:
        scale = self.scales[DAILY]
        self.fixings += 1
        move = math.nan
        z = math.nan
        if self.fix_source == source and 0 < day - self.fix_day <= LONGEST_GAP:
            move = (y - self.fix_value) * 100.0
            if scale.count() >= self.needed[DAILY] and scale.sigma > 0.0:
                z = move / scale.sigma
                if fresh and not self.quiet:
                    self._judge_fixing(z, move, time, y, at, source, out)
            scale.learn(move, self.fixings)
            self._set_bar(DAILY)
        self.records.observe(day, move, z, y, source)
        self.fix_z = z
        self.fix_value = y
        self.fix_time = time
        self.fix_day = day
        self.fix_source = source

    def _judge_fixing(self, z: float, move: float, time: int, y: float, at: int, source: str, out: list[Event]) -> None:
        """A quiet fixing ends a 1d breach; one that is not quiet enters, raises or peaks."""
        for watch in self.watches:
            if watch.horizon != DAILY:
                continue
            if watch.direction != 0 and z * watch.direction < watch.exit:
                self._say(watch, LEFT, z, time, y, self.fix_value, self.fix_time, at, True, source, out)
            self._offer(watch, z, move, time, y, self.fix_value, self.fix_time, at, True, source, out)

    # --- levels and sources -------------------------------------------------------------------------------------------

    def _levels(self, t: int, y: float, at: int, source: str, fresh: bool, out: list[Event]) -> None:
        for level in self.levels:
            out.extend(level.update(at, t, y, source, fresh, self.clock.local_day(t)))

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
        self._rebase(offset)
        assert old is not None
        back = gate.rank == 0
        text = f"{self.id} is taken from {gate.name} {'again' if back else f'since {old.name} went quiet'}"
        phase = LEFT if back else ENTERED
        if not self.quiet:
            out.append(FeedNote(at, t, "failed-over", self.market, phase, "failed over", self.id, gate.name, WARN, text))
        return True

    def _rebase(self, offset: float) -> None:
        """Put what is remembered into the terms of another source, whose values lie `offset` (percent) higher."""
        if offset == offset:
            self.ring.shift(offset)
            self.y += offset
            self.open_value += offset
            if self.fix_source == LIVE:
                self.fix_value += offset
            for h in range(len(self.refs)):
                self.refs[h] += offset
        else:
            self.ring.clear()
            self.t = 0
            self.open_value = math.nan
            self.open_day = 0
            self.span_start = 0
            if self.fix_source == LIVE:
                self.fix_source = ""
            for h in range(len(self.refs)):
                self.refs[h] = math.nan
        for level in self.levels:
            if offset == offset:
                level.rebase(offset)
            else:
                level.restart()

    def source_name(self) -> str:
        """Name of the active source."""
        return self.sources.active.name if self.sources.active is not None else ""

    # --- state --------------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Everything that changes, as plain values."""
        return {
            "numbers": [
                self.y, self.t, self.at, self.slot, self.span_start, self.step, self.open_day, _plain(self.open_value), self.open_time,
                self.sessions, _plain(self.fix_value), self.fix_time, self.fix_day, self.fixings, self.own_fixings, self.block_slot,
                _plain(self.block_z), self.ticks, self.duplicates, self.late, self.rejected, self.future, _plain(self.fix_z),
            ],
            "fix_source": self.fix_source,
            "provisional": self.provisional,
            "sources": self.sources.state(),
            "ring": self.ring.state(),
            "scales": {name: scale.state() for name, scale in zip(HORIZONS, self.scales, strict=True)},
            "refs": [_plain(reference) for reference in self.refs],
            "ref_times": list(self.ref_times),
            "records": self.records.state(),
            "watches": {f"{watch.rule} {HORIZONS[watch.horizon]}": watch.state() for watch in self.watches},
            "levels": {level.rule.name: level.state() for level in self.levels},
            "silences": {silence.rule.name: silence.state() for silence in self.silences},
        }  # fmt: skip

    def load(self, state: dict[str, Any]) -> None:
        """Take up where `state` left off; rules that it does not know start afresh."""
        n = state["numbers"]
        self.y, self.t, self.at, self.slot, self.span_start, self.step = float(n[0]), n[1], n[2], n[3], n[4], float(n[5])
        self.open_day, self.open_value, self.open_time, self.sessions = n[6], _number(n[7]), n[8], n[9]
        self.fix_value, self.fix_time, self.fix_day, self.fixings, self.own_fixings = _number(n[10]), n[11], n[12], n[13], n[14]
        self.block_slot, self.block_z, self.ticks, self.duplicates = n[15], _number(n[16]), n[17], n[18]
        self.late, self.rejected, self.future, self.fix_z = n[19], n[20], n[21], _number(n[22])
        self.fix_source = state["fix_source"]
        self.provisional = state["provisional"]
        self.sources.load(state["sources"])
        self.ring.load(state["ring"])
        for name, scale in zip(HORIZONS, self.scales, strict=True):
            scale.load(state["scales"][name])
        self.refs = [_number(reference) for reference in state["refs"]]
        self.ref_times = [int(time) for time in state["ref_times"]]
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
        self.active = sum(1 for watch in self.watches if watch.direction != 0)
        for h in range(len(HORIZONS)):
            self._set_bar(h)


def _plain(x: float) -> float | None:
    """nan has no place in JSON."""
    return x if x == x else None


def _number(x: float | None) -> float:
    return math.nan if x is None else float(x)


def _definition(horizon: str, half_life: float) -> str:
    if horizon in ("session", "1d"):
        return f"robust, {half_life:g} sessions"
    return f"robust, {half_life / HOUR:g} h of trading"
