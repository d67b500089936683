"""The few shapes that the report's pictures are made of, as text of SVG. Colours are classes of the page's style sheet,
so that one picture serves light, dark and paper."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta, tzinfo
from html import escape
from typing import Final

from markupsafe import Markup

SECOND: Final = 1_000_000_000
APART: Final = 13.0
"""Units between two names at the end of lines."""

STEPS: Final = (
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800,
)  # fmt: skip
"""Seconds between two names of an axis of time."""

WIDTH: Final = 480.0
"""Units across: a picture is shown between 340 and 620 pixels wide, and its text between 9 and 16."""

WIDE: Final = 760.0
"""Of one that has a page's width; on a phone it is moved sideways."""


def svg(height: float, title: str, shapes: Iterable[str], width: float = WIDTH) -> Markup:
    """A picture. title: what it shows, for those who cannot see it."""
    inside = "".join(shapes)
    kind = ' class="wide"' if width > WIDTH else ""
    return Markup(  # noqa: S704  # nosec B704
        f'<svg{kind} viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(title)}">{inside}</svg>'
    )


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """A straight line."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def polyline(points: Sequence[tuple[float, float]], kind: str) -> str:
    """A line through points."""
    return f'<polyline points="{_points(points)}" class="{kind}"/>' if points else ""


def area(points: Sequence[tuple[float, float]], kind: str) -> str:
    """What lies within points."""
    return f'<polygon points="{_points(points)}" class="{kind}"/>' if points else ""


def box(x: float, y: float, width: float, height: float, kind: str) -> str:
    """A rectangle."""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.0):.1f}" height="{height:.1f}" class="{kind}"/>'


def dot(x: float, y: float, radius: float, kind: str) -> str:
    """A filled circle."""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" class="{kind}"/>'


def words(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    """Text, escaped. anchor: "start", "middle" or "end"."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">{escape(text)}</text>'


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers from `low` to `high`, about so many."""
    raw = (high - low) / max(about, 1)
    if not raw > 0.0:
        return [low]
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * k for k in (1.0, 2.0, 2.5, 5.0, 10.0) if size * k >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]


def dates(first: int, last: int) -> list[tuple[int, str]]:
    """Ordinals and names of years, quarters, months or weeks between two days: at most eight."""
    begin, end = date.fromordinal(first), date.fromordinal(last)
    months = (end.year - begin.year) * 12 + end.month - begin.month
    if months < 2:
        step = max((last - first) // 5, 1)
        return [(day, f"{date.fromordinal(day):%d %b}".lstrip("0")) for day in range(first, last + 1, step)]
    step = next((k for k in (1, 2, 3, 6, 12, 24, 60, 120) if months / k <= 7), 240)
    found = []
    for k in range(begin.year * 12, end.year * 12 + 13):
        if k % step == 0:
            day = date(k // 12, k % 12 + 1, 1)
            if first <= day.toordinal() <= last:
                found.append((day.toordinal(), f"{day:%Y}" if step >= 12 else f"{day:%b} {day.year % 100:02d}"))
    return found


def apart(ends: Sequence[tuple[float, str, str]]) -> list[tuple[float, str, str]]:
    """Names at the end of lines, moved down where they would cover each other."""
    made: list[tuple[float, str, str]] = []
    for y, text, kind in sorted(ends):
        made.append((max(y, made[-1][0] + APART) if made else y, text, kind))
    return made


def lag_text(seconds: float) -> str:
    """ "45 s", "12 min", "8.7 h"."""
    if seconds < 120.0:
        return f"{seconds:.0f} s"
    return f"{seconds / 60.0:.0f} min" if seconds < 7_200.0 else f"{seconds / 3_600.0:.1f} h"


def clock(first: int, last: int, zone: tzinfo, about: int = 6) -> list[tuple[float, str]]:
    """Round times between two instants (ns UTC) on a clock there, as (seconds since 1970, name); days by their date."""
    raw = max((last - first) / SECOND / about, 1.0)
    step = next((k for k in STEPS if k >= raw), STEPS[-1])
    at = datetime.fromtimestamp(first // SECOND, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    found: list[tuple[float, str]] = []
    day, count = at.date(), 0
    while at.timestamp() * SECOND <= last and count < 100_000:
        if at.timestamp() * SECOND >= first:
            whole = f"{at.day} {at:%b}"
            name = f"{at:%H:%M:%S}" if step < 60 else f"{at:%H:%M}"
            found.append((at.timestamp(), whole if step >= 86_400 or (at.date() != day and found) else name))
            day = at.date()
        # by the clock on the wall, so that a changed clock moves no name off its round hour
        at = at + timedelta(seconds=step)
        count += 1
    return found


class Frame:
    """Axes of a picture: days across, numbers upward. left, right, top, bottom: of the plane, in units."""

    __slots__ = ("bottom", "first", "high", "last", "left", "low", "right", "top")

    def __init__(
        self, first: float, last: float, low: float, high: float, *, left: float = 38.0, bottom: float = 176.0,
        right: float = WIDTH - 8.0,
    ) -> None:  # fmt: skip
        self.first, self.last = first, last if last > first else first + 1.0
        self.low, self.high = low, high if high > low else low + 1.0
        self.left, self.right, self.top, self.bottom = left, right, 10.0, bottom

    def x(self, value: float) -> float:
        return self.left + (value - self.first) / (self.last - self.first) * (self.right - self.left)

    def y(self, value: float) -> float:
        return self.bottom - (value - self.low) / (self.high - self.low) * (self.bottom - self.top)

    def shapes(self, unit: str = "", across: Sequence[tuple[float, str]] | None = None) -> list[str]:
        """Grid and labels. across: what stands below, days where it is None."""
        out = []
        for value in ticks(self.low, self.high):
            out += [line(self.left, self.y(value), self.right, self.y(value), "grid")]
            out += [words(self.left - 5.0, self.y(value) + 4.0, f"{value:g}{unit}", "label", "end")]
        for at, name in dates(int(self.first), int(self.last)) if across is None else across:
            out += [line(self.x(at), self.bottom, self.x(at), self.bottom + 4.0, "axis")]
            out += [words(self.x(at), self.bottom + 17.0, name, "label", "middle")]
        return [*out, line(self.left, self.bottom, self.right, self.bottom, "axis")]
