"""What grows: a rise of the lifetime severity is told at once, joiners and peaks at the end of the settle window."""

from __future__ import annotations

from stressd.alerts.book import Book
from stressd.alerts.episode import Episode
from stressd.alerts.event import Event
from stressd.engine.spec import SEVERITIES


def grow(book: Book, episode: Episode, severity: int, at: int, joiner: str | None) -> list[Event]:
    """Tell a rise to `severity` at once, or remember a joiner or a peak for the end of the settle window."""
    if severity > episode.severity:
        before, episode.severity = episode.severity, severity
        return [book.tell(episode, "escalated", at, f"was {SEVERITIES[before]} before")]
    if joiner is not None:
        episode.joined.append(joiner)
    spec = book.spec
    peaked = episode.peak_z >= episode.told_z + spec.peak_sigma or episode.peak_bp >= episode.told_bp + spec.peak_bp
    episode.peaked = episode.peaked or peaked
    if episode.joined or episode.raised or episode.peaked:
        book.settle(episode, at + spec.settle)
    return []
