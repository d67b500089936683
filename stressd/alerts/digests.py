"""The lines of a digest: one episode each, with why it was not told by itself."""

from __future__ import annotations

from typing import Final

from stressd.alerts.event import DigestItem, Event

STATES: Final = {"open": "still open", "over": "over", "once": "told once"}


def digest_lines(event: Event) -> list[tuple[str, str]]:
    """(episode, what it was) of each episode in a digest."""
    return [(item.episode, _line(item)) for item in event.digest]


def _line(item: DigestItem) -> str:
    parts = [f"{item.severity}, {STATES[item.state]}: {item.headline}"]
    if item.series_count > 1:
        parts.append(f"{item.series_count} series beyond their bars")
    if item.why is not None:
        times = f"{item.events} messages" if item.events > 1 else "not told"
        parts.append(f"{times} withheld: {item.why}" if item.events > 1 else f"{times}: {item.why}")
    return "; ".join(parts)
