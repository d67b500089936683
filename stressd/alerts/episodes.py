"""The episode machine: engine facts in, told transitions out. Deterministic; timers are deadlines, nobody waits.

A breach opens its episode at once. What joins it or reaches its severity too, a peak that grows and further answers of
other markets are gathered over a settle window that starts with the first of them, and are told in one event at its
end, at its own time: as `propagated` if an answer is among them, else `widened`, else `peaked`. Whatever event comes
first tells all of it. Severity is the highest ever reached; only a rise is told at once. A link that was told and does
not hold is taken back in `corrected`, at the end of a settle window of its own. After `resolved` nothing follows but
`corrected`, `propagated`, the answer of a market that could not respond before the episode was over, and `reopened`: a
breach of the same key soon after. What comes and goes many times stays one open episode that is `flapping`. A level
episode is `opened` and `resolved` in one step, and so is what a further detector finds. An alert that was wrong is
withdrawn by a `corrected` of its own, after which nothing follows.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from stressd.alerts.book import Book
from stressd.alerts.curve import shape_moves
from stressd.alerts.episode import CHANGE, HALT, MODEL, NOISE, NOTE, SIGMA, SILENCE, Episode
from stressd.alerts.event import Acknowledged, DataState, Event, SeriesMove, Standing
from stressd.alerts.moves import level_move, model_move
from stressd.alerts.quiet import Quiet
from stressd.alerts.remarks import BACK_ON, LEVEL_TOLD, MODEL_TOLD, WITHDRAWN, split
from stressd.alerts.routing import ONCE_TOLD
from stressd.alerts.sigma import Sigma
from stressd.alerts.spec import EpisodesSpec
from stressd.alerts.standing import data_state, standing
from stressd.engine import events as engine
from stressd.engine.curve_events import CurveMove
from stressd.engine.detector import DETECTOR_OFF
from stressd.engine.response import Response
from stressd.market.times import iso

__all__ = ["Episodes", "EpisodesSpec"]

QUIET = (SILENCE, HALT)


class Episodes:
    """Engine events become events of episodes. `at` never runs backwards over the calls of `apply` and `advance`."""

    def __init__(self, spec: EpisodesSpec) -> None:
        self.spec = spec
        self._book = Book(spec)
        self._sigma = Sigma(spec, self._book)
        self._quiet = Quiet(self._book)

    def apply(self, event: engine.Event) -> list[Event]:
        """Everything that is told because of one engine event, timers due by then first."""
        told = self.advance(event.at)
        if isinstance(event, engine.Breach):
            told += self._sigma.breach(event)
        elif isinstance(event, engine.LevelHit):
            told += self._once(event, event.what, level_move(event), LEVEL_TOLD)
        elif isinstance(event, engine.Unusual):
            told += self._once(event, CHANGE if event.change else MODEL, model_move(event), MODEL_TOLD)
        elif isinstance(event, CurveMove):
            told += self._sigma.noise(event) if event.what == NOISE else self._shape(event)
        elif isinstance(event, engine.Silence):
            told += self._quiet.silence(event) + self._sigma.seen_or_blind(event.at)
        elif isinstance(event, engine.FeedNote):
            told += self._quiet.note(event)
        elif isinstance(event, engine.Disproved):
            told += self._sigma.disproved(event)
        elif isinstance(event, Response):
            told += self._response(event)
        return told

    def cover(self, told: frozenset[str], brewing: frozenset[str], at: int) -> list[Event]:
        """Nothing can come from these feeds, for a reason that people were told of, or may be told soon
        (`Quiet.cover`). at: ns, engine time."""
        before = self._book.hidden
        events = self._quiet.cover(told, brewing, at)
        return events if self._book.hidden == before else events + self._sigma.seen_or_blind(at)

    def covering(self) -> list[Any]:
        """What `cover` goes by, as plain values: equal before and after a call that changed nothing. No part of the
        snapshot (`Quiet.covering`)."""
        return self._quiet.covering()

    def load_covering(self, state: list[Any]) -> None:
        """Go on where `covering` was taken, after `restore`."""
        self._quiet.load_covering(state)

    def advance(self, now: int) -> list[Event]:
        """What is due by `now` (ns, engine time), each at its own deadline."""
        return self._book.advance(now)

    def next_deadline(self) -> int | None:
        """When `advance` next has something to tell, ns; None while nothing waits."""
        return self._book.next_deadline()

    def snapshot(self) -> dict[str, Any]:
        """The whole state as plain data for JSON."""
        return self._book.snapshot()

    def closed_episodes(self) -> list[Episode]:
        """Those that an answer may still be about, in the order in which they were over. To be read, not changed."""
        return list(self._book.links.closed)

    def encoded(self) -> bytes:
        """The snapshot as JSON."""
        return self._book.encoded()

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a snapshot as if nothing had happened. Raises msgspec.ValidationError on any other data."""
        self._book.restore(state)

    def active(self) -> list[tuple[str, str, int, str, str, int]]:
        """(rule, market, direction, series, horizon, severity) of each breach that keeps an episode open; of curve
        noise with the market for the series and NOISE for the horizon. Those of a withdrawn alert are among them until
        they are over, so that the engine does not say them again."""
        dismissed = [each for each in self._book.links.closed if each.withdrawn]
        return [
            (*episode.key, *split(name), severity)
            for episode in (*self._book.opened.values(), *dismissed)
            if episode.what in (SIGMA, NOISE)
            for name, severity in episode.active.items()
        ]

    def silent(self) -> list[tuple[str, str, str]]:
        """(rule, market, series) of each silence that keeps an episode open; of a whole feed's with its scope instead
        of the market."""
        return [
            (episode.rule, episode.scope if episode.scope.startswith(engine.FEED) else episode.market, series)
            for episode in self._book.opened.values()
            if episode.what in QUIET
            for series in episode.active
        ]

    def noted(self) -> list[tuple[str, str, str]]:
        """(rule, market or source, series or source) of each feed note that keeps an episode open."""
        return [
            (episode.rule, episode.scope, name)
            for episode in self._book.opened.values()
            if episode.what == NOTE
            for name in episode.active
        ]

    def withdraw(self, watched: Collection[tuple[str, str]], at: int) -> list[Event]:
        """Close what nothing watches any more since the configuration has changed. watched: (rule, `series|horizon`) of
        every sigma rule, (rule, series) of every silence rule and (DETECTOR_OFF, `rule|series`) of every detector that
        is off; at: ns, engine time."""
        told = []
        for episode in list(self._book.opened.values()):
            if episode.what == NOTE and episode.rule != DETECTOR_OFF:
                continue
            scope = f"{episode.scope}|" if episode.what == NOTE else ""
            orphans = [name for name in episode.active if (episode.rule, scope + name) not in watched]
            for name in orphans:
                del episode.active[name]
            if orphans and not episode.active:
                told.append(self._book.close(episode, at, BACK_ON if scope else WITHDRAWN))
        return told + self._sigma.seen_or_blind(at)

    def remind(self, episode_id: str, at: int, note: str) -> list[Event]:
        """Say that an episode is still open; nothing where it is not. at: ns, engine time; what is due by then is told
        first."""
        told = self.advance(at)
        episode = self._open(episode_id)
        return told if episode is None else [*told, self._book.mention(episode, "reminder", at, note)]

    def acknowledge(self, episode_id: str, at: int, author: str, note: str) -> list[Event]:
        """Somebody has taken an open episode on: every later event of it says so. Nothing where it is not open."""
        told = self.advance(at)
        episode = self._open(episode_id)
        if episode is None:
            return told
        episode.acknowledged = Acknowledged(by=author, at=iso(at), note=note or None)
        said = f"acknowledged by {author}" + (f": {note}" if note else "")
        return [*told, self._book.mention(episode, "acknowledged", at, said)]

    def lapse(self, episode_id: str) -> None:
        """An acknowledgement has run out: later events do not name it any more."""
        episode = self._open(episode_id)
        if episode is not None:
            episode.acknowledged = None

    def withdraw_alert(self, episode_id: str, at: int, why: str) -> list[Event]:
        """The alert was wrong (bad data, a change of convention): one `corrected` with `withdrawn`, after which nothing
        follows, and `corrected` for every link to it that was told. Of an episode that is over likewise; nothing where
        it is forgotten or withdrawn already. at: ns, engine time; what is due by then is told first."""
        told = self.advance(at)
        episode = self.find(episode_id)
        return told if episode is None or episode.withdrawn else [*told, self._book.withdraw(episode, at, why)]

    def standing(self, episode: Episode, at: int) -> Standing:
        """How an episode stands at `at` (ns): open, recovering, suspended or over, and the rung that holds."""
        return standing(self.spec, episode, at)

    def data_state(self, episode: Episode, at: int) -> DataState | None:
        """What is known of the data of an open episode at `at` (ns)."""
        return data_state(self.spec, self._book.opened.values(), episode, at)

    def find(self, episode_id: str) -> Episode | None:
        """The episode of this id, if it is open or was closed within the last days. To be read, not changed."""
        return self._book.find(episode_id)

    def answers(self) -> dict[str, int]:
        """How many answers of other markets were recorded, by `source|follower|wording`."""
        return dict(self._book.links.counts)

    def open_episodes(self) -> list[Episode]:
        """The open episodes, in the order of their opening. To be read, not changed."""
        return list(self._book.opened.values())

    def _open(self, episode_id: str) -> Episode | None:
        return next((each for each in self._book.opened.values() if each.id == episode_id), None)

    def _once(self, event: engine.LevelHit | engine.Unusual, what: str, move: SeriesMove, note: str) -> list[Event]:
        episode = self._book.start(event, what, event.severity, (event.rule, event.market, event.direction))
        move = self._book.place(event, move)
        episode.record(f"{event.series}|{move.horizon}", move, 0.0, 0.0)
        episode.seen(event, move)
        episode.heard(event.time, event.source)
        return [self._book.tell(episode, "opened", event.at), self._book.close(episode, event.at, note)]

    def _shape(self, event: CurveMove) -> list[Event]:
        episode = self._book.start(event, event.what, event.severity, (event.rule, f"{event.market} shape", 0))
        *_, long = moves = shape_moves(event)
        # The scene is that of the long tenor.
        for move in (*moves[:-1], self._book.place(event, long)):
            episode.record(f"{move.series}|{move.horizon}", move, 0.0, 0.0)
        episode.seen(event, long)
        episode.heard(event.time, event.source)
        return [self._book.tell(episode, "opened", event.at), self._book.close(episode, event.at, ONCE_TOLD)]

    def _response(self, response: Response) -> list[Event]:
        episode = self._book.links.answered_by(response)
        if episode is None:
            return []
        news = self._book.links.record(episode, response)
        if response.was or response.via:
            self._book.doubt(response.at)
        if not news:
            self._book.unsettle(episode)
            return []
        market = response.follower
        if market not in episode.answered:
            episode.answered.append(market)
        last = episode.propagated_at
        if last is None or response.at - last >= self.spec.settle:
            return [self._book.settled(episode, response.at)]
        self._book.settle(episode, last + self.spec.settle)
        return []
