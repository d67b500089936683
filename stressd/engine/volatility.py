"""How fast a series moves now: a jump-robust variance rate in business time, and the noise of its quotes.

Each bar of about a minute gives a bipower product, (pi/2)|r_i||r_(i-1)| (Barndorff-Nielsen and Shephard 2004), which a
single jump cannot inflate. The rate is a ratio of decayed sums, sum of products over sum of business time, so that
irregular bars and the first hours need no correction. Business time runs with the shape of the day and stands still
while the market is closed: over a weekend nothing decays.
"""

from __future__ import annotations

import math
from typing import Any, Final

from stressd.engine.diurnal import Diurnal
from stressd.engine.moments import KAPPA, LEAST_SIGMA

HALF_PI: Final = math.pi / 2.0
FAST: Final = 3600.0
SLOW: Final = 50.0 * 3600.0
REFERENCE: Final = 630.0 * 3600.0
"""Half-lives in seconds of business time: an hour, five sessions of ten hours, 63 such sessions."""

CLIP_FAST: Final = 25.0
CLIP_SLOW: Final = 9.0
"""A bar enters with at most so many times its expected variance. While a breach is on, the fast rate is clipped like
the slow one: a jump must not raise the bar for the next."""

CLIP_FROM: Final = 20
"""Bars before clipping starts: earlier there is nothing to clip by."""

SLOW_SHARE: Final = 0.5
LEAST_SHARE: Final = 0.25
"""The rate never falls below this part of the slow one."""

LEAST_SIGNAL: Final = 0.05
"""Part of the raw rate that is left at least after the noise is taken off."""

LONGEST_BAR: Final = 300_000_000_000
SHORTEST_BAR: Final = 20_000_000_000
LONGEST_STEP: Final = 60_000_000_000
"""ns: a bar over a longer gap is not used; a shorter one is extended; steps between ticks further apart say nothing of
the noise."""

KNOWN_STEPS: Final = 200.0
LEAST_RUN: Final = 30
BY_CHANCE: Final = 1e-8
NEVER_FROZEN: Final = 1 << 60
"""Quotes that stand still for so long that this would not come by chance, given how often they do, were frozen."""

SAME: Final = 1e-6
"""bp: smaller steps are rounding."""

HALF: Final = 0.5
"""Part of the long-run sigma of its moves below which an intraday horizon's sigma never falls: quotes on a coarse grid
stand still between steps, and a rate of products of neighbours would call them dead."""

PRIOR_SESSIONS: Final = 10.0
"""Sessions that the series' own daily scale counts for while it has few of its own."""


class Rate:
    """A variance rate in bp^2 per second of business time, its weights halved every `half_life` seconds of it."""

    __slots__ = ("_half_life", "bars", "time", "variance")

    def __init__(self, half_life: float) -> None:
        self._half_life = half_life
        self.variance = 0.0
        self.time = 0.0
        self.bars = 0.0

    def learn(self, variance: float, seconds: float) -> None:
        """Take in a bar of so many seconds of business time."""
        decay = math.pow(2.0, -seconds / self._half_life)
        self.variance = decay * self.variance + variance
        self.time = decay * self.time + seconds
        self.bars = decay * self.bars + 1.0

    def value(self, noise: float) -> float:
        """The rate, the noise variance (bp^2) of both ends of every bar taken off."""
        if self.time <= 0.0:
            return 0.0
        raw = self.variance / self.time
        return max(raw - 2.0 * noise * self.bars / self.time, LEAST_SIGNAL * raw)

    def state(self) -> list[float]:
        """Everything that changes."""
        return [self.variance, self.time, self.bars]

    def load(self, state: list[float]) -> None:
        """Take up where `state` left off."""
        self.variance, self.time, self.bars = (float(x) for x in state)


