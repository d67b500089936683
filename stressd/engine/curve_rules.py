"""What a curve rule says: of a market's curve noise, entered and left like a breach; of the day's shape, once."""

from __future__ import annotations

import math
from typing import Any

from stressd.engine.curve_events import CurveMove
from stressd.engine.curve_facts import CurveFacts
from stressd.engine.curve_noise import CurveNoise
from stressd.engine.events import ENTERED, LEFT, ONCE, RAISED
from stressd.engine.spec import CurveRule
from stressd.market.shape import PARALLEL, shape

NOISE = "noise"


def facts_of(noise: CurveNoise) -> CurveFacts:
    """The curve at this moment."""
    cheap, cheap_bp, rich, rich_bp = noise.extremes()
    usual = noise.usual if noise.known() else math.nan
    return CurveFacts(noise.bp, usual, cheap, cheap_bp, rich, rich_bp)


class NoiseWatch:
    """One rule's bars for the noise of one market's curve. Noise counts once it has stood beyond a bar for the rule's
    `hold` and every tenor has ticked since: of a move whose tenors tick one after the other the curve is bent for a
    while.

    severity: of the highest rung that holds, -1 for none. beyond: since when each rung has been exceeded, 0 where it is
    not; below: since when the lowest has not been.
    """

    __slots__ = ("_below", "_beyond", "_market", "rule", "severity")

    def __init__(self, rule: CurveRule, market: str) -> None:
        self.rule = rule
        self._market = market
        self._beyond = [0] * len(rule.noise)
        self._below = 0
        self.severity = -1

    def update(self, noise: CurveNoise, at: int, t: int) -> CurveMove | None:
        """A tenor has ticked."""
        if not noise.known():
            return None
        heard = min([noise.times[k] for k in noise.used])
        reached = -1
        for k, rung in enumerate(self.rule.noise):
            if noise.bp < self._bar(noise, k):
                self._beyond[k] = 0
                continue
            if self._beyond[k] == 0:
                self._beyond[k] = t
            if t - self._beyond[k] >= self.rule.hold and heard >= self._beyond[k] and rung.severity > reached:
                reached = rung.severity
        if reached > self.severity:
            phase = ENTERED if self.severity < 0 else RAISED
            self.severity = reached
            self._below = 0
            return self._say(noise, at, t, phase)
        if self.severity < 0 or noise.bp >= self._exit(noise):
            self._below = 0
            return None
        if self._below == 0:
            self._below = t
        if t - self._below < self.rule.hold or heard < self._below:
            return None
        said = self._say(noise, at, t, LEFT)
        self.severity = -1
        self._below = 0
        return said

    def _bar(self, noise: CurveNoise, k: int) -> float:
        rung = self.rule.noise[k]
        bar = rung.bp if rung.bp is not None else noise.usual + (rung.sigma or 0.0) * noise.spread
        return max(bar, noise.usual + self.rule.floor_bp)

    def _exit(self, noise: CurveNoise) -> float:
        """Two thirds of the way from the usual to the lowest bar."""
        return noise.usual + 2.0 / 3.0 * (self._bar(noise, 0) - noise.usual)

    def _say(self, noise: CurveNoise, at: int, t: int, phase: str) -> CurveMove:
        said = CurveMove(at, t, self.rule.name, self._market, 0, phase, NOISE, self.severity)
        said.curve = facts_of(noise)
        said.z = noise.z()
        said.series, said.off_bp = noise.dislocated()
        rung = next(rung for rung in self.rule.noise if rung.severity == self.severity)
        said.threshold = rung.sigma if rung.sigma is not None else math.nan
        return said

    def state(self) -> list[Any]:
        """Everything that changes, as plain values."""
        return [list(self._beyond), self._below, self.severity]

    def load(self, state: list[Any]) -> None:
        """Take up where `state` left off; bars that are others now start afresh."""
        if len(state[0]) == len(self._beyond):
            self._beyond = [int(t) for t in state[0]]
            self._below, self.severity = int(state[1]), int(state[2])


class ShapeWatch:
    """One rule's shapes for one slope. reference: time of the fixing that the day is measured from; told: which ways
    have been told since then."""

    __slots__ = ("_reference", "_told", "rule")

    def __init__(self, rule: CurveRule) -> None:
        self.rule = rule
        self._reference = 0
        self._told: list[int] = []

    def update(
        self,
        market: str,
        at: int,
        t: int,
        short: tuple[str, float, float, int],
        long: tuple[str, float, float, int],
        fresh: bool,
    ) -> CurveMove | None:
        """The curve stands at these: (series, value, value at the last fixing, its time). The news, if it is one; what
        is not fresh tells nothing, but counts as told."""
        rule = self.rule
        reference = max(short[3], long[3])
        if reference != self._reference:
            self._reference = reference
            self._told = []
        short_bp = (short[1] - short[2]) * 100.0
        long_bp = (long[1] - long[2]) * 100.0
        word = shape(short_bp, long_bp, rule.epsilon_bp)
        slope = long_bp - short_bp
        parallel = min(abs(short_bp), abs(long_bp)) if short_bp * long_bp > 0.0 else 0.0
        if word == PARALLEL:
            way = 2 if long_bp > 0.0 else -2
            size = parallel
        else:
            way = 1 if slope > 0.0 else -1
            size = abs(slope)
        for told in list(self._told):
            back = slope * told if abs(told) == 1 else min(short_bp * told, long_bp * told) / 2.0
            if back <= rule.move_bp - rule.rearm_bp + 1e-9:
                self._told.remove(told)
        if word not in rule.shapes or size < rule.move_bp - 1e-9 or way in self._told:
            return None
        self._told.append(way)
        if not fresh:
            return None
        said = CurveMove(at, t, rule.name, market, 1 if way > 0 else -1, ONCE, word, rule.severity)
        said.moves = [short, long]
        return said

    def state(self) -> list[Any]:
        """Everything that changes, as plain values."""
        return [self._reference, list(self._told)]

    def load(self, state: list[Any]) -> None:
        """Take up where `state` left off."""
        self._reference = int(state[0])
        self._told = [int(way) for way in state[1]]
