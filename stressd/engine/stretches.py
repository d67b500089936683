"""One gauge's own past, against which its answers within the day are ranked: stretches of ten minutes, and openings.

Every score is in sigma of that stretch: ranks are matched on volatility, on the time of day, and on what closure a gap
came over. Moves either way count, as rises and as falls.
"""

from __future__ import annotations

import math
from typing import Any, Final

from stressd.engine.conformal import PastScores
from stressd.engine.horizons import GAP_SHARE
from stressd.engine.ring import SLOT
from stressd.engine.series import SeriesState
from stressd.engine.spec import MINUTE

LENGTH: Final = 10 * MINUTE
"""ns of a stretch, and of an opening."""

LEAST: Final = 20
"""Scores from which a rank is said."""

MOST: Final = 750


class Stretches:
    """moves, opens: the last 750 of each, in sigma, signed; peaks: largest |z| of five minutes
    within ten."""

    __slots__ = ("_begun", "_opened", "_peak", "_second", "moves", "opens", "peaks")

    def __init__(self) -> None:
        self.moves = PastScores(MOST)
        self.opens = PastScores(MOST)
        self.peaks = PastScores(MOST)
        self._second = False
        self._peak = 0.0
        self._opened = 0
        self._begun = 0

    def block(self, state: SeriesState) -> None:
        """Five minutes of trading are over."""
        h5 = state.horizons.h5
        if not h5.known or h5.sigma <= 0.0:
            return
        self._peak = max(self._peak, h5.last_max)
        self._second = not self._second
        if self._second:
            return
        self.peaks.learn(self._peak)
        self._peak = 0.0
        horizons = state.horizons
        k = horizons.ring.find((state.t - LENGTH) // SLOT, -(-horizons.span_start // SLOT))
        if k >= 0:
            self.moves.learn((state.y - horizons.ring.values[k]) * 100.0 / (h5.sigma * math.sqrt(2.0)))

    def minute(self, state: SeriesState) -> None:
        """A minute has passed: an opening may be complete."""
        if state.open_time != self._begun:
            self._begun = state.open_time
        if self._opened != self._begun and self._begun != 0 and state.t - self._begun >= LENGTH:
            self._opened = self._begun
            sigma = open_sigma(state, LENGTH)
            if sigma > 0.0 and state.horizons.h5.known and state.gaps.close == state.gaps.close:
                self.opens.learn((state.y - state.gaps.close) * 100.0 / sigma)

    def state(self) -> list[Any]:
        """Everything that changes, as plain values."""
        return [
            self.moves.state(),
            self.opens.state(),
            self.peaks.state(),
            [int(self._second), self._peak, self._opened, self._begun],
        ]

    def load(self, state: list[Any]) -> None:
        """Take up where `state` left off."""
        self.moves.load(state[0])
        self.opens.load(state[1])
        self.peaks.load(state[2])
        second, peak, opened, begun = state[3]
        self._second, self._peak, self._opened, self._begun = second != 0, float(peak), int(opened), int(begun)


def open_sigma(state: SeriesState, passed: int) -> float:
    """Sigma (bp) of the move from the last close to `passed` ns after the open. Until its gaps are known, a gap has its
    usual part of a day's variance, or of what the session's rate makes of a day."""
    daily = state.horizons.daily
    h5 = state.horizons.h5
    if state.gaps.known():
        gap = state.gaps.scale().sigma
    elif daily.known:
        gap = math.sqrt(GAP_SHARE) * daily.scale.sigma
    else:
        gap = math.sqrt(GAP_SHARE * state.horizons.typical / 300.0) * h5.sigma
    return math.sqrt(gap * gap + h5.sigma * h5.sigma * (passed / (5.0 * MINUTE)))


def p_of(past: PastScores, score: float) -> float | None:
    """Share of the past with a move as large either way, half of it each way, this one included; None while too little
    is known. score: positive in the direction asked about."""
    n = past.n
    if n < LEAST:
        return None
    falls = n - past.at_least(math.nextafter(-score, math.inf))
    return (1.0 + 0.5 * (past.at_least(score) + falls)) / (1.0 + n)


def p_of_peak(past: PastScores, size: float) -> float | None:
    """The same for the size of a pulse, of which half point each way."""
    return (1.0 + 0.5 * past.at_least(size)) / (1.0 + past.n) if past.n >= LEAST else None
