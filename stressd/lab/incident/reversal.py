"""How much of a move was given back, and how long half of it took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stressd.lab.incident.values import Point
from stressd.market.calendar import Calendar

SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Reversal:
    """began, peak, last: (ns UTC, percent): where the move started, its extreme, and the newest value that is known.
    moved_bp: from `began` to `peak`, signed. given_back: of that, up to `last` (0 to 1; more beyond the start).
    half_life_s: seconds from `peak` to the first value with half of it given back, None where it never was; open_s: of
    these, those in which the market was open, None without its calendar. recorded: by every tick; otherwise only by
    what the updates of the episode say, which is coarser."""

    began: Point
    peak: Point
    last: Point
    moved_bp: float
    given_back: float
    half_life_s: float | None
    open_s: float | None
    recorded: bool


def reversal(
    track: Sequence[Point], began: Point, rising: bool, closed: int, calendar: Calendar | None, *, recorded: bool = True
) -> Reversal | None:
    """Of a move that began there, by values in the order of time; its extreme is looked for up to `closed` (ns UTC),
    what was given back in all that is there. None where nothing moved.

    Half is half of the way from where the move was measured from to its extreme, as in "retraces 50 %".
    """
    sign = 1.0 if rising else -1.0
    span = [point for point in track if point[0] > began[0]]
    until = [point for point in span if point[0] <= closed]
    if not until:
        return None
    peak = max(until, key=lambda point: (sign * point[1], -point[0]))
    moved = sign * (peak[1] - began[1])
    if moved <= 0.0:
        return None
    after = [point for point in span if point[0] > peak[0]]
    last = after[-1] if after else peak
    half = began[1] + (peak[1] - began[1]) / 2.0
    back = next((at for at, value in after if sign * (value - half) <= 0.0), None)
    return Reversal(
        began=began,
        peak=peak,
        last=last,
        moved_bp=sign * moved * 100.0,
        given_back=sign * (peak[1] - last[1]) / moved,
        half_life_s=None if back is None else (back - peak[0]) / SECOND,
        open_s=None if back is None or calendar is None else calendar.open_between(peak[0], back) / SECOND,
        recorded=recorded,
    )