class Noise:
    """Variance (bp^2) of what a quote adds to the yield: Roll (1984), minus the covariance of neighbouring steps, never
    below that of rounding to the smallest step seen."""

    __slots__ = (
        "_count", "_decayed", "_decayed_count", "_decayed_zeros", "_frozen_from", "_step", "_sum", "_zeros", "grid",
        "run", "value",
    )  # fmt: skip

    def __init__(self) -> None:
        self._sum = 0.0
        self._count = 0
        self._zeros = 0
        self._step = math.nan
        self._decayed = 0.0
        self._decayed_count = 0.0
        self._decayed_zeros = 0.0
        self._frozen_from = NEVER_FROZEN
        self.grid = math.inf
        self.run = 0
        self.value = 0.0

    def tick(self, step_bp: float, passed: int) -> bool:
        """A tick came `passed` ns after the one before and differs from it by `step_bp`. Whether it is the first that
        does so after the quotes stood still for longer than they ever would by chance: a feed that was frozen."""
        thawed = False
        if -SAME <= step_bp <= SAME:
            self.run += 1
            self._zeros += 1
        else:
            thawed = self.run >= self._frozen_from
            self.run = 0
            size = step_bp if step_bp >= 0.0 else -step_bp
            if size < self.grid:
                self.grid = size
        if passed >= LONGEST_STEP or thawed:
            self._step = math.nan
            return thawed
        if self._step == self._step:
            self._sum += step_bp * self._step
        self._count += 1
        self._step = step_bp
        return False

    def fold(self, seconds: float) -> None:
        """So much business time has passed: bring the estimate up to date."""
        decay = math.pow(2.0, -seconds / SLOW)
        self._decayed = decay * self._decayed + self._sum
        self._decayed_count = decay * self._decayed_count + self._count
        self._decayed_zeros = decay * self._decayed_zeros + self._zeros
        self._sum = 0.0
        self._count = 0
        self._zeros = 0
        if self.run == 0 and self._decayed_count >= KNOWN_STEPS:
            share = min((self._decayed_zeros + 1.0) / (self._decayed_count + 2.0), 0.999)
            self._frozen_from = max(int(math.log(BY_CHANCE) / math.log(share)) + 1, LEAST_RUN)
        rounding = self.grid * self.grid / 12.0 if self.grid < math.inf else 0.0
        found = -self._decayed / self._decayed_count if self._decayed_count > 0.0 else 0.0
        self.value = found if found > rounding else rounding

    def state(self) -> list[Any]:
        """Everything that changes, as plain values."""
        step = self._step if self._step == self._step else None
        grid = self.grid if self.grid < math.inf else None
        sums = [self._sum, self._count, self._zeros, self._decayed, self._decayed_count, self._decayed_zeros]
        return [sums, step, grid, self.run, self._frozen_from, self.value]

    def load(self, state: list[Any]) -> None:
        """Take up where `state` left off."""
        sums = state[0]
        self._sum, self._count, self._zeros = float(sums[0]), int(sums[1]), int(sums[2])
        self._decayed, self._decayed_count, self._decayed_zeros = float(sums[3]), float(sums[4]), float(sums[5])
        self._step = math.nan if state[1] is None else float(state[1])
        self.grid = math.inf if state[2] is None else float(state[2])
        self.run, self._frozen_from, self.value = int(state[3]), int(state[4]), float(state[5])


