"""The path of a series through its session so far, as the engine keeps it: for sparklines, and for the strip."""

from __future__ import annotations

from typing import Any, Final

from stressd.engine.engine import Engine
from stressd.engine.glance import reach_of
from stressd.engine.series import SeriesState
from stressd.engine.today import Row
from stressd.market.times import iso
from stressd.runtime.slices import sliced

SECOND: Final = 1_000_000_000


async def paths(engine: Engine, now: int) -> dict[str, Any]:
    """By series the last value (percent) in each of at most 60 steps since the open, null where nothing ticked; a
    series without a session has none. now: ns UTC."""
    found = {}
    async for state in sliced(engine.states()):
        if (path := path_of(state)) is not None:
            start, step, lasts, _, _ = path
            found[state.id] = {"start": iso(start), "step_s": step / SECOND, "values": lasts}
    return {"time": iso(now), "paths": found}


def path_of(state: SeriesState) -> Row | None:
    """Of one series, its last tick included; None where it has no session."""
    reach = reach_of(state)
    return None if reach is None else state.horizons.today.path(state.y, state.t, *reach)
