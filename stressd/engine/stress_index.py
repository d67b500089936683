"""The stress index: one number from 0 to 1 for all markets, live, and what each market and each dimension adds to it.

Made like the ECB's indices of systemic and of sovereign stress, of yield ticks: every input of every market
(volatility, spreads, bid-ask, curve noise, co-movement) counts as its rank among its own past sessions, and the ranks
are added up as a portfolio (engine.stress_portfolio). Markets count alike, and so do a market's inputs; what is missing
hands its weight to the others of its market. A market that is closed keeps what its last session said.

It is taken every five minutes while something ticks, and once a day for good; nothing is ever revised. Method 1.
"""

from __future__ import annotations

import math
from typing import Any, Final

from stressd.engine.clock import MarketClock
from stressd.engine.series import SeriesState
from stressd.engine.spec import DAY, HOUR, MINUTE, EngineSpec
from stressd.engine.stress_inputs import TRUSTED, Together
from stressd.engine.stress_market import DIMENSIONS, MarketInputs
from stressd.engine.stress_portfolio import CrossCorrelations, take_apart
from stressd.market.times import day_iso, day_of, iso

METHOD: Final = "1"
"""Another number means that values of before cannot be compared with those of after."""

EVERY: Final = 5 * MINUTE
"""ns between two readings."""

DAY_ENDS: Final = 23 * HOUR
"""After midnight UTC: New York has closed and Tokyo has yet to open, in summer and in winter."""

DAYS: Final = 750
"""Closes that are kept: three years."""

NEVER: Final = (1 << 62) - 1


