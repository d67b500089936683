"""Recorded ticks through the live pipeline, on their own time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from stressd.alerts.event import Event
from stressd.alerts.pipeline import Pipeline
from stressd.engine.engine import Engine
from stressd.lab.offline import Setup, drive
from stressd.market.tick import Tick

QUALITY: Final = (
    "ticks", "duplicates", "crossed", "wide", "reordered", "late", "quarantined", "confirmed", "rejected", "silences",
    "quotes",
)  # fmt: skip


def replay(setup: Setup, ticks: Sequence[Tick]) -> Iterator[Event]:
    """The events that a daemon would have told on these ticks, which are in order of receipt; origin "replay"."""
    if ticks:
        yield from drive(pipeline(setup, ticks), ticks)


def pipeline(setup: Setup, ticks: Sequence[Tick]) -> Pipeline:
    """One for `ticks`, of which there is at least one; a series that comes from elsewhere than its feeds takes any
    source."""
    return fitted(setup, ticks).pipeline(ticks[0].received, "replay")


def fitted(setup: Setup, ticks: Sequence[Tick]) -> Setup:
    """The same for where these ticks come from."""
    carried: dict[str, set[str]] = {}
    for tick in ticks:
        carried.setdefault(tick.series, set()).add(tick.source)
    return setup.without_feeds(carried)


def quality(engine: Engine) -> dict[str, dict[str, Any]]:
    """By series, how many of its ticks were accepted and what came of the others, and its quotes (`QUALITY`)."""
    return {row["series"]: {key: row[key] for key in QUALITY} for row in engine.status()}
