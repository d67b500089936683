"""One scene of ticks through a pipeline, in whatever batches and with a restart anywhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import msgspec

from stressd.alerts.desk import Routed
from stressd.alerts.pipeline import Pipeline
from stressd.market.tick import Tick


def played(
    make: Callable[[], Pipeline], ticks: list[Tick], until: int, cuts: Sequence[int], restart: int | None
) -> list[Routed]:
    """What is told up to `until` (ns UTC). make: a fresh pipeline. cuts: numbers of the ticks that begin a batch;
    restart: before which batch it is saved and made anew, None for never."""
    running, begin = make(), 0
    told: list[Routed] = []
    for number, end in enumerate([*sorted(cuts), len(ticks)]):
        if number == restart:
            state = json.loads(msgspec.json.encode(running.snapshot()))
            running = make()
            running.restore(state)
        if ticks[begin:end]:
            told += running.feed(ticks[begin:end])
        begin = end
    return told + running.advance(until)
