"""One market's inputs of the stress index: volatility, spreads, bid-ask, curve noise and co-movement."""

from __future__ import annotations

import math
from typing import Any, Final

from stressd.engine.clock import MarketClock
from stressd.engine.curve_noise import FRESH
from stressd.engine.plain import number, plain
from stressd.engine.series import SeriesState
from stressd.engine.spec import HOUR, MarketSpec
from stressd.engine.stress_inputs import NEEDED, DailyMoves, Distance, Ranked, Together, tenor_weight
from stressd.engine.stress_noise import Dislocation
from stressd.market.series import parse_series

DIMENSIONS: Final = ("volatility", "spreads", "bid-ask", "curve noise", "co-movement")
UNITS: Final = ("bp a day", "bp", "bp", "bp", "correlation")
VOLATILITY: Final = 0
SPREADS: Final = 1
BID_ASK: Final = 2
NOISE: Final = 3
COMOVEMENT: Final = 4

OLD: Final = 24 * HOUR
"""ns of the market's open time without news after which an input is left out: two to three sessions."""


class MarketInputs:
    """One market. ranked: its inputs by dimension. fixed_at: its last fixing (ns), z: its gauge's move then, in sigma.
    pairs: how its gauge goes together with those of the other markets."""

    __slots__ = (
        "_dislocation", "_distances", "_moves", "_to_next", "clock", "fixed_at", "gauge", "members", "name", "pairs",
        "ranked", "z",
    )  # fmt: skip

    def __init__(
        self,
        spec: MarketSpec,
        members: list[SeriesState],
        gauge: SeriesState | None,
        spreads: list[SeriesState],
        clock: MarketClock,
    ) -> None:
        self.name = spec.name
        self.clock = clock
        self.gauge = gauge
        months = {state.id: parse_series(state.id).months for state in members}
        self.members = sorted(members, key=lambda state: months[state.id])
        self.ranked = [Ranked() for _ in DIMENSIONS]
        self.pairs: list[Together] = []
        self.fixed_at = 0
        self.z = math.nan
        self._moves = [DailyMoves(state, tenor_weight(state.spec.tenor)) for state in self.members]
        self._distances = [Distance(long, short) for short, long in self._ends()]
        self._distances += [Distance(spread, None) for spread in spreads]
        years = [months[state.id] / 12.0 for state in self.members]
        self._dislocation = Dislocation(self.members, years, spec.decays)
        self._to_next = 0

    def _ends(self) -> list[tuple[SeriesState, SeriesState]]:
        """The slope of the short end and that of the long end, on either side of the gauge; one where it is an end."""
        if len(self.members) < 2:
            return []
        first, last = self.members[0], self.members[-1]
        middle = self.gauge
        if middle is None or middle is first or middle is last:
            return [(first, last)]
        return [(first, middle), (middle, last)]

    # --- fixings ------------------------------------------------------------------------------------------------------

    def fixed(self, states: list[SeriesState], broken: dict[str, bool], others: list[MarketInputs]) -> bool:
        """These have fixed. Whether that ends a session of the market; of two fixings of an instant the first does.
        broken: those whose fixing is a break in the data; others: by pair."""
        time = max([state.fixings.time for state in states])
        if time <= self.fixed_at:
            return False
        for moves in self._moves:
            if moves.state in states and moves.state.id not in broken:
                moves.fixed()
        for distance in self._distances:
            distance.fixed(broken)
        gauge = self.gauge
        self.z = gauge.fixings.z if gauge is not None and gauge in states else math.nan
        learned: list[float] = []
        for pair, other in zip(self.pairs, others, strict=True):
            # what the other has fixed since this one last did
            if other.fixed_at > self.fixed_at and self.z == self.z and other.z == other.z:
                pair.learn(self.z, other.z)
                learned.append(pair.correlation())
        self.fixed_at = time
        self._to_next = 0
        ranked = self.ranked
        ranked[VOLATILITY].close(self._volatility(-1.0), time)
        ranked[SPREADS].close(_mean([distance.bp() for distance in self._distances]), time)
        ranked[BID_ASK].close(self._bid_ask(), time)
        if self._dislocation.fixed(states):
            ranked[NOISE].forget()
        ranked[NOISE].close(self._dislocation.bp, time)
        ranked[COMOVEMENT].close(_mean(learned), time)
        return True

    # --- now ----------------------------------------------------------------------------------------------------------

    def newer(self, at: int) -> list[float]:
        """Each input as it stands at `at`, nan where nothing newer than the last session is known of it."""
        if self.fixed_at == 0 or self.heard() <= self.fixed_at:
            return [math.nan] * len(DIMENSIONS)
        calendar = self.clock.calendar
        if self._to_next == 0:
            whole = calendar.open_between(self.fixed_at, calendar.next_fixing(self.fixed_at))
            self._to_next = max(whole, HOUR)
        share = min(float(calendar.open_between(self.fixed_at, at)) / float(self._to_next), 1.0)
        return [
            self._volatility(share),
            _mean([distance.bp_now() for distance in self._distances]),
            self._bid_ask(),
            self._dislocation.bp_now(at),
            math.nan,
        ]

    def heard(self) -> int:
        """When it was last heard of (ns): its last tick or fixing."""
        return max([self.fixed_at, *[state.t for state in self.members]])

    def read(self, at: int, left_out: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """One row an input that counts at `at`: what it rests on, its value and its stress. The others go into
        `left_out`, with the reason."""
        newer = self.newer(at)
        rows: list[dict[str, Any]] = []
        for d in range(len(DIMENSIONS)):
            ranked = self.ranked[d]
            why_not = self._why_not(d, at)
            if why_not:
                left_out.append({"market": self.name, "dimension": DIMENSIONS[d], "reason": why_not})
                continue
            fresh = newer[d] == newer[d]
            value = newer[d] if fresh else ranked.value
            rows.append(
                {
                    "market": self.name,
                    "dimension": DIMENSIONS[d],
                    "value": round(value, 4),
                    "unit": UNITS[d],
                    "stress": ranked.stress(value),
                    "sessions": ranked.past.n,
                    "age_s": max(at - (self.heard() if fresh else ranked.time), 0) / 1e9,
                    "state": self.sight(fresh, at),
                }
            )
        return rows

    def sight(self, fresh: bool, at: int) -> str:
        """What an input rests on: "closed" while its market is, ticks that are "live" or "stale", else a "fixing"."""
        self.clock.move(at)
        if not self.clock.is_open:
            return "closed"
        if not fresh:
            return "fixing"
        return "live" if at - self.heard() <= FRESH else "stale"

    def _why_not(self, dimension: int, at: int) -> str:
        """Why an input does not count at `at`, "" if it does."""
        ranked = self.ranked[dimension]
        if ranked.past.n == 0:
            return self._never(dimension)
        if ranked.past.n < NEEDED:
            return f"{ranked.past.n} of {NEEDED} sessions known"
        if self.clock.calendar.open_between(ranked.time, at) > OLD:
            return "nothing new for more than two sessions"
        return ""

    def _never(self, dimension: int) -> str:
        if dimension == BID_ASK:
            return "no quotes"
        if dimension == NOISE and not self._dislocation.fits:
            return "too few tenors for a smooth curve"
        if dimension == SPREADS and not self._distances:
            return "one tenor"
        if dimension == COMOVEMENT and not self.pairs:
            return "one market"
        return "not known yet"

    def _volatility(self, share: float) -> float:
        """Weighted mean over the tenors, bp a day: a realised MOVE. share: as in `sigma_now`, below 0 at the fixing."""
        total = weight = 0.0
        for moves in self._moves:
            sigma = moves.sigma_now(share) if share >= 0.0 else moves.sigma()
            if sigma == sigma:
                total += moves.weight * sigma
                weight += moves.weight
        return total / weight if weight > 0.0 else math.nan

    def _bid_ask(self) -> float:
        """Mean over the series of their decayed spreads (bp), of those that have been quoted since the last session."""
        spreads: list[float] = []
        since = self.ranked[BID_ASK].time
        for state in self.members:
            active = state.sources.active
            if active is not None and active.quotes is not None and active.quotes.time > since:
                spreads.append(active.quotes.mean())
        return _mean(spreads)

    # --- state --------------------------------------------------------------------------------------------------------

    def kept(self) -> dict[str, Any]:
        """Everything that changes and is no pair's, as plain values."""
        return {
            "ranked": [each.kept() for each in self.ranked],
            "moves": {moves.state.id: moves.kept() for moves in self._moves},
            "distances": {distance.name(): distance.kept() for distance in self._distances},
            "fixed": [self.fixed_at, plain(self.z)],
            "noise": self._dislocation.kept(),
        }

    def load(self, kept: dict[str, Any]) -> None:
        """Take up where `kept` left off. With other tenors than then, curve noise begins anew."""
        for each, row in zip(self.ranked, kept["ranked"], strict=True):
            each.load(row)
        for moves in self._moves:
            if moves.state.id in kept["moves"]:
                moves.load(kept["moves"][moves.state.id])
        for distance in self._distances:
            if distance.name() in kept["distances"]:
                distance.load(kept["distances"][distance.name()])
        self.fixed_at, self.z = int(kept["fixed"][0]), number(kept["fixed"][1])
        if not self._dislocation.load(kept["noise"]):
            self.ranked[NOISE].forget()
        self._to_next = 0


def _mean(values: list[float]) -> float:
    """Of those that are known, nan for none."""
    known = [x for x in values if x == x]
    return sum(known) / len(known) if known else math.nan
