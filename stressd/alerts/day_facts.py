"""A market's session read off the engine at its close, for the summary of the day."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Final
from zoneinfo import ZoneInfo

from stressd.alerts.day import Day, DaySeries, SeenState
from stressd.alerts.event import Path, Point
from stressd.alerts.scenery import tidy
from stressd.alerts.words import curve_key, local_text
from stressd.engine.glance import Glance, reach_of
from stressd.engine.quiet import HALTED, SILENT, sight
from stressd.engine.series import SeriesState
from stressd.market.calendar import Calendar, Session
from stressd.market.series import parse_series
from stressd.market.shape import shape
from stressd.market.times import day_iso, iso

MOST: Final = 40
"""Series of one market in a summary; of more those that moved furthest in their own sigma."""

LATE: Final = 3_600_000_000_000
"""ns after a close by which what still came belongs to the session."""

DAY_NS: Final = 86_400_000_000_000
DIGITS: Final = 3
PERCENT_DIGITS: Final = 6
WEEKEND: Final = 5


def day_of_market(
    market: str,
    calendar: Calendar,
    session: Session,
    states: Iterable[SeriesState],
    reading: Any,
    days: Sequence[Any],
) -> Day:
    """The session as the engine knows it now. states: of the market's series, spreads between its own tenors included.
    reading, days: of the stress index, the last one and the closes."""
    rows = sorted((_series(state, session) for state in states), key=lambda row: _place(row.series))
    kept = rows
    if len(rows) > MOST:
        furthest = sorted(rows, key=lambda row: (-abs(row.sigma or 0.0), _place(row.series)))[:MOST]
        kept = [row for row in rows if row in furthest]
    opens = calendar.next_open(session.close)
    zone = ZoneInfo(calendar.zone)
    value = None if reading is None else reading["value"]
    before = next((day["value"] for day in reversed(days) if day["date"] < iso(session.close)[:10]), None)
    return Day(
        market=market,
        session=day_iso(session.day),
        zone=calendar.zone,
        opened=iso(session.open),
        closed=iso(session.close),
        early=session.early,
        next_open=iso(opens),
        next_open_local=local_text(opens, zone),
        because=_because(calendar, session, opens),
        series=kept,
        more=len(rows) - len(kept),
        shape=_shape(rows),
        stress=None if value is None else round(value, DIGITS),
        stress_before=None if before is None else round(before, DIGITS),
    )


def path_of_day(day: Day, states: Iterable[SeriesState]) -> Path | None:
    """How the series that moved furthest came to its close; None where none is known."""
    moved = [row for row in day.series if row.change_bp is not None and len(parse_series(row.series).legs) == 1]
    furthest = max(moved, key=lambda row: abs(row.change_bp or 0.0), default=None)
    if furthest is None or furthest.value is None or furthest.time is None:
        return None
    state = next(each for each in states if each.id == furthest.series)
    reach = reach_of(state)
    if reach is None:
        return None
    start, step, lasts, lows, highs = state.horizons.today.path(state.y, state.t, *reach)
    base = None
    if furthest.close is not None and furthest.close_time is not None:
        base = Point(value=furthest.close, time=furthest.close_time)
    return Path(
        series=furthest.series, start=iso(start), step_s=step / 1e9, values=tidy(lasts), low=tidy(lows),
        high=tidy(highs), at=Point(value=furthest.value, time=furthest.time), base=base, zone=day.zone,
    )  # fmt: skip


def _series(state: SeriesState, session: Session) -> DaySeries:
    glance = Glance(state)
    known = glance.value is not None
    value = round(glance.value, PERCENT_DIGITS) if glance.value is not None else None
    time = iso(glance.time) if known else None
    if not session.open <= glance.time < session.close + LATE:
        return DaySeries(series=state.id, state="no ticks", value=value, time=time)
    word = sight(state, session.close - 1)["state"]
    seen: SeenState = "halted" if word == HALTED else "silent" if word == SILENT else "live"
    return DaySeries(
        series=state.id,
        state=seen,
        value=value,
        time=time,
        close=None if glance.close is None else round(glance.close, PERCENT_DIGITS),
        close_time=iso(glance.close_time) if glance.close is not None else None,
        change_bp=None if glance.change_bp is None else round(glance.change_bp, DIGITS) + 0.0,
        sigma=None if glance.sigma is None else round(glance.sigma, DIGITS) + 0.0,
        low=None if glance.low is None else round(glance.low, PERCENT_DIGITS),
        high=None if glance.high is None else round(glance.high, PERCENT_DIGITS),
    )


def _place(series: str) -> tuple[int, int, str]:
    """Tenors by their length, then spreads."""
    spread = len(parse_series(series).legs) > 1
    return (int(spread), *curve_key(series))


def _shape(rows: Sequence[DaySeries]) -> str | None:
    """By the shortest and the longest tenor of which a change is known."""
    moved = [row.change_bp for row in rows if row.change_bp is not None and len(parse_series(row.series).legs) == 1]
    return shape(moved[0], moved[-1]) if len(moved) > 1 else None


def _because(calendar: Calendar, session: Session, opens: int) -> str | None:
    """The first closure on a weekday until the next open."""
    following = calendar.session_at(opens).day
    for day in range(session.day + 1, following):
        if date.fromordinal(day).weekday() < WEEKEND:
            return calendar.span_at(opens - (following - day) * DAY_NS).reason or None
    return None
