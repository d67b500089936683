"""The series of an event as a table, one row each, short tenors first."""

from __future__ import annotations

from typing import Final

from stressd.alerts.event import Event, SeriesMove
from stressd.alerts.notification import Row
from stressd.alerts.words import bp_text, curve_key, iso_day_text, series_name, sigma_text, yield_text

HEADER: Final = ("Series", "Value", "Move", "Sigma", "Over")
NOTHING: Final = "–"


def table(event: Event) -> list[Row]:
    """One row a series, each by its largest move."""
    shown: dict[str, SeriesMove] = {}
    for move in event.series:
        shown.setdefault(move.series, move)
    return [_row(shown[name], event.series[0]) for name in sorted(shown, key=curve_key)]


def _row(move: SeriesMove, lead: SeriesMove) -> Row:
    over = move.horizon or NOTHING
    same_horizon = move.horizon == lead.horizon == "1d"
    if same_horizon and move.from_ and lead.from_ and move.from_.time != lead.from_.time:
        # Its last breach was on another day than the lead's
        over += f" from {iso_day_text(move.from_.time[:10])}"
    return Row(
        (
            series_name(move.series),
            yield_text(move.series, move.value),
            NOTHING if move.change_bp is None else bp_text(move.change_bp),
            NOTHING if move.sigma is None else sigma_text(move.sigma),
            over,
        )
    )
