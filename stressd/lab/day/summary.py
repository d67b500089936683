"""Everything that the kept summary of a market's session tells, gathered from a state directory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from stressd import __version__
from stressd.alerts.day import Day
from stressd.alerts.event import Event
from stressd.engine.spec import EngineSpec
from stressd.lab.incident.values import PATIENCE, Track, Values, joined, read_values
from stressd.lab.poisson import band
from stressd.lab.report.told import budgets
from stressd.market.series import parse_series
from stressd.market.times import iso, parse_time
from stressd.store import Delivery, Episode, LabelRow, Store

SCHEMA: Final = 1
YEAR: Final = 365 * 86_400_000_000_000
DAY: Final = 86_400_000_000_000
SERIES: Final = 8
"""Tenors whose path is drawn: those that moved furthest."""


@dataclass(frozen=True, slots=True)
class Used:
    """A rule's episodes in the market. month, year: how many were opened in the month of the session so far, and in the
    twelve months up to its close or since the store begins; years: how long that is. budget: a year, None for none;
    held: the counts that it leaves inside with 95 % over that time, None where that is too short."""

    rule: str
    month: int
    year: int
    years: float
    budget: float | None
    held: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Told:
    """What one sink was told from the open to the summary. arrived: how many came; p50_ms, worst_ms: from commit to
    arrival; dead: given up."""

    sink: str
    messages: int
    arrived: int
    p50_ms: float | None
    worst_ms: float | None
    dead: int


@dataclass(frozen=True, slots=True)
class Summary:
    """event: as it was told. made: ns UTC. values: of the tenors that moved furthest, through the session."""

    event: Event
    day: Day
    made: int
    values: Values
    used: Sequence[Used]
    told: Sequence[Told]
    labels: Sequence[LabelRow]

    @property
    def name(self) -> str:
        """ "JP-2026-01-20"."""
        return name_of(self.day)

    @property
    def zone(self) -> ZoneInfo:
        """Of the market's clock."""
        return ZoneInfo(self.day.zone)

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "schema": SCHEMA,
            "made": iso(self.made),
            "stressd": __version__,
            "name": self.name,
            "event": msgspec.to_builtins(self.event),
            "budgets": [msgspec.to_builtins(each) for each in self.used],
            "messages": [msgspec.to_builtins(each) for each in self.told],
            "labels": [msgspec.to_builtins(each) for each in self.labels],
        }


def name_of(day: Day) -> str:
    """What people call it."""
    return f"{day.market}-{day.session}"


def gather(
    state: Path, store: Store, event: Event, now: int, spec: EngineSpec | None, kept: Mapping[str, Track] | None = None,
    patience: float = PATIENCE,
) -> Summary:  # fmt: skip
    """event: with its `day`. spec: markets and rules, None where they are not known. kept: values of an earlier one.
    patience: seconds for reading the recording. Blocks. Raises StoreError."""
    day = event.day
    assert day is not None
    opened, closed = parse_time(day.opened), parse_time(event.time)
    moved = sorted(
        (row for row in day.series if row.change_bp is not None and len(parse_series(row.series).legs) == 1),
        key=lambda row: -abs(row.change_bp or 0.0),
    )
    wanted = [row.series for row in moved[:SERIES]]
    values = read_values(state, wanted, opened, closed, patience) if wanted else Values({}, closed)
    episodes = [each for each in store.episodes() if each.origin == event.origin]
    mine = [item.episode for item in event.digest]
    return Summary(
        event=event,
        day=day,
        made=now,
        values=joined(values, {name: track for name, track in (kept or {}).items() if name in wanted}),
        used=_used(day, episodes, closed, spec),
        told=_told([row for name in mine for row in store.deliveries(episode=name) if row.created_at >= opened]),
        labels=[row for name in mine for row in store.labels(name)],
    )


def _used(day: Day, episodes: Sequence[Episode], closed: int, spec: EngineSpec | None) -> list[Used]:
    """Of every rule that has a budget in this market, or had an episode."""
    own = [
        each for each in episodes if each.market == day.market and each.kind == "market" and each.opened_at <= closed
    ]
    since = max(closed - YEAR, min((each.opened_at for each in episodes), default=closed))
    years = (closed - since) / YEAR
    allowed = {
        rule: budget for (rule, market), budget in (budgets(spec) if spec else {}).items() if market == day.market
    }
    zone, first = ZoneInfo(day.zone), date.fromisoformat(day.session).replace(day=1)
    made = []
    for rule in sorted({*allowed, *(each.rule for each in own)}):
        rows = [each for each in own if each.rule == rule and each.opened_at >= since]
        budget = allowed.get(rule)
        held = band(budget * years) if budget is not None and closed - since >= 30 * DAY else None
        month = sum(_local_day(each.opened_at, zone) >= first for each in rows)
        made.append(Used(rule, month, len(rows), round(years, 3), budget, held))
    return made


def _local_day(at: int, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(at // 1_000_000_000, zone).date()


def _told(rows: Sequence[Delivery]) -> list[Told]:
    made = []
    for sink in dict.fromkeys(row.sink for row in rows):
        own = [row for row in rows if row.sink == sink]
        took = sorted((row.delivered_at - row.created_at) / 1e6 for row in own if row.delivered_at is not None)
        made.append(
            Told(
                sink=sink,
                messages=len(own),
                arrived=len(took),
                p50_ms=took[(len(took) - 1) // 2] if took else None,
                worst_ms=took[-1] if took else None,
                dead=sum(row.state == "dead" for row in own),
            )
        )
    return made
