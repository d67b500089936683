"""The lives of episodes about feeds: what is silent or halted, and what a source or the daemon itself has to say."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from stressd.alerts.book import Book
from stressd.alerts.episode import HALT, NOTE, SILENCE, Episode
from stressd.alerts.event import Event
from stressd.alerts.growth import grow
from stressd.alerts.headline import EXPLAINED
from stressd.alerts.plain import note_of, of_note, of_silence, silence_of
from stressd.alerts.routing import ONCE_TOLD
from stressd.alerts.spec import SECOND
from stressd.alerts.words import duration_text
from stressd.engine import events as engine

QUIET = (SILENCE, HALT)

GRACE: Final = 120 * SECOND
"""ns for which a silence may go on after what explained it is over, before it is told for itself."""


FAILED_OVER: Final = "failed-over"


class Reach:
    """What it means that feeds are stopped. silent: series of which no tick can come, since no feed that carries them
    goes on; touched: series that any of the feeds carries."""

    __slots__ = ("silent", "touched")

    def __init__(self, carriers: Mapping[str, Collection[str]], stopped: frozenset[str] = frozenset()) -> None:
        known = carriers.items() if stopped else ()
        self.touched = {series for series, feeds in known if not stopped.isdisjoint(feeds)}
        self.silent = {series for series in self.touched if stopped.issuperset(carriers[series])}


class Hidden:
    """A silence, or a fail-over, that is part of something that people know. free: since when (ns) it has been
    explained no longer."""

    __slots__ = ("event", "free", "series")

    def __init__(self, event: engine.Silence | engine.FeedNote) -> None:
        self.event = event
        self.series = {event.series, *(event.with_feed if isinstance(event, engine.Silence) else ())}
        self.free: int | None = None


class Quiet:
    """Silences and notes, on the book."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._stopped: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())
        self._told = self._both = Reach({})
        self._hidden: list[Hidden] = []

    def silence(self, event: engine.Silence) -> list[Event]:
        """A series went silent or ticks again, or its whole feed."""
        if event.phase == engine.LEFT:
            self._forget(event.series)
            return self._ticks_again(event)
        hidden = Hidden(event)
        if not event.halted and hidden.series <= self._both.silent:
            self._hidden.append(hidden)
            self._hide()
            return []
        return self._silent(event)

    def cover(self, told: frozenset[str], brewing: frozenset[str], at: int) -> list[Event]:
        """Nothing can come from these feeds, for a reason that people were told of, or may be told soon: that their
        series are silent, or taken from another feed, is part of that and not told again. What lasts for `GRACE` after
        the reason is over is told then. at: ns."""
        events: list[Event] = []
        if (told, brewing) != self._stopped:
            carriers = self._book.spec.carriers
            self._stopped, before = (told, brewing), self._told
            self._told, self._both = Reach(carriers, told), Reach(carriers, told | brewing)
            if not self._told.touched <= before.touched:
                events += [each for episode in list(self._book.opened.values()) for each in self._explain(episode, at)]
            self._hide()
        for each in list(self._hidden):
            reach = self._both.silent if isinstance(each.event, engine.Silence) else self._both.touched
            if each.series & reach:
                each.free = None
            elif each.free is None:
                each.free = at
            elif at - each.free >= GRACE and self._is_open(each.event, at):
                self._hidden.remove(each)
                each.event.at = at
                events += self._silent(each.event) if isinstance(each.event, engine.Silence) else self.note(each.event)
                self._hide()
        return events

    def covering(self) -> list[Any]:
        """What `cover` and `silence` go by, as plain values. It is no part of the snapshot: after a restart everything
        that stops a feed is noticed anew."""
        told, soon = self._stopped
        hidden = [
            ["silence", of_silence(each.event), each.free]
            if isinstance(each.event, engine.Silence)
            else ["note", of_note(each.event), each.free]
            for each in self._hidden
        ]
        return [sorted(told), sorted(soon), hidden]

    def load_covering(self, state: list[Any]) -> None:
        """Go on where `covering` was taken."""
        told, soon = (frozenset(each) for each in state[:2])
        carriers = self._book.spec.carriers
        self._stopped = told, soon
        self._told, self._both = Reach(carriers, told), Reach(carriers, told | soon)
        self._hidden = []
        for kind, fields, free in state[2]:
            hidden = Hidden(silence_of(fields) if kind == "silence" else note_of(fields))
            hidden.free = free
            self._hidden.append(hidden)
        self._hide()

    def _forget(self, series: str) -> None:
        self._hidden = [each for each in self._hidden if series not in each.series]
        self._hide()

    def _hide(self) -> None:
        hidden = [each.series for each in self._hidden if isinstance(each.event, engine.Silence)]
        self._book.hidden = dict.fromkeys(sorted(self._told.silent.union(*hidden)), "stale")

    def _is_open(self, event: engine.Event, at: int) -> bool:
        calendar = self._book.spec.calendars.get(event.market)
        return calendar is None or calendar.span_at(at).is_open

    def _explain(self, episode: Episode, at: int) -> list[Event]:
        """What people were told of turns out to have a reason, which they are told now."""
        over = episode.what == NOTE and episode.rule == FAILED_OVER
        reach = self._told.touched if over else self._told.silent
        if (episode.what != SILENCE and not over) or not episode.active or not reach.issuperset(episode.active):
            return []
        whole = episode.scope.startswith(engine.FEED)
        names = list(episode.active)
        for name in names[:1] if whole else names:
            severity = episode.active[name]
            if over:
                source = episode.sources[0] if episode.sources else ""
                self._hidden.append(Hidden(engine.FeedNote(
                    at, at, episode.rule, episode.market, engine.ENTERED, "failed over", name, source, severity,
                    episode.text,
                )))  # fmt: skip
                continue
            self._hidden.append(Hidden(engine.Silence(
                at, at, episode.rule, episode.market, engine.ENTERED, name, severity, episode.data_time, episode.age,
                episode.usual, episode.warming, False, episode.scope.removeprefix(engine.FEED) if whole else "",
                tuple(names) if whole else (),
            )))  # fmt: skip
        episode.active.clear()
        return [self._book.close(episode, at, EXPLAINED)]

    def note(self, note: engine.FeedNote) -> list[Event]:
        """A note of a source, or of the daemon about itself."""
        if note.rule == FAILED_OVER:
            if note.phase == engine.LEFT:
                self._forget(note.series)
            elif note.series in self._both.touched:
                self._hidden.append(Hidden(note))
                return []
        scope = note.market or note.source
        key = (note.rule, scope, 0)
        episode = self._book.opened.get(key)
        name = note.series or note.source
        if note.phase == engine.LEFT:
            if episode is not None:
                episode.more = note.more
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
        episode.more = note.more
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
            return self._worse(episode, name, event)
        episode.active[name] = event.severity
        back = series in episode.affected
        if series and not back:
            episode.affected.append(series)
        if fresh:
            return [self._book.announce(episode, event.at)]
        return grow(self._book, episode, event.severity, event.at, None if back else name)

    def _worse(self, episode: Episode, name: str, event: engine.Silence | engine.FeedNote) -> list[Event]:
        """What is known already is said again: it may be more severe now."""
        if event.severity <= episode.active[name]:
            return []
        episode.active[name] = event.severity
        return grow(self._book, episode, event.severity, event.at, None)

    def _ended(self, episode: Episode | None, names: list[str], at: int) -> list[Event]:
        """Some of what keeps a feed episode open is over; the episode is, when all of it is."""
        if episode is None or not [name for name in names if episode.active.pop(name, None) is not None]:
            return []
        if episode.active:
            return []
        return self._book.ease(episode, at, f"lasted {duration_text((at - episode.opened_at) / SECOND)}")
