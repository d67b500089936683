"""The lives of sigma episodes: a breach opens, others join it, it grows, and it is over when the last has left."""

from __future__ import annotations

from stressd.alerts.book import Book
from stressd.alerts.curve import curve_state, noise_move
from stressd.alerts.episode import HALT, NOISE, SIGMA, SILENCE, SPREADS, Episode
from stressd.alerts.event import Event
from stressd.alerts.growth import grow
from stressd.alerts.moves import bid_ask, breach_move
from stressd.alerts.remarks import split
from stressd.alerts.retrace import Extreme, Seen, grown
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
)
from stressd.engine import events as engine
from stressd.engine.curve_events import CurveMove

QUIET = (SILENCE, HALT)


class Sigma:
    """Breaches and curve noise, on the book."""

    def __init__(self, spec: EpisodesSpec, book: Book) -> None:
        self._spec = spec
        self._book = book

    def breach(self, breach: engine.Breach) -> list[Event]:
        """What is told because of one breach of one series over one horizon."""
        name = f"{breach.series}|{breach.horizon}"
        scope, episode = home_of(self._book.opened, breach, name)
        if self._is_dismissed(breach, scope, name):
            return []
        if breach.phase == engine.LEFT:
            return self._left(episode, name, breach)
        if breach.phase in (engine.LOWERED, engine.REGAINED):
            if episode is not None and name in episode.active:
                episode.lowered[name] = breach.rung
            return []
        if episode is None:
            if breach.phase == engine.PEAKED:
                return []
            episode = self._book.begin(breach, SIGMA, breach.severity, scope)
            self._record(episode, name, breach)
            if not is_spread(breach.series) and episode.source is None:
                self._book.links.find_source(episode)
            return [self._book.announce(episode, breach.at)]
        if breach.phase == engine.PEAKED and name not in episode.active:
            return []
        told = [] if episode.active else self._book.again(episode, breach.at)
        # Another horizon of a series that has joined is the same move seen again: only its row changes.
        new = not any(each.startswith(breach.series + "|") for each in episode.moves)
        before = episode.reached.get(breach.series, -1)
        self._record(episode, name, breach)
        if not new and before < breach.severity == episode.severity:
            episode.raised.append(name)
        return told + grow(self._book, episode, breach.severity, breach.at, name if new else None)

    def noise(self, event: CurveMove) -> list[Event]:
        """What is told because a market's curve is off its smooth shape, or is not any more."""
        scope = f"{event.market} curve"
        name = f"{event.market}|{NOISE}"
        episode = self._book.opened.get((event.rule, scope, 0))
        fresh = episode is None
        if episode is None:
            if event.phase == engine.LEFT:
                return []
            episode = self._book.begin(event, NOISE, event.severity, scope)
        assert event.curve is not None
        episode.curve = curve_state(event.curve)
        episode.heard(event.time, event.source)
        if event.phase == engine.LEFT:
            peak = f"peak {bp_text(episode.peak_bp).removeprefix('+')}"
            lasted = f"lasted {duration_text((event.at - episode.opened_at) / SECOND)}"
            gone = episode.active.pop(name, None)
            return self._book.ease(episode, event.at, f"{lasted}; {peak}") if gone is not None else []
        told = [] if fresh or episode.active else self._book.again(episode, event.at)
        episode.moves = {name: self._book.place(event, noise_move(event))}
        episode.seen(event, episode.moves[name])
        episode.peak_bp = max(episode.peak_bp, event.curve.noise_bp)
        episode.active[name] = event.severity
        if fresh:
            return [self._book.announce(episode, event.at)]
        return told + grow(self._book, episode, event.severity, event.at, None)

    def seen_or_blind(self, at: int) -> list[Event]:
        """Say once of each sigma episode that none of its series ticks any more, and once that one does again: what is
        not seen opens and closes nothing."""
        told = []
        silent = dict(self._book.hidden)
        for each in self._book.opened.values():
            if each.what in QUIET:
                silent.update(dict.fromkeys(each.active, "halted" if each.what == HALT else "stale"))
        for episode in list(self._book.opened.values()):
            if episode.what != SIGMA:
                continue
            series = sorted({split(name)[0] for name in episode.active or episode.moves}, key=curve_key)
            why = {silent.get(name, "") for name in series}
            unseen = "" if "" in why else "halted" if "halted" in why else "stale"
            if unseen == episode.unseen:
                continue
            said, episode.unseen = episode.unseen, unseen
            if not episode.active:
                if episode.frozen and not unseen:
                    self._book.thaw(episode, at)
                continue
            if said and unseen:
                continue
            names = listing([series_name(name) for name in series])
            halt = ", perhaps halted" if unseen == "halted" else ""
            note = f"no tick from {names}{halt}: how it goes on is unknown" if unseen else f"{names} can be seen again"
            told.append(self._book.mention(episode, "stale" if unseen else "resumed", at, note))
        return told

    def disproved(self, event: engine.Disproved) -> list[Event]:
        """Moves that were accepted turn out to be none: every open episode that rests on them alone is withdrawn."""
        told = []
        for episode in list(self._book.opened.values()):
            if episode.what != SIGMA or (episode.market, episode.direction) != (event.market, event.direction):
                continue
            if {split(name)[0] for name in episode.moves} <= set(event.series):
                told.append(self._book.withdraw(episode, event.at, event.why))
        return told

    def _is_dismissed(self, breach: engine.Breach, scope: str, name: str) -> bool:
        """Whether the alert that this breach was part of has been withdrawn: until it is over nothing more is said."""
        key = (breach.rule, scope, breach.direction)
        for episode in self._book.links.closed:
            if episode.withdrawn and episode.key == key and name in episode.active:
                if breach.phase in (engine.LEFT, engine.ENTERED):
                    del episode.active[name]
                return breach.phase != engine.ENTERED
        return False

    def _record(self, episode: Episode, name: str, breach: engine.Breach) -> None:
        episode.active[name] = breach.severity
        episode.lowered.pop(name, None)
        if breach.rung < breach.severity:
            episode.lowered[name] = breach.rung
        episode.reached[breach.series] = max(episode.reached.get(breach.series, -1), breach.severity)
        episode.warming = bool(breach.provisional)
        if breach.quotes is not None:
            episode.quotes[breach.series] = bid_ask(breach.quotes)
        if breach.curve is not None:
            episode.curve = curve_state(breach.curve)
        guest = is_spread(breach.series) and not episode.scope.endswith(SPREADS)
        # The peak of an episode is that of what opened it: a spread's sign may be the other one.
        move = self._book.place(breach, breach_move(breach))
        episode.record(name, move, 0.0 if guest else breach.z, 0.0 if guest else breach.change_bp)
        episode.seen(breach, move)
        episode.last[breach.series] = Seen(value=breach.value, at=breach.time)
        if not guest and abs(breach.change_bp) > 0.0:
            extreme = Extreme(
                series=breach.series, began=breach.reference_value, began_at=breach.reference_time, peak=breach.value,
                peak_at=breach.time, change_bp=breach.change_bp, z=breach.z,
            )  # fmt: skip
            episode.extremes[breach.series] = grown(episode.extremes.get(breach.series), extreme)
        episode.heard(breach.time, breach.source)

    def _left(self, episode: Episode | None, name: str, breach: engine.Breach) -> list[Event]:
        if episode is None or episode.active.pop(name, None) is None:
            return []
        episode.lowered.pop(name, None)
        episode.last[breach.series] = Seen(value=breach.value, at=breach.time)
        episode.heard(breach.time, breach.source)
        episode.seen(breach, breach_move(breach))
        if episode.active:
            return self.seen_or_blind(breach.at)
        now = f"{series_name(breach.series)} now {yield_text(breach.series, breach.value)}"
        peak = f"peak {sigma_text(episode.peak_z)}, {bp_text(episode.peak_bp * episode.direction)}"
        lasted = duration_text((breach.at - episode.opened_at) / SECOND)
        back = episode.taken_back(self._spec.retraced)
        said = [f"lasted {lasted}", peak, *([back] if back else []), now]
        return self._book.ease(episode, breach.at, "; ".join(said))
