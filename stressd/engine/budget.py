"""Alert budgets: how often a rule may open an episode, turned into bars in sigma.

The bar has two parts. The tail of the series' own moves says which |z| is exceeded as rarely as the budget allows. A
slow tracker then multiplies it: every episode opened raises log(bar) by GAIN, all time that passes lowers it by GAIN
times the openings budgeted for it (Robbins and Monro 1951). So openings differ from budget by no more than the change
of the log factor over GAIN, whatever the tail does. Both stand still inside an episode, or a crisis would raise its own
bar; what passed inside is made up when it has ended.
"""

from __future__ import annotations

import math
from typing import Any, Final

from stressd.engine.spec import DAY, BudgetSpec
from stressd.engine.tail import DROP, KEEP, Tail, TailFit

GAIN: Final = 0.1
LEAST_FACTOR: Final = 0.4
MOST_FACTOR: Final = 2.5
MOST_DROPPED: Final = 1.15
"""The same where past alarms are dropped: the tail is calibrated without them, and what true jumps there are must not
raise the bar above themselves."""

LEAST_BAR: Final = 1.5
"""Sigma: no budget, however large, makes an ordinary move a breach."""

WARMING_BAR: Final = 8.0
"""Sigma: the least bar of an intraday horizon whose own tail is not known yet."""

STEP: Final = 1.03
"""Bars rise with severity by at least this factor."""

LONGEST_GAP: Final = 10 * DAY
"""Time without observations that counts against the budget at most: while nothing was watched nothing was allowed."""

YEAR_NS: Final = 365.25 * DAY

WITHIN: Final = {"1m": 0.45, "5m": 0.40, "30m": 0.15}
ACROSS: Final = {"session": 0.2, "gap": 0.2, "1d": 0.6}
WITHIN_SHARE: Final = 0.6
"""How a budget is shared: within the day and across it, and among the horizons of each."""


def treatment(spec: BudgetSpec, within: bool) -> str:
    """What past alarms are to the tail of a horizon within the day, or across it."""
    return spec.past_alarms if spec.past_alarms else DROP if within else KEEP


def shares(horizons: tuple[str, ...]) -> dict[str, float]:
    """Part of a rule's budget that each of its horizons has; they add up to one."""
    within = sum(WITHIN[h] for h in horizons if h in WITHIN)
    across = sum(ACROSS[h] for h in horizons if h in ACROSS)
    part = WITHIN_SHARE if within > 0.0 and across > 0.0 else 1.0
    return {
        h: part * WITHIN[h] / within if h in WITHIN else (1.0 - part if within > 0.0 else 1.0) * ACROSS[h] / across
        for h in horizons
    }


class Openings:
    """Breaches of one rule in one market that are on, by direction: the first of a direction opens an episode."""

    __slots__ = ("down", "up")

    def __init__(self) -> None:
        self.up = 0
        self.down = 0

    def enter(self, direction: int) -> bool:
        """One more is on. Whether it is the first."""
        if direction > 0:
            self.up += 1
            return self.up == 1
        self.down += 1
        return self.down == 1

    def leave(self, direction: int) -> None:
        """One has left."""
        if direction > 0:
            self.up = max(self.up - 1, 0)
        else:
            self.down = max(self.down - 1, 0)

    def on(self) -> bool:
        """Whether an episode is open."""
        return self.up + self.down > 0

    def clear(self) -> None:
        """Nothing is on."""
        self.up = 0
        self.down = 0


class Allowance:
    """The tracker of one budget: of a market or of a series, within the day or across it.

    per_ns: openings allowed. factor: what the tail's bars are multiplied by. count: openings so far, weighted.
    """

    __slots__ = ("_log", "_most", "_pending", "_shared", "count", "factor", "last", "openings", "per_ns")

    def __init__(self, per_year: float, openings: Openings, shared: bool, dropped: bool = False) -> None:
        self._most = math.log(MOST_DROPPED if dropped else MOST_FACTOR)
        self.per_ns = per_year / YEAR_NS
        self.openings = openings
        self._shared = shared
        self._log = 0.0
        self._pending = 0.0
        self.last = 0
        self.count = 0.0
        self.factor = 1.0

    def opened(self, weight: float) -> None:
        """An episode that was opened on this allowance has ended; weight: how much it counts."""
        self._pending += weight
        self.count += weight

    def pass_time(self, t: int, floor_binds: bool) -> bool:
        """An observation at t (ns). floor_binds: the bar in force is the floor in bp, so that a lower one in sigma
        would change nothing but the day on which it no longer binds. Whether the factor has changed."""
        if self.last == 0 or t < self.last:
            self.last = t
            return False
        if self.openings.on():
            return False
        passed = min(t - self.last, LONGEST_GAP)
        if floor_binds and self._pending == 0.0:
            # A bar of the whole market waits for a series that it can still move.
            if not self._shared:
                self.last = t
            return False
        self.last = t
        log = self._log + GAIN * (self._pending - (0.0 if floor_binds else self.per_ns * passed))
        self._pending = 0.0
        self._log = min(max(log, math.log(LEAST_FACTOR)), self._most)
        self.factor = math.exp(self._log)
        return True

    def state(self) -> list[Any]:
        """Everything that changes, as plain values."""
        return [self._log, self._pending, self.last, self.count]

    def load(self, state: list[Any]) -> None:
        """Take up where `state` left off."""
        self._log, self._pending, self.last, self.count = float(state[0]), float(state[1]), int(state[2]), state[3]
        self.factor = math.exp(self._log)


