"""The book of episodes: which are open and which lately closed, what each has still to tell and when, and the telling.

Timers are deadlines, nobody waits: `advance` tells what is due, each at its own time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from stressd.alerts.answers import Links
from stressd.alerts.compose import compose
from stressd.alerts.corrections import accept, is_wrong, retraction
from stressd.alerts.episode import SIGMA, Episode, Key
from stressd.alerts.event import Event, EventType, SeriesMove
from stressd.alerts.filed import Filed
from stressd.alerts.ids import episode_id
from stressd.alerts.recovery import calm, calm_at, cross, may_reopen, over_at
from stressd.alerts.remarks import gathered
from stressd.alerts.retrace import PastMove, retraces, retraces_text, sessions_between
from stressd.alerts.scenery import Fact, placed
from stressd.alerts.spec import SECOND, EpisodesSpec
from stressd.alerts.standing import data_state, remarks, standing
from stressd.alerts.words import duration_text, is_spread
from stressd.engine import events as engine
from stressd.market.conventions import PUBLISHED

CORRECTS: Final = 0
SETTLES: Final = 1
EASES: Final = 2


class Book:
    """Episodes and their timers. links: how they name each other; opened: by key, to be read. hidden: series that
    cannot be seen, without an episode that says so alone ("stale"). past: moves of closed episodes that a later one
    may take back."""

    def __init__(self, spec: EpisodesSpec) -> None:
        self.spec = spec
        self.links = Links(spec)
        self.opened: dict[Key, Episode] = self.links.opened
        self.hidden: dict[str, str] = {}
        self._past: list[PastMove] = []
        self._timed: dict[str, Episode] = {}
        self._doubted: dict[str, Episode] = {}
        self._easing: dict[str, Episode] = {}
        self._filed = Filed()

    # --- time ---------------------------------------------------------------------------------------------------------

    def advance(self, now: int) -> list[Event]:
        """What is due by `now` (ns, engine time), each at its own deadline."""
        told: list[Event] = []
        while due := self._next():
            deadline, name, kind = min(due)
            if deadline > now:
                break
            if kind == SETTLES:
                told.append(self.settled(self._timed[name], deadline))
            else:
                told += self._correct(name, deadline) if kind == CORRECTS else self._eased(name, deadline)
        return told

    def next_deadline(self) -> int | None:
        """When `advance` next has something to tell, ns; None while nothing waits."""
        return min((deadline for deadline, _, _ in self._next()), default=None)

    def _next(self) -> list[tuple[int, str, int]]:
        waiting = [(each.correct_at, each.id, CORRECTS) for each in self._doubted.values()]
        waiting += [(each.due, each.id, SETTLES) for each in self._timed.values()]
        waiting += [(each.ease_at, each.id, EASES) for each in self._easing.values()]
        return [(deadline, name, kind) for deadline, name, kind in waiting if deadline is not None]

    # --- state --------------------------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """The whole state as plain data for JSON."""
        plain: dict[str, Any] = msgspec.to_builtins(self._state(self.links.closed))
        return plain

    def encoded(self) -> bytes:
        """The same as JSON, quickly: it is written with every transition."""
        return msgspec.json.encode(self._state(self._filed.plain(self.links.closed)))

    def _state(self, closed: Sequence[object]) -> dict[str, Any]:
        return {
            "open": list(self.opened.values()),
            "closed": closed,
            "past": self._past,
            "answers": self.links.counts,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a snapshot as if nothing had happened. Raises msgspec.ValidationError on any other data."""
        opened = msgspec.convert(state["open"], type=list[Episode])
        self.links.closed = msgspec.convert(state["closed"], type=list[Episode])
        self._past = msgspec.convert(state.get("past", []), type=list[PastMove])
        self.links.counts = dict(state.get("answers", {}))
        self.links.opened = self.opened = {episode.key: episode for episode in opened}
        everything = (*opened, *self.links.closed)
        self._timed = {each.id: each for each in everything if each.due is not None}
        self._doubted = {each.id: each for each in everything if each.correct_at is not None}
        self._easing = {each.id: each for each in everything if each.ease_at is not None}

    def find(self, episode_id: str) -> Episode | None:
        """The episode of this id, if it is open or was closed lately."""
        everything = (*self.opened.values(), *self.links.closed)
        return next((each for each in everything if each.id == episode_id), None)

    # --- beginning and end --------------------------------------------------------------------------------------------

    def begin(self, event: engine.Event, what: str, severity: int, scope: str | None = None) -> Episode:
        """A new episode, or the one of the same key that was over a little while ago, open again; `announce` tells
        it. scope: the market's, where none is given."""
        self.links.forget(event.at)
        key = (event.rule, event.market if scope is None else scope, event.direction)
        for each in reversed(self.links.closed):
            if each.key == key and each.what == what and may_reopen(self.spec, each, event.at):
                return self._reopen(each, event.at, severity)
        return self.start(event, what, severity, key)

    def announce(self, episode: Episode, at: int) -> Event:
        """The first event of what `begin` gave."""
        if episode.closed_at is None:
            if episode.what == SIGMA:
                self._look_back(episode, at)
            return self.tell(
                episode, "opened", at, retraces_text(episode.retraces) if episode.retraces is not None else None
            )
        over = self.spec.open_between(episode.market, episode.closed_at, at) / SECOND
        open_time = " of open time" if episode.market in self.spec.calendars else ""
        episode.closed_at = None
        return self.tell(episode, "reopened", at, f"open again {duration_text(over)}{open_time} after it was over")

    def start(self, event: engine.Event, what: str, severity: int, key: Key) -> Episode:
        """A new episode, whatever was before."""
        self.links.forget(event.at)
        # By the source's clock, even one that is ahead, so that two daemons that see the same ticks give an episode the
        # same name. What is about silence or the daemon itself can begin anew at the same last tick.
        named_for = event.time if event.kind == "market" else event.at
        episode = Episode(
            id=episode_id(self.spec, key, event.kind, event.market, named_for, self.links.known()),
            kind=event.kind,
            rule=event.rule,
            scope=key[1],
            market=event.market,
            direction=event.direction,
            opened_at=event.at,
            began=min(event.time, event.at),
            severity=severity,
            what=what,
            changed_at=event.at,
            told_at=event.at,
        )
        self.opened[episode.key] = episode
        return episode

    def _reopen(self, episode: Episode, at: int, severity: int) -> Episode:
        self.links.closed.remove(episode)
        self._past = [each for each in self._past if each.episode != episode.id]
        self.opened[episode.key] = episode
        episode.reopened += 1
        episode.severity = max(episode.severity, severity)
        episode.unseen = ""
        episode.told_at = at
        cross(self.spec, episode, at)
        self._expect(episode, calm_at(self.spec, episode, at) if episode.flapping else None)
        return episode

    def ease(self, episode: Episode, at: int, note: str) -> list[Event]:
        """Nothing keeps the episode open any more: it is over, now or if it stays so. note: what is said of its end."""
        begins = cross(self.spec, episode, at)
        episode.ease_note = note
        over = over_at(self.spec, episode, at)
        if over <= at:
            return [self.close(episode, at, note)]
        self._expect(episode, over)
        return [self.tell(episode, "flapping", at)] if begins else []

    def again(self, episode: Episode, at: int) -> list[Event]:
        """Something keeps the episode open again that was about to be over."""
        begins = cross(self.spec, episode, at)
        episode.ease_note = ""
        self._expect(episode, calm_at(self.spec, episode, at) if episode.flapping else None)
        return [self.tell(episode, "flapping", at)] if begins else []

    def thaw(self, episode: Episode, at: int) -> None:
        """What waits to be over can be seen again: it waits anew."""
        episode.frozen = False
        self._expect(episode, over_at(self.spec, episode, at))

    def close(self, episode: Episode, at: int, note: str) -> Event:
        """The end of an episode, told."""
        self._file(episode, at)
        self._remember(episode)
        return self.tell(episode, "resolved", at, note)

    def withdraw(self, episode: Episode, at: int, why: str) -> Event:
        """The alert was wrong: it is over with that, and so is every link that it stands for."""
        if episode.closed_at is None:
            self._file(episode, at)
        self._past = [each for each in self._past if each.episode != episode.id]
        episode.withdrawn = why
        self.links.orphan(episode, at)
        self._timed.pop(episode.id, None)
        self._doubted.pop(episode.id, None)
        episode.due = episode.correct_at = None
        self.doubt(at)
        return self.tell(episode, "corrected", at, why)

    def _file(self, episode: Episode, at: int) -> None:
        del self.opened[episode.key]
        self._expect(episode, None)
        episode.frozen = False
        episode.closed_at = at
        self.links.closed.append(episode)

    def _expect(self, episode: Episode, deadline: int | None) -> None:
        episode.ease_at = deadline
        if deadline is None:
            self._easing.pop(episode.id, None)
        else:
            self._easing[episode.id] = episode

    def _eased(self, name: str, at: int) -> list[Event]:
        """It has been quiet for long enough."""
        episode = self._easing[name]
        self._expect(episode, None)
        if not episode.active and episode.unseen:
            episode.frozen = True
            return []
        flapped = f"; flapped, {episode.crossings} changes" if episode.flapping else ""
        if episode.flapping:
            calm(episode)
            episode.changed_at = at
        return [] if episode.active else [self.close(episode, at, episode.ease_note + flapped)]

    # --- moves that are taken back ------------------------------------------------------------------------------------

    def _remember(self, episode: Episode) -> None:
        if episode.what == SIGMA and (past := self._moves_of(episode)) is not None:
            self._past.append(past)

    def _moves_of(self, episode: Episode) -> PastMove | None:
        lead = episode.greatest
        if lead is None:
            return None
        day = datetime.fromtimestamp(lead.peak_at // SECOND, self.spec.zone(episode.market)).toordinal()
        return PastMove(
            episode=episode.id, rule=episode.rule, scope=episode.scope, direction=episode.direction, at=lead.peak_at,
            day=day, extremes=dict(episode.extremes),
        )  # fmt: skip

    def _look_back(self, episode: Episode, at: int) -> None:
        """Name the earlier move that this one takes back."""
        calendar = self.spec.calendars.get(episode.market)
        limit = self.spec.retraces_within
        self._past = [
            each
            for each in self._past
            if sessions_between(self.spec.calendars.get(each.scope.split(" ")[0]), each.at, at, limit) <= limit
        ]
        past = [each for each in self._past if (each.rule, each.scope) == (episode.rule, episode.scope)]
        for each in self.opened.values():
            same = each.what == SIGMA and (each.rule, each.scope) == (episode.rule, episode.scope)
            if not same or each is episode or (move := self._moves_of(each)) is None:
                continue
            if sessions_between(calendar, move.at, at, limit) <= limit:
                past.append(move)
        moves = [each for each in episode.ranked() if not is_spread(each.series) or episode.scope != episode.market]
        if moves:
            found = retraces(past, moves[0].series, moves[0].value, episode.direction, self.spec.retraced)
            episode.retraces = found or episode.retraces

    # --- telling ------------------------------------------------------------------------------------------------------

    def place(self, fact: Fact, move: SeriesMove) -> SeriesMove:
        """The move with what stands around it."""
        quoted = PUBLISHED.get(fact.source) or self.spec.conventions.get(move.series)
        return placed(move, fact.scene, quoted)

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
            if episode.correct_at is None and not episode.withdrawn and is_wrong(episode):
                episode.correct_at = now + self.spec.settle
                self._doubted[episode.id] = episode

    def _correct(self, name: str, at: int) -> list[Event]:
        """Take back what was told and does not hold; nothing where it holds again."""
        episode = self._doubted.pop(name)
        episode.correct_at = None
        if not is_wrong(episode):
            return []
        event = self._compose(episode, "corrected", at, retraction(episode))
        accept(episode)
        episode.said_all()
        self.links.seek_sources()
        return [event]

    def mention(self, episode: Episode, type: EventType, at: int, note: str | None = None) -> Event:
        """An event that not everybody is told who waits for what gathers: that is still told at its own time."""
        episode.said_all()
        return self._compose(episode, type, at, note)

    def tell(self, episode: Episode, type: EventType, at: int, note: str | None = None) -> Event:
        """An event of the episode, with everything that is known of it."""
        episode.told_all()
        self._timed.pop(episode.id, None)
        if episode.what == SIGMA and type in ("escalated", "widened", "peaked", "reopened"):
            self._look_back(episode, at)
        if type in ("opened", "escalated", "reopened"):
            episode.rise, episode.rose_at = -1, at
        elif type == "resolved" or episode.withdrawn:
            episode.rise = -1
        event = self._compose(episode, type, at, note)
        if episode.rise >= 0:
            self.settle(episode, max(episode.rise_due, at + self.spec.settle))
        return event

    def _compose(self, episode: Episode, type: EventType, at: int, note: str | None) -> Event:
        said = ([note] if note else []) + remarks(self.spec, episode, at)
        state = data_state(self.spec, self.opened.values(), episode, at)
        event = compose(self.spec, episode, type, at, "; ".join(said) or None, standing(self.spec, episode, at), state)
        episode.told_at = at
        return event
