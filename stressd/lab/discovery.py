"""Online control of false discoveries: at which level a p-value is tested when more tests will follow without end.

LORD++ (Ramdas, Yang, Wainwright, Jordan 2017) for long-lived hypotheses of which few are true; SAFFRON (Ramdas, Zrnic,
Wainwright, Jordan 2018), which spends on promising p-values only, for streams in which many are. Both keep the expected
share of false discoveries below `alpha` where the p-values of true nulls are independent and not too small.

The daemon does not use them: the p-values of one pair that is looked at again and again share their events, and what
they promise is then not theirs to keep. A direction is proven by wealth (`stressd.engine.edge.proven`);
`benchmarks/figures.py gates` has them side by side.

Tests may overlap in time (the asynchronous forms of Zrnic, Ramdas, Jordan 2021): a level is given when the test
*begins*, from what had ended by then. A test that is still open has cost its level and earned nothing, and counts as
not promising; what it turns out to be counts from its end on.

A level is a sum with one term a discovery, and of discoveries only the newest KEPT have a term. The terms are never
negative and fall with a discovery's age, so that the levels are a little lower than without this bound: less is found,
and the control holds.
"""

from __future__ import annotations

import math
from typing import Final

ALPHA: Final = 0.05
KEPT: Final = 200
"""Discoveries that still earn: a test takes at most so many terms."""


def lord_share(age: int) -> float:
    """LORD++'s gamma: the share of an earning that is spent `age` >= 1 tests later; all of them add up to .976."""
    return 0.07720838 * math.log(max(age, 2)) / (age * math.exp(math.sqrt(math.log(age))))


def saffron_share(age: int) -> float:
    """SAFFRON's gamma: proportional to age^-1.6; all of them add up to one."""
    return 0.4374901658 / math.pow(age, 1.6)


class Discoveries:
    """LORD++, and SAFFRON where `promising` is above 0.

    alpha: the share of false discoveries that is allowed. wealth: what may be spent before the first one, at most
    alpha. promising: SAFFRON's lambda, the p-value up to which a test is a candidate, and costs nothing in the end.
    """

    __slots__ = ("_ages", "_ended_at", "_oldest_is_first", "alpha", "found", "idle", "promising", "tests", "wealth")

    def __init__(self, alpha: float, wealth: float, promising: float) -> None:
        if not (0.0 < wealth <= alpha < 1.0 and 0.0 <= promising < 1.0):
            raise ValueError(f"no 0 < wealth {wealth} <= alpha {alpha} < 1, or no 0 <= promising {promising} < 1")
        self.alpha = alpha
        self.wealth = wealth
        self.promising = promising
        self.tests = 0
        """Begun so far."""
        self.found = 0
        """Discoveries so far."""
        self.idle = 0
        """Tests begun so far that were no candidates, or not yet."""
        # Of each discovery that earns, oldest first: the idle tests since, and how many had begun when it was made.
        self._ages: list[int] = []
        self._ended_at: list[int] = []
        self._oldest_is_first = True

    def level(self) -> float:
        """At which the next test would be made."""
        saffron = self.promising > 0.0
        share = saffron_share if saffron else lord_share
        total = self.wealth * share(self.idle + 1)
        reward = self.alpha - self.wealth if self._oldest_is_first else self.alpha
        for age in self._ages:
            total += reward * share(age + 1)
            reward = self.alpha
        return min(self.promising, (1.0 - self.promising) * total) if saffron else total

    def begin(self) -> tuple[int, float]:
        """Begin a test: (its number, its level), both to be handed to `end`."""
        level = self.level()
        self.tests += 1
        self.idle += 1
        for k in range(len(self._ages)):
            self._ages[k] += 1
        return self.tests, level

    def end(self, number: int, level: float, p: float) -> bool:
        """Whether the test that began as `number` at `level`, and has come out as `p`, is a discovery."""
        if p <= self.promising:
            self.idle -= 1
            for k in range(len(self._ages)):
                if self._ended_at[k] < number:
                    self._ages[k] -= 1
        if p > level:
            return False
        self.found += 1
        self._ages.append(0)
        self._ended_at.append(self.tests)
        if len(self._ages) > KEPT:
            del self._ages[0]
            del self._ended_at[0]
            self._oldest_is_first = False
        return True

    def test(self, p: float) -> bool:
        """Begin and end a test at once."""
        number, level = self.begin()
        return self.end(number, level, p)


class Lord(Discoveries):
    """LORD++."""

    def __init__(self, alpha: float = ALPHA, wealth: float = 0.005) -> None:
        super().__init__(alpha, wealth, 0.0)


class Saffron(Discoveries):
    """SAFFRON."""

    def __init__(self, alpha: float = ALPHA, wealth: float = 0.025, promising: float = 0.5) -> None:
        super().__init__(alpha, wealth, promising)
