"""The horizons of one series, and what they share: the ring of the last hour, volatility, and the blocks of the day.

The references and sigmas of the intraday horizons are made anew every five seconds, not at every tick; with the least
move that any rule could want to hear of beside them, a quiet tick costs one comparison a horizon.
"""

from __future__ import annotations

import math
from typing import Any, Final

from stressd.engine.agenda import MarketAgenda
from stressd.engine.clock import MarketClock
from stressd.engine.diurnal import BIN_SECONDS, BINS
from stressd.engine.gate import PRIOR_STEP
from stressd.engine.horizon import DAILY, GAP, H1, H5, H30, SESSION, SESSIONS_A_YEAR, SPANS, Horizon
from stressd.engine.moments import Scale
from stressd.engine.plain import number, plain
from stressd.engine.ring import SLOT, Ring
from stressd.engine.sigma import SigmaWatch
from stressd.engine.spec import HORIZONS, MINUTE, SECOND, HorizonSpec, WarmupSpec
from stressd.engine.today import Today
from stressd.engine.volatility import Volatility, gap_sigma, least_sigma, session_sigma, sigma_of

LEAST_STEP: Final = 0.1
"""bp a minute: the gate never believes a series to be quieter than this."""

SLOT_SPAN: Final = SLOT // SECOND
SLOT_SECONDS: Final = float(SLOT_SPAN)
LEAST_SESSION: Final = 1800.0
"""Seconds of business time that a session's move counts as at least: just after the open little has passed."""

TYPICAL_SESSION: Final = 8.0 * 3600.0
"""Seconds of business time of a session until one has been seen."""

AFTER_ALARM: Final = 30 * MINUTE
"""ns after an alarm over which the longest horizon still looks back on it."""

GAP_SHARE: Final = 0.35
"""Part of a day's variance that passes while the market is closed, until its own gaps are known."""


