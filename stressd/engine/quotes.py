"""Two-sided quotes of one source: what is dirt in them, how wide they are, and how much of the session they are there.

Spreads are weighted by the open time for which they stood, not by how often they were sent. Of the spreads only a
decayed histogram in their logarithm is kept: median and widest tenth are read from it.
"""

from __future__ import annotations

import math
from typing import Any, Final

from stressd.engine.clock import MarketClock
from stressd.engine.spec import HOUR, MINUTE

HALF_LIFE: Final = 4.0 * HOUR
"""ns of open time, of the mean spread."""

MEMORY: Final = 20.0 * HOUR
"""ns of open time, half-life of the histogram: two to three sessions."""

SESSIONS: Final = math.pow(2.0, -1.0 / 20.0)
"""Decay per session of the presence of the sessions before."""

LIVE_FOR: Final = 5 * MINUTE
"""ns of open time for which a quote stands that nothing replaces."""

WIDE: Final = 5.0
"""Medians from which a quote is absurdly wide."""

LEAST_WIDE: Final = 0.5
"""bp. No narrower quote is ever called wide."""

WIDE_FOR: Final = 1 * MINUTE
"""ns without any other quote after which wide ones are how the market is."""

SAME: Final = 1e-7
"""bp by which two spreads differ at most that are one: they are differences of rounded decimals."""

TOGETHER: Final = 1 * MINUTE
"""ns for which quotes of one spread are counted as one at most."""

LOOKS: Final = 64
"""Quotes between two looks at the median; before the first, none is called wide."""

TENTH: Final = 0.1
BINS: Final = 96
FIRST: Final = 0.002
STEP: Final = math.log(1.15)
"""Bins of a factor 1.15 from 0.002 bp to 1,200 bp."""

GROWN: Final = 1e30
SIDES: Final = 1_000


QuoteFigures = tuple[float | None, float | None, float | None, float | None]


def known(x: float) -> float | None:
    """x, None for nan."""
    return x if x == x else None


