"""The graph of propagation: markets as nodes, directed pairs as edges, one row a pair and layer.

Keys of a row: source, follower; layer ("ticks" or "fixings"); sources: events of the source that were judged, followed:
those that were answered, rate: their ratio; beta: bp per bp, usual_beta: the same on ordinary days; lag_s, lag_low_s,
lag_high_s: in the follower's open time; p: that there is no direction; forward, backward: by ticks, how often the
follower moved after and before; spilled_over: whether the pair has earned that word; hinted: named by the user; last:
ns of the source's last event. What is not known is None.
"""

from __future__ import annotations

from typing import Any

from stressd.engine.propagation import Propagation


def edges_of(propagation: Propagation) -> list[dict[str, Any]]:
    """All edges, by source and follower, ticks before fixings."""
    rows = propagation.ticks.evidence.edges() + propagation.fixings.edges()
    return sorted(rows, key=_place)


def _place(row: dict[str, Any]) -> tuple[str, str, bool]:
    return str(row["source"]), str(row["follower"]), row["layer"] == "fixings"
