"""Who moved first: each series by the moment at which half of its own move was done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from stressd.lab.incident.values import Point
from stressd.market.calendar import Calendar
from stressd.market.series import market_of

SECOND = 1_000_000_000

LEAST: Final = 1.0
"""bp: less is no move that could be dated."""


@dataclass(frozen=True, slots=True)
class Mover:
    """One series. base: its value before (percent); moved_bp: from there to its extreme, signed; half_at: when half of
    that was done (ns UTC) and stayed done until the extreme; after_s: seconds after the first one; open_s: of these,
    those in which its market was open, None without a calendar. place: 1 for the first."""

    series: str
    base: Point
    extreme: Point
    moved_bp: float
    half_at: int
    after_s: float
    open_s: float | None
    place: int


def movers(
    tracks: Mapping[str, Sequence[Point]],
    bases: Mapping[str, float],
    start: int,
    end: int,
    calendars: Mapping[str, Calendar],
) -> list[Mover]:
    """The series by the time of half of their move, up to their extreme before `end` (ns UTC). bases: where a move
    began (percent), of what was shut when the first one moved; others begin at their first value from `start` on. The
    engine dates pulses by half of their move too (`engine.pulse`): noise shifts it less than an onset."""
    found = []
    for name, track in tracks.items():
        span = [point for point in track if start <= point[0] <= end]
        if len(span) < 3:
            continue
        base = (span[0][0], bases.get(name, span[0][1]))
        extreme = max(span, key=lambda point: (abs(point[1] - base[1]), -point[0]))
        moved = (extreme[1] - base[1]) * 100.0
        if abs(moved) < LEAST:
            continue
        found.append((_half(span, base, extreme), name, base, extreme, moved))
    found.sort(key=lambda each: (each[0], -abs(each[4]), each[1]))
    first = found[0][0] if found else 0
    made = []
    for place, (at, name, base, extreme, moved) in enumerate(found, 1):
        calendar = calendars.get(market_of(name))
        open_s = None if calendar is None else calendar.open_between(first, at) / SECOND
        made.append(Mover(name, base, extreme, moved, at, (at - first) / SECOND, open_s, place))
    return made


def _half(span: Sequence[Point], base: Point, extreme: Point) -> int:
    """The first value beyond half from which on, until the extreme, none was back below it."""
    sign = 1.0 if extreme[1] > base[1] else -1.0
    half = base[1] + (extreme[1] - base[1]) / 2.0
    at = extreme[0]
    for when, value in reversed([point for point in span if point[0] <= extreme[0]]):
        if sign * (value - half) < 0.0:
            break
        at = when
    return at