class BudgetBar:
    """The bars of one rule on one series and horizon: tail times tracker.

    per_year: openings allowed to this horizon of this series. numbers: of the fit behind the bars (t0, rate, scale,
    shape), and q, the probability that a block exceeds the lowest bar.
    """

    __slots__ = (
        "_base",
        "_factor",
        "_past_alarms",
        "_rarities",
        "_warming",
        "allowance",
        "fit",
        "numbers",
        "per_year",
        "q",
        "within",
    )

    def __init__(self, spec: BudgetSpec, per_year: float, within: bool, allowance: Allowance) -> None:
        self._rarities = [rarity for _, rarity in spec.rarities]
        self._past_alarms = treatment(spec, within)
        self.per_year = per_year
        self.within = within
        self.allowance = allowance
        self._base: list[float] = []
        self.fit: TailFit | None = None
        self.numbers: list[float] = []
        self.q = 0.0
        self._factor = 1.0
        self._warming = False

    def drops(self) -> bool:
        """Whether blocks beyond the bar are taken as not belonging to the tail."""
        return self._past_alarms == DROP

    def refit(self, tail: Tail, blocks_per_year: float) -> None:
        """Read the bars off the tail anew."""
        self.q = min(self.per_year / blocks_per_year, 0.5)
        fit = tail.fit(self._past_alarms, self.q)
        self.fit = fit
        self.numbers = fit.numbers()
        self._base = [
            fit.bar(self.q / rarity) if self.q / rarity < fit.rate else tail.quantile(self.q / rarity)
            for rarity in self._rarities
        ]

    def enters(self, warming: bool) -> list[float]:
        """The bar (sigma) of each severity, lowest first, to be put in force now."""
        self._factor = self.allowance.factor
        self._warming = warming and self.within
        return bars_in_force(self._base, self._factor, self._warming)

    def account(self) -> dict[str, Any]:
        """What the bars in force are made of, as `bars_in_force` reads it; the fit and q say how the tail gave them."""
        return {
            "base": list(self._base), "factor": self._factor, "warming": self._warming,
            "fit": list(self.numbers), "q": self.q, "rarities": list(self._rarities),
        }  # fmt: skip

    def weight(self, peak: float) -> float:
        """How much an episode counts whose largest |z| was `peak`.

        Where past alarms are dropped, the budget is one of chance alarms: beyond a bar their exceedance probability is
        uniform, so that twice the part of it that is left at the peak counts one on average, and a move far out of the
        tail's reach next to nothing.
        """
        fit = self.fit
        if self._past_alarms != DROP or fit is None or not self._base:
            return 1.0
        at_bar = fit.exceeds(self._base[0] * self._factor)
        return min(2.0 * fit.exceeds(peak) / at_bar, 2.0) if at_bar > 0.0 else 1.0

    def state(self) -> list[Any]:
        """Everything that changes, as plain values."""
        return [self._base, self.numbers, self.q, self._factor, int(self._warming)]

    def load(self, state: list[Any]) -> None:
        """Take up where `state` left off."""
        self._base = [float(bar) for bar in state[0]]
        self.numbers = [float(number) for number in state[1]]
        self.q = float(state[2])
        self._factor, self._warming = float(state[3]), state[4] != 0
        if self.numbers:
            self.fit = TailFit(self.numbers[0], self.numbers[1], self.numbers[2], self.numbers[3], 0.0)


def bars_in_force(base: list[float], factor: float, warming: bool) -> list[float]:
    """The tail's bars times the tracker's factor, none below the lowest that there may be."""
    bars: list[float] = []
    least = WARMING_BAR if warming else LEAST_BAR
    for bar in base:
        least = max(bar * factor, least)
        bars.append(least)
        least *= STEP
    return bars


class Book:
    """All openings and allowances, by rule and market or series."""

    __slots__ = ("_allowances", "_openings")

    def __init__(self) -> None:
        self._openings: dict[str, Openings] = {}
        self._allowances: dict[str, Allowance] = {}

    def openings(self, rule: str, market: str) -> Openings:
        """What is on of this rule in this market."""
        key = f"{rule}|{market}"
        if key not in self._openings:
            self._openings[key] = Openings()
        return self._openings[key]

    def allowance(self, rule: str, market: str, series: str, within: bool, dropped: bool, per_year: float) -> Allowance:
        """The tracker of this budget; series: "" where it is the whole market's; dropped: past alarms are."""
        key = f"{rule}|{market}|{series}|{'within' if within else 'across'}"
        if key not in self._allowances:
            self._allowances[key] = Allowance(per_year, self.openings(rule, market), series == "", dropped)
        return self._allowances[key]

    def clear(self) -> None:
        """Nothing is on; the trackers keep what they learned."""
        for openings in self._openings.values():
            openings.clear()

    def state(self) -> dict[str, Any]:
        """The trackers, as plain values; what is on is told by the watches."""
        return {key: allowance.state() for key, allowance in self._allowances.items()}

    def load(self, state: dict[str, Any]) -> None:
        """Take up where `state` left off."""
        self.clear()
        for key, allowance in self._allowances.items():
            if key in state:
                allowance.load(state[key])