class Volatility:
    """Rates, noise and shape of the day of one series.

    rate: what sigma is made of now (bp^2 per second of business time); slow: its five-session part; bars: how many
    there were in all; sessions: days on which it had bars. prior: the rate that the series' daily scale speaks of.
    """

    __slots__ = (
        "_close", "_close_time", "_scaled", "bars", "diurnal", "fast_rate", "noise", "prior", "rate", "rates",
        "sessions", "slow",
    )  # fmt: skip

    def __init__(self) -> None:
        self.rates = [Rate(FAST), Rate(SLOW), Rate(REFERENCE)]
        self.noise = Noise()
        self.diurnal = Diurnal()
        self._close = 0.0
        self._close_time = 0
        self._scaled = math.nan
        self.bars = 0
        self.sessions = 0
        self.prior = 0.0
        self.rate = 0.0
        self.fast_rate = 0.0
        self.slow = 0.0

    def minute(self, y: float, t: int, number: int, span_start: int, calm: bool) -> None:
        """A minute is over whose last tick was (y percent, t ns), in bin `number` of the day. calm: no breach is on."""
        passed = t - self._close_time
        if self._close_time < span_start or passed > LONGEST_BAR:
            self._close = y
            self._close_time = t
            self._scaled = math.nan
            return
        if passed < SHORTEST_BAR:
            return
        seconds = passed / 1e9
        business = self.diurnal.factors[number] * seconds
        scaled = (y - self._close) * 100.0 / math.sqrt(business)
        if self._scaled == self._scaled:
            self._learn(HALF_PI * abs(scaled * self._scaled) * business, business, seconds, number, calm)
        self._scaled = scaled
        self._close = y
        self._close_time = t

    def _learn(self, variance: float, business: float, seconds: float, number: int, calm: bool) -> None:
        self.bars += 1
        noise = self.noise.value
        expected = self.rate * business + 2.0 * noise
        fast = slow = variance
        if self.bars > CLIP_FROM:
            fast = min(variance, (CLIP_FAST if calm else CLIP_SLOW) * expected)
            slow = min(variance, CLIP_SLOW * (self.slow * business + 2.0 * noise))
        self.rates[0].learn(fast, business)
        self.rates[1].learn(slow, business)
        self.rates[2].learn(slow, business)
        self.noise.fold(business)
        self.diurnal.learn(number, max(variance - 2.0 * noise, 0.0), seconds, self.slow)
        self._update()

    def _update(self) -> None:
        noise = self.noise.value
        self.fast_rate = self.rates[0].value(noise)
        self.slow = self.rates[1].value(noise)
        if self.prior > 0.0:
            self.slow = shrunk(self.slow, self.prior, float(self.sessions))
        self.rate = blended(self.fast_rate, self.slow)

    def forget_level(self) -> None:
        """Values have another origin from here on: no bar reaches across."""
        self._close_time = 0
        self._scaled = math.nan

    def shift(self, offset: float) -> None:
        """Every value lies `offset` (percent) higher from now on."""
        self._close += offset

    def day(self) -> None:
        """Another trading day begins."""
        self.diurnal.close(self.slow)
        self.diurnal.publish()
        if self.bars > 0:
            self.sessions += 1

    def reference_sigma(self, business: float) -> float:
        """The long-run sigma (bp) of a move over so much business time."""
        noise = self.noise.value
        return math.sqrt(self.rates[2].value(noise) * business + 2.0 * noise)

    def state(self) -> dict[str, Any]:
        """Everything that changes, as plain values."""
        scaled = self._scaled if self._scaled == self._scaled else None
        return {
            "bar": [self._close, self._close_time, scaled],
            "counts": [self.bars, self.sessions],
            "prior": self.prior,
            "rates": [rate.state() for rate in self.rates],
            "now": [self.rate, self.fast_rate, self.slow],
            "noise": self.noise.state(),
            "diurnal": self.diurnal.state(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up where `state` left off."""
        close, self._close_time, scaled = state["bar"]
        self._close = float(close)
        self._scaled = math.nan if scaled is None else float(scaled)
        self.bars, self.sessions = state["counts"]
        self.prior = float(state["prior"])
        for rate, kept in zip(self.rates, state["rates"], strict=True):
            rate.load(kept)
        self.rate, self.fast_rate, self.slow = (float(x) for x in state["now"])
        self.noise.load(state["noise"])
        self.diurnal.load(state["diurnal"])


def shrunk(rate: float, prior: float, sessions: float) -> float:
    """A rate that few sessions speak for, drawn to the prior as by ten sessions of it."""
    return (sessions * rate + PRIOR_SESSIONS * prior) / (sessions + PRIOR_SESSIONS)


def blended(fast: float, slow: float) -> float:
    """Half of the last hour, half of the last sessions, and never below a quarter of the latter."""
    return max(SLOW_SHARE * slow + (1.0 - SLOW_SHARE) * fast, LEAST_SHARE * slow)


def sigma_of(rate: float, factor: float, seconds: float, noise: float, least: float) -> float:
    """Sigma (bp) of a move over `seconds` at a rate, with the day's factor over them and the noise of both ends."""
    return max(math.sqrt(rate * factor * seconds + 2.0 * noise), least)


def session_sigma(slow: float, scale: float, business: float, typical: float, noise: float, least: float) -> float:
    """Sigma (bp) of the move since the open after so much business time: half of what the last sessions' rate says of
    it, half of what past sessions' moves say, whose whole sessions were `typical`; the one alone where the other is 0.
    """
    by_rate = slow * business
    by_moves = scale * scale * business / typical
    both = by_rate > 0.0 and by_moves > 0.0
    return max(math.sqrt((0.5 * (by_rate + by_moves) if both else by_rate + by_moves) + 2.0 * noise), least)


def least_sigma(scale: float, factor: float, grid: float) -> float:
    """bp below which sigma never falls: half a step of the quotes' grid, half of the horizon's long-run sigma."""
    least = max(LEAST_SIGMA, 0.5 * grid if grid < math.inf else 0.0)
    return max(least, HALF * scale * math.sqrt(factor))


def gap_sigma(mean_square: float, part: float) -> float:
    """bp: of a gap that has so much of the variance of the moves behind `mean_square`."""
    return math.sqrt(part * KAPPA * mean_square)
