"""Realised measures per series and session, of the moves that the live engine accepted: a detector that only writes.

The moves are those of five minutes that the engine feeds a further detector, so bad ticks, repeats and the hours
between sessions are in none of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np

from stressd.engine.detector import DetectorRule
from stressd.lab.measures import C, bipower_variation, daily_shape, jump_p, jump_share, lee_mykland, med_rv
from stressd.lab.measures import realised_variance as variance
from stressd.lab.offline import Setup
from stressd.market.calendar import Calendar
from stressd.market.times import day_iso, iso

NAME: Final = "measures"
MINUTES: Final = 5
WINDOW: Final = 78
"""Moves before one by which it is judged. With 78 the test's size is nearest its nominal one; Lee and Mykland use more,
which few recordings have."""

LEAST: Final = 12
"""Moves of a session below which it has no measures."""

SECOND: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class SessionMeasures:
    """One series over one session. moves: of five minutes. volatility, smooth, median: roots (bp) of realised variance,
    bipower variation and MedRV. jump_share: of the variance. largest_bp, largest_at: the move that looks most like a
    jump, largest_sigma: in sigma of the moves before; p: chance of one as large in a session without jumps. The last
    four are None where too few moves came before."""

    series: str
    session: str
    moves: int
    volatility: float
    smooth: float
    median: float
    jump_share: float | None
    largest_bp: float | None
    largest_at: str | None
    largest_sigma: float | None
    p: float | None

    def as_json(self) -> dict[str, Any]:
        """As on the wire, numbers rounded."""
        return {
            key: round(value, 4) if isinstance(value, float) and key != "p" else value
            for key, value in asdict(self).items()
        }


class Moves:
    """The completed moves (bp) of one series, with their times: `engine.detector.Detector`, never with anything to
    say."""

    __slots__ = ("moves", "times")

    def __init__(self) -> None:
        self.moves: list[float] = []
        self.times: list[int] = []

    def step(self, x: float, time: int) -> float:
        self.moves.append(x)
        self.times.append(time)
        return math.nan

    def state(self) -> list[list[float]]:
        return [list(self.moves), [float(time) for time in self.times]]

    def load(self, state: list[list[float]]) -> None:
        self.moves = [float(x) for x in state[0]]
        self.times = [int(time) for time in state[1]]


def measured(setup: Setup) -> tuple[Setup, dict[str, Moves]]:
    """The same setup, which also writes down the moves of every series; by series once it has run."""
    kept: dict[str, Moves] = {}

    def make(series: str) -> Moves:
        return kept.setdefault(series, Moves())

    rule = DetectorRule(NAME, tuple(setup.series()), NAME, make, f"{MINUTES}m", math.inf, in_sigma=False)
    spec = replace(setup.spec, detector_rules=(*setup.spec.detector_rules, rule))
    return Setup(spec, setup.instance, setup.desk, setup.config, pace=setup.pace), kept


def measures(setup: Setup, kept: Mapping[str, Moves]) -> list[SessionMeasures]:
    """Per series and session, in this order."""
    calendars = {market.name: market.calendar for market in setup.spec.markets}
    rows: list[SessionMeasures] = []
    for series in setup.spec.series:
        written = kept.get(series.id)
        if written is not None and written.moves:
            rows += _of_series(series.id, written, calendars[series.market])
    return rows


def _of_series(series: str, written: Moves, calendar: Calendar) -> list[SessionMeasures]:
    moves, times = np.array(written.moves), written.times
    days = np.array([calendar.session_at(time - 1).day for time in times])
    adjusted = moves / _shape(moves, times, days, calendar.zone)
    statistic = lee_mykland(adjusted, WINDOW)
    rows = []
    for day in np.unique(days):
        where = np.flatnonzero(days == day)
        if where.size < LEAST:
            continue
        mine = moves[where]
        known = where[~np.isnan(statistic[where])]
        most = int(known[np.argmax(np.abs(statistic[known]))]) if known.size >= LEAST else -1
        largest = abs(float(statistic[most])) if most >= 0 else math.nan
        share = jump_share(mine)
        rows.append(
            SessionMeasures(
                series=series,
                session=day_iso(int(day)),
                moves=int(where.size),
                volatility=math.sqrt(variance(mine)),
                smooth=math.sqrt(bipower_variation(mine)),
                median=math.sqrt(med_rv(mine)),
                jump_share=None if math.isnan(share) else share,
                largest_bp=float(moves[most]) if most >= 0 else None,
                largest_at=iso(times[most] // SECOND * SECOND) if most >= 0 else None,
                largest_sigma=largest * C if most >= 0 else None,
                p=jump_p(largest, int(known.size)) if most >= 0 else None,
            )
        )
    return rows


def _shape(
    moves: np.ndarray[Any, np.dtype[np.float64]], times: list[int], days: np.ndarray[Any, Any], zone: str
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """By what each move is divided: how large moves are at its time of day, 1 where there are few sessions."""
    at = ZoneInfo(zone)
    bins = []
    for time in times:
        local = datetime.fromtimestamp((time - 1) // SECOND, UTC).astimezone(at)
        bins.append((local.hour * 60 + local.minute) // MINUTES)
    rows, row_of = np.unique(days, return_inverse=True)
    table = np.full((rows.size, 24 * 60 // MINUTES), np.nan)
    table[row_of, bins] = moves
    return daily_shape(table)[bins]