class Quotes:
    """spread: of the quote that stands, bp, nan for none; time: when it came. crossed, wide: quotes of that kind so
    far."""

    __slots__ = (
        "_bins", "_counted", "_day", "_down", "_growth", "_kept", "_limit", "_mean", "_opened", "_present", "_share",
        "_since", "_sizes", "_up", "_weight", "crossed", "spread", "time", "wide",
    )  # fmt: skip

    def __init__(self) -> None:
        self.spread = math.nan
        self.time = 0
        self.crossed = 0
        self.wide = 0
        self._since = 0
        self._up = 0
        self._down = 0
        self._limit = math.inf
        self._counted = 0
        self._mean = 0.0
        self._weight = 0.0
        self._bins: list[float] = [0.0] * BINS
        self._sizes: list[float] = [0.0] * BINS
        self._growth = 1.0
        self._day = 0
        self._opened = 0
        self._present = 0
        self._share = 0.0
        self._kept = 0.0

    def refuses(self, gap: float, middle: bool, value: float, last: float, t: int) -> bool:
        """Whether the value (percent) that came with a quote of ask - bid = gap (percent) is dirt.

        A yield's bid usually lies above its ask, a price's below: the side on which most quotes lie is the right one,
        the others are crossed, and leave the quote before them standing. An absurdly wide quote around the last value
        says nothing new. middle: the value is that of bid and ask, otherwise it stands by itself and is believed.
        """
        if gap > 0.0:
            self._up += 1
        elif gap < 0.0:
            self._down += 1
        if self._up + self._down > SIDES:
            self._up //= 2
            self._down //= 2
        size = gap if self._up >= self._down else -gap
        if size < 0.0:
            self.crossed += 1
            return middle
        if size * 100.0 > self._limit and abs(value - last) <= 0.5 * size and t - self.time <= WIDE_FOR:
            self.wide += 1
            return middle
        return False

    def stand(self, t: int, gap: float, clock: MarketClock) -> None:
        """From t on a quote of ask - bid = gap (percent) stands; nan: none does. What stood until then is counted."""
        if t < self.time:
            return
        if (
            abs(gap * 100.0) - SAME < self.spread < abs(gap * 100.0) + SAME
            and t - self.time < LIVE_FOR
            and t - self._since < TOGETHER
            and clock.start <= self._since
            and t < clock.end
            and self._counted < LOOKS - 1
        ):
            self._counted += 1
            self.time = t
            return
        clock.move(t)
        if clock.day != self._day:
            self._end_session(clock)
            self._day = clock.day
            self._opened = clock.calendar.session_at(t).open
        spread = self.spread
        if spread == spread:
            passed = self._stood(t, clock)
            if passed > 0:
                self._count(spread, passed)
        if gap == gap:
            self.spread = abs(gap) * 100.0
            self.time = t
            self._since = t
        else:
            self.spread = math.nan

    def _stood(self, t: int, clock: MarketClock) -> int:
        """ns of open time, in the session that is under way, for which the present quote has stood up to t."""
        if clock.is_open and clock.start <= self._since and t < clock.end:
            return self.time - self._since + min(t - self.time, LIVE_FOR)
        calendar = clock.calendar
        begun, last = max(self._since, self._opened), max(self.time, self._opened)
        return calendar.open_between(begun, last) + min(calendar.open_between(last, t), LIVE_FOR)

    def _count(self, spread: float, passed: int) -> None:
        self._present += passed
        # Not 1 - 2^-x, which loses a short time altogether.
        new = -math.expm1(-math.log(2.0) * passed / HALF_LIFE)
        self._mean += new * (spread - self._mean)
        self._weight += new * (1.0 - self._weight)
        k = 0
        if spread > FIRST:
            k = int(math.log(spread / FIRST) / STEP)
            if k >= BINS:
                k = BINS - 1
        self._growth *= math.pow(2.0, passed / MEMORY)
        weight = passed * self._growth
        self._bins[k] += weight
        self._sizes[k] += weight * spread
        if self._growth > GROWN:
            for k in range(BINS):
                self._bins[k] /= GROWN
                self._sizes[k] /= GROWN
            self._growth /= GROWN
        self._counted += 1
        if self._counted >= LOOKS:
            self._counted = 0
            self._limit = max(WIDE * self.median(), LEAST_WIDE)

    def _end_session(self, clock: MarketClock) -> None:
        if self._day != 0:
            session = clock.calendar.session_at(self._opened)
            whole = clock.calendar.open_between(session.open, session.close)
            if whole > 0:
                self._share = SESSIONS * self._share + self._present / whole
                self._kept = SESSIONS * self._kept + 1.0
        self._present = 0

    # --- what it says -------------------------------------------------------------------------------------------------

    def mean(self) -> float:
        """Mean spread in bp, nan before the first."""
        return self._mean / self._weight if self._weight > 0.0 else math.nan

    def median(self) -> float:
        """Median spread in bp, within the width of a bin; nan before the first."""
        total = math.fsum(self._bins)
        passed = 0.0
        for k in range(BINS):
            passed += self._bins[k]
            if self._bins[k] > 0.0 and passed >= 0.5 * total:
                return self._sizes[k] / self._bins[k]
        return math.nan

    def widest(self) -> float:
        """Mean in bp of the tenth of the time in which the spread was widest; nan before the first."""
        left = TENTH * math.fsum(self._bins)
        if not left > 0.0:
            return math.nan
        whole = left
        found = 0.0
        for k in range(BINS - 1, -1, -1):
            weight = self._bins[k]
            if weight <= 0.0:
                continue
            used = weight if weight < left else left
            found += used * self._sizes[k] / weight
            left -= used
            if left <= 0.0:
                break
        return found / (whole - max(left, 0.0))

    def presence(self, t: int, clock: MarketClock) -> float:
        """Share of this session's open time up to t with a two-sided quote, nan before its open."""
        calendar = clock.calendar
        if self._day == 0 or calendar.span_at(t).day != self._day:
            return math.nan
        opened = calendar.open_between(self._opened, t)
        if opened <= 0:
            return math.nan
        present = self._present
        if self.spread == self.spread:
            present += self._stood(t, clock)
        return min(present / opened, 1.0)

    def usual_presence(self) -> float:
        """The same, a decayed mean over the sessions before; nan before the first is over."""
        return self._share / self._kept if self._kept > 0.0 else math.nan

    def figures(self, t: int, clock: MarketClock) -> QuoteFigures:
        """Spread now, its mean, the mean of the widest tenth (bp) and the presence so far, None for what is not
        known."""
        return (known(self.spread), known(self.mean()), known(self.widest()), known(self.presence(t, clock)))

    # --- state --------------------------------------------------------------------------------------------------------

    def state(self) -> list[Any]:
        """Everything, as plain values."""
        return [
            None if self.spread != self.spread else self.spread,
            None if self._limit == math.inf else self._limit,
            [self.time, self._since, self.crossed, self.wide, self._up, self._down, self._counted],
            [self._mean, self._weight, self._growth],
            [self._day, self._opened, self._present, self._share, self._kept],
            list(self._bins),
            list(self._sizes),
        ]

    def load(self, state: list[Any]) -> None:
        """Take up where `state` left off."""
        self.spread = math.nan if state[0] is None else float(state[0])
        self._limit = math.inf if state[1] is None else float(state[1])
        counts = [int(x) for x in state[2]]
        self.time, self._since, self.crossed, self.wide, self._up, self._down, self._counted = counts
        self._mean, self._weight, self._growth = (float(x) for x in state[3])
        self._day, self._opened, self._present = int(state[4][0]), int(state[4][1]), int(state[4][2])
        self._share, self._kept = float(state[4][3]), float(state[4][4])
        self._bins = [float(x) for x in state[5]]
        self._sizes = [float(x) for x in state[6]]
