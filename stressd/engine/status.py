"""What the engine tells of one series when it is asked."""

from __future__ import annotations

from typing import Any

from stressd.engine.breaches import LIVE
from stressd.engine.horizon import DAILY, H30, SESSION, Horizon
from stressd.engine.horizons import Horizons
from stressd.engine.quality import quality
from stressd.engine.quiet import sight
from stressd.engine.series import SeriesState
from stressd.engine.spec import HORIZONS, SEVERITIES


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
        "sources": [
            [gate.name, max(gate.raw_time, gate.time), gate is state.sources.active] for gate in state.sources.all
        ],
        "ticks": state.ticks,
        "fixings": state.fixings.count,
        "duplicates": state.duplicates,
        "late": state.late,
        "rejected": state.rejected,
        "future": state.future,
        "active": state.breaches.active,
        "pending": [
            {
                "rule": watch.rule,
                "horizon": HORIZONS[watch.horizon],
                "direction": "up" if watch.sign > 0 else "down",
                "severity": SEVERITIES[watch.waits_for()],
            }
            for watch in state.breaches.watches
            if watch.waits_for() >= 0
        ],
        "recovering": sum([1 for watch in state.breaches.watches if watch.recovering()]),
        "anchored": state.fixings.source == LIVE,
        "provisional": state.breaches.provisional,
        "warm": {horizon.name: _warm(horizons, horizon) for horizon in horizons.all},
        "phase": {horizon.name: _phase(horizon) for horizon in horizons.all},
        "sigma_bp": {horizon.name: horizon.scale.sigma for horizon in horizons.all},
        "sessions": horizons.volatility.sessions,
    }


def can_alert(state: SeriesState) -> bool:
    """Whether a rule could speak of it now: a sigma rule at a horizon that is warm (at 1d from a fixing of its own), or
    one of another kind where no sigma rule is waiting."""
    ready = waiting = False
    for horizon in state.horizons.all:
        if horizon.watches:
            anchored = horizon.number != DAILY or state.fixings.source == LIVE
            if anchored and _warm(state.horizons, horizon) >= 1.0:
                ready = True
            else:
                waiting = True
    return ready or (not waiting and (bool(state.levels) or state.detectors is not None))


def _warm(horizons: Horizons, horizon: Horizon) -> float:
    """How far the horizon is on its way to its first alert: 1 where it may alert."""
    done = horizon.scale.count() / horizon.needed if horizon.needed > 0.0 else 1.0
    if horizon.number <= H30:
        volatility, warmup = horizons.volatility, horizons.warmup
        done = min(done, volatility.bars / max(warmup.bars, 1), (volatility.sessions + 1) / max(warmup.sessions, 1))
    return 1.0 if horizon.known else min(done, 0.99)


def _phase(horizon: Horizon) -> str:
    """ "cold": it says nothing; "warming": it alerts, and says that little stands behind it; "live"."""
    if not horizon.known:
        return "cold"
    return "live" if horizon.live or horizon.number > SESSION else "warming"
