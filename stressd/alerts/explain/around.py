"""What `explain` says of everything around a move: the day, levels, price, spreads, path, data, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator

from stressd.alerts.event import Event, SeriesMove
from stressd.alerts.facts import ahead_text, day_text, outcome_facts, price_text, spreads_text
from stressd.alerts.footing import data_text, inputs_text, path_text, why_text
from stressd.alerts.words import number_text, quotes_text


def around_move(move: SeriesMove, event: Event) -> Iterator[str]:
    """Of one series."""
    day = day_text(move, event.time)
    if day:
        yield f"  the day: {day}"
    if move.ahead:
        yield f"  levels: {ahead_text(move)}"
    if move.price is not None:
        yield f"  price: {price_text(move)}; exactly {move.price.points:+g} points, DV01 {move.price.dv01:g}"
    if inputs := inputs_text(move):
        yield f"  inputs: {inputs}"
    if move.rungs:
        bars = ", ".join(f"{name} {number_text(bar)} sigma" for name, bar in move.rungs.items())
        least = f"; nothing below {number_text(move.floor_bp)} bp opens" if move.floor_bp else ""
        yield f"  thresholds: {bars}{least}"


def around_event(event: Event) -> Iterator[str]:
    """Of the whole event."""
    if event.spreads:
        yield f"Spreads: {spreads_text(event.spreads, event.market, event.time)}."
    if event.outcome is not None:
        yield from (f"{label}: {text}." for label, text in outcome_facts(event.outcome))
    if event.path is not None:
        yield f"Path of {event.path.series}: {path_text(event.path)}."
        if event.path.lower is not None or event.path.upper is not None:
            ends = [f"{end:.3f}%" for end in (event.path.lower, event.path.upper) if end is not None]
            yield f"It had to leave {' to '.join(ends)}." if len(ends) > 1 else f"It had to pass {ends[0]}."
    if data := data_text(event):
        yield f"Data: {data}."
    if event.data.quotes is not None:
        yield f"Quotes: {quotes_text(event.data.quotes)}."
    yield f"Why: {why_text(event)}."
    if event.runbook is not None:
        yield f"Runbook: {event.runbook}"
