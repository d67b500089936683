"""Curve noise: how far a market's tenors lie off the smooth curve through them, updated with every tick.

The root mean square of the residuals in bp is the noise of Hu, Pan and Wang (2013), "Noise as information for
illiquidity": a parallel move or a smooth steepening leaves it where it was, a dislocated tenor raises it. A residual of
a tenor at an end of the curve is small because the fit follows that tenor; so what is told of a tenor is its distance
from the curve fitted without it.
"""

from __future__ import annotations

import math
from typing import Any, Final

from stressd.engine.curve_fit import Fit, fit
from stressd.engine.plain import number, plain
from stressd.engine.spec import MINUTE

FRESH: Final = 5 * MINUTE
"""ns after its last tick for which a tenor counts."""

EXACTLY: Final = 1024
"""Ticks after which the residuals are computed afresh, so that rounding does not add up."""

LEAST_FREE: Final = 0.05
"""Below this part of its own move in its residual nothing is told of a tenor: the others do not say where it should be.
"""

HALF_LIFE: Final = 2400.0
"""Of what is usual, in minutes of trading: about five sessions."""

NEEDED: Final = 120
"""Minutes of trading before what is usual is known."""

CLIP: Final = 3.0
LEAST_SPREAD: Final = 0.05
"""bp. Noise is never held to be steadier than this."""

FITS: Final = 64

NEARLY: Final = 0.97