class Horizons:
    """h1 .. daily: the horizons; all: the same by number. volatility: what their sigma is made of. low, high: extremes
    (percent) of the slot that is under way. blocks: five-minute blocks seen; business: seconds of business time of the
    session; typical: of a usual one. step: percent per sqrt(ns), for the gate. block_slot, block_z: end (slot) of the
    last five-minute block and its move in sigma. gap_scale, gap_part: the scale that the last gap was judged by, and
    the part of its variance.
    """

    __slots__ = (
        "_agenda",
        "_alarmed",
        "_open",
        "_rated",
        "_thawed",
        "all",
        "block_slot",
        "block_z",
        "blocks",
        "business",
        "clock",
        "close_time",
        "close_value",
        "daily",
        "gap",
        "gap_part",
        "gap_scale",
        "h1",
        "h5",
        "h30",
        "high",
        "low",
        "ring",
        "session",
        "slot",
        "span_start",
        "step",
        "today",
        "typical",
        "volatility",
        "warmup",
    )  # fmt: skip

    def __init__(
        self, specs: dict[str, HorizonSpec], warmup: WarmupSpec, clock: MarketClock, watches: list[SigmaWatch],
        agenda: MarketAgenda,
    ) -> None:  # fmt: skip
        self.clock = clock
        self._agenda = agenda
        self.warmup = warmup
        self.ring = Ring()
        self.today = Today()
        self.volatility = Volatility()
        self.all = [Horizon(number, specs[name]) for number, name in enumerate(HORIZONS)]
        for watch in watches:
            self.all[watch.horizon].watches.append(watch)
        self.h1, self.h5, self.h30 = self.all[H1], self.all[H5], self.all[H30]
        self.session, self.gap, self.daily = self.all[SESSION], self.all[GAP], self.all[DAILY]
        self.slot = 0
        self.span_start = 0
        self._open = False
        self._rated = False
        self._thawed = 0
        self._alarmed = 0
        self.close_value = math.nan
        self.close_time = 0
        self.low = math.inf
        self.high = -math.inf
        self.blocks = 0
        self.business = 0.0
        self.typical = TYPICAL_SESSION
        self.step = PRIOR_STEP
        self.block_slot = 0
        self.block_z = math.nan
        self.gap_scale = self.gap.scale
        self.gap_part = 1.0

    def knows(self, h: int) -> bool:
        """Whether horizon h may alert: enough stands behind its sigma."""
        return self.all[h].known

    def put(self, slot: int, y: float, t: int) -> None:
        """A tick of the slot that is under way."""
        self.ring.put(slot, y, t)
        if y < self.low:
            self.low = y
        if y > self.high:
            self.high = y

    # --- time ---------------------------------------------------------------------------------------------------------

    def _number(self, slot: int) -> int:
        """Bin of the local day that a slot lies in."""
        return (slot * SLOT_SPAN + self.clock.offset) // BIN_SECONDS % BINS

    def close_span(self, y: float, t: int, calm: bool) -> None:
        """The span that held the last tick (y percent, t ns) is over."""
        self._fold(y, t)
        if not self._open or t < self.span_start:
            return
        self.close_value = y
        self.close_time = t
        calm = calm and self._agenda.factor_at(t) == 1.0
        self.volatility.minute(y, t, self._number(t // SLOT), self.span_start, calm)
        self._end_block(t)

    def enter_span(self, start: int, is_open: bool) -> None:
        """An open or closed span has begun: no intraday move reaches across its start."""
        self.span_start = start
        self._open = is_open
        self.slot = start // SLOT
        for horizon in (self.h1, self.h5, self.h30):
            horizon.ref = math.nan
        if is_open:
            self._measure(self.slot, self._number(self.slot))

    def thaw(self, t: int) -> None:
        """The feed had been frozen until t: what it showed is no value to measure an intraday move from."""
        self._thawed = t
        self.volatility.forget_level()
        for horizon in (self.h1, self.h5, self.h30):
            horizon.ref = math.nan

    def end_session(self, day: int) -> None:
        """The trading day `day` is over."""
        if self.business > 0.0:
            self.typical += 0.1 * (self.business - self.typical)
        self.business = 0.0
        volatility = self.volatility
        if self.daily.known:
            volatility.prior = (1.0 - GAP_SHARE) * self.daily.scale.sigma * self.daily.scale.sigma / self.typical
        volatility.day()
        session = self.session
        if session.block_max > 0.0:
            session.end_block(self.span_start, SESSIONS_A_YEAR, True)
        for horizon in (self.h1, self.h5, self.h30, session):
            horizon.end_session(day)

    def roll(self, slot: int, y: float, t: int, calm: bool) -> None:
        """The time has reached another slot; (y percent, t ns) is the last tick before. Learn from what has ended, and
        look up references and sigmas anew. calm: no breach is on."""
        old = self.slot
        self.slot = slot
        self._fold(y, t)
        if not self.clock.is_open:
            return
        start = self.span_start
        number = self._number(slot)
        earliest = -(-max(start, self._thawed) // SLOT)
        if slot // SPANS[H1] != old // SPANS[H1] and t >= start:
            calm = calm and self._agenda.factor_at(t) == 1.0
            self.volatility.minute(y, t, self._number(t // SLOT), start, calm)
            for h in (H1, H5, H30):
                span = SPANS[h]
                if slot // span != old // span:
                    self._learn_block(h, slot // span * span, earliest)
            if slot // SPANS[H5] != old // SPANS[H5]:
                self._end_block(t)
        self.business += self.volatility.diurnal.factors[number] * (slot - old) * SLOT_SECONDS
        self._look_up(self.h1, slot - SPANS[H1], earliest)
        self._look_up(self.h5, slot - SPANS[H5], earliest)
        self._look_up(self.h30, slot - SPANS[H30], earliest)
        if slot // SPANS[H1] != old // SPANS[H1]:
            self._measure(slot, number)

    def _look_up(self, horizon: Horizon, slot: int, earliest: int) -> None:
        """Reference of an intraday horizon, from the slot in which its move begins."""
        k = self.ring.find(slot, earliest)
        if k < 0:
            horizon.ref = math.nan
        else:
            horizon.ref = self.ring.values[k]
            horizon.ref_time = self.ring.times[k]

    def _measure(self, slot: int, number: int) -> None:
        """Sigmas and bars for the minute that begins with the slot, in bin `number` of the day."""
        volatility = self.volatility
        factors = volatility.diurnal.factors
        noise = volatility.noise
        for horizon in (self.h1, self.h5, self.h30):
            if horizon.known:
                span = SPANS[horizon.number]
                horizon.factor = 0.5 * (factors[number] + factors[self._number(slot - span)])
                horizon.least = least_sigma(horizon.scale.sigma, horizon.factor, noise.grid)
                seconds = span * SLOT_SECONDS
                horizon.sigma = sigma_of(volatility.rate, horizon.factor, seconds, noise.value, horizon.least)
                horizon.set_bar()
        session = self.session
        if session.known:
            slow, scale, business, typical = self.session_parts()
            session.factor = business
            session.least = least_sigma(0.0, 1.0, noise.grid)
            session.sigma = session_sigma(slow, scale, business, typical, noise.value, session.least)
            session.set_bar()
        self.daily.set_bar()

    def session_parts(self) -> tuple[float, float, float, float]:
        """Slow rate and scale of whole sessions (0 where they are not known), business time so far and of a session."""
        scale = self.session.scale
        return (
            self.volatility.slow if self._rated else 0.0,
            scale.sigma if scale.count() >= self.session.needed else 0.0,
            max(self.business, LEAST_SESSION),
            self.typical,
        )

    def _fold(self, y: float, t: int) -> None:
        """What the slot that has ended saw, the last of it y at t, goes into the blocks."""
        low, high = self.low, self.high
        if low <= high:
            if self._open:
                self.today.take(low, high, y, t)
            self.h1.fold(low, high)
            self.h5.fold(low, high)
            self.h30.fold(low, high)
            self.session.fold(low, high)
            self.daily.fold(low, high)
        self.low = math.inf
        self.high = -math.inf

    def _learn_block(self, h: int, boundary: int, earliest: int) -> None:
        """Take in the move of the block that ended at the slot `boundary`, if both of its ends were seen."""
        last = self.ring.find(boundary - 1, earliest)
        first = self.ring.find(boundary - 1 - SPANS[h], earliest)
        if last < 0 or first < 0:
            return
        move = (self.ring.values[last] - self.ring.values[first]) * 100.0
        horizon = self.all[h]
        if h == H5 and horizon.known and horizon.scale.sigma > 0.0:
            self.block_slot = boundary
            self.block_z = move / horizon.scale.sigma
        horizon.scale.learn(move, self.clock.open_time(max(boundary * SLOT, self.clock.start)))
        if h == H1 and horizon.scale.count() >= horizon.needed:
            self.step = max(horizon.scale.sigma, LEAST_STEP) * 0.01 / math.sqrt(60.0 * 1e9)

    def _end_block(self, t: int) -> None:
        """Five minutes of trading are over."""
        # a tail of ordinary times: what a scheduled event does is no part of it
        scheduled = self._agenda.factor_at(t) > 1.0
        if not scheduled:
            self.blocks += 1
        volatility = self.volatility
        warmup = self.warmup
        seen = volatility.bars >= warmup.bars and volatility.sessions + 1 >= warmup.sessions
        self._rated = seen and volatility.rate > 0.0
        live = volatility.sessions >= warmup.live_sessions and self.h5.tail.blocks >= warmup.live_blocks
        year = self.blocks_a_year(self.h5)
        if self.h1.alarmed() or self.h5.alarmed() or self.h30.alarmed():
            self._alarmed = t
        calm = t - self._alarmed > AFTER_ALARM
        for horizon in (self.h1, self.h5, self.h30):
            horizon.known = self._rated and horizon.scale.count() >= horizon.needed
            horizon.live = live
            horizon.end_block(t, year, calm, scheduled)
        session = self.session
        session.known = self._rated or (session.scale.sigma > 0.0 and session.scale.count() >= session.needed)
        session.live = live

    def blocks_a_year(self, horizon: Horizon) -> float:
        """Blocks of the horizon's tail in a year: of five minutes within the day, of a day across it."""
        if horizon.number > H30:
            return SESSIONS_A_YEAR
        return SESSIONS_A_YEAR * max(self.blocks, 1) / max(self.volatility.sessions, 1)

    def learn_session(self, move_bp: float, number: int) -> None:
        """Take in a session's move from open to close."""
        self.session.scale.learn(move_bp, number)

    def learn_day(self, move_bp: float, number: int) -> None:
        """Take in a move from fixing to fixing."""
        daily = self.daily
        daily.scale.learn(move_bp, number)
        daily.known = daily.scale.count() >= daily.needed and daily.scale.sigma > 0.0
        daily.sigma = daily.scale.sigma
        daily.live = daily.known
        daily.set_bar()

    # --- sources ------------------------------------------------------------------------------------------------------

    def shift(self, offset: float) -> None:
        """Put every level into the terms of another source, whose values lie `offset` (percent) higher."""
        self.ring.shift(offset)
        self.volatility.shift(offset)
        self.close_value += offset
        self.low += offset
        self.high += offset
        self.today.shift(offset)
        for horizon in self.all:
            horizon.ref += offset

    def forget_levels(self) -> None:
        """Another source has taken over and its offset is not known: no move can be measured across."""
        self.ring.clear()
        self.volatility.forget_level()
        self.today.forget()
        self.span_start = 0
        self._open = False
        self.close_value = math.nan
        self.low = math.inf
        self.high = -math.inf
        for horizon in self.all:
            horizon.ref = math.nan

    def state(self) -> dict[str, Any]:
        """Everything that changes, as plain values."""
        return {
            "slot": [self.slot, self.span_start, plain(self.low), plain(self.high)],
            "flags": [self._open, self._rated],
            "close": [plain(self.close_value), self.close_time],
            "step": self.step,
            "block": [self.block_slot, plain(self.block_z), self.blocks, self._alarmed, self._thawed],
            "business": [self.business, self.typical, self.gap_part],
            "ring": self.ring.state(),
            "today": self.today.state(),
            "volatility": self.volatility.state(),
            "horizons": {horizon.name: horizon.state() for horizon in self.all},
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up where `state` left off."""
        self.slot, self.span_start, low, high = state["slot"]
        self._open, self._rated = state["flags"]
        close, self.close_time = state["close"]
        self.close_value = number(close)
        self.low = math.inf if low is None else float(low)
        self.high = -math.inf if high is None else float(high)
        self.step = float(state["step"])
        self.block_slot, block_z, self.blocks, self._alarmed, self._thawed = state["block"]
        self.block_z = number(block_z)
        self.business, self.typical, self.gap_part = (float(x) for x in state["business"])
        self.ring.load(state["ring"])
        if "today" in state:
            self.today.load(state["today"])
        self.volatility.load(state["volatility"])
        for horizon in self.all:
            horizon.load(state["horizons"][horizon.name])

    def set_gap(self, scale: Scale, part: float, close: float, close_time: int) -> None:
        """The open has been measured: its gap from `close` is judged by so much of the variance of `scale`."""
        self.gap_scale = scale
        self.gap_part = part
        self.gap.sigma = gap_sigma(scale.moments.mean_square(), part)
        self.gap.ref = close
        self.gap.ref_time = close_time

    def set_bars(self) -> None:
        """Find every bar anew."""
        for horizon in self.all:
            horizon.set_bar()
