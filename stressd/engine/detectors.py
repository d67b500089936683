"""The further detectors of one series: what they are fed, and when what they find is told.

What a detector is fed is sampled here from accepted ticks, so that bad ticks never reach it. It may raise: then it is
switched off, and the engine goes on.
"""

from __future__ import annotations

import math
from typing import Any, Final

from stressd.engine.agenda import MarketAgenda
from stressd.engine.clock import MarketClock
from stressd.engine.detector import DETECTOR_OFF, Detector, DetectorRule
from stressd.engine.events import ENTERED, Event, FeedNote, Unusual
from stressd.engine.horizon import DAILY, H1, H5, H30
from stressd.engine.horizons import Horizons
from stressd.engine.plain import number, plain
from stressd.engine.scorebar import ScoreBar
from stressd.engine.spec import MINUTE, WARN, EngineSpec, SeriesSpec

SPANS: Final = {"1m": MINUTE, "5m": 5 * MINUTE, "30m": 30 * MINUTE}
HORIZON: Final = {"tick": H1, "1m": H1, "5m": H5, "30m": H30, "1d": DAILY}
"""Whose sigma an input is measured in."""

STALE: Final = 2 * MINUTE
"""ns before its start by which the value at the start of a stretch may have been seen."""

LONGEST_TEXT: Final = 200


