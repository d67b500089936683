"""Sources that stamp their ticks ahead of their receipt: told once when it begins, once when it is over."""

from __future__ import annotations

from typing import Final

from stressd.engine.events import ENTERED, LEFT, Event, FeedNote
from stressd.engine.spec import HOUR, WARN
from stressd.market.tick import Tick

AHEAD_FOR: Final = 6 * HOUR
"""ns without a stamp from the future after which a source's clock counts as right again: a clock that is off now and
then is one condition, not one every few minutes."""


def watch_stamps(ahead: dict[str, int], tick: Tick, at: int, now_ahead: bool, out: list[Event]) -> None:
    """Tell what has changed with this tick. ahead: by source that is told, when it was last ahead; now_ahead: this tick
    is."""
    if now_ahead:
        if tick.source not in ahead:
            seconds = (tick.time - tick.received) / 1e9
            name = tick.source or "the feed"
            text = f"{name} stamps its ticks {seconds:.1f} s ahead of their receipt; receive time is used"
            out.append(
                FeedNote(at, tick.received, "clock-ahead", "", ENTERED, "clock ahead", "", tick.source, WARN, text)
            )
        ahead[tick.source] = at
    elif at - ahead[tick.source] > AHEAD_FOR:
        del ahead[tick.source]
        text = f"{tick.source or 'the feed'} stamps its ticks in time again"
        out.append(FeedNote(at, tick.time, "clock-ahead", "", LEFT, "clock ahead", "", tick.source, WARN, text))
