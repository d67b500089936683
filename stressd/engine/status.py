"""What the engine tells of one series when it is asked."""

from __future__ import annotations

from typing import Any

from stressd.engine.quiet import sight
from stressd.engine.series import LIVE, SeriesState
from stressd.engine.spec import HORIZONS


def row(state: SeriesState, now: int) -> dict[str, Any]:
    """Last value and time, counts, and per horizon how far its warm-up is (1 = it can alert).

    anchored: it has a fixing of its own, from which a live 1d move is measured; an imported one will not do.
    """
    warm = {
        name: min(scale.count() / needed, 1.0) if needed > 0.0 else 1.0
        for name, scale, needed in zip(HORIZONS, state.horizons.scales, state.horizons.needed, strict=True)
    }
    return {
        "series": state.id,
        "market": state.market,
        "value": state.y if state.t != 0 else None,
        **sight(state, now),
        "time": state.t,
        "source": state.source_name(),
        "ticks": state.ticks,
        "fixings": state.fixings,
        "duplicates": state.duplicates,
        "late": state.late,
        "rejected": state.rejected,
        "future": state.future,
        "active": state.active,
        "anchored": state.fix_source == LIVE,
        "provisional": state.provisional,
        "warm": warm,
        "sigma_bp": {name: scale.sigma for name, scale in zip(HORIZONS, state.horizons.scales, strict=True)},
    }
