"""The episode machine: engine facts in, told transitions out. Deterministic; timers are deadlines, nobody waits.

A breach opens its episode at once. What joins it or reaches its severity too, a peak that grows and further answers of
other markets are gathered over a settle window that starts with the first of them, and are told in one event at its
end, at its own time: as `propagated` if an answer is among them, else `widened`, else `peaked`. Whatever event comes
first tells all of it. Severity is the highest ever reached; only a rise is told at once. After `resolved` nothing
follows but `propagated`: the answer of a market that could not respond before the episode was over. A level episode is
`opened` and `resolved` in one step, and so is what a further detector finds.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from stressd.alerts.answers import Links
from stressd.alerts.compose import compose
from stressd.alerts.curve import curve_state, noise_move, shape_moves
from stressd.alerts.episode import CHANGE, HALT, MODEL, NOISE, NOTE, SIGMA, SILENCE, SPREADS, Episode, Key
from stressd.alerts.event import Event, EventType, SeriesMove
from stressd.alerts.headline import answer_clause
from stressd.alerts.ids import episode_id
from stressd.alerts.moves import bid_ask, breach_move, level_move, model_move
from stressd.alerts.remarks import BACK_ON, LEVEL_TOLD, MODEL_TOLD, WITHDRAWN, split, widening
from stressd.alerts.routing import ONCE_TOLD
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

__all__ = ["Episodes", "EpisodesSpec"]

QUIET = (SILENCE, HALT)


class Episodes:
    """Engine events become events of episodes. `at` never runs backwards over the calls of `apply` and `advance`."""

    def __init__(self, spec: EpisodesSpec) -> None:
        self.spec = spec
        self._links = Links(spec)
        self._open: dict[Key, Episode] = self._links.opened
        self._timed: dict[str, Episode] = {}

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
        due = sorted((episode.due, episode.id) for episode in self._timed.values() if episode.due is not None)
        return [self._settled(self._timed[name], deadline) for deadline, name in due if deadline <= now]

    def next_deadline(self) -> int | None:
        """When `advance` next has something to tell, ns; None while nothing waits."""
        return min((episode.due for episode in self._timed.values() if episode.due is not None), default=None)

    def active(self) -> list[tuple[str, str, int, str, str, int]]:
        """(rule, market, direction, series, horizon, severity) of each breach that keeps an episode open; of curve
        noise with the market for the series and NOISE for the horizon."""
        return [
            (*episode.key, *split(name), severity)
            for episode in self._open.values()
            if episode.what in (SIGMA, NOISE)
            for name, severity in episode.active.items()
        ]

    def silent(self) -> list[tuple[str, str, str]]:
        """(rule, market, series) of each silence that keeps an episode open; of a whole feed's with its scope instead
        of the market."""
        return [
            (episode.rule, episode.scope if episode.scope.startswith(engine.FEED) else episode.market, series)
            for episode in self._open.values()
            if episode.what in QUIET
            for series in episode.active
        ]

    def noted(self) -> list[tuple[str, str, str]]:
        """(rule, market or source, series or source) of each feed note that keeps an episode open."""
        return [
            (episode.rule, episode.scope, name)
            for episode in self._open.values()
            if episode.what == NOTE
            for name in episode.active
        ]

    def withdraw(self, watched: Collection[tuple[str, str]], at: int) -> list[Event]:
        """Close what nothing watches any more since the configuration has changed. watched: (rule, `series|horizon`) of
        every sigma rule, (rule, series) of every silence rule and (DETECTOR_OFF, `rule|series`) of every detector that
        is off; at: ns, engine time."""
        told = []
        for episode in list(self._open.values()):
            if episode.what == NOTE and episode.rule != DETECTOR_OFF:
                continue
            scope = f"{episode.scope}|" if episode.what == NOTE else ""
            orphans = [name for name in episode.active if (episode.rule, scope + name) not in watched]
            for name in orphans:
                del episode.active[name]
            if orphans and not episode.active:
                told.append(self._close(episode, at, BACK_ON if scope else WITHDRAWN))
        return told + self._seen_or_blind(at)

    def open_episodes(self) -> list[Episode]:
        """The open episodes, in the order of their opening. To be read, not changed."""
        return list(self._open.values())

    def snapshot(self) -> dict[str, Any]:
        """The whole state as plain data for JSON."""
        return {
            "open": msgspec.to_builtins(list(self._open.values())),
            "closed": msgspec.to_builtins(self._links.closed),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a snapshot as if nothing had happened. Raises msgspec.ValidationError on any other data."""
        opened = msgspec.convert(state["open"], type=list[Episode])
        self._links.closed = msgspec.convert(state["closed"], type=list[Episode])
        self._open = {episode.key: episode for episode in opened}
        self._links.opened = self._open
        self._timed = {each.id: each for each in (*opened, *self._links.closed) if each.due is not None}

    def _breach(self, breach: engine.Breach) -> list[Event]:
        name = f"{breach.series}|{breach.horizon}"
        scope, episode = home_of(self._open, breach, name)
        if breach.phase == engine.LEFT:
            return self._left(episode, name, breach)
        if episode is None:
            if breach.phase == engine.PEAKED:
                return []
            episode = self._start(breach, SIGMA, breach.severity, scope)
            self._record(episode, name, breach)
            if not is_spread(breach.series):
                self._links.find_source(episode)
            return [self._tell(episode, "opened", breach.at)]
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
        episode.record(name, breach_move(breach), 0.0 if guest else breach.z, 0.0 if guest else breach.change_bp)
        episode.heard(breach.time, breach.source)

    def _grown(
        self, episode: Episode, event: engine.Breach | CurveMove | engine.Silence | engine.FeedNote, joiner: str | None
    ) -> list[Event]:
        """Tell a rise in severity at once, or remember a joiner or a peak for the end of the settle window."""
        if event.severity > episode.severity:
            before, episode.severity = episode.severity, event.severity
            return [self._tell(episode, "escalated", event.at, f"was {SEVERITIES[before]} before")]
        if joiner is not None:
            episode.joined.append(joiner)
        episode.peaked = episode.peaked or self._has_peaked(episode)
        if episode.joined or episode.raised or episode.peaked:
            self._settle(episode, event.at + self.spec.settle)
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
        return [self._close(episode, breach.at, f"lasted {lasted}; {peak}; {now}")]

    def _once(self, event: engine.LevelHit | engine.Unusual, what: str, move: SeriesMove, note: str) -> list[Event]:
        episode = self._start(event, what, event.severity)
        episode.record(f"{event.series}|{move.horizon}", move, 0.0, 0.0)
        episode.heard(event.time, event.source)
        return [self._tell(episode, "opened", event.at), self._close(episode, event.at, note)]

    def _shape(self, event: CurveMove) -> list[Event]:
        episode = self._start(event, event.what, event.severity, f"{event.market} shape")
        for move in shape_moves(event):
            episode.record(f"{move.series}|{move.horizon}", move, 0.0, 0.0)
        episode.heard(event.time, event.source)
        return [self._tell(episode, "opened", event.at), self._close(episode, event.at, ONCE_TOLD)]

    def _noise(self, event: CurveMove) -> list[Event]:
        scope = f"{event.market} curve"
        name = f"{event.market}|{NOISE}"
        episode = self._open.get((event.rule, scope, 0))
        fresh = episode is None
        if episode is None:
            if event.phase == engine.LEFT:
                return []
            episode = self._start(event, NOISE, event.severity, scope)
        assert event.curve is not None
        episode.curve = curve_state(event.curve)
        episode.heard(event.time, event.source)
        if event.phase == engine.LEFT:
            peak = f"peak {bp_text(episode.peak_bp).removeprefix('+')}"
            lasted = f"lasted {duration_text((event.at - episode.opened_at) / SECOND)}"
            return [self._close(episode, event.at, f"{lasted}; {peak}")] if episode.active.pop(name, None) else []
        episode.moves = {name: noise_move(event)}
        episode.peak_bp = max(episode.peak_bp, event.curve.noise_bp)
        episode.active[name] = event.severity
        return [self._tell(episode, "opened", event.at)] if fresh else self._grown(episode, event, None)

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
        episode = self._open.get((event.rule, scope, 0))
        fresh = episode is None
        if episode is None:
            episode = self._start(event, HALT if event.halted else SILENCE, event.severity, scope)
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
        silent = {series for episode in self._open.values() if episode.what in QUIET for series in episode.active}
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
            told.append(self._tell(episode, "stale" if blind else "resumed", at, note))
        return told

    def _note(self, note: engine.FeedNote) -> list[Event]:
        scope = note.market or note.source
        episode = self._open.get((note.rule, scope, 0))
        name = note.series or note.source
        if note.phase == engine.LEFT:
            return self._ended(episode, [name], note.at)
        fresh = episode is None
        if episode is None:
            episode = self._start(note, NOTE, note.severity, scope)
        episode.text = note.text if note.text.strip() else note.what
        episode.heard(0, note.source)
        if note.phase == engine.ONCE:
            episode.affected = [note.series] if note.series else []
            return [self._tell(episode, "opened", note.at), self._close(episode, note.at, ONCE_TOLD)]
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
            return [self._tell(episode, "opened", event.at)]
        return self._grown(episode, event, None if back else name)

    def _ended(self, episode: Episode | None, names: list[str], at: int) -> list[Event]:
        """Some of what keeps a feed episode open is over; the episode is, when all of it is."""
        if episode is None or not [name for name in names if episode.active.pop(name, None) is not None]:
            return []
        if episode.active:
            return []
        return [self._close(episode, at, f"lasted {duration_text((at - episode.opened_at) / SECOND)}")]

    def _response(self, response: Response) -> list[Event]:
        episode = self._links.answered_by(response)
        if episode is None or not self._links.record(episode, response):
            return []
        market = response.follower
        if market not in episode.answered:
            episode.answered.append(market)
        last = episode.propagated_at
        if last is None or response.at - last >= self.spec.settle:
            return [self._settled(episode, response.at)]
        self._settle(episode, last + self.spec.settle)
        return []

    def _start(self, event: engine.Event, what: str, severity: int, scope: str | None = None) -> Episode:
        self._links.forget(event.at)
        key = (event.rule, event.market if scope is None else scope, event.direction)
        episode = Episode(
            id=episode_id(self.spec, key, event.kind, event.market, event.at, self._links.known()),
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
        self._open[episode.key] = episode
        return episode

    def _close(self, episode: Episode, at: int, note: str) -> Event:
        del self._open[episode.key]
        episode.closed_at = at
        self._links.closed.append(episode)
        return self._tell(episode, "resolved", at, note)

    def _settle(self, episode: Episode, deadline: int) -> None:
        if episode.due is None or deadline < episode.due:
            episode.due = deadline
            self._timed[episode.id] = episode

    def _settled(self, episode: Episode, at: int) -> Event:
        """What has gathered, as one event of the kind that matters most."""
        if episode.answered:
            episode.propagated_at = at
            answers = "; ".join(answer_clause(episode.answers[market].follower) for market in episode.answered)
            over = f"; resolved {duration_text((at - episode.closed_at) / SECOND)} before" if episode.closed_at else ""
            return self._tell(episode, "propagated", at, answers + over)
        if episode.joined or episode.raised:
            return self._tell(episode, "widened", at, widening(episode))
        return self._tell(
            episode, "peaked", at, f"peak {sigma_text(episode.peak_z)}, {bp_text(episode.peak_bp * episode.direction)}"
        )

    def _tell(self, episode: Episode, type: EventType, at: int, note: str | None = None) -> Event:
        episode.told_all()
        self._timed.pop(episode.id, None)
        return compose(self.spec, episode, type, at, note)
