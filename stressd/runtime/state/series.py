"""One row a series: where its yield stands, how far it has come since the prior close, and how unusual that is."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from stressd.engine.glance import Glance
from stressd.engine.horizon import DAILY
from stressd.engine.quiet import CLOSED, HALTED, LIVE, NEVER_SEEN, NOT_KNOWN, SILENT, sight
from stressd.engine.series import SeriesState
from stressd.engine.spec import SEVERITIES
from stressd.market.series import parse_series
from stressd.market.times import iso

DECIMALS: Final = 3
"""Of a yield in percent, as JGBs and Treasuries are quoted."""

WORDS: Final = {
    LIVE: "live", CLOSED: "closed", SILENT: "stale", HALTED: "halted", NOT_KNOWN: "unknown", NEVER_SEEN: "unknown",
}  # fmt: skip


def row(state: SeriesState, order: int, now: int, deaf: Collection[str]) -> dict[str, Any]:
    """Values in percent, changes and sigma_bp in bp; sigma and the bars (by severity) in daily sigma.

    day_low, day_high: of this session. state: live, closed, stale, halted, unknown, or warming where it ticks and its
    daily scale is not known yet. deaf: feeds without a connection, whose series cannot be seen.
    """
    parsed = parse_series(state.id)
    daily = state.horizons.all[DAILY]
    glance = Glance(state)
    seen = WORDS[sight(state, now)["state"]]
    if seen == "live" and state.source_name() in deaf:
        seen = "unknown"
    if seen == "live" and glance.sigma_bp is None:
        seen = "warming"
    return {
        "market": parsed.market,
        "tenor": parsed.tenor,
        "years": round(parsed.months / 12.0, 4) if not parsed.legs[1:] else None,
        "spread": len(parsed.legs) > 1,
        "order": order,
        "value": glance.value,
        "time": iso(glance.time) if glance.time else None,
        "prior_close": glance.close,
        "prior_close_time": iso(glance.close_time) if glance.close_time else None,
        "change_bp": None if glance.change_bp is None else round(glance.change_bp, 2),
        "sigma": None if glance.sigma is None else round(glance.sigma, 2),
        "sigma_bp": None if glance.sigma_bp is None else round(glance.sigma_bp, 2),
        "horizon": daily.name,
        "bars": _bars(state, glance.sigma_bp or 0.0),
        "state": seen,
        "breach": state.breaches.active > 0,
        "day_low": glance.low,
        "day_high": glance.high,
        "decimals": DECIMALS,
    }


def _bars(state: SeriesState, sigma: float) -> dict[str, float | None]:
    """The lowest bar of each severity over one day, as any rule has it now; a floor in bp counts where it binds. sigma:
    bp, 0 where it is not known."""
    lowest: dict[str, float | None] = dict.fromkeys(("warn", "high", "critical"))
    daily = state.horizons.all[DAILY]
    for watch in daily.watches:
        floor = watch.floor_bp / sigma if sigma > 0.0 else 0.0
        for severity, enter in zip(watch.severities, watch.enters, strict=False):
            name, bar = SEVERITIES[severity], max(enter, floor)
            known = lowest.get(name)
            if name in lowest and (known is None or bar < known):
                lowest[name] = round(bar, 2)
    return lowest
