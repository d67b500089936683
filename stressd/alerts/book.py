"""The book of episodes: which are open and which lately closed, what each has still to tell and when, and the telling.

Timers are deadlines, nobody waits: `advance` tells what is due, each at its own time.
"""

from __future__ import annotations

from typing import Any

import msgspec

from stressd.alerts.answers import Links
from stressd.alerts.compose import compose
from stressd.alerts.corrections import accept, is_wrong, retraction
from stressd.alerts.episode import Episode, Key
from stressd.alerts.event import Event, EventType
from stressd.alerts.ids import episode_id
from stressd.alerts.remarks import gathered
from stressd.alerts.spec import EpisodesSpec
from stressd.engine import events as engine


class Book:
    """Episodes and their timers. links: how they name each other; opened: by key, to be read."""

    def __init__(self, spec: EpisodesSpec) -> None:
        self.spec = spec
        self.links = Links(spec)
        self.opened: dict[Key, Episode] = self.links.opened
        self._timed: dict[str, Episode] = {}
        self._doubted: dict[str, Episode] = {}

    def advance(self, now: int) -> list[Event]:
        """What is due by `now` (ns, engine time), each at its own deadline."""
        due = sorted(
            [(each.correct_at, each.id, False) for each in self._doubted.values() if each.correct_at is not None]
            + [(each.due, each.id, True) for each in self._timed.values() if each.due is not None]
        )
        told = []
        for deadline, name, settles in due:
            if deadline > now:
                break
            told += [self.settled(self._timed[name], deadline)] if settles else self._correct(name, deadline)
        return told

    def next_deadline(self) -> int | None:
        """When `advance` next has something to tell, ns; None while nothing waits."""
        due = [each.due for each in self._timed.values()] + [each.correct_at for each in self._doubted.values()]
        return min((deadline for deadline in due if deadline is not None), default=None)

    def snapshot(self) -> dict[str, Any]:
        """The whole state as plain data for JSON."""
        return {
            "open": msgspec.to_builtins(list(self.opened.values())),
            "closed": msgspec.to_builtins(self.links.closed),
            "answers": dict(self.links.counts),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a snapshot as if nothing had happened. Raises msgspec.ValidationError on any other data."""
        opened = msgspec.convert(state["open"], type=list[Episode])
        self.links.closed = msgspec.convert(state["closed"], type=list[Episode])
        self.links.counts = dict(state.get("answers", {}))
        self.links.opened = self.opened = {episode.key: episode for episode in opened}
        everything = (*opened, *self.links.closed)
        self._timed = {each.id: each for each in everything if each.due is not None}
        self._doubted = {each.id: each for each in everything if each.correct_at is not None}

    def start(self, event: engine.Event, what: str, severity: int, scope: str | None = None) -> Episode:
        """A new episode. scope: the market's, where none is given."""
        self.links.forget(event.at)
        key = (event.rule, event.market if scope is None else scope, event.direction)
        episode = Episode(
            id=episode_id(self.spec, key, event.kind, event.market, event.at, self.links.known()),
            kind=event.kind,
            rule=event.rule,
            scope=key[1],
            market=event.market,
            direction=event.direction,
            opened_at=event.at,
            began=min(event.time, event.at),
            severity=severity,
            what=what,
        )
        self.opened[episode.key] = episode
        return episode

    def close(self, episode: Episode, at: int, note: str) -> Event:
        """The end of an episode, told."""
        del self.opened[episode.key]
        episode.closed_at = at
        self.links.closed.append(episode)
        return self.tell(episode, "resolved", at, note)

    def settle(self, episode: Episode, deadline: int) -> None:
        """What gathers is told at `deadline`, or before."""
        if episode.due is None or deadline < episode.due:
            episode.due = deadline
            self._timed[episode.id] = episode

    def unsettle(self, episode: Episode) -> None:
        """Nothing may be left to tell."""
        if not episode.gathers:
            episode.due = None
            self._timed.pop(episode.id, None)

    def settled(self, episode: Episode, at: int) -> Event:
        """What has gathered, as one event of the kind that matters most."""
        if episode.answered:
            episode.propagated_at = at
        return self.tell(episode, *gathered(episode, at))

    def doubt(self, now: int) -> None:
        """Begin the settle window of every episode that told a link which does not hold any more."""
        for episode in self.links.kept(now):
            if episode.correct_at is None and is_wrong(episode):
                episode.correct_at = now + self.spec.settle
                self._doubted[episode.id] = episode

    def _correct(self, name: str, at: int) -> list[Event]:
        """Take back what was told and does not hold; nothing where it holds again."""
        episode = self._doubted.pop(name)
        episode.correct_at = None
        if not is_wrong(episode):
            return []
        event = compose(self.spec, episode, "corrected", at, retraction(episode))
        accept(episode)
        episode.said_all()
        self.links.seek_sources()
        return [event]

    def find(self, episode_id: str) -> Episode | None:
        """The episode of this id, if it is open or was closed lately."""
        everything = (*self.opened.values(), *self.links.closed)
        return next((each for each in everything if each.id == episode_id), None)

    def mention(self, episode: Episode, type: EventType, at: int, note: str | None = None) -> Event:
        """An event that not everybody is told who waits for what gathers: that is still told at its own time."""
        episode.said_all()
        return compose(self.spec, episode, type, at, note)

    def tell(self, episode: Episode, type: EventType, at: int, note: str | None = None) -> Event:
        """An event of the episode, with everything that is known of it."""
        episode.told_all()
        self._timed.pop(episode.id, None)
        return compose(self.spec, episode, type, at, note)
