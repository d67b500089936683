"""What the engine tells of one series when it is asked."""

from __future__ import annotations

from typing import Any

from stressd.engine.quality import quality
from stressd.engine.quiet import sight
from stressd.engine.series import LIVE, SeriesState


def row(state: SeriesState, now: int) -> dict[str, Any]:
    """Last value and time, counts, and per horizon how far its warm-up is (1 = it can alert).

    anchored: it has a fixing of its own, from which a live 1d move is measured; an imported one will not do. phase: per
    horizon cold, warming or live; sigma_bp: of its past moves; sessions: those that its volatility has seen.
    """
    horizons = state.horizons
    return {
        "series": state.id,
        "market": state.market,
        "value": state.y if state.t != 0 else None,
        **sight(state, now),
        **quality(state, now),
        "time": state.t,
        "source": state.source_name(),
        "ticks": state.ticks,
        "fixings": state.fixings.count,
        "duplicates": state.duplicates,
        "late": state.late,
        "rejected": state.rejected,
        "future": state.future,
        "active": state.breaches.active,
        "anchored": state.fixings.source == LIVE,
        "provisional": state.breaches.provisional,
        "warm": {horizon.name: horizons.warm(horizon) for horizon in horizons.all},
        "phase": {horizon.name: horizons.phase(horizon) for horizon in horizons.all},
        "sigma_bp": {horizon.name: horizon.scale.sigma for horizon in horizons.all},
        "sessions": horizons.volatility.sessions,
    }
