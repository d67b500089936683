"""Breaks in the data: a fixing that jumps alone while its tenor neighbours do not is no move.

Publishers change how a tenor is defined (another benchmark, another maturity), and the curve then has a step at that
tenor only. The figures were chosen on the Ministry of Finance's JGB curve since 1974 and the Treasury's since 2005.
"""

from __future__ import annotations

import math
from typing import Any, Final

from stressd.market.conventions import explains

LEARNED: Final = 60.0
"""Half-life of a tenor's usual residual, in fixings."""

NEEDED: Final = 40
"""Residuals of a tenor before it is judged."""

ALONE: Final = 8.0
"""Residual, in the tenor's own usual ones, from which it stands out."""

MOVED: Final = 4.0
"""Residual, in the tenor's own sigma, from which it would be told as a move."""

LEAST_BP: Final = 6.0
USUAL_FLOOR_BP: Final = 0.4

SHARE: Final = 0.25
"""Neighbours are unmoved while each moved by no more than this share of the residual."""

QUIET: Final = 2.0
"""And by no more than so many of their own sigma."""

REACH: Final = 2.6
"""A neighbour on either side is at most this many times as long or as short."""

REACH_ALONE: Final = 2.1
"""The one neighbour of the longest tenor is at least so near. The shortest tenor is not judged at all: policy moves it
alone."""

SHORTEST: Final = 1.0
"""Years. Bills are flown to, one maturity at a time: their lone jumps are moves."""

SUPER_LONG: Final = 15.0
"""Years from which the gap between simple and compound yield is wide."""


class Fix:
    """One tenor's fixing in a round. before: its last one (percent); change_bp: since then; sigma_bp: of its daily
    moves, 0 where unknown."""

    __slots__ = ("before", "change_bp", "series", "sigma_bp", "years")

    def __init__(self, series: str, years: float, before: float, change_bp: float, sigma_bp: float) -> None:
        self.series = series
        self.years = years
        self.before = before
        self.change_bp = change_bp
        self.sigma_bp = sigma_bp


class Break:
    """A fixing that is no move. neighbours: those it was held against. convention: it looks like a change from simple
    to compound yield, or back."""

    __slots__ = ("convention", "fix", "neighbours")

    def __init__(self, fix: Fix, neighbours: list[Fix], convention: bool) -> None:
        self.fix = fix
        self.neighbours = neighbours
        self.convention = convention


class BreakWatch:
    """What is usual between the tenors of one market, by one publisher: per tenor the size of what its neighbours do
    not explain of a day's move."""

    __slots__ = ("_count", "_usual")

    def __init__(self) -> None:
        self._usual: dict[str, float] = {}
        self._count: dict[str, int] = {}

    def judge(self, fixes: list[Fix]) -> list[Break]:
        """The breaks of a round; what is none is learned from."""
        order = sorted(fixes, key=_years)
        found = flips(order)
        for k in range(len(order)):
            neighbours = _neighbours(order, k)
            if not neighbours or order[k].years < SHORTEST:
                continue
            fix = order[k]
            alone = abs(fix.change_bp - _explained(fix, neighbours))
            if self._stands_out(fix, alone) and unmoved(neighbours, alone):
                # Beside the longest tenor its two next shorter ones are named.
                found.append(Break(fix, neighbours if len(neighbours) == 2 else order[max(k - 2, 0) : k], False))
        broken = {each.fix.series for each in found}
        for k in range(len(order)):
            neighbours = _neighbours(order, k)
            if neighbours and not broken.intersection([order[k].series, *[each.series for each in neighbours]]):
                self._learn(order[k].series, abs(order[k].change_bp - _explained(order[k], neighbours)))
        return found

    def _stands_out(self, fix: Fix, alone: float) -> bool:
        if alone < LEAST_BP or fix.sigma_bp <= 0.0 or self._count.get(fix.series, 0) < NEEDED:
            return False
        usual = max(self._usual[fix.series], USUAL_FLOOR_BP)
        return alone >= MOVED * fix.sigma_bp and alone >= ALONE * usual

    def _learn(self, series: str, size: float) -> None:
        count = self._count.get(series, 0)
        usual = self._usual.get(series, 0.0)
        if count >= NEEDED:
            size = min(size, 4.0 * max(usual, USUAL_FLOOR_BP))
        share = max(1.0 - math.exp2(-1.0 / LEARNED), 1.0 / (count + 1))
        self._usual[series] = usual + share * (size - usual)
        self._count[series] = count + 1

    def state(self) -> dict[str, Any]:
        """Everything, as plain values."""
        return {series: [usual, self._count[series]] for series, usual in self._usual.items()}

    def load(self, state: dict[str, Any]) -> None:
        """Take up where `state` left off."""
        self._usual = {series: float(row[0]) for series, row in state.items()}
        self._count = {series: int(row[1]) for series, row in state.items()}


def _years(fix: Fix) -> float:
    return fix.years


def _neighbours(order: list[Fix], k: int) -> list[Fix]:
    """What a tenor is held against: the next shorter and the next longer one, where it has both or is the longest, and
    where they are near enough."""
    if k == 0:
        return []
    years = order[k].years
    short = order[k - 1]
    if k + 1 == len(order):
        return [short] if years <= short.years * REACH_ALONE else []
    long = order[k + 1]
    return [short, long] if years <= short.years * REACH and long.years <= years * REACH else []


def _explained(fix: Fix, neighbours: list[Fix]) -> float:
    """The move (bp) that the neighbours would have it make: between two of them in proportion to log maturity, beside
    one the same."""
    if len(neighbours) == 1:
        return neighbours[0].change_bp
    short, long = neighbours
    share = math.log(fix.years / short.years) / math.log(long.years / short.years)
    return short.change_bp + share * (long.change_bp - short.change_bp)


def flips(order: list[Fix]) -> list[Break]:
    """The super-long tenors of a curve, short ones first, if two or more jump as a change of convention would have them
    jump while what is shorter does not move."""
    jumps = [fix for fix in order if fix.years >= SUPER_LONG]
    rest = [fix for fix in order if 2.0 <= fix.years < SUPER_LONG]
    if len(jumps) < 2 or not rest:
        return []
    least = min([abs(fix.change_bp) for fix in jumps])
    if least < LEAST_BP or not unmoved(rest, least):
        return []
    if any(fix.sigma_bp <= 0.0 or abs(fix.change_bp) < MOVED * fix.sigma_bp for fix in jumps):
        return []
    if not explains([(fix.years, fix.before, fix.change_bp) for fix in jumps]):
        return []
    return [Break(fix, rest[-2:], True) for fix in jumps]


def unmoved(neighbours: list[Fix], alone: float) -> bool:
    """Whether none of them moved by much, in its own sigma and beside a move of `alone` bp."""
    for each in neighbours:
        size = abs(each.change_bp)
        if size > SHARE * alone or (each.sigma_bp > 0.0 and size > QUIET * each.sigma_bp):
            return False
    return True
