"""What a digest says of the episodes in it: one line each with the reason; the summary of a storm as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from stressd.alerts.event import DigestItem, Event
from stressd.alerts.notification import Row
from stressd.alerts.words import bp_text, series_name, sigma_text

STORM: Final = "storm"
"""What stands in the place of the rule in the summary of a storm; of a digest it is its name."""

STATES: Final = {"open": "still open", "over": "over", "once": "told once"}
HEADER: Final = ("Market", "Most", "Move", "Sigma", "Beyond", "Severity", "State")
NOTHING: Final = "–"
LINES: Final = 30
"""Episodes that a digest tells in full, and markets in the table of a storm; the others are counted."""


def digest_lines(event: Event) -> list[tuple[str, str]]:
    """(episode, what it was) of each episode in a digest, the most severe first."""
    if event.rule == STORM:
        return []
    lines = [(item.episode, _line(item)) for item in event.digest[:LINES]]
    more = len(event.digest) - LINES
    return [*lines, ("More", f"{more} others, less severe; the page has them")] if more > 0 else lines


def storm_table(event: Event) -> list[Row]:
    """One row a market, the most severe first, each with its largest move."""
    if event.rule != STORM:
        return []
    markets: dict[str, list[DigestItem]] = {}
    for item in event.digest:
        markets.setdefault(item.market, []).append(item)
    rows = [_row(market, items) for market, items in markets.items()]
    more = len(rows) - LINES
    blank = ("",) * (len(HEADER) - 2)
    return [*rows[:LINES], Row((f"and {more}", "more markets", *blank))] if more > 0 else rows


def _row(market: str, items: Sequence[DigestItem]) -> Row:
    most = items[0]
    states = dict.fromkeys(STATES[item.state] for item in items)
    return Row(
        (
            market or NOTHING,
            series_name(most.series) if most.series else NOTHING,
            NOTHING if most.change_bp is None else bp_text(most.change_bp),
            NOTHING if most.sigma is None else sigma_text(most.sigma),
            f"{sum(item.series_count for item in items)} series",
            most.severity,
            " and ".join(states),
        )
    )


def _line(item: DigestItem) -> str:
    parts = [f"{item.severity}, {STATES[item.state]}: {item.headline}"]
    if item.series_count > 1:
        parts.append(f"{item.series_count} series beyond their bars")
    if item.why is not None:
        parts.append(f"{item.events} messages withheld: {item.why}" if item.events > 1 else f"not told: {item.why}")
    return "; ".join(parts)
