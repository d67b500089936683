"""The hysteresis of one sigma rule on one series and horizon: entered, raised, peaked, lowered, regained, left.

Each rung has its own bar, and may ask for a stretch of open time and a number of ticks beyond it before it is reached.
It is given up once the move has stayed below the rung's exit for its hold, in open time, seen by ticks at both ends.
"""

from __future__ import annotations

import math
from typing import Any, Final

from stressd.engine.agenda import widened
from stressd.engine.budget import BudgetBar, Openings
from stressd.engine.spec import CRITICAL, SigmaRule

NOTHING: Final = 0
SAYS_ENTERED: Final = 1
SAYS_RAISED: Final = 2
SAYS_PEAKED: Final = 3
SAYS_LEFT: Final = 4
SAYS_LOWERED: Final = 5
SAYS_REGAINED: Final = 6

NEVER: Final = -(1 << 62)
"""No open time: that is counted from an origin that may lie in the future."""

PEAK_STEP: Final = 0.5
"""Sigma by which |z| must outgrow the last told peak to be told again."""

SLACK: Final = 1e-9
"""Absorbs the rounding of decimal yields in binary: a move of exactly the floor reaches the floor."""


EXIT: Final = 2.0 / 3.0
"""A breach of a budget leaves at this part of its lowest bar."""


