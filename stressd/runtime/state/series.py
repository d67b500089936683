"""One row a series: where its yield stands, how far it has come since the prior close, and how unusual that is."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from stressd.engine.horizon import DAILY
from stressd.engine.quiet import CLOSED, HALTED, LIVE, NEVER_SEEN, NOT_KNOWN, SILENT, sight
from stressd.engine.series import SeriesState
from stressd.engine.spec import SEVERITIES
from stressd.market.series import parse_series
from stressd.market.times import iso
from stressd.runtime.paths import range_of

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
    value, time, close, close_time = _where(state)
    change = None if value is None or close is None else (value - close) * 100.0
    sigma_bp = daily.scale.sigma if daily.known and daily.scale.sigma > 0.0 else None
    seen = WORDS[sight(state, now)["state"]]
    if seen == "live" and state.source_name() in deaf:
        seen = "unknown"
    if seen == "live" and sigma_bp is None:
        seen = "warming"
    low, high = _range(state)
    return {
        "market": parsed.market,
        "tenor": parsed.tenor,
        "years": round(parsed.months / 12.0, 4) if not parsed.legs[1:] else None,
        "spread": len(parsed.legs) > 1,
        "order": order,
        "value": value,
        "time": iso(time) if time else None,
        "prior_close": close,
        "prior_close_time": iso(close_time) if close is not None and close_time else None,
        "change_bp": None if change is None else round(change, 2),
        "sigma": None if change is None or sigma_bp is None else round(change / sigma_bp, 2),
        "sigma_bp": None if sigma_bp is None else round(sigma_bp, 2),
        "horizon": daily.name,
        "bars": _bars(state),
        "state": seen,
        "breach": state.breaches.active > 0,
        "day_low": low,
        "day_high": high,
        "decimals": DECIMALS,
    }


def _where(state: SeriesState) -> tuple[float | None, int, float | None, int]:
    """Value, its time, the prior close and its time: of its ticks, or of its fixings where those are newer."""
    today, fixings = state.horizons.today, state.fixings
    if state.t != 0 and (fixings.time <= state.t or today.open_time != 0):
        known = today.open_time != 0 and today.close_time != 0 and today.close == today.close
        return state.y, state.t, today.close if known else None, today.close_time if known else 0
    if fixings.time == 0 or fixings.value != fixings.value:
        return None, 0, None, 0
    before = fixings.recent[-2] if len(fixings.recent) > 1 else None
    return fixings.value, fixings.time, None if before is None else before[0], 0 if before is None else before[1]


def _range(state: SeriesState) -> tuple[float | None, float | None]:
    today, newest = state.horizons.today, range_of(state)
    return (None, None) if newest is None else (min(today.low, newest[0]), max(today.high, newest[1]))


def _bars(state: SeriesState) -> dict[str, float | None]:
    """The lowest bar of each severity over one day, as any rule has it now; a floor in bp counts where it binds."""
    lowest: dict[str, float | None] = dict.fromkeys(("warn", "high", "critical"))
    daily = state.horizons.all[DAILY]
    sigma = daily.scale.sigma
    for watch in daily.watches:
        floor = watch.floor_bp / sigma if sigma > 0.0 else 0.0
        for severity, enter in zip(watch.severities, watch.enters, strict=False):
            name, bar = SEVERITIES[severity], max(enter, floor)
            known = lowest.get(name)
            if name in lowest and (known is None or bar < known):
                lowest[name] = round(bar, 2)
    return lowest
