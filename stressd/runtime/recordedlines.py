"""Ticks as a recording has them, a line each: written for every tick that comes, so compiled."""

from __future__ import annotations

from typing import Final

from stressd.feeds.ticklines import FLAGS
from stressd.market.tick import Tick

_ALL: Final = sum(FLAGS.values())
_WORDS: Final = [" ".join(word for word, flag in FLAGS.items() if flags & flag) for flags in range(_ALL + 1)]


def lines(ticks: list[Tick], position: str = "") -> str:
    """In the columns of `store.recordings.LAYOUT`. position: of the feeds, after the last of these ticks."""
    out: list[str] = []
    left = len(ticks)
    source = cell = ""
    received, came = -1, ""
    for tick in ticks:
        left -= 1
        # what one pass takes mostly comes from one feed and by one read
        if tick.source != source:
            source = tick.source
            cell = _cell(source)
        if tick.received != received:
            received = tick.received
            came = str(received)
        spread = "" if tick.spread != tick.spread else repr(tick.spread)
        words: str = _WORDS[tick.flags & _ALL]
        end = position if left == 0 else ""
        # texts alone: compiled, anything else in a template goes through `str.format`, which takes twice as long
        stamp, value = str(tick.time), repr(tick.value)
        out.append(f"{stamp},{tick.series},{value},{cell},{came},{spread},{words},{end}\n")
    return "".join(out)


def _cell(source: str) -> str:
    for mark in ',"\r\n':
        if mark in source:
            return '"' + source.replace('"', '""').replace("\r", " ").replace("\n", " ") + '"'
    return source
