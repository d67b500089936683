"""What grows: joiners and peaks are told at the end of the settle window, a rise of the lifetime severity at once; but
one that comes within `pace` of the last told, and is none to critical, when that is over: a jump is not three messages.
"""

from __future__ import annotations

from stressd.alerts.book import Book
from stressd.alerts.episode import Episode
from stressd.alerts.event import Event
from stressd.engine.spec import CRITICAL, SEVERITIES


def grow(book: Book, episode: Episode, severity: int, at: int, joiner: str | None) -> list[Event]:
    """Tell a rise to `severity`, or remember it, a joiner or a peak for later."""
    if severity > episode.severity:
        before = episode.severity if episode.rise < 0 else episode.rise
        episode.severity = severity
        due = episode.rose_at + book.spec.pace
        if severity == CRITICAL or at >= due:
            return [book.tell(episode, "escalated", at, f"was {SEVERITIES[before]} before")]
        episode.rise, episode.rise_due = before, due
        book.settle(episode, due)
        return []
    if joiner is not None:
        episode.joined.append(joiner)
    spec = book.spec
    peaked = episode.peak_z >= episode.told_z + spec.peak_sigma or episode.peak_bp >= episode.told_bp + spec.peak_bp
    episode.peaked = episode.peaked or peaked
    if episode.joined or episode.raised or episode.peaked:
        book.settle(episode, at + spec.settle)
    return []
