"""How several series moved beside each other, as one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from markupsafe import Markup

from stressd.alerts.words import bp_text, series_name
from stressd.lab.incident.values import Point, thinned
from stressd.lab.report.svg import WIDE, Frame, apart, clock, line, polyline, svg, words
from stressd.market.series import market_of

SECOND: Final = 1_000_000_000
POINTS: Final = 800
"""Of a line: as many as a page is wide."""

GAP: Final = 12.0
"""Seconds between two ticks, in multiples of the usual, from which on a line is broken."""


def moves(title: str, moved: Mapping[str, Sequence[Point]], span: tuple[int, int], zone: ZoneInfo, own: str) -> Markup:
    """A line a series. moved: (ns UTC, bp) of each, at least one. span: ends of the picture (ns UTC). own: the market
    whose lines are drawn through; those of others are dashed."""
    first, last = span
    values = [value for points in moved.values() for _, value in points]
    room = max(max(values) - min(values), 1.0) * 0.06
    frame = Frame(
        first / SECOND, last / SECOND, min(0.0, *values) - room, max(0.0, *values) + room, left=48.0, bottom=240.0,
        right=WIDE - 124.0,
    )  # fmt: skip
    shapes = frame.shapes("bp", clock(first, last, zone))
    shapes += [line(frame.left, frame.y(0.0), frame.right, frame.y(0.0), "axis")]
    ends: list[tuple[float, str, str]] = []
    for k, (name, points) in enumerate(moved.items()):
        kind = f"trail s{k % 6}{'' if market_of(name) == own else ' dash'}"
        shapes += trail(frame, points, kind)
        ends.append((frame.y(points[-1][1]), f"{series_name(name)} {bp_text(points[-1][1])}", kind))
    for y, text, kind in apart(ends):
        shapes += [line(frame.right + 4.0, y, frame.right + 18.0, y, kind)]
        shapes += [words(frame.right + 22.0, y + 4.0, text, "name")]
    return svg(268.0, title, shapes, WIDE)


def trail(frame: Frame, points: Sequence[Point], kind: str) -> list[str]:
    """A line, broken where nothing ticked for long."""
    few = thinned(points, POINTS)
    steps = sorted(b[0] - a[0] for a, b in pairwise(few))
    longest = max(GAP * steps[len(steps) // 2], 60.0 * SECOND) if steps else 0.0
    runs: list[list[tuple[float, float]]] = [[]]
    before: int | None = None
    for at, value in few:
        if before is not None and at - before > longest:
            runs.append([])
        runs[-1].append((frame.x(at / SECOND), frame.y(value)))
        before = at
    return [polyline(run, kind) for run in runs if len(run) > 1]
