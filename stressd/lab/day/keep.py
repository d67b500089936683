"""Summaries of sessions, kept as files: which ones are due, and their making."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from stressd.alerts.event import Event
from stressd.engine.spec import EngineSpec
from stressd.lab.day.document import document
from stressd.lab.day.summary import Summary, gather, name_of
from stressd.lab.incident.keep import RECENT, TURN, kept_values
from stressd.lab.incident.values import to_csv
from stressd.lab.report.files import files
from stressd.market.times import parse_time
from stressd.store import Store
from stressd.store.reports import DAYS, made, write


def make_due(state: Path, store: Store, spec: EngineSpec | None, now: int, turn: float = TURN) -> Iterator[str]:
    """The names of those made, one after the other: of every summary that was told lately and is not kept. turn:
    seconds after which no further one is begun. Raises StoreError, OSError."""
    end = time.monotonic() + turn
    there = made(state, DAYS)
    for event in store.days(now - RECENT, now):
        if event.day is not None and name_of(event.day) not in there and time.monotonic() < end:
            summary = of_event(state, store, event, spec, now)
            write(state, DAYS, summary.name, texts(summary), parse_time(event.time))
            yield summary.name


def of_event(state: Path, store: Store, event: Event, spec: EngineSpec | None, now: int) -> Summary:
    """Everything that is told of it. Raises StoreError."""
    assert event.day is not None
    return gather(state, store, event, now, spec, kept_values(state, name_of(event.day), DAYS))


def texts(summary: Summary) -> dict[str, str]:
    """Its files, by ending."""
    return files(document(summary), summary.plain(), to_csv(summary.values.tracks))
