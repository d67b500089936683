"""How an episode stands, on two axes: the alert (open, recovering, suspended, over; its rung) and its data (live,
stale, halted, closed, warming, bad). Data that cannot be seen neither opens nor closes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final, Literal

from stressd.alerts.episode import HALT, NOISE, NOTE, SIGMA, SILENCE, Episode
from stressd.alerts.event import DataState, Standing
from stressd.alerts.remarks import split
from stressd.alerts.spec import SECOND, EpisodesSpec
from stressd.alerts.words import MONTHS, local_text
from stressd.engine.spec import SEVERITIES
from stressd.engine.unitflip import RULE as UNIT_CHANGED
from stressd.market.calendar import Calendar
from stressd.market.times import iso

LUNCH: Final = "lunch"
ACROSS: Final = ("1d", "gap")
"""Horizons whose breaches live across the close of their market."""

LASTING: Final = (SIGMA, NOISE, SILENCE, HALT, NOTE)


def standing(spec: EpisodesSpec, episode: Episode, at: int) -> Standing:
    """The axis of the alert, at `at` (ns)."""
    until = suspended_until(spec, episode, at)
    rung = episode.rung
    state: Literal["open", "recovering", "suspended", "over"] = "open"
    if episode.closed_at is not None:
        state = "over"
    elif until is not None:
        state = "suspended"
    elif not episode.active and episode.what in LASTING:
        state = "recovering"
    return Standing(
        state=state,
        rung=SEVERITIES[rung] if rung is not None else None,
        flapping=episode.crossings if episode.flapping else None,
        reopened=episode.reopened,
        suspended_until=iso(until) if until is not None else None,
    )


def data_state(spec: EpisodesSpec, opened: Iterable[Episode], episode: Episode, at: int) -> DataState | None:
    """The axis of the data. opened: every open episode."""
    if episode.what in (SILENCE, HALT):
        return "live" if episode.closed_at is not None else "stale" if episode.what == SILENCE else "halted"
    if episode.kind != "market":
        return None
    if episode.unseen and episode.closed_at is None:
        return "halted" if episode.unseen == "halted" else "stale"
    series = {split(name)[0] for name in episode.active}
    bad = {name for each in opened if each.what == NOTE and each.rule == UNIT_CHANGED for name in each.active}
    if series and series <= bad:
        return "bad"
    calendar = spec.calendars.get(episode.market)
    if calendar is not None and _is_closed(calendar, at):
        return "closed"
    return "warming" if episode.warming else "live"


def suspended_until(spec: EpisodesSpec, episode: Episode, at: int) -> int | None:
    """The next open (ns) of its market, where that has closed over an open episode that lives within the day."""
    calendar = spec.calendars.get(episode.market)
    if calendar is None or episode.closed_at is not None or not _within_day(episode) or not _is_closed(calendar, at):
        return None
    return calendar.next_open(at)


def remarks(spec: EpisodesSpec, episode: Episode, at: int) -> list[str]:
    """What the next update says of how it stands; each close is said once."""
    said = [episode.more] if episode.more else []
    if episode.flapping:
        said.append(f"flapping, {episode.crossings} changes")
    rung = episode.rung
    if rung is not None and rung < episode.severity:
        said.append(f"{SEVERITIES[rung]} now")
    return said + _closing(spec, episode, at)


def _closing(spec: EpisodesSpec, episode: Episode, at: int) -> list[str]:
    calendar = spec.calendars.get(episode.market)
    if calendar is None or episode.closed_at is not None or not _within_day(episode):
        return []
    zone = spec.zone(episode.market)
    closed = _is_closed(calendar, at)
    opens = calendar.next_open(at) if closed else calendar.session_at(at).open
    if opens == episode.closing_told or (not closed and not episode.told_at < opens <= at):
        return []
    episode.closing_told = opens
    when = f"{local_text(opens, zone)} ({_utc(opens)})"
    return [f"suspended over the close until {when}" if closed else f"carried over the close to the open of {when}"]


def _within_day(episode: Episode) -> bool:
    return episode.what == SIGMA and any(split(name)[1] not in ACROSS for name in episode.active)


def _is_closed(calendar: Calendar, at: int) -> bool:
    span = calendar.span_at(at)
    return not span.is_open and span.reason != LUNCH


def _utc(at: int) -> str:
    moment = datetime.fromtimestamp(at // SECOND, UTC)
    return f"{moment.day} {MONTHS[moment.month - 1]} {moment:%H:%M} UTC"
