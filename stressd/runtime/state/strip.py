"""One series' session so far, for the strip: its path, the bands that it has to leave, sessions, halts and breaches.

Taken from what the engine keeps: the session in sixty steps at most, the last half hour in steps of five seconds. So it
is there without a recording, and costs a tick nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from stressd.alerts.episode import HALT, Episode
from stressd.engine.horizon import DAILY, SESSION
from stressd.engine.quiet import HALTED, sight
from stressd.engine.series import SeriesState
from stressd.engine.spec import SEVERITIES
from stressd.engine.today import Row
from stressd.market.times import iso, parse_time
from stressd.runtime.paths import path_of

MS: Final = 1_000_000
SPANS: Final = 40
"""Stretches of open and closed time that are told at most."""


def strip(state: SeriesState, episodes: Collection[Episode], now: int) -> dict[str, Any]:
    """Values in percent; times of points in ms since 1970, others ISO 8601. now: ns UTC.

    points: [time, value]; range: [from, to, low, high] of each step of the path; bands: of each horizon that is
    measured from one value, where a move enters, by severity; breaches: of episodes that hold the series.
    """
    path = path_of(state)
    points = _points(state, path)
    today = state.horizons.today
    start = today.open_time or (int(points[0][0]) * MS if points else now)
    moves = [
        {
            "time": move.time,
            "value": move.value,
            "horizon": move.horizon,
            "sigma": move.sigma,
            "episode": episode.id,
            "severity": SEVERITIES[episode.severity],
        }
        for episode in episodes
        for move in episode.moves.values()
        if move.series == state.id and move.time is not None and parse_time(move.time) >= start
    ]
    close = today.close if today.close_time and today.close == today.close else None
    return {
        "series": state.id,
        "time": iso(now),
        "points": points,
        "range": _ranges(path, state.t),
        "prior_close": None if close is None else {"value": close, "time": iso(today.close_time)},
        "bands": [band for number in (SESSION, DAILY) for band in _bands(state, number)],
        "sessions": _sessions(state, start, now),
        "halts": [*_halts(state.id, points, episodes, start), *_halt_now(state, now)],
        "breaches": sorted(moves, key=lambda each: str(each["time"])),
    }


def _halts(
    name: str, points: Sequence[Sequence[float]], episodes: Iterable[Episode], start: int
) -> list[dict[str, Any]]:
    """Those of the session that are over: from the last tick before one was seen to the first after it, as far as the
    path's steps tell. start: ns, of the session."""
    found = []
    for episode in episodes:
        if episode.what != HALT or name not in episode.affected or episode.opened_at < start:
            continue
        seen = episode.opened_at // MS
        before = max((t for t, _ in points if t <= seen), default=seen)
        after = min((t for t, _ in points if t > seen), default=None)
        over = None if episode.closed_at is None else episode.closed_at // MS
        ends = [int(t) for t in (after, over) if t is not None]
        if ends:
            found.append({"from": iso(int(before) * MS), "to": iso(min(ends) * MS)})
    return sorted(found, key=lambda halt: halt["from"])


def _halt_now(state: SeriesState, now: int) -> list[dict[str, Any]]:
    return [{"from": iso(state.t), "to": None}] if sight(state, now)["state"] == HALTED else []


def _points(state: SeriesState, path: Row | None) -> list[list[float]]:
    """The path, then the ring's slots as far as they reach, then the last tick."""
    horizons = state.horizons
    ring = horizons.ring
    begin = horizons.today.open_time
    fine = {t // MS: v for t, v in zip(ring.times, ring.values, strict=True) if t != 0 and t >= begin}
    if state.t != 0:
        fine[state.t // MS] = state.y
    oldest = min(fine, default=0)
    points: dict[int, float] = {}
    if path is not None:
        start, step, lasts, _, _ = path
        ends = [min(start + (k + 1) * step, state.t) // MS for k in range(len(lasts))]
        points = {t: v for t, v in zip(ends, lasts, strict=True) if v is not None and (not fine or t < oldest)}
    elif state.t == 0:
        points = {t // MS: v for v, t in state.fixings.recent}
    return [[t, v] for t, v in sorted((points | fine).items())]


def _ranges(path: Row | None, last: int) -> list[list[float]]:
    """last: time of the last tick, ns."""
    if path is None:
        return []
    start, step, _, lows, highs = path
    return [
        [(start + k * step) // MS, min(start + (k + 1) * step, max(last, start + k * step)) // MS, low, high]
        for k, (low, high) in enumerate(zip(lows, highs, strict=True))
        if low is not None and high is not None
    ]


def _bands(state: SeriesState, number: int) -> list[dict[str, Any]]:
    horizon = state.horizons.all[number]
    sigma = horizon.sigma or (horizon.scale.sigma if horizon.known else 0.0)
    if not horizon.known or horizon.ref != horizon.ref or sigma <= 0.0:
        return []
    found: dict[str, float] = {}
    for watch in horizon.watches:
        for severity, enter in zip(watch.severities, watch.enters, strict=False):
            bar = max(enter * sigma, watch.floor_bp)
            name = SEVERITIES[severity]
            found[name] = min(found.get(name, bar), bar)
    return [
        {
            "horizon": horizon.name,
            "severity": name,
            "from": {"value": horizon.ref, "time": iso(horizon.ref_time)},
            "bar_bp": round(bar, 2),
            "lower": round(horizon.ref - bar * 0.01, 5),
            "upper": round(horizon.ref + bar * 0.01, 5),
        }
        for name, bar in found.items()
    ]


def _sessions(state: SeriesState, start: int, now: int) -> list[dict[str, Any]]:
    """Open and closed time from the session's first tick to the end of what is on now."""
    found: list[dict[str, Any]] = []
    at = start
    while at <= now and len(found) < SPANS:
        span = state.clock.calendar.span_at(at)
        found.append({"from": iso(max(span.start, start)), "to": iso(span.end), "kind": span.reason})
        at = span.end
    return found
