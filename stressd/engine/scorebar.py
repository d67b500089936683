"""The bar of a further detector that has a budget: from the tail of its own scores, held to the budget by a tracker.

A score has no unit and may have a largest value, so nothing is known of it but its past. The largest tenth of the last
scores is taken for an exponential tail above its threshold (peaks over a threshold with shape 0, Pickands 1975), from
which the bar is read, at most one mean excess beyond the largest score seen. The tracker of alert budgets then moves it
by parts of the mean excess until as many findings are told as the budget allows, whatever the tail.
"""

from __future__ import annotations

import math
from typing import Any, Final

from stressd.engine.budget import Allowance, Openings

KEPT: Final = 1_000
"""Scores that the tail is read off."""

NEEDED: Final = 200
"""Scores before there is a bar."""

EVERY: Final = 50
"""Scores after which the tail is read anew."""

TENTH: Final = 0.1

STRETCH: Final = 4.0
"""Mean excesses by which the bar moves per change of the tracker's log factor: downward evenly, which reaches below the
largest of scores that have one; upward by factor^4 - 1, which reaches 38 mean excesses, enough for fat tails."""


class ScoreBar:
    """value: the score from which a finding is told, infinite while too little is known."""

    __slots__ = ("_allowance", "_base", "_count", "_excess", "_first", "_last", "_openings", "_scores", "value")

    def __init__(self, per_year: float) -> None:
        self._openings = Openings()
        self._allowance = Allowance(per_year, self._openings, False)
        self._scores: list[float] = []
        self._count = 0
        self._first = 0
        self._last = 0
        self._base = math.inf
        self._excess = 0.0
        self.value = math.inf

    def observe(self, score: float, t: int) -> None:
        """Take in a score at t (ns), after it was held against the bar."""
        if self._first == 0:
            self._first = t
        self._last = t
        if len(self._scores) < KEPT:
            self._scores.append(score)
        else:
            self._scores[self._count % KEPT] = score
        self._count += 1
        if self._count >= NEEDED and self._count % EVERY == 0:
            self._read()
        if self._allowance.pass_time(t, False) or self._count % EVERY == 0:
            self._set()

    def enter(self) -> None:
        """A finding is told."""
        self._openings.enter(1)
        self._allowance.opened(1.0)

    def leave(self) -> None:
        """It has been quiet again."""
        self._openings.clear()

    def _read(self) -> None:
        """Read the tail off the last scores."""
        ranked = sorted(self._scores, reverse=True)
        largest = max(int(TENTH * len(ranked)), 1)
        threshold = ranked[largest]
        total = 0.0
        for score in ranked[:largest]:
            total += score - threshold
        self._excess = max(total / largest, 1e-9 * max(abs(threshold), 1e-9))
        passed = self._last - self._first
        if passed <= 0:
            return
        # how many of the scores the budget allows to be told
        rate = self._allowance.per_ns * passed / self._count
        extrapolated = threshold + self._excess * math.log(max(TENTH / max(rate, 1e-12), 1.0))
        self._base = min(extrapolated, ranked[0] + self._excess)

    def _set(self) -> None:
        if self._base < math.inf:
            factor = self._allowance.factor
            moved = math.pow(factor, STRETCH) - 1.0 if factor > 1.0 else STRETCH * math.log(factor)
            self.value = self._base + self._excess * moved

    def state(self) -> list[Any]:
        """Everything that changes, as plain values."""
        base = [] if self._base == math.inf else [self._base, self._excess, self.value]
        times = [self._count, self._first, self._last]
        return [list(self._scores), times, base, self._openings.on(), self._allowance.state()]

    def load(self, state: list[Any]) -> None:
        """Take up where `state` left off."""
        self._scores = [float(score) for score in state[0]]
        self._count, self._first, self._last = (int(x) for x in state[1])
        if state[2]:
            self._base, self._excess, self.value = (float(x) for x in state[2])
        self._openings.clear()
        if state[3]:
            self._openings.enter(1)
        self._allowance.load(state[4])
