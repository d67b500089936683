"""Curve noise as an input of the stress index: how far a market's tenors lie off the smooth curve through them, beyond
what is usual for each. A curve has a shape that no four parameters describe, and that is no stress."""

from __future__ import annotations

import math
from typing import Any, Final

from stressd.engine.breaches import LIVE
from stressd.engine.curve_fit import Fit, fit
from stressd.engine.curve_noise import FRESH
from stressd.engine.plain import number, plain
from stressd.engine.series import SeriesState
from stressd.engine.stress_inputs import NEEDED, SPREAD_DECAY

STRAYS: Final = 5
"""Fixings in a row with another set of tenors, or of another publisher, after which noise is that of these."""


class Dislocation:
    """bp: root mean square at the last fixing, nan where it is not known. fits: the market has tenors enough."""

    __slots__ = (
        "_decays",
        "_fit",
        "_fit_of",
        "_members",
        "_of",
        "_strays",
        "_used",
        "_usual",
        "_weight",
        "_years",
        "bp",
        "count",
        "fits",
    )  # fmt: skip

    def __init__(self, members: list[SeriesState], years: list[float], decays: tuple[float, float]) -> None:
        self._members = members
        self._years = years
        self._decays = decays
        self._fit: Fit | None = None
        self._fit_of = ""
        self._of = ""
        self._used: list[int] = []
        self._usual: list[float] = []
        self._weight = 0.0
        self._strays = 0
        self.count = 0
        self.bp = math.nan
        self.fits = fit(years, decays) is not None

    def fixed(self, states: list[SeriesState]) -> bool:
        """These have fixed. Whether noise begins anew: other tenors, or another publisher, have come to stay."""
        used = [k for k in range(len(self._members)) if self._members[k] in states]
        sources = sorted({self._members[k].fixings.source for k in used})
        of = f"{'+'.join(sources)} {','.join([str(k) for k in used])}"
        values = [self._members[k].fixings.value for k in used]
        residuals = self._residuals(used, values)
        self.bp = math.nan
        if not residuals:
            return False
        anew = False
        if of != self._of:
            self._strays += 1
            if self._of and self._strays < STRAYS:
                return False
            anew = self._of != ""
            self._of, self._used, self._usual = of, used, [0.0] * len(used)
            self._weight = 0.0
            self.count = 0
        self._strays = 0
        self._weight = SPREAD_DECAY * self._weight + 1.0
        for k in range(len(residuals)):
            self._usual[k] += (residuals[k] - self._usual[k]) / self._weight
        self.count += 1
        self.bp = self._beyond(residuals)
        return anew

    def bp_now(self, at: int) -> float:
        """By the ticks of the same tenors; nan where one of them is old, or noise is not that of live fixings."""
        if not self._of.startswith(f"{LIVE} ") or self._of.count("+") > 0:
            return math.nan
        used = [self._members[k] for k in self._used]
        if min([state.t for state in used]) < at - FRESH:
            return math.nan
        return self._beyond(self._residuals(self._used, [state.y for state in used]))

    def _beyond(self, residuals: list[float]) -> float:
        if self.count < NEEDED:
            return math.nan
        total = 0.0
        for k in range(len(residuals)):
            off = residuals[k] - self._usual[k]
            total += off * off
        return math.sqrt(total / len(residuals))

    def _residuals(self, used: list[int], values: list[float]) -> list[float]:
        """bp of each of these tenors off the smooth curve through them (values in percent); none where they are too
        few."""
        of = ",".join([str(k) for k in used])
        if of != self._fit_of:
            self._fit_of = of
            self._fit = fit([self._years[k] for k in used], self._decays)
        found: list[float] = []
        if self._fit is None:
            return found
        for row in self._fit.rows:
            residual = 0.0
            for i in range(len(values)):
                residual += row[i] * (values[i] - values[0]) * 100.0
            found.append(residual)
        return found

    def kept(self) -> list[Any]:
        """Everything that changes, as plain values."""
        names = [state.id for state in self._members]
        return [names, self._of, self._used, self._usual, self._weight, self._strays, self.count, plain(self.bp)]

    def load(self, kept: list[Any]) -> bool:
        """Take up where `kept` left off; with other tenors than then it begins anew. Whether it did the former."""
        if list(kept[0]) != [state.id for state in self._members]:
            return False
        self._of, self._used = str(kept[1]), [int(k) for k in kept[2]]
        self._usual, self._weight = [float(x) for x in kept[3]], float(kept[4])
        self._strays, self.count, self.bp = int(kept[5]), int(kept[6]), number(kept[7])
        return True
