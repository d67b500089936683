"""The graph of who followed whom, as `Engine.graph()` has it: one row an edge, with its counts and their bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stressd.lab.scoring.intervals import binomial_interval


class Links:
    """edges: of `Engine.graph()`; made_of: in words, what they were counted on; closed: by (source, follower), how
    often in the period the follower could not respond, since it was closed."""

    __slots__ = ("closed", "edges", "made_of")

    def __init__(self, edges: Sequence[Mapping[str, Any]], made_of: str, closed: Mapping[tuple[str, str], int]) -> None:
        self.edges = sorted((dict(edge) for edge in edges if edge["sources"]), key=_order)
        self.made_of = made_of
        self.closed = dict(closed)

    def markets(self) -> list[str]:
        """Every market with an edge."""
        pairs = [(edge["source"], edge["follower"]) for edge in self.edges]
        return list(dict.fromkeys(name for pair in (*pairs, *self.closed) for name in pair))

    def plain(self) -> dict[str, Any]:
        """For JSON: the edges as the engine gives them, with the 95 % interval of the rate."""
        rows = []
        for edge in self.edges:
            # by ticks an answer may be shared between sources: counts are then no whole numbers
            judged = max(round(edge["sources"]), 1)
            low, high = binomial_interval(min(round(edge["followed"]), judged), judged)
            rows.append(edge | {"rate_low": round(low, 4), "rate_high": round(high, 4)})
        return {
            "made_of": self.made_of,
            "edges": rows,
            "could_not_respond": [[*pair, n] for pair, n in sorted(self.closed.items())],
        }


def _order(edge: Mapping[str, Any]) -> tuple[Any, ...]:
    return edge["p"] is None, edge["p"] or 0.0, edge["source"], edge["follower"], edge["layer"]
