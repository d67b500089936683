"""One horizon of one series: where a move is measured from, its sigma, and the least move that matters."""

from __future__ import annotations

import math
from typing import Any, Final

from stressd.engine.maxima import Maxima
from stressd.engine.moments import Scale
from stressd.engine.sigma import SigmaWatch
from stressd.engine.spec import HORIZONS, HorizonSpec
from stressd.engine.tail import Tail

H1: Final = 0
H5: Final = 1
H30: Final = 2
SESSION: Final = 3
GAP: Final = 4
DAILY: Final = 5
SPANS: Final = (12, 60, 360)
"""Five-second slots of the three intraday horizons."""

INFINITE: Final = 1e300
SESSIONS_A_YEAR: Final = 250.0

REFIT_WITHIN: Final = 100
REFIT_ACROSS: Final = 20
"""Blocks after which the tail is fitted anew."""


class Horizon:
    """ref, ref_time: value (percent, nan for none) and time (ns) that a move is measured from. sigma: of the move as
    it stands (bp), 0 while it is not known. bar: the least move (percent) that could enter a breach. scale: robust
    sigma of completed moves. block_max: largest |z| of the block that is under way, last_max: of
    the one before; rise, fall: largest moves (bp)
    and `most`: largest |z|, of the session that is under way. live: its own tail is known well enough."""

    __slots__ = (
        "bar", "block_max", "calm_tail", "definition", "factor", "fall", "known", "last_max", "least", "live", "maxima",
        "most", "name", "needed", "number", "ref", "ref_time", "rise", "scale", "sigma", "tail", "watches",
    )  # fmt: skip

    def __init__(self, number: int, spec: HorizonSpec) -> None:
        self.number = number
        self.name = HORIZONS[number]
        self.scale = Scale(spec.half_life)
        self.needed = spec.min_samples
        self.definition = _definition(self.name, spec.half_life)
        self.watches: list[SigmaWatch] = []
        self.maxima = Maxima()
        if number <= H30:
            self.tail = Tail(60.0 * 108.0, 200.0, 0.02, 3.5, 0.6)
            self.calm_tail = Tail(60.0 * 108.0, 200.0, 0.02, 3.5, 0.6)
        else:
            self.tail = Tail(1250.0, 125.0, 0.10, 1.7, 0.75)
            self.calm_tail = self.tail
        self.ref = math.nan
        self.ref_time = 0
        self.sigma = 0.0
        self.factor = 1.0
        self.least = 0.0
        self.bar = INFINITE
        self.block_max = 0.0
        self.last_max = 0.0
        self.rise = 0.0
        self.fall = 0.0
        self.most = 0.0
        self.known = False
        self.live = False

    def fold(self, low: float, high: float) -> None:
        """Values between low and high (percent) were seen while ref and sigma stood as they do."""
        if not self.known or self.ref != self.ref or self.sigma <= 0.0:
            return
        rise = (high - self.ref) * 100.0
        fall = (self.ref - low) * 100.0
        size = (rise if rise > fall else fall) / self.sigma
        if size > self.block_max:
            self.block_max = size
        if rise > self.rise:
            self.rise = rise
        if fall > self.fall:
            self.fall = fall

    def end_block(self, t: int, blocks_per_year: float, calm: bool, scheduled: bool = False) -> None:
        """The block is over at t: the tail learns it, and the bars of budgets move with time. calm: no alarm of a
        budget reached into it. scheduled: an event was on, so that the block says nothing of the tail."""
        self.last_max = self.block_max
        if self.block_max > 0.0:
            if not scheduled:
                self.observe(self.block_max, t, blocks_per_year, calm)
            if self.block_max > self.most:
                self.most = self.block_max
            self.block_max = 0.0

    def observe(self, size: float, t: int, blocks_per_year: float, calm: bool) -> None:
        """Take in the largest |z| of a block that ended at t. calm: no alarm of a budget reached into it."""
        tail = self.tail
        tail.observe(size)
        if calm and self.calm_tail is not tail:
            self.calm_tail.observe(size)
        every = REFIT_WITHIN if self.number <= H30 else REFIT_ACROSS
        due = tail.blocks % every == 0
        for watch in self.watches:
            budget = watch.budget
            if budget is None:
                continue
            binds = self.sigma > 0.0 and bool(watch.enters) and watch.enters[0] * self.sigma < watch.floor_bp
            moved = budget.allowance.pass_time(t, binds)
            if watch.direction != 0:
                continue
            fresh = due or not budget.numbers
            if fresh:
                budget.refit(self.calm_tail if budget.drops() else tail, blocks_per_year)
            if moved or fresh:
                watch.set_bars(budget.enters(not self.live))

    def alarmed(self) -> bool:
        """Whether a breach of a budget is on."""
        return any(watch.budget is not None and watch.direction != 0 for watch in self.watches)

    def end_session(self, day: int) -> None:
        """The session of `day` is over."""
        if self.rise > 0.0 or self.fall > 0.0:
            self.maxima.observe(day, self.rise, self.fall, self.most)
        self.rise = self.fall = self.most = 0.0

    def set_bar(self) -> None:
        """Find the least move that any rule could want to hear of."""
        least = INFINITE
        if self.known and self.number != GAP:
            for watch in self.watches:
                bar = watch.bar_bp(self.sigma) * 0.01 - 1e-11
                if bar < least:
                    least = bar
        self.bar = least

    def state(self) -> dict[str, Any]:
        """Everything that changes, as plain values."""
        return {
            "scale": self.scale.state(),
            "tail": self.tail.state(),
            "calm_tail": self.calm_tail.state() if self.calm_tail is not self.tail else None,
            "maxima": self.maxima.state(),
            "ref": [None if self.ref != self.ref else self.ref, self.ref_time],
            "now": [
                self.sigma,
                self.factor,
                self.least,
                self.block_max,
                self.rise,
                self.fall,
                self.most,
                self.last_max,
            ],
            "flags": [int(self.known), int(self.live)],
            "budgets": {watch.rule: watch.budget.state() for watch in self.watches if watch.budget is not None},
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up where `state` left off; call `set_bar` when the watches have been loaded too."""
        self.scale.load(state["scale"])
        self.tail.load(state["tail"])
        if state["calm_tail"] is not None:
            self.calm_tail.load(state["calm_tail"])
        self.maxima.load(state["maxima"])
        ref, self.ref_time = state["ref"]
        self.ref = math.nan if ref is None else float(ref)
        self.sigma, self.factor, self.least, self.block_max, self.rise, self.fall, self.most, self.last_max = (
            float(x) for x in state["now"]
        )
        self.known, self.live = state["flags"][0] != 0, state["flags"][1] != 0
        for watch in self.watches:
            if watch.budget is not None and watch.rule in state["budgets"]:
                watch.budget.load(state["budgets"][watch.rule])


def _definition(horizon: str, half_life: float) -> str:
    """How sigma came about, in the words of a message."""
    if horizon == "1d":
        return f"robust, {half_life:g} sessions"
    if horizon == "gap":
        return f"robust, {half_life:g} gaps of its kind"
    if horizon == "session":
        return f"5 and {half_life:g} sessions, by time of day"
    return "last hour and 5 sessions, by time of day"
