"""The stress index over a whole history of fixings: every close as it would have been told then."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from stressd.engine.engine import Engine
from stressd.engine.spec import DAY, EngineSpec
from stressd.engine.stress_index import DAY_ENDS
from stressd.market.tick import Tick
from stressd.market.times import day_iso, day_of


def closes(spec: EngineSpec, fixings: Sequence[Tick]) -> list[dict[str, Any]]:
    """The reading of the index at the end of every day on which it was taken, oldest first, with its `date`. fixings:
    in order of time, as `lab.backtest.fixing_ticks` makes them."""
    found: list[dict[str, Any]] = []
    if not fixings:
        return found
    engine = Engine(spec, fixings[0].received - 1)
    times = [tick.received for tick in fixings]
    done = 0
    while done < len(fixings):
        end = (times[done] - DAY_ENDS) // DAY * DAY + DAY + DAY_ENDS
        after = bisect_right(times, end - 1, done)
        engine.feed(fixings[done:after])
        engine.advance(end)
        done = after
        reading = engine.stress.reading
        if reading is not None and reading["value"] is not None:
            found.append({"date": day_iso(day_of(end)), **reading})
    return found
