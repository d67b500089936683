"""Sudden moves of one market's gauge: what propagation is learned from, most of them far below any alert.

A pulse begins with the first tick whose move over a minute or five minutes is beyond a bar that ordinary times reach
once a day, so that a market's answer is seen long before it would be an alert of its own. It has settled when its
extreme stands and the level after it can be told. When it happened is told by its half-move time, at which the yield
was half-way from one level to the other: alarm times depend on bars, half-move times do not.
"""

from __future__ import annotations

import math
from typing import Any, Final

from stressd.engine.horizon import Horizon
from stressd.engine.ring import SLOT, SLOTS
from stressd.engine.series import SeriesState
from stressd.engine.spec import MINUTE, SECOND
from stressd.engine.tail import DROP, survival

LEAST_BAR: Final = 3.5
MOST_BAR: Final = 8.0
MOST_LARGE: Final = 10.0
"""Sigma that a pulse has at least; and beyond which every move is one, and a large one, however many there are."""

A_DAY: Final = 0.5
"""Pulses a session that ordinary times have on each of the two horizons."""

RAREST: Final = 0.01

LARGE: Final = 0.1
"""How much rarer a pulse is that others are put down to."""

SHAPES: Final = 10 * SECOND
STANDS: Final = 30 * SECOND
LONGEST: Final = 150 * SECOND
"""ns for which its extreme stands until a pulse has taken shape, and has settled; after the last it has in any case."""

AWAY: Final = 35 * SECOND
BEFORE: Final = 2 * MINUTE
AFTER: Final = 100 * SECOND
"""Levels before and after are means over the ticks from BEFORE to AWAY before the half-move and AWAY to AFTER after."""

BEGAN: Final = 1
SHAPED: Final = 2
SETTLED: Final = 4
MINUTE_PASSED: Final = 8


class Pulse:
    """One sudden move. Times ns UTC, levels percent, gap ns.

    onset: of the first tick beyond the bar; since: earlier ticks are no part of it. half: the half-move time, which
    lies between the ticks at half_low and half_high. base, top: levels before and after, bp between them, signed. z:
    |bp| in sigma of five minutes. gap: usual time between ticks. large: others are put down to it. opening: it lies in
    the first quarter of an hour of the market's session. parent: number of the pulse that it is put down to, 0 for
    none; source: that one's market; share: how surely; common: the markets that moved at the same time, as far as the
    ticks can tell, where that explains it.
    """

    __slots__ = (
        "base", "bp", "common", "gap", "half", "half_high", "half_low", "large", "market", "number", "onset", "opening",
        "parent", "settled", "share", "sign", "since", "source", "top", "z",
    )  # fmt: skip

    def __init__(self, number: int, market: str, sign: int, onset: int) -> None:
        self.number = number
        self.market = market
        self.sign = sign
        self.onset = onset
        self.since = onset - 7 * MINUTE
        self.half = onset
        self.half_low = onset
        self.half_high = onset
        self.base = 0.0
        self.top = 0.0
        self.bp = 0.0
        self.z = 0.0
        self.gap = 0
        self.large = False
        self.opening = False
        self.settled = False
        self.parent = 0
        self.source = ""
        self.share = 0.0
        self.common: list[str] = []

    def state(self) -> list[Any]:
        """Everything, as plain values."""
        return [
            self.number,
            self.market,
            self.sign,
            self.onset,
            [self.half, self.half_low, self.half_high, self.gap, self.since],
            [self.base, self.top, self.bp, self.z, self.share],
            [self.large, self.opening, self.settled],
            self.parent,
            self.source,
            list(self.common),
        ]


def load_pulse(state: list[Any]) -> Pulse:
    """The pulse of `Pulse.state`."""
    pulse = Pulse(int(state[0]), str(state[1]), int(state[2]), int(state[3]))
    pulse.half, pulse.half_low, pulse.half_high, pulse.gap, pulse.since = (int(x) for x in state[4])
    pulse.base, pulse.top, pulse.bp, pulse.z, pulse.share = (float(x) for x in state[5])
    pulse.large, pulse.opening, pulse.settled = (bool(x) for x in state[6])
    pulse.parent, pulse.source, pulse.common = int(state[7]), str(state[8]), [str(name) for name in state[9]]
    return pulse