class CurveNoise:
    """One market. bp: the noise over the tenors that are fresh, nan where these are too few. usual, spread: what it
    mostly is on this set of tenors, and by how much it mostly differs from that (bp), learned minute by minute.

    tenors are numbered as given, `used` are the numbers of the fresh ones in that order; values in bp.
    """

    __slots__ = (
        "_calm", "_decays", "_exact_in", "_fit", "_fits", "_learned", "_minute", "_oldest", "_residuals",
        "_usual_residuals", "_values", "_years", "bp", "minutes", "series", "spread", "times", "used", "usual",
    )  # fmt: skip

    def __init__(self, series: list[str], years: list[float], decays: tuple[float, float]) -> None:
        self.series = series
        self._years = years
        self._decays = decays
        self._values = [0.0] * len(series)
        self.times = [0] * len(series)
        self.used: list[int] = []
        self.bp = math.nan
        self._fit: Fit | None = None
        self._fits: dict[str, Fit | None] = {}
        self._residuals: list[float] = []
        self._exact_in = EXACTLY
        self._oldest = 0
        self._minute = 0
        self._learned: list[int] = []
        # All tenors as they stood when noise was last no more than usual.
        self._calm: list[float] = []
        self._usual_residuals: list[float] = []
        self.usual = math.nan
        self.spread = math.nan
        self.minutes = 0

    def note(self, tenor: int, t: int, value_percent: float, learns: bool) -> None:
        """A tenor has ticked, and nobody asks for the noise before the minute is over or `refresh` is called.
        learns: the market is open, and this is no old tick."""
        self._values[tenor] = value_percent * 100.0
        self.times[tenor] = t
        if learns and t // MINUTE != self._minute:
            self._minute = t // MINUTE
            self._choose(t)
            self._learn()

    def refresh(self) -> None:
        """Bring the noise up to the last tick."""
        last = max(self.times)
        if last != 0:
            self._choose(last)

    def on_tick(self, tenor: int, t: int, value_percent: float, learns: bool) -> None:
        """A tenor has ticked: the noise with it, at once. learns: as in `note`."""
        value = value_percent * 100.0
        change = value - self._values[tenor]
        known = self.times[tenor] != 0 and tenor in self.used
        self._values[tenor] = value
        self.times[tenor] = t
        if not known or t - self._oldest > FRESH:
            self._choose(t)
        elif self._fit is not None:
            self._move(self.used.index(tenor), change)
        if learns and t // MINUTE != self._minute:
            self._minute = t // MINUTE
            self._learn()

    def _move(self, k: int, change: float) -> None:
        """One tenor has moved: one column of M."""
        self._exact_in -= 1
        if self._exact_in <= 0:
            self._compute()
            return
        assert self._fit is not None
        row = self._fit.rows[k]
        residuals = self._residuals
        total = 0.0
        for i in range(len(residuals)):
            residual = residuals[i] + change * row[i]
            residuals[i] = residual
            total += residual * residual
        self.bp = math.sqrt(total / len(residuals))

    def _choose(self, t: int) -> None:
        """Find the tenors that are fresh, and the fit through them."""
        used = [k for k in range(len(self.series)) if self.times[k] != 0 and t - self.times[k] <= FRESH]
        self._oldest = min([self.times[k] for k in used])
        if used != self.used or self._fit is None:
            self.used = used
            self._fit = self._fit_of(used)
        self._compute()

    def _fit_of(self, used: list[int]) -> Fit | None:
        key = ",".join([str(k) for k in used])
        if key not in self._fits:
            if len(self._fits) >= FITS:
                self._fits = {}
            self._fits[key] = fit([self._years[k] for k in used], self._decays)
        return self._fits[key]

    def _compute(self) -> None:
        self._exact_in = EXACTLY
        if self._fit is None:
            self._residuals = []
            self.bp = math.nan
            return
        # Taken off every tenor, a level changes no residual but the size of the sums.
        level = self._values[self.used[0]]
        values = [self._values[k] - level for k in self.used]
        total = 0.0
        residuals: list[float] = []
        for row in self._fit.rows:
            residual = 0.0
            for i in range(len(values)):
                residual += row[i] * values[i]
            residuals.append(residual)
            total += residual * residual
        self._residuals = residuals
        self.bp = math.sqrt(total / len(residuals))

    # --- what is usual ------------------------------------------------------------------------------------------------

    def _learn(self) -> None:
        if self._fit is None:
            return
        if self.used != self._learned:
            # Another set of tenors: only a set that lasts becomes the usual one.
            self.minutes -= 2
            if self.minutes > 0 and self._learned:
                return
            self._learned = list(self.used)
            self._usual_residuals = list(self._residuals)
            self.usual = self.bp
            self.spread = math.nan
            self.minutes = 1
            return
        self.minutes = min(self.minutes + 1, 10 * NEEDED)
        share = max(1.0 - math.exp2(-1.0 / HALF_LIFE), 1.0 / self.minutes if self.minutes < 10 * NEEDED else 0.0)
        off = self.bp - self.usual
        if off <= CLIP * self.spread:
            self._calm = list(self._values)
        if self.spread != self.spread:
            self.spread = max(abs(off), LEAST_SPREAD)
        elif self.minutes >= NEEDED:
            most = CLIP * self.spread
            off = max(min(off, most), -most)
        self.usual += share * off
        # The mean absolute deviation of a normal is sqrt(2/pi) of its standard deviation.
        self.spread = max(self.spread + share * (abs(off) * math.sqrt(math.pi / 2.0) - self.spread), LEAST_SPREAD)
        for k in range(len(self._residuals)):
            off = self._residuals[k] - self._usual_residuals[k]
            if self.minutes >= NEEDED:
                off = max(min(off, CLIP * self.spread), -CLIP * self.spread)
            self._usual_residuals[k] += share * off

    def known(self) -> bool:
        """Whether what is usual for the tenors that are fresh now is known."""
        return self._fit is not None and self.used == self._learned and self.minutes >= NEEDED

    def z(self) -> float:
        """The noise in its own usual deviations; nan where these are not known."""
        return (self.bp - self.usual) / self.spread if self.known() else math.nan

    # --- tenor by tenor -----------------------------------------------------------------------------------------------

    def residuals(self) -> list[tuple[str, float, float]]:
        """Per tenor that the others say something of: id, bp off the curve through the others (above is cheap), and the
        same in studentised form."""
        found: list[tuple[str, float, float]] = []
        if self._fit is None:
            return found
        n, total = len(self.used), sum([r * r for r in self._residuals])
        for k in range(n):
            free = self._fit.free[k]
            if free < LEAST_FREE:
                continue
            own = self._residuals[k] * self._residuals[k] / free
            rest = max(total - own, 0.0) / (n - self._fit.parameters - 1)
            scale = math.sqrt(rest * free)
            student = self._residuals[k] / scale if scale > 1e-9 else math.copysign(math.inf, self._residuals[k])
            found.append((self.series[self.used[k]], self._residuals[k] / free, student))
        return found

    def extremes(self) -> tuple[str, float, str, float]:
        """The cheapest and the richest tenor in studentised terms, with their bp above and below the curve through the
        others; "" where there is none."""
        cheap = rich = ""
        cheap_bp = rich_bp = highest = lowest = 0.0
        if self._fit is None:
            return cheap, cheap_bp, rich, rich_bp
        for k in range(len(self.used)):
            free = self._fit.free[k]
            if free < LEAST_FREE:
                continue
            # In bp alone it would be a tenor that the others hardly place, beside the one that is dislocated.
            student = self._residuals[k] / math.sqrt(free)
            if student > highest:
                highest, cheap, cheap_bp = student, self.series[self.used[k]], self._residuals[k] / free
            elif student < lowest:
                lowest, rich, rich_bp = student, self.series[self.used[k]], self._residuals[k] / free
        return cheap, cheap_bp, rich, rich_bp

    def dislocated(self) -> tuple[str, float]:
        """The tenor that the noise beyond the usual is best explained by, and its bp off the curve through the others
        beyond what is usual for it; "" where there is no fit."""
        named, off = "", 0.0
        if self._fit is None:
            return named, off
        usual = self._usual_residuals if self.used == self._learned else [0.0] * len(self.used)
        found: list[tuple[float, float, int]] = []
        for k in range(len(self.used)):
            free = self._fit.free[k]
            beyond = self._residuals[k] - usual[k]
            if free >= LEAST_FREE:
                # What taking this tenor out takes off the sum of squares.
                found.append((beyond * beyond / free, beyond / free, k))
        most = max([each[0] for each in found]) if found else 0.0
        largest = -1.0
        for taken, distance, k in found:
            # The longest two, say, explain it equally well, one by being cheap and the other by being rich: it is the
            # one that has moved since noise was usual, else the one that has to be off by less.
            weight = self._own_move(k) if self._calm else 1.0 / max(abs(distance), 1e-9)
            if taken >= NEARLY * most and weight > largest:
                largest, named, off = weight, self.series[self.used[k]], distance
        return named, off

    def _own_move(self, k: int) -> float:
        """|bp| that a tenor has moved beyond the median tenor since noise was last usual."""
        moves = [self._values[tenor] - self._calm[tenor] for tenor in self.used]
        return abs(moves[k] - sorted(moves)[len(moves) // 2])

    # --- state --------------------------------------------------------------------------------------------------------

    def state(self) -> list[Any]:
        """Everything that changes, as plain values. The tenors are named: another configuration may have others."""
        return [
            list(self.series), list(self._values), list(self.times), list(self.used), list(self._residuals),
            self._exact_in, self._oldest, self._minute, list(self._learned), list(self._usual_residuals),
            plain(self.usual), plain(self.spread), self.minutes, list(self._calm),
        ]  # fmt: skip

    def load(self, state: list[Any]) -> None:
        """Take up where `state` left off; with other tenors than then it starts afresh."""
        if list(state[0]) != self.series:
            return
        self._values = [float(value) for value in state[1]]
        self.times = [int(t) for t in state[2]]
        self.used = [int(k) for k in state[3]]
        self._fit = self._fit_of(self.used)
        self._residuals = [float(residual) for residual in state[4]]
        self._exact_in, self._oldest, self._minute = int(state[5]), int(state[6]), int(state[7])
        self._learned = [int(k) for k in state[8]]
        self._usual_residuals = [float(residual) for residual in state[9]]
        self.usual, self.spread, self.minutes = number(state[10]), number(state[11]), int(state[12])
        self._calm = [float(value) for value in state[13]]
        total = 0.0
        for residual in self._residuals:
            # As in _move, to the last bit.
            total += residual * residual
        self.bp = math.sqrt(total / len(self._residuals)) if self._residuals else math.nan
