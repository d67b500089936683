"""What a silence is: one series gone quiet, its whole feed, or a market that has been halted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from stressd.engine.events import Event, Silence
from stressd.engine.series import SeriesState
from stressd.engine.silence import SilenceWatch
from stressd.engine.spec import MINUTE

AT_ONCE: Final = 3
"""A feed is silent as a whole where its last tick is at least a third as old as that of the series that is due."""

MISSED: Final = 8.0
"""Ticks that the whole feed should have brought since its last one before it is called silent."""

DOUBTFUL: Final = 4.0
"""The same, before a series that is due is waited with for the rest of its feed."""

HALT_WITHIN: Final = 30 * MINUTE


def judge(state: SeriesState, watch: SilenceWatch, due: int, states: Iterable[SeriesState]) -> Event | None:
    """A silence is due: what is told of it, or None where it is put off for a few seconds."""
    source = state.source_name()
    others: list[SilenceWatch] = []
    owners: list[SeriesState] = []
    rate = 0.0
    quiet = -1
    for other in states:
        if other.source_name() != source:
            continue
        for each in other.silences:
            if each.rule is not watch.rule or each.told or not other.clock.calendar.span_at(due).is_open:
                continue
            if each.pauses is not None:
                rate += each.pauses.rate_at(due)
            if each is not watch:
                others.append(each)
                owners.append(other)
                age = other.clock.calendar.open_between(each.since, due)
                quiet = age if quiet < 0 else min(quiet, age)
    if not others:
        return watch.tell(due, source)
    missed = rate * quiet
    age = state.clock.calendar.open_between(watch.since, due)
    if missed >= MISSED and AT_ONCE * quiet >= age:
        members = (watch.series, *[each.series for each in others])
        said = watch.tell(due, source, members)
        for each, owner in zip(others, owners, strict=True):
            owner.about_to_change()
            each.tell(due, source, members)
        said.open_age = quiet
        if any(each.market != watch.market for each in others):
            said.market = ""
        return said
    if missed >= DOUBTFUL and watch.wait():
        return None
    move = last_move_bp(state)
    limit = watch.rule.halt_bp
    halted = limit is not None and abs(move) >= limit and missed < DOUBTFUL and quiet < age
    return watch.tell(due, source, (), move if halted else 0.0)


def last_move_bp(state: SeriesState) -> float:
    """The largest move (bp, signed) that ended with the last tick and took no more than half an hour."""
    if state.t == 0:
        return 0.0
    found = 0.0
    horizons = state.horizons
    for horizon in (horizons.h5, horizons.h30, horizons.session):
        move = (state.y - horizon.ref) * 100.0
        if move != move or (horizon is horizons.session and state.t - state.open_time > HALT_WITHIN):
            continue
        if abs(move) > abs(found):
            found = move
    return found


LIVE: Final = "live"
CLOSED: Final = "closed"
SILENT: Final = "silent"
HALTED: Final = "halted?"
NOT_KNOWN: Final = "unknown"
NEVER_SEEN: Final = "never seen"


def sight(state: SeriesState, now: int) -> dict[str, Any]:
    """Whether a series can be seen at `now` (ns UTC), and what its pauses are like.

    state: live; closed; silent; halted?; never seen; or unknown: no tick since the market opened, or since the engine
    began to listen, and none is overdue yet. usual_gap, silent_after: ns of open time that one of its pauses in a
    thousand exceeds at this time of day, and without a tick from its last one on until it is told as silent; None
    where no rule watches for that, or it is not known. learned: the latter follows from its own pauses.
    """
    span = state.clock.calendar.span_at(now)
    told = unheard = halted = False
    learned: bool | None = None
    usual = after = 0
    for watch in state.silences:
        told = told or watch.told
        unheard = unheard or watch.unheard
        halted = halted or (watch.told and watch.halt_move != 0.0)
        learned = not watch.warming() and watch.pauses is not None
        usual = watch.usual_gap(now)
        deadline = watch.deadline()
        after = state.clock.calendar.open_between(watch.since, deadline) if deadline is not None else 0
    word = LIVE
    if state.t == 0:
        word = NEVER_SEEN
    elif halted:
        word = HALTED
    elif told:
        word = SILENT
    elif not span.is_open:
        word = CLOSED
    elif unheard or state.t < span.start:
        word = NOT_KNOWN
    return {"state": word, "usual_gap": usual or None, "silent_after": after or None, "learned": learned}


def heard_again(event: Silence, series: dict[str, SeriesState]) -> None:
    """One series of a feed that was silent as a whole ticks again: the others are listened to anew."""
    for name in event.with_feed:
        if name in series:
            series[name].about_to_change()
            for silence in series[name].silences:
                if silence.rule.name == event.rule:
                    silence.release(event.at)