class PulseWatch:
    """Finds the pulses of one gauge. active: the one under way; last: the one before it; gap: usual ns between ticks;
    late: late ticks seen."""

    __slots__ = (
        "_extreme", "_minute", "_sessions", "_settled", "_shaped", "_t", "_tail", "active", "bar1", "bar5", "gap",
        "large1", "large5", "last", "late",
    )  # fmt: skip

    def __init__(self) -> None:
        self._extreme = 0
        self._minute = 0
        self._sessions = -1
        self._settled = 0
        self._shaped = False
        self._t = 0
        self.active: Pulse | None = None
        self.last: Pulse | None = None
        self.bar1 = math.inf
        self.bar5 = math.inf
        self.large1 = math.inf
        self.large5 = math.inf
        self.gap = 5.0 * SECOND
        self._tail: list[float] = []
        self.late = 0

    def tick(self, state: SeriesState) -> int:
        """The gauge has taken in a tick: BEGAN (a pulse is to begin, see `begin`), SHAPED, SETTLED, MINUTE_PASSED,
        or'ed."""
        t, y = state.t, state.y
        found = 0
        passed = t - self._t
        self._t = t
        if 0 < passed < MINUTE:
            self.gap += 0.02 * (passed - self.gap)
        minute = t // MINUTE
        if minute != self._minute:
            self._minute = minute
            found = MINUTE_PASSED
        active = self.active
        if active is not None:
            if (y - active.top) * active.sign > 0.0:
                active.top = y
                self._extreme = t
            stands = t - self._extreme
            if (stands >= STANDS and t - active.half >= AFTER) or t - active.onset >= LONGEST:
                found |= SETTLED
            elif stands >= SHAPES and not self._shaped:
                self._shaped = True
                found |= SHAPED
            return found
        horizons = state.horizons
        h1, h5 = horizons.h1, horizons.h5
        far = abs(y - h1.ref) * 100.0 >= self.bar1 * h1.sigma or abs(y - h5.ref) * 100.0 >= self.bar5 * h5.sigma
        if far and (self._fresh(h1, self.bar1, y) or self._fresh(h5, self.bar5, y)):
            found |= BEGAN
        return found

    def _fresh(self, horizon: Horizon, bar: float, y: float) -> bool:
        """Whether the move over the horizon is beyond its bar, from where the last pulse ended if that is within it."""
        if not horizon.known or horizon.sigma <= 0.0 or horizon.ref != horizon.ref:
            return False
        reference = horizon.ref
        last = self.last
        if last is not None and horizon.ref_time < self._settled:
            reference = last.top
        return abs(y - reference) * 100.0 >= bar * horizon.sigma

    def learn_bars(self, state: SeriesState) -> None:
        """Once a session: where ordinary times' rarest move of a day lies."""
        sessions = state.horizons.volatility.sessions
        if sessions == self._sessions:
            return
        self._sessions = sessions
        blocks = max(state.horizons.blocks_a_year(state.horizons.h5) / 250.0, 1.0)
        q = A_DAY / blocks
        fit = state.horizons.h1.tail.fit(DROP, q)
        self.bar1, self.large1 = _held(fit.bar(q), MOST_BAR), _held(fit.bar(LARGE * q), MOST_LARGE)
        fit = state.horizons.h5.tail.fit(DROP, q)
        self._tail = fit.numbers()
        self.bar5, self.large5 = _held(fit.bar(q), MOST_BAR), _held(fit.bar(LARGE * q), MOST_LARGE)

    def rarity(self, z: float) -> float:
        """How much rarer than a pulse that just reaches its bar one of |z| is in ordinary times: 1 down to RAREST."""
        if not self._tail or z <= self.bar5:
            return 1.0
        t0, _, scale, shape = self._tail
        base = survival(max(self.bar5 - t0, 0.0), scale, shape)
        return max(survival(max(z - t0, 0.0), scale, shape) / base, RAREST) if base > 0.0 else RAREST

    def begin(self, state: SeriesState, number: int) -> Pulse:
        """The pulse that has begun with the tick that `tick` has just seen."""
        horizons = state.horizons
        quick = self._fresh(horizons.h1, self.bar1, state.y)
        horizon = horizons.h1 if quick else horizons.h5
        reference = horizon.ref
        if self.last is not None and horizon.ref_time < self._settled:
            reference = self.last.top
        pulse = Pulse(number, state.market, 1 if state.y > reference else -1, state.t)
        pulse.base, pulse.top = reference, state.y
        pulse.gap = int(self.gap)
        pulse.since = max(state.t - (3 if quick else 7) * MINUTE, self._settled)
        size = abs(state.y - reference) * 100.0 / horizon.sigma
        pulse.large = size >= (self.large1 if quick else self.large5)
        pulse.bp = (state.y - reference) * 100.0
        pulse.z = abs(pulse.bp) / horizons.h5.sigma if horizons.h5.sigma > 0.0 else 0.0
        self.active = pulse
        self._extreme = state.t
        self._shaped = False
        self.measure(pulse, state)
        return pulse

    def settle(self, state: SeriesState) -> Pulse:
        """The pulse under way is over."""
        pulse = self.active
        assert pulse is not None
        self.active = None
        self.last = pulse
        self._settled = state.t
        pulse.settled = True
        self.measure(pulse, state)
        horizons = state.horizons
        if horizons.h5.sigma > 0.0 and pulse.z >= self.large5:
            pulse.large = True
        return pulse

    def deadline(self) -> int:
        """When the pulse under way is over even if no tick comes (ns), 0 for none."""
        return self.active.onset + LONGEST if self.active is not None else 0

    def measure(self, pulse: Pulse, state: SeriesState) -> None:
        """Read levels, size and half-move time off the last hour's ticks, as far as they are known by now."""
        times: list[int] = []
        values: list[float] = []
        self._read(pulse, state, times, values)
        if len(times) < 2:
            return
        sign = pulse.sign
        high = 0
        for k in range(len(times)):
            if times[k] <= pulse.onset + LONGEST and (values[k] - values[high]) * sign > 0.0:
                high = k
        base, top = pulse.base, values[high]
        k = _crossing(values, high, 0.5 * (base + top), sign)
        if k < 0:
            return
        half = _between(times, values, k, 0.5 * (base + top))
        before = _mean(times, values, half - BEFORE, half - AWAY)
        after = _mean(times, values, half + AWAY, half + AFTER) if pulse.settled else math.nan
        base = before if before == before else base
        top = after if after == after and (after - base) * sign > 0.0 else top
        middle = 0.5 * (base + top)
        again = _crossing(values, high, middle, sign)
        if again >= 0:
            k = again
            half = _between(times, values, k, middle)
        pulse.half, pulse.half_low, pulse.half_high = half, times[k], times[k + 1]
        pulse.base, pulse.bp = base, (top - base) * 100.0
        if pulse.settled:
            pulse.top = values[high]
        sigma = state.horizons.h5.sigma
        pulse.z = abs(pulse.bp) / sigma if sigma > 0.0 else 0.0

    def _read(self, pulse: Pulse, state: SeriesState, times: list[int], values: list[float]) -> None:
        """The ticks around the pulse, one each five seconds, in order."""
        ring = state.horizons.ring
        first = max(pulse.since, state.horizons.span_start)
        last = min(state.t, pulse.onset + LONGEST + AFTER)
        for slot in range(max(first // SLOT, last // SLOT - SLOTS + 1), last // SLOT + 1):
            k = slot % SLOTS
            t = ring.times[k]
            if t // SLOT == slot and t >= first:
                times.append(t)
                values.append(ring.values[k])

    def state(self) -> list[Any]:
        """Everything that changes, as plain values."""
        bars = [self.bar1, self.bar5, self.large1, self.large5]
        return [
            [self._extreme, self._minute, self._sessions, self._t, int(self._shaped), self._settled],
            self.active.state() if self.active is not None else None,
            self.last.state() if self.last is not None else None,
            [bar if bar < math.inf else None for bar in bars],
            self.gap,
            list(self._tail),
        ]

    def load(self, state: list[Any]) -> None:
        """Take up where `state` left off."""
        self._extreme, self._minute, self._sessions, self._t = (int(x) for x in state[0][:4])
        self._shaped = state[0][4] != 0
        self._settled = int(state[0][5])
        self.active = load_pulse(state[1]) if state[1] is not None else None
        self.last = load_pulse(state[2]) if state[2] is not None else None
        self.bar1, self.bar5, self.large1, self.large5 = (math.inf if x is None else float(x) for x in state[3])
        self.gap = float(state[4])
        self._tail = [float(x) for x in state[5]]


def _held(bar: float, most: float) -> float:
    """The bar, between the least and the most that one may be."""
    return min(max(bar, LEAST_BAR), most)


def _crossing(values: list[float], high: int, level: float, sign: int) -> int:
    """Index of the last value before `high` that is short of the level, -1 where there is none."""
    k = high - 1
    while k >= 0 and (values[k] - level) * sign >= 0.0:
        k -= 1
    return k


def _between(times: list[int], values: list[float], k: int, level: float) -> int:
    """When the straight line from point k to the next one passes the level."""
    step = values[k + 1] - values[k]
    if step == 0.0:
        return times[k + 1]
    part = min(max((level - values[k]) / step, 0.0), 1.0)
    return times[k] + int(part * (times[k + 1] - times[k]))


def _mean(times: list[int], values: list[float], begin: int, end: int) -> float:
    """Mean of the values between two times, nan for none."""
    total = 0.0
    count = 0
    for k in range(len(times)):
        if begin <= times[k] <= end:
            total += values[k]
            count += 1
    return total / count if count > 0 else math.nan
