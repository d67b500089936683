"""The episode machine: engine facts in, told transitions out. Deterministic; timers are deadlines, nobody waits.

A breach opens its episode at once. What joins it or reaches its severity too, a peak that grows and further answers of
other markets are gathered over a settle window that starts with the first of them, and are told in one event at its
end, at its own time: as `propagated` if an answer is among them, else `widened`, else `peaked`. Whatever event comes
first tells all of it. Severity is the highest ever reached; only a rise is told at once. A link that was told and does
not hold is taken back in `corrected`, at the end of a settle window of its own. After `resolved` nothing follows but
`corrected` and `propagated`: the answer of a market that could not respond before the episode was over. A level episode
is `opened` and `resolved` in one step, and so is what a further detector finds.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from stressd.alerts.book import Book
from stressd.alerts.curve import curve_state, noise_move, shape_moves
from stressd.alerts.episode import CHANGE, HALT, MODEL, NOISE, NOTE, SIGMA, SILENCE, SPREADS, Episode
from stressd.alerts.event import Acknowledged, Event, SeriesMove
from stressd.alerts.moves import bid_ask, breach_move, level_move, model_move
from stressd.alerts.remarks import BACK_ON, LEVEL_TOLD, MODEL_TOLD, WITHDRAWN, split
from stressd.alerts.routing import ONCE_TOLD
from stressd.alerts.scenery import Fact, placed
from stressd.alerts.spec import SECOND, EpisodesSpec
from stressd.alerts.spreads import home_of
from stressd.alerts.words import (
    bp_text,
    curve_key,
    duration_text,
    is_spread,
    listing,
    series_name,
    sigma_text,
    yield_text,
)  # fmt: skip
from stressd.engine import events as engine
from stressd.engine.curve_events import CurveMove
from stressd.engine.detector import DETECTOR_OFF
from stressd.engine.response import Response
from stressd.engine.spec import SEVERITIES
from stressd.market.times import iso

__all__ = ["Episodes", "EpisodesSpec"]

QUIET = (SILENCE, HALT)


class Episodes:
    """Engine events become events of episodes. `at` never runs backwards over the calls of `apply` and `advance`."""

    def __init__(self, spec: EpisodesSpec) -> None:
        self.spec = spec
        self._book = Book(spec)

    def apply(self, event: engine.Event) -> list[Event]:
        """Everything that is told because of one engine event, timers due by then first."""
        told = self.advance(event.at)
        if isinstance(event, engine.Breach):
            told += self._breach(event)
        elif isinstance(event, engine.LevelHit):
            told += self._once(event, event.what, level_move(event), LEVEL_TOLD)
        elif isinstance(event, engine.Unusual):
            told += self._once(event, CHANGE if event.change else MODEL, model_move(event), MODEL_TOLD)
        elif isinstance(event, CurveMove):
            told += self._noise(event) if event.what == NOISE else self._shape(event)
        elif isinstance(event, engine.Silence):
            told += self._silence(event)
        elif isinstance(event, engine.FeedNote):
            told += self._note(event)
        elif isinstance(event, Response):
            told += self._response(event)
        return told

    def advance(self, now: int) -> list[Event]:
        """What is due by `now` (ns, engine time), each at its own deadline."""
        return self._book.advance(now)

    def next_deadline(self) -> int | None:
        """When `advance` next has something to tell, ns; None while nothing waits."""
        return self._book.next_deadline()

    def snapshot(self) -> dict[str, Any]:
        """The whole state as plain data for JSON."""
        return self._book.snapshot()

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a snapshot as if nothing had happened. Raises msgspec.ValidationError on any other data."""
        self._book.restore(state)

    def active(self) -> list[tuple[str, str, int, str, str, int]]:
        """(rule, market, direction, series, horizon, severity) of each breach that keeps an episode open; of curve
        noise with the market for the series and NOISE for the horizon."""
        return [
            (*episode.key, *split(name), severity)
            for episode in self._book.opened.values()
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
        return told + self._seen_or_blind(at)

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
        """Nobody has taken it on any more; nothing is told."""
        episode = self._open(episode_id)
        if episode is not None:
            episode.acknowledged = None

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

    def _breach(self, breach: engine.Breach) -> list[Event]:
        name = f"{breach.series}|{breach.horizon}"
        scope, episode = home_of(self._book.opened, breach, name)
        if breach.phase == engine.LEFT:
            return self._left(episode, name, breach)
        if episode is None:
            if breach.phase == engine.PEAKED:
                return []
            episode = self._book.start(breach, SIGMA, breach.severity, scope)
            self._record(episode, name, breach)
            if not is_spread(breach.series):
                self._book.links.find_source(episode)
            return [self._book.tell(episode, "opened", breach.at)]
        if breach.phase == engine.PEAKED and name not in episode.active:
            return []
        # Another horizon of a series that has joined is the same move seen again: only its row changes.
        mine = breach.series + "|"
        new = not any(each.startswith(mine) for each in episode.moves)
        before = max((rung for each, rung in episode.active.items() if each.startswith(mine)), default=-1)
        self._record(episode, name, breach)
        if not new and before < breach.severity == episode.severity:
            episode.raised.append(name)
        return self._grown(episode, breach, name if new else None)

    def _record(self, episode: Episode, name: str, breach: engine.Breach) -> None:
        episode.active[name] = breach.severity
        if breach.quotes is not None:
            episode.quotes[breach.series] = bid_ask(breach.quotes)
        if breach.curve is not None:
            episode.curve = curve_state(breach.curve)
        guest = is_spread(breach.series) and not episode.scope.endswith(SPREADS)
        # The peak of an episode is that of what opened it: a spread's sign may be the other one.
        move = self._placed(breach, breach_move(breach))
        episode.record(name, move, 0.0 if guest else breach.z, 0.0 if guest else breach.change_bp)
        episode.seen(breach, move)
        episode.heard(breach.time, breach.source)

    def _placed(self, fact: Fact, move: SeriesMove) -> SeriesMove:
        return placed(move, fact.scene, self.spec.conventions.get(move.series))

    def _grown(
        self, episode: Episode, event: engine.Breach | CurveMove | engine.Silence | engine.FeedNote, joiner: str | None
    ) -> list[Event]:
        """Tell a rise in severity at once, or remember a joiner or a peak for the end of the settle window."""
        if event.severity > episode.severity:
            before, episode.severity = episode.severity, event.severity
            return [self._book.tell(episode, "escalated", event.at, f"was {SEVERITIES[before]} before")]
        if joiner is not None:
            episode.joined.append(joiner)
        episode.peaked = episode.peaked or self._has_peaked(episode)
        if episode.joined or episode.raised or episode.peaked:
            self._book.settle(episode, event.at + self.spec.settle)
        return []

    def _has_peaked(self, episode: Episode) -> bool:
        return (
            episode.peak_z >= episode.told_z + self.spec.peak_sigma
            or episode.peak_bp >= episode.told_bp + self.spec.peak_bp
        )

    def _left(self, episode: Episode | None, name: str, breach: engine.Breach) -> list[Event]:
        if episode is None or episode.active.pop(name, None) is None:
            return []
        episode.heard(breach.time, breach.source)
        if episode.active:
            return self._seen_or_blind(breach.at)
        now = f"{series_name(breach.series)} now {yield_text(breach.series, breach.value)}"
        peak = f"peak {sigma_text(episode.peak_z)}, {bp_text(episode.peak_bp * episode.direction)}"
        lasted = duration_text((breach.at - episode.opened_at) / SECOND)
        return [self._book.close(episode, breach.at, f"lasted {lasted}; {peak}; {now}")]

    def _once(self, event: engine.LevelHit | engine.Unusual, what: str, move: SeriesMove, note: str) -> list[Event]:
        episode = self._book.start(event, what, event.severity)
        move = self._placed(event, move)
        episode.record(f"{event.series}|{move.horizon}", move, 0.0, 0.0)
        episode.seen(event, move)
        episode.heard(event.time, event.source)
        return [self._book.tell(episode, "opened", event.at), self._book.close(episode, event.at, note)]

    def _shape(self, event: CurveMove) -> list[Event]:
        episode = self._book.start(event, event.what, event.severity, f"{event.market} shape")
        *_, long = moves = shape_moves(event)
        # The scene is that of the long tenor.
        for move in (*moves[:-1], self._placed(event, long)):
            episode.record(f"{move.series}|{move.horizon}", move, 0.0, 0.0)
        episode.seen(event, long)
        episode.heard(event.time, event.source)
        return [self._book.tell(episode, "opened", event.at), self._book.close(episode, event.at, ONCE_TOLD)]

    def _noise(self, event: CurveMove) -> list[Event]:
        scope = f"{event.market} curve"
        name = f"{event.market}|{NOISE}"
        episode = self._book.opened.get((event.rule, scope, 0))
        fresh = episode is None
        if episode is None:
            if event.phase == engine.LEFT:
                return []
            episode = self._book.start(event, NOISE, event.severity, scope)
        assert event.curve is not None
        episode.curve = curve_state(event.curve)
        episode.heard(event.time, event.source)
        if event.phase == engine.LEFT:
            peak = f"peak {bp_text(episode.peak_bp).removeprefix('+')}"
            lasted = f"lasted {duration_text((event.at - episode.opened_at) / SECOND)}"
            return [self._book.close(episode, event.at, f"{lasted}; {peak}")] if episode.active.pop(name, None) else []
        episode.moves = {name: self._placed(event, noise_move(event))}
        episode.seen(event, episode.moves[name])
        episode.peak_bp = max(episode.peak_bp, event.curve.noise_bp)
        episode.active[name] = event.severity
        return [self._book.tell(episode, "opened", event.at)] if fresh else self._grown(episode, event, None)

    def _silence(self, event: engine.Silence) -> list[Event]:
        told = self._ticks_again(event) if event.phase == engine.LEFT else self._quiet(event)
        return told + self._seen_or_blind(event.at)

    def _quiet(self, event: engine.Silence) -> list[Event]:
        """One series has gone silent or is halted, or a whole feed at once, which is one episode."""
        scope = event.market
        if event.with_feed:
            scope = engine.FEED + event.source
        elif event.halted:
            scope = f"halt:{event.market}"
        episode = self._book.opened.get((event.rule, scope, 0))
        fresh = episode is None
        if episode is None:
            episode = self._book.start(event, HALT if event.halted else SILENCE, event.severity, scope)
            episode.usual, episode.warming = event.usual, event.warming
            episode.peak_bp = event.move_bp
        episode.heard(event.last, event.source if event.with_feed or event.halted else "")
        episode.age = max(episode.age, event.open_age)
        for series in event.with_feed[1:]:
            episode.active[series] = event.severity
            if series not in episode.affected:
                episode.affected.append(series)
        return self._affect(episode, event.series, event.series, fresh, event)

    def _ticks_again(self, event: engine.Silence) -> list[Event]:
        """One series ticks again. A feed that was silent as a whole is back with its first tick."""
        told = []
        for episode in self.open_episodes():
            if episode.what in QUIET and episode.rule == event.rule and event.series in episode.active:
                whole = episode.scope.startswith(engine.FEED)
                told += self._ended(episode, list(episode.active) if whole else [event.series], event.at)
        return told

    def _seen_or_blind(self, at: int) -> list[Event]:
        """Say once of each sigma episode that none of its series ticks any more, and once that one does again: what is
        not seen opens and closes nothing."""
        told = []
        silent = {
            series for episode in self._book.opened.values() if episode.what in QUIET for series in episode.active
        }
        for episode in self.open_episodes():
            if episode.what != SIGMA:
                continue
            series = sorted({split(name)[0] for name in episode.active}, key=curve_key)
            blind = all(name in silent for name in series)
            if blind == episode.stale:
                continue
            episode.stale = blind
            names = listing([series_name(name) for name in series])
            note = f"no tick from {names}: how it goes on is unknown" if blind else f"{names} can be seen again"
            told.append(self._book.tell(episode, "stale" if blind else "resumed", at, note))
        return told

    def _note(self, note: engine.FeedNote) -> list[Event]:
        scope = note.market or note.source
        episode = self._book.opened.get((note.rule, scope, 0))
        name = note.series or note.source
        if note.phase == engine.LEFT:
            return self._ended(episode, [name], note.at)
        fresh = episode is None
        if episode is None:
            episode = self._book.start(note, NOTE, note.severity, scope)
        episode.text = note.text if note.text.strip() else note.what
        episode.heard(0, note.source)
        if note.phase == engine.ONCE:
            episode.affected = [note.series] if note.series else []
            return [self._book.tell(episode, "opened", note.at), self._book.close(episode, note.at, ONCE_TOLD)]
        return self._affect(episode, name, note.series, fresh, note)

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
            return [self._book.tell(episode, "opened", event.at)]
        return self._grown(episode, event, None if back else name)

    def _ended(self, episode: Episode | None, names: list[str], at: int) -> list[Event]:
        """Some of what keeps a feed episode open is over; the episode is, when all of it is."""
        if episode is None or not [name for name in names if episode.active.pop(name, None) is not None]:
            return []
        if episode.active:
            return []
        return [self._book.close(episode, at, f"lasted {duration_text((at - episode.opened_at) / SECOND)}")]

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