class DetectorWatch:
    """One detector on one series. inputs: how many it was fed; hits: how many were told; score: the last; failed: why
    it is off, or ""; off_told: people know."""

    __slots__ = (
        "_bar", "_block", "_horizon", "_last", "_last_time", "_model", "_reference", "_reference_time", "_span",
        "_start", "_told", "failed", "hits", "inputs", "market", "off_told", "rule", "score", "series",
    )  # fmt: skip

    def __init__(self, rule: DetectorRule, series: str, market: str) -> None:
        self.rule = rule
        self.series = series
        self.market = market
        self._horizon: int = HORIZON[rule.input]
        self._span: int = SPANS.get(rule.input, 0)
        self._model: Detector | None = None
        self._bar = ScoreBar(rule.budget) if rule.budget is not None else None
        self._start = 0
        self._block = 0
        self._last = math.nan
        self._last_time = 0
        self._reference = math.nan
        self._reference_time = 0
        self._told = 0
        self.inputs = 0
        self.hits = 0
        self.score = math.nan
        self.failed = ""
        self.off_told = False
        try:
            self._model = rule.make(series)
        except Exception as error:
            self.failed = _reason(error)

    def tick(self, t: int, y: float, at: int, fresh: bool, clock: MarketClock, horizons: Horizons) -> Unusual | None:
        """An accepted tick, y percent at t (ns). The hit of the stretch that it completes, if there is one."""
        if self._horizon == DAILY or self.failed:
            return None
        found: Unusual | None = None
        if not clock.is_open or clock.start != self._start:
            # what ended with the last span is learned, but by now it may be old
            found = self._complete(at, fresh and t - self._last_time <= STALE, horizons)
            self._start = clock.start
            self._restart()
            if not clock.is_open:
                return found
        if self._span == 0:
            if self._reference == self._reference:
                found = self._step(y, t, at, fresh, horizons)
            self._reference = y
            self._reference_time = t
            return found
        block = t // self._span
        if block != self._block:
            if self._last == self._last:
                found = self._complete(at, fresh, horizons)
                self._reference = self._last
                self._reference_time = self._last_time
            self._block = block
        self._last = y
        self._last_time = t
        return found

    def _complete(self, at: int, fresh: bool, horizons: Horizons) -> Unusual | None:
        """The stretch under way is over: feed its move, if a value shortly before its start is known."""
        known = self._last == self._last and self._reference == self._reference
        if not known or self._reference_time < self._block * self._span - STALE:
            return None
        return self._step(self._last, self._last_time, at, fresh, horizons)

    def fixing(
        self, y: float, reference: float, reference_time: int, t: int, at: int, fresh: bool, horizons: Horizons
    ) -> Unusual | None:
        """A fixing at t and the one before (percent)."""
        if self._horizon != DAILY or self.failed:
            return None
        self._reference = reference
        self._reference_time = reference_time
        return self._step(y, t, at, fresh, horizons)

    def _step(self, y: float, t: int, at: int, fresh: bool, horizons: Horizons) -> Unusual | None:
        """Feed the model the move from the reference to y. The hit, if it is one and may be told."""
        rule = self.rule
        h = self._horizon
        sigma = horizons.all[h].sigma if horizons.knows(h) else math.nan
        move = (y - self._reference) * 100.0
        model = self._model
        if model is None or (rule.in_sigma and not sigma > 0.0):
            return None
        try:
            score = float(model.step(move / sigma if rule.in_sigma else move, t))
        except Exception as error:
            self.failed = _reason(error)
            return None
        self.inputs += 1
        self.score = score
        if score != score:
            return None
        quiet = self._told == 0 or t - self._told >= rule.hold
        bar = self.bar()
        if self._bar is not None:
            if quiet:
                self._bar.leave()
            if score >= bar and quiet:
                self._bar.enter()
            self._bar.observe(score, t)
        if score < bar:
            return None
        self._told = t
        if not quiet or not fresh:
            return None
        self.hits += 1
        direction = 0 if rule.change or move == 0.0 else 1 if move > 0.0 else -1
        return Unusual(
            at, t, rule.name, self.market, direction, self.series, rule.severity, rule.model, rule.input, rule.change,
            score, bar, y, self._reference, self._reference_time, sigma,
        )  # fmt: skip

    def bar(self) -> float:
        """The score from which it is told now, infinite while a budget does not know yet."""
        return self.rule.bar if self._bar is None else self._bar.value

    def off(self, at: int, t: int) -> FeedNote | None:
        """The note that it is off, once."""
        if not self.failed or self.off_told:
            return None
        self.off_told = True
        rule = self.rule
        text = f"rule {rule.name}: {rule.model} on {self.series} has failed and is switched off ({self.failed})"
        note = FeedNote(at, t, DETECTOR_OFF, "", ENTERED, "detector off", self.series, rule.name, WARN, text)
        note.kind = "self"
        return note

    def rebase(self, offset: float) -> None:
        """Values come in the terms of another source, `offset` (percent) higher; nan where that is not known."""
        if offset == offset:
            self._last += offset
            self._reference += offset
        else:
            self._restart()

    def _restart(self) -> None:
        self._last = math.nan
        self._reference = math.nan
        self._block = 0

    def state(self) -> dict[str, Any]:
        """Everything that changes, as plain values."""
        return {
            "digest": self.rule.digest,
            "sampled": [self._start, self._block, plain(self._last), self._last_time],
            "reference": [plain(self._reference), self._reference_time],
            "told": self._told,
            "counts": [self.inputs, self.hits],
            "score": plain(self.score),
            "failed": [self.failed, self.off_told],
            "bar": None if self._bar is None else self._bar.state(),
            "model": None if self.failed or self._model is None else self._model.state(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up where `state` left off, unless it is that of another model."""
        if state["digest"] != self.rule.digest:
            return
        self._start, self._block, last, self._last_time = state["sampled"]
        self._last = number(last)
        reference, self._reference_time = state["reference"]
        self._reference = number(reference)
        self._told = int(state["told"])
        self.inputs, self.hits = state["counts"]
        self.score = number(state["score"])
        self.failed, self.off_told = state["failed"]
        if self._bar is not None and state["bar"] is not None:
            self._bar.load(state["bar"])
        if not self.failed and self._model is not None:
            try:
                self._model.load(state["model"])
            except Exception as error:
                self.failed = _reason(error)


class Detectors:
    """All detectors of one series. agenda: what is on in its market."""

    __slots__ = ("_agenda", "watches")

    def __init__(self, watches: list[DetectorWatch], agenda: MarketAgenda) -> None:
        self._agenda = agenda
        self.watches = watches

    def tick(
        self, t: int, y: float, at: int, fresh: bool, clock: MarketClock, horizons: Horizons, source: str,
        out: list[Event],
    ) -> None:  # fmt: skip
        """An accepted tick; what is found is added to `out`. fresh: it may be told."""
        for watch in self.watches:
            found = watch.tick(t, y, at, fresh, clock, horizons)
            self._tell(watch, found, source, t, at, fresh, out)

    def fixing(
        self, y: float, reference: float, reference_time: int, t: int, at: int, fresh: bool, horizons: Horizons,
        source: str, out: list[Event],
    ) -> None:  # fmt: skip
        """A fixing at t and the one before (percent); what is found is added to `out`. fresh: it may be told."""
        for watch in self.watches:
            found = watch.fixing(y, reference, reference_time, t, at, fresh, horizons)
            self._tell(watch, found, source, t, at, fresh, out)

    def _tell(
        self, watch: DetectorWatch, found: Unusual | None, source: str, t: int, at: int, fresh: bool, out: list[Event]
    ) -> None:
        if found is not None:
            found.source = source
            found.during = self._agenda.name_at(found.time)
            out.append(found)
        if fresh and watch.failed:
            note = watch.off(at, t)
            if note is not None:
                out.append(note)

    def rebase(self, offset: float) -> None:
        """Values come in the terms of another source."""
        for watch in self.watches:
            watch.rebase(offset)

    def state(self) -> dict[str, Any]:
        """By rule, everything that changes."""
        return {watch.rule.name: watch.state() for watch in self.watches}

    def load(self, state: dict[str, Any]) -> None:
        """Take up where `state` left off; rules that it does not know start afresh."""
        for watch in self.watches:
            if (kept := state.get(watch.rule.name)) is not None:
                watch.load(kept)


def detectors_of(engine: EngineSpec, series: SeriesSpec, agenda: MarketAgenda) -> Detectors | None:
    """The detectors that a configuration puts on a series; None where there are none."""
    rules = [rule for rule in engine.detector_rules if series.id in rule.series]
    return Detectors([DetectorWatch(rule, series.id, series.market) for rule in rules], agenda) if rules else None


def _reason(error: Exception) -> str:
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return " ".join(text.split())[:LONGEST_TEXT]
