"""The pictures of a post-mortem: how the leading series moved with what was told, and what moved beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from stressd.alerts.words import duration_text, is_spread, series_name, yield_text
from stressd.lab.incident.incident import Incident
from stressd.lab.incident.moves import moves, trail
from stressd.lab.incident.values import Point
from stressd.lab.report.document import Figure
from stressd.lab.report.svg import WIDE, Frame, box, clock, dot, line, svg, words
from stressd.market.calendar import Calendar
from stressd.market.series import market_of
from stressd.market.times import parse_time

SECOND: Final = 1_000_000_000
AROUND: Final = 900 * SECOND
"""ns that a picture shows beyond an episode, at least."""

LINES: Final = 6
"""Series in one picture: more could not be told apart."""


def lead_figure(incident: Incident) -> Figure | None:
    """The leading series, the bars that it went beyond, and the updates of the episode by their numbers; None where too
    few values are known."""
    lead = incident.lead
    track = incident.values.tracks.get(lead, []) if lead is not None else []
    first, last = _span(incident)
    shown = [point for point in track if first <= point[0] <= last]
    if lead is None or len(shown) < 3:
        return None
    unit = 100.0 if is_spread(lead) else 1.0
    marks = [
        (each.seq, parse_time(each.time), each.value * unit) for each in incident.story.track if each.series == lead
    ]
    lines = [(at, value * unit) for at, value in shown]
    base, bars = _bars(incident, lead)
    values = [value for _, value in lines] + [value for _, _, value in marks] + [bar * unit for bar in bars]
    room = max(max(values) - min(values), 0.01 * unit) * 0.08
    frame = Frame(
        first / SECOND,
        last / SECOND,
        min(values) - room,
        max(values) + room,
        left=48.0,
        bottom=250.0,
        right=WIDE - 60.0,
    )
    shapes = _shut(incident, lead, frame) + frame.shapes("", clock(first, last, incident.zone))
    for bar in bars:
        y = frame.y(bar * unit)
        shapes += [line(frame.left, y, frame.right, y, "chance")]
        shapes += [words(frame.right + 4.0, y + 4.0, yield_text(lead, bar), "label")]
    if base is not None:
        shapes += [line(frame.left, frame.y(base * unit), frame.right, frame.y(base * unit), "base")]
    shapes += trail(frame, lines, "stroke")
    reversal = incident.reversal
    if reversal is not None and reversal.recorded:
        shapes += [dot(frame.x(reversal.peak[0] / SECOND), frame.y(reversal.peak[1] * unit), 3.0, "fill")]
        if reversal.half_life_s is not None:
            at = reversal.peak[0] / SECOND + reversal.half_life_s
            half = (reversal.began[1] + reversal.peak[1]) / 2.0 * unit
            if at <= frame.last:
                shapes += [f'<circle cx="{frame.x(at):.1f}" cy="{frame.y(half):.1f}" r="5" class="half"/>']
    shapes += _numbers(frame, marks)
    caption = (
        f"{series_name(lead)} {'in bp' if unit > 1 else 'in %'}, {incident.place} time. "
        "Numbers are the updates of the timeline. Dashed: the bar that the first of them was beyond"
        f"{', dotted: where its move was measured from' if base is not None else ''}. Shaded: its market was closed."
    )
    if reversal is not None and reversal.recorded and reversal.half_life_s is not None:
        caption += " Circle: half of the move was given back."
    return Figure(svg(278.0, f"{series_name(lead)} through the episode", shapes, WIDE), caption)


def beside_figure(incident: Incident) -> Figure | None:
    """The change of every series since the same moment; None where fewer than two are known."""
    first, last = _span(incident)
    chosen = [each.series for each in incident.order if not is_spread(each.series)]
    lead = incident.lead
    bases = {each.series: each.base for each in incident.order}
    begin = min((since for since, _ in bases.values()), default=first)
    for each in incident.story.did_not:
        track = incident.values.tracks.get(each.follower.series or "", [])
        if (base := next((point for point in track if point[0] >= begin), None)) is not None:
            bases.setdefault(str(each.follower.series), base)
            chosen.append(str(each.follower.series))
    names = list(dict.fromkeys([*([lead] if lead in chosen else []), *_spread_out(chosen, incident)]))[:LINES]
    moved: dict[str, list[Point]] = {}
    for name in names:
        since, value = bases[name]
        moved[name] = [
            (at, (v - value) * 100.0) for at, v in incident.values.tracks[name] if max(first, since) <= at <= last
        ]
    moved = {name: points for name, points in moved.items() if len(points) >= 3}
    if len(moved) < 2:
        return None
    own = market_of(lead) if lead is not None else ""
    picture = moves("what moved, in bp", moved, (first, last), incident.zone, own)
    caption = (
        "Change in bp of each series since its first value in the picture's time"
        f"{'; dashed: other markets' if any(market_of(name) != own for name in moved) else ''}."
    )
    return Figure(picture, caption)


def _span(incident: Incident) -> tuple[int, int]:
    """From where values begin to a while after the close, or after half was given back if that is not far."""
    opened, closed = incident.episode.opened_at, incident.episode.closed_at or incident.made
    room = max(AROUND, (closed - opened) // 4)
    until = closed + room
    reversal = incident.reversal
    if reversal is not None and reversal.half_life_s is not None:
        back = reversal.peak[0] + int(reversal.half_life_s * SECOND)
        if back < closed + 4 * max(room, closed - opened):
            until = max(until, back + AROUND)
    newest = max((track[-1][0] for track in incident.values.tracks.values() if track), default=until)
    return incident.start, max(min(until, newest, incident.end), incident.start + SECOND)


def _bars(incident: Incident, lead: str) -> tuple[float | None, list[float]]:
    """Where the first move was measured from, and the value that it had to leave on its side."""
    for event in incident.story.events:
        path = event.path
        if path is not None and path.series == lead and path.resolution == "intraday":
            bound = path.lower if event.direction == "down" else path.upper
            return (path.base.value if path.base is not None else None), [] if bound is None else [bound]
    return None, []


def _shut(incident: Incident, lead: str, frame: Frame) -> list[str]:
    """Where the market of the leading series was not open."""
    calendar: Calendar | None = incident.calendars.get(market_of(lead))
    shapes: list[str] = []
    at = int(frame.first * SECOND)
    while calendar is not None and at < frame.last * SECOND and len(shapes) < 500:
        span = calendar.span_at(at)
        if not span.is_open:
            left, right = frame.x(max(frame.first, at / SECOND)), frame.x(min(frame.last, span.end / SECOND))
            shapes.append(box(left, frame.top, right - left, frame.bottom - frame.top, "shut"))
        at = span.end
    return shapes


def _numbers(frame: Frame, marks: Sequence[tuple[int, int, float]]) -> list[str]:
    """Updates on the line; of those that would cover each other the first, with how many there are."""
    shapes: list[str] = []
    placed: list[tuple[float, float]] = []
    for seq, at, value in marks:
        x, y = frame.x(at / SECOND), frame.y(value)
        if not frame.left <= x <= frame.right or any(abs(x - px) < 15.0 and abs(y - py) < 15.0 for px, py in placed):
            continue
        placed.append((x, y))
        shapes += [dot(x, y, 7.0, "event"), words(x, y + 3.0, str(seq), "event-number", "middle")]
    return shapes


def _spread_out(names: Sequence[str], incident: Incident) -> list[str]:
    """Other markets first, then own tenors, each by the order in which they moved."""
    own = incident.episode.market
    return [*(n for n in names if market_of(n) != own), *(n for n in names if market_of(n) == own)]


def after_text(seconds: float) -> str:
    """ "+12 min 4 s", "at once"."""
    return "at once" if abs(seconds) < 0.05 else f"+{duration_text(seconds)}"
