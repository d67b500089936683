"""The hysteresis of one sigma rule on one series and horizon: entered, raised, peaked, left."""

from __future__ import annotations

import math
from typing import Final

from stressd.engine.agenda import widened
from stressd.engine.budget import BudgetBar, Openings
from stressd.engine.spec import CRITICAL, SigmaRule

NOTHING: Final = 0
SAYS_ENTERED: Final = 1
SAYS_RAISED: Final = 2
SAYS_PEAKED: Final = 3
SAYS_LEFT: Final = 4

PEAK_STEP: Final = 0.5
"""Sigma by which |z| must outgrow the last told peak to be told again."""

SLACK: Final = 1e-9
"""Absorbs the rounding of decimal yields in binary: a move of exactly the floor reaches the floor."""


EXIT: Final = 2.0 / 3.0
"""A breach of a budget leaves at this part of its lowest bar."""


class SigmaWatch:
    """One rule, one series, one horizon. direction: of the breach that is on, 0 while there is none; severity: its
    highest rung so far; peak: its largest |z| told. enters, severities: bars in sigma, lowest first. budget: what sets
    them, None where they are stated. opener: the breach that is on opened the episode. factor: by how much the bars
    below the critical one are widened at the time that is judged."""

    __slots__ = (
        "below_since", "budget", "direction", "enters", "exit", "factor", "floor_bp", "hold", "horizon", "opener",
        "openings", "peak", "rule", "severities", "severity",
    )  # fmt: skip

    def __init__(
        self, rule: SigmaRule, horizon: int, horizon_name: str, openings: Openings, budget: BudgetBar | None
    ) -> None:
        self.rule = rule.name
        self.horizon = horizon
        self.openings = openings
        self.budget = budget
        rungs = sorted(rule.rungs, key=lambda rung: rung.enter)
        self.enters = [rung.enter for rung in rungs]
        self.severities = [rung.severity for rung in rungs]
        self.exit = rungs[0].exit if rungs else 0.0
        if rule.budget is not None:
            self.severities = [severity for severity, _ in rule.budget.rarities]
        self.floor_bp = rule.floor_bp.get(horizon_name, 0.0)
        self.hold = rule.hold
        self.direction = 0
        self.severity = -1
        self.peak = 0.0
        self.below_since = 0
        self.opener = False
        self.factor = 1.0

    def set_bars(self, enters: list[float]) -> None:
        """Put the bars of a budget in force, unless a breach is on."""
        if self.direction == 0:
            self.enters = enters
            self.exit = EXIT * enters[0]

    def bar_bp(self, sigma_bp: float) -> float:
        """The least move (bp) that can enter while sigma stands where it does."""
        if not self.enters:
            return 1e300
        bar = self.enters[0] * sigma_bp
        return bar if bar > self.floor_bp else self.floor_bp

    def rung(self, size: float) -> int:
        """The highest rung that |z| = size reaches, -1 for none."""
        k = len(self.enters) - 1
        while k >= 0 and size + SLACK < self.bar(k):
            k -= 1
        return k

    def bar(self, k: int) -> float:
        """The bar (sigma) of rung k at the time that is judged."""
        enter = self.enters[k]
        if self.factor == 1.0:
            return enter
        return widened(enter, self.factor, self.enters[-1] if self.severities[-1] == CRITICAL else math.inf)

    def threshold(self) -> float:
        """The bar of the rung that the breach has reached."""
        return self.bar(self.severities.index(self.severity))

    def widened(self) -> float:
        """By how much that bar is widened."""
        return self.threshold() / self.enters[self.severities.index(self.severity)]

    def turns(self, z: float, move_bp: float) -> bool:
        """Whether this move would enter the other way while a breach is on."""
        return move_bp * self.direction < 0.0 and self.rung(abs(z)) >= 0 and abs(move_bp) + SLACK >= self.floor_bp

    def offer(self, z: float, move_bp: float) -> int:
        """Enter, raise or peak on this move, if it does; what to say about it."""
        size = abs(z)
        k = self.rung(size)
        sign = 1 if move_bp > 0.0 else -1
        if self.direction == 0:
            if k < 0 or abs(move_bp) + SLACK < self.floor_bp:
                return NOTHING
            self.direction = sign
            self.severity = self.severities[k]
            self.peak = size
            self.below_since = 0
            return SAYS_ENTERED
        if sign != self.direction:
            return NOTHING
        if k >= 0 and self.severities[k] > self.severity:
            self.severity = self.severities[k]
            self.peak = max(self.peak, size)
            return SAYS_RAISED
        if size >= self.peak + PEAK_STEP:
            self.peak = size
            return SAYS_PEAKED
        return NOTHING

    def settle(self, z: float, t: int) -> int:
        """Whether an intraday breach has left by its exit: below it for `hold`, seen by ticks at both ends."""
        if z * self.direction >= self.exit:
            self.below_since = 0
            return NOTHING
        if self.below_since == 0:
            self.below_since = t
            return NOTHING
        if t - self.below_since >= self.hold:
            return SAYS_LEFT
        return NOTHING

    def reset(self) -> None:
        """No breach is on any more."""
        self.direction = 0
        self.severity = -1
        self.peak = 0.0
        self.below_since = 0
        self.opener = False

    def adopt(self, direction: int, severity: int) -> None:
        """A breach is on that was told before this engine's state was written."""
        if self.direction != direction or self.severity < severity:
            self.direction = direction
            self.severity = severity
            self.below_since = 0

    def state(self) -> list[int | float]:
        """Everything that changes, as plain numbers."""
        return [self.direction, self.severity, self.peak, self.below_since, int(self.opener), self.exit, *self.enters]

    def load(self, state: list[int | float]) -> None:
        """Take up where `state` left off."""
        self.direction = int(state[0])
        self.severity = int(state[1])
        self.peak = float(state[2])
        self.below_since = int(state[3])
        self.opener = state[4] != 0
        if self.budget is not None:
            self.exit = float(state[5])
            self.enters = [float(bar) for bar in state[6:]]