class StressIndex:
    """reading: the last one, None before the first. days: the closes, oldest first. due: when `run` has something to
    do; wanted: no tick before it need be told to `touch` (ns)."""

    __slots__ = (
        "_block", "_correlations", "_end", "_high", "_high_at", "_last", "_markets", "_others", "_pairs", "days", "due",
        "reading", "wanted",
    )  # fmt: skip

    def __init__(
        self,
        spec: EngineSpec,
        series: dict[str, SeriesState],
        members: dict[str, list[SeriesState]],
        gauges: dict[str, SeriesState],
        clocks: dict[str, MarketClock],
    ) -> None:
        self._markets: list[MarketInputs] = []
        for market in spec.markets:
            own = members[market.name]
            if own:
                # the spread of two markets is stress of the first
                spreads = [state for state in series.values() if state.market.startswith(f"{market.name}-")]
                gauge = gauges.get(market.name)
                self._markets.append(MarketInputs(market, own, gauge, spreads, clocks[market.name]))
        self._pairs: dict[str, Together] = {}
        self._others: list[list[MarketInputs]] = []
        for one in self._markets:
            self._others.append([other for other in self._markets if other is not one])
            for other in self._markets:
                if other is not one:
                    key = "|".join(sorted([one.name, other.name]))
                    one.pairs.append(self._pairs.setdefault(key, Together()))
        self._correlations = CrossCorrelations(len(self._markets))
        self.reading: dict[str, Any] | None = None
        self.days: list[dict[str, Any]] = []
        self.due = NEVER
        self.wanted = 0
        self._block = NEVER
        self._end = NEVER
        self._last = 0
        self._high = 0.0
        self._high_at = 0

    # --- time ---------------------------------------------------------------------------------------------------------

    def touch(self, at: int) -> None:
        """Something has ticked or fixed: there is to be a reading, and a close of the day."""
        if self._end == NEVER:
            self._end = (at - DAY_ENDS) // DAY * DAY + DAY + DAY_ENDS
        self._block = min(max((at // MINUTE + 1) * MINUTE, self._last + EVERY), self._end)
        self.due = self._block
        self.wanted = NEVER

    def on_fixings(self, market: str, states: list[SeriesState], broken: dict[str, bool], at: int) -> None:
        """These series of a market have fixed."""
        for k in range(len(self._markets)):
            one = self._markets[k]
            if one.name == market and states and one.fixed(states, broken, self._others[k]):
                self.touch(at)

    def run(self, at: int) -> None:
        """A reading is due at `at`, and the end of the day with it where that has come."""
        stress = self._take(at)
        self._last = at
        self._block = NEVER
        self.wanted = 0
        if at >= self._end:
            self._close(at, stress)
            self._end = NEVER
        self.due = self._end

    def _close(self, at: int, stress: list[float]) -> None:
        self._correlations.learn(stress)
        reading = self.reading
        if reading is None or reading["value"] is None:
            return
        self.days.append(
            {
                "date": day_iso(day_of(at)),
                "value": reading["value"],
                "high": self._high,
                "high_time": iso(self._high_at),
                "correlation": reading["correlation"],
                "markets": dict(reading["markets"]),
                "dimensions": dict(reading["dimensions"]),
            }
        )
        if len(self.days) > DAYS:
            del self.days[0]
        self._high = 0.0

    # --- a reading ----------------------------------------------------------------------------------------------------

    def _take(self, at: int) -> list[float]:
        """Read the index at `at`. The stress of each market, nan for one of which nothing counts."""
        stress = [math.nan] * len(self._markets)
        used: list[int] = []
        read: list[list[dict[str, Any]]] = []
        left_out: list[dict[str, Any]] = []
        for k in range(len(self._markets)):
            market = self._markets[k]
            rows = market.read(at, left_out)
            if rows:
                stress[k] = math.fsum([row["stress"] for row in rows]) / len(rows)
                used.append(k)
                read.append(rows)
        weight = 1.0 / float(max(len(used), 1))
        index = take_apart([weight * stress[k] for k in used], self._correlations.among(used))
        by_market: dict[str, float] = {}
        by_dimension: dict[str, list[float]] = {}
        inputs: list[dict[str, Any]] = []
        for n in range(len(used)):
            parts: list[float] = []
            total = math.fsum([row["stress"] for row in read[n]])
            for row in read[n]:
                part = index.parts[n] * row["stress"] / total if total > 0.0 else 0.0
                row["weight"] = weight / len(read[n])
                row["contribution"] = part
                parts.append(part)
                by_dimension.setdefault(row["dimension"], []).append(part)
            inputs += read[n]
            by_market[self._markets[used[n]].name] = math.fsum(parts)
        least = min([row["sessions"] for row in inputs]) if inputs else 0
        self.reading = {
            "method": METHOD,
            "time": iso(at),
            "value": index.value if used else None,
            "correlation": index.correlation if used else None,
            "markets": by_market,
            "dimensions": {name: math.fsum(by_dimension[name]) for name in DIMENSIONS if name in by_dimension},
            "young": least < TRUSTED,
            "sessions": least,
            "inputs": inputs,
            "left_out": left_out,
        }
        if used and (self._high_at <= self._end - DAY or index.value > self._high):
            self._high, self._high_at = index.value, at
        return stress

    # --- state --------------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Everything that changes, as plain values."""
        return {
            "method": METHOD,
            "markets": {market.name: market.kept() for market in self._markets},
            "order": [market.name for market in self._markets],
            "pairs": {key: pair.kept() for key, pair in self._pairs.items()},
            "correlations": self._correlations.state(),
            "times": [self.due, self.wanted, self._block, self._end, self._last, self._high, self._high_at],
            "reading": self.reading,
            "days": list(self.days),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up where `state` left off. A market that it does not know is as it was learned; what it knows of another
        method is not taken up."""
        if state["method"] != METHOD:
            return
        for market in self._markets:
            if market.name in state["markets"]:
                market.load(state["markets"][market.name])
        for key, pair in self._pairs.items():
            if key in state["pairs"]:
                pair.load(state["pairs"][key])
        order = {name: k for k, name in enumerate(state["order"])}
        places = [order.get(market.name, -1) for market in self._markets]
        days, absent, sums = state["correlations"]
        self._correlations.load(int(days), absent, sums, places)
        self.due, self.wanted, self._block, self._end, self._last = (int(t) for t in state["times"][:5])
        self._high, self._high_at = float(state["times"][5]), int(state["times"][6])
        self.reading = state["reading"]
        self.days = list(state["days"])
