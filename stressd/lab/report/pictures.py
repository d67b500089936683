"""The pictures of the report: a path, intervals, counts beside chance, the graph."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from stressd.lab.poisson import interval
from stressd.lab.report.breadth import Breadth
from stressd.lab.report.flows import Flow
from stressd.lab.report.links import Links
from stressd.lab.report.stress_path import StressPath
from stressd.lab.report.svg import WIDTH, Frame, area, box, dot, lag_text, line, polyline, svg, ticks, words
from stressd.market.times import day_iso, parse_day

COLOURS = 6
"""Classes c0 .. c5 of the style sheet; further markets begin again."""


def totals(found: Sequence[tuple[int, float]], title: str, chance: float | None = None) -> Markup:
    """A total in percent over the days. chance: the level that unconnected nodes exceed once in twenty."""
    if len(found) < 2:
        return Markup("")
    high = max(*(total for _, total in found), chance or 0.0)
    frame = Frame(found[0][0], found[-1][0], 0.0, high * 1.08)
    shapes = frame.shapes(" %")
    if chance is not None:
        shapes += [line(frame.left, frame.y(chance), frame.right, frame.y(chance), "chance")]
    shapes += [polyline([(frame.x(day), frame.y(total)) for day, total in found], "stroke")]
    if chance is not None:
        shapes += [words(frame.left + 4.0, frame.y(chance) - 4.0, "once in twenty by chance", "label")]
    day, total = found[-1]
    shapes += [dot(frame.x(day), frame.y(total), 3.5, "fill")]
    return svg(200.0, f"{title}, {day_iso(found[0][0])} to {day_iso(day)}, last {total:.1f} %", shapes)


def intervals(flows: Sequence[Flow]) -> Markup:
    """Correlations to the next fixing with their intervals."""
    if not flows:
        return Markup("")
    low = min(-0.1, *(flow.low for flow in flows))
    high = max(0.1, *(flow.high for flow in flows))
    left, right = 150.0, WIDTH - 56.0
    bottom = 12.0 + 26.0 * len(flows)

    def x(value: float) -> float:
        return left + (value - low) / (high - low) * (right - left)

    shapes = []
    for value in ticks(low, high):
        shapes += [line(x(value), 8.0, x(value), bottom, "axis" if abs(value) < 1e-9 else "grid")]
        shapes += [words(x(value), bottom + 16.0, f"{value:.2g}", "label", "middle")]
    for k, flow in enumerate(flows):
        y = 24.0 + 26.0 * k
        kind = "" if flow.real else " faint"
        shapes += [
            words(
                left - 8.0, y + 4.0, f"{flow.source}{' → ' if flow.step else ', '}{flow.follower}", "name" + kind, "end"
            )
        ]
        shapes += [line(x(flow.low), y, x(flow.high), y, "whisker" + kind), dot(x(flow.r), y, 4.5, "fill" + kind)]
        shapes += [words(right + 10.0, y + 4.0, f"{flow.r:.2f}", "label")]
    return svg(bottom + 24.0, "correlation of each market's move with the other's next one", shapes)


def counts(found: Sequence[Breadth]) -> Markup:
    """Days with two markets or more beyond their tails, as multiples of what chance would show, with intervals."""
    rows = [(each, each.counts[2]) for each in found if len(each.counts) > 2 and each.counts[2].expected_at_least > 0.0]
    if not rows:
        return Markup("")
    bounds = [interval(count.at_least) for _, count in rows]
    most = [high / count.expected_at_least for (_, count), (_, high) in zip(rows, bounds, strict=True)]
    high = max(2.0, *most) if len(most) > 1 else max(2.0, most[0])
    left, right, bottom = 150.0, WIDTH - 74.0, 12.0 + 30.0 * len(rows)

    def x(value: float) -> float:
        return left + min(value, high) / high * (right - left)

    shapes = []
    for value in ticks(0.0, high):
        shapes += [line(x(value), 8.0, x(value), bottom, "grid")]
        shapes += [words(x(value), bottom + 16.0, f"{value:g}×", "label", "middle")]
    for k, ((each, count), (less, more)) in enumerate(zip(rows, bounds, strict=True)):
        y = 26.0 + 30.0 * k
        order = ", ".join(each.order) if len(each.order) < 3 else f"day from {each.order[0]} on"
        name = f"{order}: {'rises' if each.side > 0 else 'falls'}"
        shapes += [words(left - 8.0, y + 4.0, name if len(name) < 26 else name[:24] + "…", "name", "end")]
        shapes += [box(left, y - 8.0, x(count.at_least / count.expected_at_least) - left, 16.0, "bar")]
        shapes += [line(x(less / count.expected_at_least), y, x(more / count.expected_at_least), y, "whisker")]
        shapes += [words(right + 8.0, y + 4.0, f"{count.at_least} of {count.expected_at_least:.1f}", "label")]
    shapes += [line(x(1.0), 4.0, x(1.0), bottom, "chance")]
    return svg(bottom + 24.0, "days with two markets or more beyond their tails, beside chance", shapes)


def stacked(path: StressPath) -> Markup:
    """What each market adds to the stress index, one upon the other, and the index: lower by what they do not move as
    one."""
    days = [parse_day(day["date"]) for day in path.days]
    if len(days) < 2:
        return Markup("")
    total = [float(day["value"]) for day in path.days]
    parts = [[float(day["markets"].get(name, 0.0)) for day in path.days] for name in path.markets()]
    frame = Frame(days[0], days[-1], 0.0, max(0.2, 1.05 * max(map(sum, zip(*parts, strict=True)))))
    shapes = frame.shapes()
    if path.since > days[0]:
        shapes += [line(frame.x(path.since), frame.top, frame.x(path.since), frame.bottom, "axis")]
    floor = [0.0] * len(days)
    for k, part in enumerate(parts):
        top = [base + value for base, value in zip(floor, part, strict=True)]
        upper = [(frame.x(day), frame.y(value)) for day, value in zip(days, top, strict=True)]
        lower = [(frame.x(day), frame.y(value)) for day, value in zip(days, floor, strict=True)]
        shapes += [area([*upper, *reversed(lower)], f"c{k % COLOURS}")]
        floor = top
    shapes += [polyline([(frame.x(day), frame.y(value)) for day, value in zip(days, total, strict=True)], "thin")]
    return svg(200.0, f"stress index, {day_iso(days[0])} to {day_iso(days[-1])}, last {total[-1]:.2f}", shapes)


def ring(links: Links) -> Markup:
    """Markets on a fixed ring; an edge is as wide as its beta and as dark as its p is small, its lag beside it; dotted
    where the follower could not respond."""
    names = sorted(links.markets())
    if len(names) < 2:
        return Markup("")
    reach = 112.0 if len(names) > 2 else 60.0
    middle = (WIDTH / 2.0, reach + 46.0)
    place = {
        name: (
            middle[0] + 140.0 * math.sin(2.0 * math.pi * k / len(names) - math.pi / 2.0),
            middle[1] - reach * math.cos(2.0 * math.pi * k / len(names) - math.pi / 2.0),
        )
        for k, name in enumerate(names)
    }
    shapes = [ARROW]
    best: dict[tuple[str, str], Mapping[str, Any]] = {}
    for edge in links.edges:
        best.setdefault((edge["source"], edge["follower"]), edge)
    for source, follower in links.closed:
        shapes += [_curve(place[source], place[follower], 0.26, "edge dotted")]
    for (source, follower), most_certain in best.items():
        shapes += _edge(place[source], place[follower], most_certain)
    for name, (x, y) in place.items():
        shapes += [dot(x, y, 24.0, "node"), words(x, y + 5.0, name, "node-name", "middle")]
    return svg(2.0 * middle[1], "who followed whom", shapes)


ARROW = (
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9" markerHeight="9" orient="auto" '
    'markerUnits="userSpaceOnUse"><path d="M0,0 L8,4 L0,8 z" class="fill"/></marker></defs>'
)


Point = tuple[float, float]


def _bent(start: Point, end: Point, bend: float) -> tuple[Point, Point, Point]:
    """From rim to rim, with the point that draws it aside by `bend` of its length: every edge keeps to its own side, so
    that both directions of a pair can be seen."""
    (x1, y1), (x2, y2) = start, end
    length = math.hypot(x2 - x1, y2 - y1)
    ax, ay, cx, cy = (x2 - x1) / length, (y2 - y1) / length, (y1 - y2) / length, (x2 - x1) / length
    aside = 8.0 + 60.0 * (bend - 0.14)
    return (
        (x1 + 26.0 * ax + aside * cx, y1 + 26.0 * ay + aside * cy),
        ((x1 + x2) / 2.0 + bend * length * cx, (y1 + y2) / 2.0 + bend * length * cy),
        (x2 - 28.0 * ax + aside * cx, y2 - 28.0 * ay + aside * cy),
    )


def _curve(start: Point, end: Point, bend: float, kind: str, more: str = "") -> str:
    (sx, sy), (bx, by), (tx, ty) = _bent(start, end, bend)
    return f'<path d="M{sx:.1f},{sy:.1f} Q{bx:.1f},{by:.1f} {tx:.1f},{ty:.1f}" class="{kind}"{more}/>'


def _edge(start: Point, end: Point, edge: Mapping[str, Any]) -> list[str]:
    beta, p, lag = edge["beta"], edge["p"], edge["lag_s"]
    width = 1.2 if beta is None else 1.2 + 5.0 * min(abs(beta), 1.0)
    dark = 0.3 if p is None else max(1.0 - p, 0.12)
    more = f' style="stroke-width:{width:.1f};opacity:{dark:.2f}" marker-end="url(#arrow)"'
    shapes = [_curve(start, end, 0.14, "edge", more)]
    if lag is not None:
        (sx, sy), (bx, by), (tx, ty) = _bent(start, end, 0.14)
        shapes += [
            words((sx + 2.0 * bx + tx) / 4.0, (sy + 2.0 * by + ty) / 4.0 + 4.0, lag_text(lag), "label", "middle")
        ]
    return shapes


def shade(share: float, darkest: float) -> str:
    """Style of a cell by its value: `darkest` and more is darkest, which its text still stands out from."""
    return f"--v:{45.0 * min(share / darkest, 1.0):.0f}%"
