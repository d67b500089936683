"""Which alert tells of which true move.

An alert is an `opened` or `reopened` event of kind market. It is true of a move of its market that began at most 900 s
before it or 30 s after it; a move counts for one alert and an alert for one move, and every other alert is false. What
an open episode tells later (`escalated`, `widened`, `peaked`) is no alert: it can neither be false nor find a move, but
a move that was told only so is reported as such.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from stressd.alerts.event import Event
from stressd.lab.sim.labels import Move
from stressd.market.times import SECOND, parse_time

BEFORE: Final = 30 * SECOND
AFTER: Final = 900 * SECOND

ALERTS: Final = ("opened", "reopened")
FURTHER: Final = ("escalated", "widened", "peaked")


@dataclass(frozen=True, slots=True)
class Alert:
    """One event of an episode, by what led it. time: ns; since: from when on its move is measured. direction: +1, -1
    or 0."""

    time: int
    market: str
    direction: int
    episode: str
    series: str
    horizon: str
    sigma: float
    change_bp: float
    severity: str
    since: int


def alert_of(event: Event) -> Alert:
    """The event as an alert."""
    lead = event.series[0] if event.series else None
    return Alert(
        time=parse_time(event.time),
        market=event.market,
        direction={"up": 1, "down": -1, None: 0}[event.direction],
        episode=event.episode,
        series=lead.series if lead is not None else "",
        horizon=(lead.horizon or "") if lead is not None else "",
        sigma=(lead.sigma or 0.0) if lead is not None else 0.0,
        change_bp=(lead.change_bp or 0.0) if lead is not None else 0.0,
        severity=event.severity,
        since=parse_time(lead.from_.time if lead is not None and lead.from_ is not None else event.time),
    )


@dataclass(slots=True)
class Told:
    """Events by what they mean. last: the last of each episode; longest: the longest return period (its middle, years)
    printed by an episode for a series and horizon."""

    alerts: list[Alert]
    further: dict[str, list[Alert]]
    last: dict[str, Event]
    longest: dict[tuple[str, str, str], float]


def split(events: Iterable[Event], rules: Sequence[str] = ()) -> Told:
    """The market events of these rules, of all if there are none."""
    told = Told([], {}, {}, {})
    for event in events:
        if event.kind != "market" or (rules and event.rule not in rules):
            continue
        told.last[event.episode] = event
        if event.type in ALERTS:
            told.alerts.append(alert_of(event))
        elif event.type in FURTHER:
            told.further.setdefault(event.market, []).append(alert_of(event))
        for row in event.series:
            if row.return_period_years:
                key = (event.episode, row.series, row.horizon or "")
                middle = row.return_period_years[len(row.return_period_years) // 2]
                told.longest[key] = max(told.longest.get(key, 0.0), middle)
    return told


def match(alerts: Sequence[Alert], moves: Sequence[Move]) -> dict[int, int]:
    """By index of an alert the index of the move that it tells of.

    In order of time an alert takes the latest move that is still free, of those in its own direction first, and of
    those that have begun before those that are about to.
    """
    onsets = [parse_time(move.onset) for move in moves]
    waiting: dict[str, list[int]] = {}
    for number in sorted(range(len(moves)), key=lambda i: onsets[i]):
        waiting.setdefault(moves[number].market, []).append(number)
    found: dict[int, int] = {}
    first: dict[str, int] = {}
    taken: set[int] = set()
    for number in sorted(range(len(alerts)), key=lambda i: alerts[i].time):
        alert = alerts[number]
        queue = waiting.get(alert.market, [])
        at = first.get(alert.market, 0)
        while at < len(queue) and onsets[queue[at]] + AFTER < alert.time:
            at += 1
        first[alert.market] = at
        free = []
        for move in queue[at:]:
            if onsets[move] - BEFORE > alert.time:
                break
            if move not in taken:
                free.append(move)
        if free:
            best = max(free, key=lambda i: (moves[i].k * alert.direction > 0, onsets[i] <= alert.time, onsets[i]))
            taken.add(best)
            found[number] = best
    return found


def told_inside(further: Mapping[str, Sequence[Alert]], move: Move) -> bool:
    """Whether an open episode of its market, in its direction, told of the move. further: by market, by time."""
    onset = parse_time(move.onset)
    return any(
        onset - BEFORE <= each.time <= onset + AFTER and each.direction * move.k > 0
        for each in further.get(move.market, ())
    )