class SigmaWatch:
    """One rule, one series, one horizon. direction: of the breach that is on, 0 while there is none; severity: its
    highest rung so far; now: the rung that holds; peak: its largest |z| told. enters, exits, severities: bars in sigma,
    lowest first; holds, waits (ns of open time), least: of each. patient: whether any rung asks for more than one tick.
    sign: of the moves that wait to be believed, since (open time), seen: how long and how often beyond each bar; below:
    since when below each exit. budget: what sets the bars, None where they are stated. opener: the breach that is on
    opened the episode. factor: by how much the bars below the critical one are widened at the time that is judged."""

    __slots__ = (
        "below", "budget", "direction", "enters", "exits", "factor", "floor_bp", "holds", "horizon", "least", "now",
        "opener", "openings", "patient", "peak", "rule", "seen", "severities", "severity", "sign", "since", "waits",
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
        self.exits = [rung.exit for rung in rungs]
        self.severities = [rung.severity for rung in rungs]
        if rule.budget is not None:
            self.severities = [severity for severity, _ in rule.budget.rarities]
            self.exits = [0.0 for _ in self.severities]
        self.holds = [rule.holds.get(severity, rule.hold) for severity in self.severities]
        self.waits = [rule.waits.get(severity, 0) for severity in self.severities]
        self.least = [rule.min_ticks.get(severity, 1) for severity in self.severities]
        self.patient = max(self.waits) > 0 or max(self.least) > 1
        self.floor_bp = rule.floor_bp.get(horizon_name, 0.0)
        self.direction = 0
        self.severity = -1
        self.now = -1
        self.peak = 0.0
        self.sign = 0
        self.since = [NEVER for _ in self.severities]
        self.seen = [0 for _ in self.severities]
        self.below = [NEVER for _ in self.severities]
        self.opener = False
        self.factor = 1.0

    def set_bars(self, enters: list[float]) -> None:
        """Put the bars of a budget in force, unless a breach is on."""
        if self.direction == 0:
            self.enters = enters
            self.exits = [EXIT * enters[0]]
            for k in range(1, len(enters)):
                self.exits.append(max(enters[k] - 1.0, self.exits[k - 1]))

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

    def reached(self, z: float, move_bp: float, opened: int) -> int:
        """The highest rung that a tick beyond it has reached for long and often enough, -1 for none. opened: open time
        (ns) so far."""
        sign = 1 if move_bp > 0.0 else -1
        if sign != self.sign or (sign != self.direction and abs(move_bp) + SLACK < self.floor_bp):
            self.forget()
            if abs(move_bp) + SLACK < self.floor_bp:
                return -1
            self.sign = sign
        found = -1
        for k in range(len(self.enters)):
            if abs(z) + SLACK < self.bar(k):
                self.since[k] = NEVER
                self.seen[k] = 0
                continue
            if self.since[k] == NEVER:
                self.since[k] = opened
            self.seen[k] += 1
            if opened - self.since[k] >= self.waits[k] and self.seen[k] >= self.least[k]:
                found = k
        return found

    def waits_for(self) -> int:
        """The highest severity whose bar is exceeded by what is not believed yet, -1 for none."""
        if self.direction != 0:
            return -1
        found = -1
        for k in range(len(self.since)):
            if self.since[k] != NEVER:
                found = self.severities[k]
        return found

    def forget(self) -> None:
        """What waited to be believed is gone."""
        if self.sign != 0:
            self.sign = 0
            for k in range(len(self.since)):
                self.since[k] = NEVER
                self.seen[k] = 0

    def unsee(self) -> None:
        """Nobody saw the yield for a while: everything that takes time begins anew."""
        self.forget()
        for k in range(len(self.below)):
            self.below[k] = NEVER

    def turns(self, k: int, move_bp: float) -> bool:
        """Whether a move that reaches rung k would enter the other way while a breach is on."""
        return move_bp * self.direction < 0.0 and k >= 0 and abs(move_bp) + SLACK >= self.floor_bp

    def offer(self, k: int, z: float, move_bp: float) -> int:
        """Enter, raise or peak on this move, which reaches rung k, if it does; what to say about it."""
        size = abs(z)
        sign = 1 if move_bp > 0.0 else -1
        if self.direction == 0:
            if k < 0 or abs(move_bp) + SLACK < self.floor_bp:
                return NOTHING
            self.direction = sign
            self.severity = self.now = self.severities[k]
            self.peak = size
            self._above()
            return SAYS_ENTERED
        if sign != self.direction:
            return NOTHING
        if k >= 0 and self.severities[k] > self.severity:
            self.severity = self.now = self.severities[k]
            self.peak = max(self.peak, size)
            return SAYS_RAISED
        if size >= self.peak + PEAK_STEP:
            self.peak = size
            if k >= 0:
                self.now = max(self.now, self.severities[k])
            return SAYS_PEAKED
        if k >= 0 and self.severities[k] > self.now:
            self.now = self.severities[k]
            return SAYS_REGAINED
        return NOTHING

    def settle(self, z: float, opened: int) -> int:
        """Whether an intraday breach has left by its exit, or given up a rung: below it for its hold, in open time
        (ns)."""
        size = z * self.direction
        for k in range(len(self.exits)):
            if size >= self.exits[k]:
                self.below[k] = NEVER
            elif self.below[k] == NEVER:
                self.below[k] = opened
        if self.below[0] != NEVER and opened - self.below[0] >= self.holds[0]:
            return SAYS_LEFT
        k = self.severities.index(self.now)
        lower = k
        while lower > 0 and self.below[lower] != NEVER and opened - self.below[lower] >= self.holds[lower]:
            lower -= 1
        if lower == k:
            return NOTHING
        self.now = self.severities[lower]
        return SAYS_LOWERED

    def hold_at(self, z: float) -> int:
        """A fixing is one look a day: the rung that holds is the highest whose exit it is not below."""
        size = z * self.direction
        k = self.severities.index(self.now)
        lower = k
        while lower > 0 and size < self.exits[lower]:
            lower -= 1
        self.now = self.severities[lower]
        return NOTHING if lower == k else SAYS_LOWERED

    def recovering(self) -> bool:
        """Whether the breach that is on is below its exit, and is over if it stays there."""
        return self.direction != 0 and self.below[0] != NEVER

    def _above(self) -> None:
        for k in range(len(self.below)):
            self.below[k] = NEVER

    def reset(self) -> None:
        """No breach is on any more."""
        self.direction = 0
        self.severity = -1
        self.now = -1
        self.peak = 0.0
        self._above()
        self.opener = False

    def adopt(self, direction: int, severity: int) -> None:
        """A breach is on that was told before this engine's state was written."""
        if severity not in self.severities:
            # The rung is no longer configured: the nearest one below, or the lowest.
            severity = max([each for each in self.severities if each < severity], default=self.severities[0])
        if self.direction != direction or self.severity < severity:
            self.direction = direction
            self.severity = severity
            self.now = severity
            self._above()

    def state(self) -> list[Any]:
        """Everything that changes, as plain values."""
        return [
            self.direction,
            self.severity,
            self.now,
            self.peak,
            int(self.opener),
            self.sign,
            list(self.since),
            list(self.seen),
            list(self.below),
            list(self.enters),
            list(self.exits),
        ]

    def load(self, state: list[Any]) -> None:
        """Take up where `state` left off. Of other rungs than these nothing but the breach itself is taken up."""
        self.direction = int(state[0])
        self.severity = int(state[1])
        self.now = int(state[2])
        self.peak = float(state[3])
        self.opener = state[4] != 0
        if self.budget is not None:
            self.enters = [float(bar) for bar in state[9]]
            self.exits = [float(bar) for bar in state[10]]
        if len(state[8]) == len(self.severities):
            self.sign = int(state[5])
            self.since = [int(each) for each in state[6]]
            self.seen = [int(each) for each in state[7]]
            self.below = [int(each) for each in state[8]]
        if self.direction != 0 and self.severity not in self.severities:
            direction, severity = self.direction, self.severity
            self.reset()
            self.adopt(direction, severity)
