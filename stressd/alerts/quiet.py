"""The lives of episodes about feeds: what is silent or halted, and what a source or the daemon itself has to say."""

from __future__ import annotations

from stressd.alerts.book import Book
from stressd.alerts.episode import HALT, NOTE, SILENCE, Episode
from stressd.alerts.event import Event
from stressd.alerts.growth import grow
from stressd.alerts.routing import ONCE_TOLD
from stressd.alerts.spec import SECOND
from stressd.alerts.words import duration_text
from stressd.engine import events as engine

QUIET = (SILENCE, HALT)


class Quiet:
    """Silences and notes, on the book."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def silence(self, event: engine.Silence) -> list[Event]:
        """A series went silent or ticks again, or its whole feed."""
        return self._ticks_again(event) if event.phase == engine.LEFT else self._silent(event)

    def note(self, note: engine.FeedNote) -> list[Event]:
        """A note of a source, or of the daemon about itself."""
        scope = note.market or note.source
        key = (note.rule, scope, 0)
        episode = self._book.opened.get(key)
        name = note.series or note.source
        if note.phase == engine.LEFT:
            return self._ended(episode, [name], note.at)
        if note.phase == engine.ONCE:
            if episode is not None:
                return [self._book.tell(episode, "widened", note.at, note.text)]
            episode = self._book.start(note, NOTE, note.severity, key)
            self._text(episode, note)
            episode.affected = [note.series] if note.series else []
            return [self._book.tell(episode, "opened", note.at), self._book.close(episode, note.at, ONCE_TOLD)]
        fresh = episode is None
        if episode is None:
            episode = self._book.begin(note, NOTE, note.severity, scope)
        self._text(episode, note)
        told = [] if fresh or episode.active else self._book.again(episode, note.at)
        return told + self._affect(episode, name, note.series, fresh, note)

    def _text(self, episode: Episode, note: engine.FeedNote) -> None:
        episode.text = note.text if note.text.strip() else note.what
        episode.heard(0, note.source)

    def _silent(self, event: engine.Silence) -> list[Event]:
        """One series has gone silent or is halted, or a whole feed at once, which is one episode."""
        scope = event.market
        if event.with_feed:
            scope = engine.FEED + event.source
        elif event.halted:
            scope = f"halt:{event.market}"
        episode = self._book.opened.get((event.rule, scope, 0))
        fresh = episode is None
        if episode is None:
            episode = self._book.begin(event, HALT if event.halted else SILENCE, event.severity, scope)
            episode.usual, episode.warming = event.usual, event.warming
            episode.peak_bp = event.move_bp
        episode.heard(event.last, event.source if event.with_feed or event.halted else "")
        episode.age = max(episode.age, event.open_age)
        told = [] if fresh or episode.active else self._book.again(episode, event.at)
        for series in event.with_feed[1:]:
            episode.active[series] = event.severity
            if series not in episode.affected:
                episode.affected.append(series)
        return told + self._affect(episode, event.series, event.series, fresh, event)

    def _ticks_again(self, event: engine.Silence) -> list[Event]:
        """One series ticks again. A feed that was silent as a whole is back with its first tick."""
        told = []
        for episode in list(self._book.opened.values()):
            if episode.what in QUIET and episode.rule == event.rule and event.series in episode.active:
                whole = episode.scope.startswith(engine.FEED)
                told += self._ended(episode, list(episode.active) if whole else [event.series], event.at)
        return told

    def _affect(
        self, episode: Episode, name: str, series: str, fresh: bool, event: engine.Silence | engine.FeedNote
    ) -> list[Event]:
        if name in episode.active:
            return []
        episode.active[name] = event.severity
        back = series in episode.affected
        if series and not back:
            episode.affected.append(series)
        if fresh:
            return [self._book.announce(episode, event.at)]
        return grow(self._book, episode, event.severity, event.at, None if back else name)

    def _ended(self, episode: Episode | None, names: list[str], at: int) -> list[Event]:
        """Some of what keeps a feed episode open is over; the episode is, when all of it is."""
        if episode is None or not [name for name in names if episode.active.pop(name, None) is not None]:
            return []
        if episode.active:
            return []
        return self._book.ease(episode, at, f"lasted {duration_text((at - episode.opened_at) / SECOND)}")
