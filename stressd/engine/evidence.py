"""What links between ticks are judged by: the gauges' pulses and pairs, their own past, and what is usual."""

from __future__ import annotations

import math
from typing import Any, Final

from stressd.engine.attribution import Attribution
from stressd.engine.clock import MarketClock
from stressd.engine.edge import Edge, proven
from stressd.engine.fixing_links import FixingLinks
from stressd.engine.series import SeriesState
from stressd.engine.spec import PropagationSpec
from stressd.engine.stretches import Stretches
from stressd.engine.usual import Usual

FDR: Final = 0.05
"""Share of the pairs taken for directed that may be false."""

UNNAMED: Final = 0.1
"""Part of the level that holds for a pair that nobody has named and that is not proven."""

INTERVAL: Final = 1.2816
"""Half-width of an interval of 80 percent, in standard deviations."""


class Evidence:
    """series: what feeds bring, gauges, clocks: by market; fixings: for what is usual from day to day. past:
    stretches by market; bar: the wealth from which on a pair counts as directed."""

    __slots__ = ("attribution", "bar", "clocks", "fixings", "gauges", "past", "series", "spec", "usual")

    def __init__(
        self,
        spec: PropagationSpec,
        series: dict[str, SeriesState],
        gauges: dict[str, SeriesState],
        clocks: dict[str, MarketClock],
        fixings: FixingLinks,
    ) -> None:
        self.spec = spec
        self.series = series
        self.gauges = gauges
        self.clocks = clocks
        self.fixings = fixings
        self.past: dict[str, Stretches] = {market: Stretches() for market in gauges}
        self.attribution = Attribution(spec, gauges, clocks)
        self.usual = Usual(gauges)
        self.bar = math.inf

    def minute(self, state: SeriesState) -> None:
        """A minute has passed for a gauge."""
        self.usual.minute(state)
        self.past[state.market].minute(state)
        self.attribution.opened(state)
        self.attribution.watches[state.market].learn_bars(state)

    def weigh(self) -> None:
        """More is known of a pair: which ones are directed?"""
        self.bar = proven(list(self.attribution.edges.values()), FDR)

    def directed(self, edge: Edge) -> bool:
        """Whether the pair is more than two markets that move together."""
        return edge.wealth() >= self.bar

    def level(self, source: str, follower: str) -> float:
        """The p up to which a move over a whole window counts as an answer."""
        edge = self.attribution.edge(source, follower)
        return self.spec.level * (1.0 if edge.hinted or self.directed(edge) else UNNAMED)

    def edges(self) -> list[dict[str, Any]]:
        """One row a pair that has something to say, as `graph` joins them."""
        rows: list[dict[str, Any]] = []
        for edge in self.attribution.edges.values():
            if not edge.seen() and not edge.hinted:
                continue
            known = edge.weight > 0.5
            centre, spread = edge.kernel.mean, edge.kernel.spread()
            beta = edge.beta() if known else math.nan
            rows.append(
                {
                    "source": edge.source,
                    "follower": edge.follower,
                    "layer": "ticks",
                    "sources": round(edge.trials, 1),
                    "followed": round(edge.links, 1),
                    "rate": edge.links / edge.trials if edge.trials > 0.0 else None,
                    "beta": beta if beta == beta else None,
                    "usual_beta": self._usual_beta(edge.source, edge.follower),
                    "lag_s": math.exp(centre) if known else None,
                    "lag_low_s": math.exp(centre - INTERVAL * spread) if known else None,
                    "lag_high_s": math.exp(centre + INTERVAL * spread) if known else None,
                    "p": edge.p(),
                    "forward": edge.forward,
                    "backward": edge.backward,
                    "spilled_over": self.directed(edge),
                    "hinted": edge.hinted,
                    "told": edge.told,
                    "last": edge.last,
                }
            )
        return rows

    def _usual_beta(self, source: str, follower: str) -> float | None:
        one, other = self.gauges[source].horizons.h5.sigma, self.gauges[follower].horizons.h5.sigma
        return self.usual.slope(source, follower) * other / one if one > 0.0 else None

    def state(self) -> dict[str, Any]:
        """Everything that changes, as plain values."""
        return {
            "past": {market: past.state() for market, past in self.past.items()},
            "attribution": self.attribution.state(),
            "usual": self.usual.state(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up where `state` left off; what it says of markets that are gone is dropped."""
        for market, past in self.past.items():
            if market in state["past"]:
                past.load(state["past"][market])
        self.attribution.load(state["attribution"])
        self.usual.load(state["usual"])
        self.weigh()
