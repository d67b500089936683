"""The path of every series through its session so far, for sparklines; all other figures are in the state."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from stressd.engine.engine import Engine
from stressd.engine.series import SeriesState
from stressd.market.times import iso

SECOND: Final = 1_000_000_000

SLICE: Final = 50
"""Series between two turns of the event loop."""


async def paths(engine: Engine, now: int) -> dict[str, Any]:
    """By series the last value (percent) in each of at most 60 steps since the open, null where nothing ticked; a
    series without a session has none. now: ns UTC."""
    found = {}
    for k, state in enumerate(engine.states(), 1):
        if state.t and state.horizons.today.open_time:
            found[state.id] = _of(state)
        if k % SLICE == 0:
            await asyncio.sleep(0)
    return {"time": iso(now), "paths": found}


def _of(state: SeriesState) -> dict[str, Any]:
    horizons, value = state.horizons, state.y
    low, high = min(horizons.low, value), max(horizons.high, value)
    start, step, lasts, _, _ = horizons.today.path(value, state.t, low, high)
    return {"start": iso(start), "step_s": step / SECOND, "values": lasts}
