"""Where a series stands and how far it has come since the prior close: what a page and a summary show of it."""

from __future__ import annotations

from typing import Final

from stressd.engine.series import SeriesState

NONE: Final = 0


class Glance:
    """value, time: the last one (percent; ns, 0 for none). close, close_time: what it is compared with. change_bp: from
    there, None where it is not known. sigma_bp: one sigma of its daily moves before this session; sigma: the change in
    it. low, high: of the session that is under way, or of the last one."""

    __slots__ = ("change_bp", "close", "close_time", "high", "low", "sigma", "sigma_bp", "time", "value")

    def __init__(self, state: SeriesState) -> None:
        value, time, close, close_time = _where(state)
        self.value: float | None = value
        self.time: int = time
        self.close: float | None = close
        self.close_time: int = close_time
        sigma_bp = _sigma(state, close_time)
        self.sigma_bp: float | None = sigma_bp
        change_bp: float | None = None
        sigma: float | None = None
        if value is not None and close is not None:
            change_bp = (value - close) * 100.0
            if sigma_bp is not None:
                sigma = change_bp / sigma_bp
        self.change_bp: float | None = change_bp
        self.sigma: float | None = sigma
        low: float | None = None
        high: float | None = None
        reach = reach_of(state)
        if reach is not None:
            today = state.horizons.today
            low, high = min(today.low, reach[0]), max(today.high, reach[1])
        self.low: float | None = low
        self.high: float | None = high


def _where(state: SeriesState) -> tuple[float | None, int, float | None, int]:
    """Value, its time, the prior close and its time: of its ticks, or of its fixings where those are newer."""
    today, fixings = state.horizons.today, state.fixings
    if state.t != 0 and (fixings.time <= state.t or today.open_time != 0):
        known = today.open_time != 0 and today.close_time != 0 and today.close == today.close
        return state.y, state.t, today.close if known else None, today.close_time if known else NONE
    if fixings.time == 0 or fixings.value != fixings.value:
        return None, NONE, None, NONE
    if len(fixings.recent) < 2:
        return fixings.value, fixings.time, None, NONE
    close, close_time = fixings.recent[-2]
    return fixings.value, fixings.time, close, close_time


def reach_of(state: SeriesState) -> tuple[float, float] | None:
    """Lowest and highest value (percent) since the slot began that is under way; None where it has no session."""
    horizons = state.horizons
    if state.t == 0 or horizons.today.open_time == 0 or state.t < horizons.today.open_time:
        return None
    return min(horizons.low, state.y), max(horizons.high, state.y)


def _sigma(state: SeriesState, since: int) -> float | None:
    """Of the daily moves (bp), None where it is not known. since: what the change is measured from (ns): a fixing of
    after that has been learned from already, and was judged by the sigma of before it."""
    fixings = state.fixings
    if since != NONE and fixings.time > since and fixings.z == fixings.z and fixings.z != 0.0:
        before = fixings.bp / fixings.z
        if before > 0.0:
            return before
    daily = state.horizons.daily
    return daily.scale.sigma if daily.known and daily.scale.sigma > 0.0 else None
