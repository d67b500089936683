"""What came in with a series' ticks besides news: repeats, dirt, late ticks, outliers, and its quotes."""

from __future__ import annotations

from typing import Any

from stressd.engine.quotes import QuoteFigures, known
from stressd.engine.series import SeriesState


def quote_figures(state: SeriesState, at: int) -> QuoteFigures | None:
    """What is known at `at` of the quotes of a series' active source, None where it sends none."""
    active = state.sources.active
    if active is None or active.quotes is None:
        return None
    return active.quotes.figures(at, state.clock)


def quality(state: SeriesState, now: int) -> dict[str, Any]:
    """Counts since the series was first heard, and the quotes of its active source (bp; presence as a share of open
    time; None for what is not known, and where it sends no quotes).

    crossed, wide: quotes of that kind. reordered: late by two seconds or less. quarantined: outliers that waited for
    another tick; confirmed: those that it bore out. silences: times it was told as silent.
    """
    found: dict[str, Any] = dict.fromkeys(("crossed", "wide", "reordered", "quarantined", "confirmed"), 0)
    for gate in (state.history, *state.sources.all):
        if gate.quotes is not None:
            found["crossed"] += gate.quotes.crossed
            found["wide"] += gate.quotes.wide
        found["reordered"] += gate.reordered
        found["quarantined"] += gate.quarantined
        found["confirmed"] += gate.accepted
    found["silences"] = sum(silence.count for silence in state.silences)
    active = state.sources.active
    found["quotes"] = None
    if active is not None and active.quotes is not None:
        spread, mean, widest, presence = active.quotes.figures(now, state.clock)
        found["quotes"] = {
            "bid_ask_bp": spread,
            "mean_bp": mean,
            "widest_decile_bp": widest,
            "presence": presence,
            "usual_presence": known(active.quotes.usual_presence()),
        }
    return found
