"""The session so far of every series, and the clocks of the markets: for screens that people watch."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from stressd.engine.engine import Engine
from stressd.engine.series import SeriesState
from stressd.engine.spec import EngineSpec, MarketSpec
from stressd.market.times import iso

SECOND: Final = 1_000_000_000

SLICE: Final = 50
"""Series between two turns of the event loop."""


async def today(spec: EngineSpec, engine: Engine, now: int) -> dict[str, Any]:
    """By series: value and where it came from (percent, bp) and the path of its session in at most 60 steps, null where
    nothing ticked; and the markets with what comes next. now: ns UTC."""
    series = {}
    for k, state in enumerate(engine.states(), 1):
        series[state.id] = _of(state)
        if k % SLICE == 0:
            await asyncio.sleep(0)
    clocks = [_clock(market, now) for market in spec.markets if market.gauge]
    return {"time": iso(now), "markets": clocks, "series": series}


def _of(state: SeriesState) -> dict[str, Any]:
    horizons = state.horizons
    session = horizons.today
    value = state.y if state.t else None
    told: dict[str, Any] = {"value": value, "close": None, "change_bp": None, "open": None, "low": None, "high": None}
    told |= {"close_time": None, "start": None, "step_s": None, "path": []}
    if value is None or not session.open_time:
        return told
    low, high = min(horizons.low, value), max(horizons.high, value)
    start, step, lasts, _, _ = session.path(value, state.t, low, high)
    told |= {
        "open": session.open,
        "low": min(low, session.low),
        "high": max(high, session.high),
        "start": iso(start),
        "step_s": step / SECOND,
        "path": lasts,
    }
    if session.close_time and session.close == session.close:
        change = round((value - session.close) * 100.0, 4)
        told |= {"close": session.close, "close_time": iso(session.close_time), "change_bp": change}
    return told


def _clock(market: MarketSpec, now: int) -> dict[str, Any]:
    """reason: why it is closed. next: when it opens, or closes or breaks next."""
    calendar = market.calendar
    span = calendar.span_at(now)
    return {
        "market": market.name,
        "zone": calendar.zone,
        "open": span.is_open,
        "reason": None if span.is_open else span.reason,
        "next": iso(span.end if span.is_open else calendar.next_open(now)),
    }
