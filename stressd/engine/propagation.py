"""Cross-market propagation: when a market has a breach, how does every other market answer?

Two layers, each with its own evidence: ticks answer what breached by ticks, fixings what breached from fixing to
fixing. Silence about an answer is never left to be guessed: absence is said.
"""

from __future__ import annotations

from typing import Any

from stressd.engine.breaches import LIVE
from stressd.engine.clock import MarketClock
from stressd.engine.events import ENTERED, LEFT, LOWERED, RAISED, REGAINED, Breach, Event
from stressd.engine.evidence import Evidence
from stressd.engine.fixing_links import FixingLinks
from stressd.engine.series import SeriesState
from stressd.engine.spec import PropagationSpec
from stressd.engine.tick_links import TickLinks


class Propagation:
    """The open questions between markets, and the usual co-movements that answers are held against."""

    __slots__ = ("_before", "_begun", "_gauges", "_on", "_series", "fixings", "ticks")

    def __init__(
        self,
        spec: PropagationSpec,
        series: dict[str, SeriesState],
        gauges: dict[str, SeriesState],
        clocks: dict[str, MarketClock],
    ) -> None:
        self._series = series
        self._gauges = gauges
        self._on: dict[str, int] = {}
        self._before: dict[str, list[str]] = {}
        self._begun: dict[str, int] = {}
        self.fixings = FixingLinks(spec, series, gauges, clocks)
        self.ticks = TickLinks(Evidence(spec, series, gauges, clocks, self.fixings))

    def on_breach(self, breach: Breach, out: list[Event]) -> None:
        """Ask every other market, or ask again because the breach has grown."""
        episode = f"{breach.rule}|{breach.market}|{breach.direction}"
        if breach.phase == LEFT:
            self._on[episode] = max(self._on.get(episode, 0) - 1, 0)
            if self._on[episode] == 0:
                del self._on[episode]
                self._before.pop(episode, None)
            return
        if breach.phase in (LOWERED, REGAINED):
            return
        if breach.phase == ENTERED:
            self._on[episode] = self._on.get(episode, 0) + 1
            if self._on[episode] == 1:
                self._begun[episode] = breach.time
                self._before[episode] = [
                    market
                    for market in self._gauges
                    if market != breach.market and f"{breach.rule}|{market}|{breach.direction}" in self._on
                ]
                for market in self._gauges:
                    self.fixings.forget(episode, market)
        by_fixing = breach.fixing and self._series[breach.series].fixings.source != LIVE
        # Of fixings each one beyond the bar is a move of its own, with an answer of its own.
        if breach.phase not in (ENTERED, RAISED) and not by_fixing:
            return
        if not by_fixing:
            if breach.market not in self._gauges:
                return  # nothing of its own that the ticks of others could be put down to
            self.ticks.prepare(breach)
        before = self._before.get(episode, [])
        for market, gauge in self._gauges.items():
            # A market whose own breach the same way is on moved first: it is a source here, not a follower.
            if market != breach.market and f"{breach.rule}|{market}|{breach.direction}" not in self._on:
                if by_fixing:
                    # Nor does it become one the day after, when its own breach is over: no chain runs in a circle.
                    if market not in before:
                        self.fixings.ask(breach, market, gauge, out)
                else:
                    self.ticks.ask(breach, self._begun.get(episode, breach.time), market, gauge, out)

    def on_fixing(self, state: SeriesState, at: int, out: list[Event]) -> None:
        """`state` has fixed."""
        self.fixings.on_fixing(state, at, out)

    def due(self, now: int, out: list[Event]) -> None:
        """Settle the questions whose time has come."""
        self.fixings.due(now, out)
        self.ticks.due(now, out)

    def next_deadline(self) -> int:
        """The earliest time at which `due` has something to do; 0 for none."""
        fixing, tick = self.fixings.next_deadline(), self.ticks.next_deadline()
        return min(fixing, tick) if fixing != 0 and tick != 0 else fixing + tick

    def state(self) -> dict[str, Any]:
        """Everything that changes, as plain values."""
        return {
            "on": dict(self._on),
            "before": {episode: list(markets) for episode, markets in self._before.items()},
            "begun": dict(self._begun),
            "fixings": self.fixings.state(),
            "ticks": self.ticks.state(),
        }

    def recount(self, on: list[tuple[str, str, int]]) -> None:
        """The breaches that are on, one entry each, as (rule, market, direction)."""
        self._on = {}
        for rule, market, direction in on:
            episode = f"{rule}|{market}|{direction}"
            self._on[episode] = self._on.get(episode, 0) + 1
        self._before = {episode: markets for episode, markets in self._before.items() if episode in self._on}

    def load(self, state: dict[str, Any]) -> None:
        """Take up where `state` left off."""
        self._on = dict(state["on"])
        self._before = {episode: list(markets) for episode, markets in state["before"].items()}
        self._begun = dict(state["begun"])
        self.fixings.load(state["fixings"])
        self.ticks.load(state["ticks"])
