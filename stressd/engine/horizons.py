"""The horizons of one series: what a move is measured from, and how large it must be to matter.

The references of the intraday horizons are looked up anew every five seconds, not at every tick; with the least move
that any rule could want to hear of beside them, a quiet tick costs one comparison a horizon.
"""

from __future__ import annotations

import math
from typing import Any, Final

from stressd.engine.clock import MarketClock
from stressd.engine.gate import PRIOR_STEP
from stressd.engine.moments import Scale
from stressd.engine.ring import SLOT, Ring
from stressd.engine.sigma import SigmaWatch
from stressd.engine.spec import HORIZONS, HOUR, HorizonSpec

H1: Final = 0
H5: Final = 1
H30: Final = 2
SESSION: Final = 3
DAILY: Final = 4
SPANS: Final = (12, 60, 360)
"""Slots of the three intraday horizons."""

INFINITE: Final = 1e300
LEAST_STEP: Final = 0.1
"""bp a minute: the gate never believes a series to be quieter than this."""


class Horizons:
    """Scales, references and bars, indexed by horizon.

    scales: sigma of each horizon. refs, ref_times: value (percent, nan for none) and time (ns) that a move is measured
    from. bars: the least move (percent) that could enter a breach. step: percent per sqrt(ns), for the gate.
    block_slot, block_z: end (slot) of the last five-minute block and its move in sigma.
    """

    __slots__ = (
        "_watches", "bars", "block_slot", "block_z", "clock", "definitions", "needed", "ref_times", "refs", "ring",
        "scales", "slot", "span_start", "step",
    )  # fmt: skip

    def __init__(self, specs: dict[str, HorizonSpec], clock: MarketClock, watches: list[SigmaWatch]) -> None:
        self.clock = clock
        self._watches = watches
        self.ring = Ring()
        self.scales = [Scale(specs[name].half_life) for name in HORIZONS]
        self.needed = [specs[name].min_samples for name in HORIZONS]
        self.definitions = [_definition(name, specs[name].half_life) for name in HORIZONS]
        self.refs: list[float] = [math.nan] * len(HORIZONS)
        self.ref_times: list[int] = [0] * len(HORIZONS)
        self.bars: list[float] = [INFINITE] * len(HORIZONS)
        self.slot = 0
        self.span_start = 0
        self.step = PRIOR_STEP
        self.block_slot = 0
        self.block_z = math.nan

    def knows(self, h: int) -> bool:
        """Whether horizon h is warm: enough moves stand behind its sigma."""
        scale = self.scales[h]
        return scale.sigma > 0.0 and scale.count() >= self.needed[h]

    def set_reference(self, h: int, value: float, time: int) -> None:
        """Measure moves over h from here on."""
        self.refs[h] = value
        self.ref_times[h] = time

    def enter_span(self, start: int) -> None:
        """An open or closed span has begun: no intraday move reaches across its start."""
        self.span_start = start
        for h in (H1, H5, H30):
            self.refs[h] = math.nan

    def roll(self, slot: int) -> None:
        """The time has reached another slot: learn from the blocks that ended, and look up the references anew."""
        old = self.slot
        self.slot = slot
        if not self.clock.is_open:
            return
        earliest = -(-self.span_start // SLOT)
        for h in (H1, H5, H30):
            span = SPANS[h]
            if slot // span != old // span:
                self._learn_block(h, slot // span * span, earliest)
            k = self.ring.find(slot - span, earliest)
            if k < 0:
                self.refs[h] = math.nan
            else:
                self.refs[h] = self.ring.values[k]
                self.ref_times[h] = self.ring.times[k]

    def _learn_block(self, h: int, boundary: int, earliest: int) -> None:
        """Take in the move of the block that ended at the slot `boundary`, if both of its ends were seen."""
        last = self.ring.find(boundary - 1, earliest)
        first = self.ring.find(boundary - 1 - SPANS[h], earliest)
        if last < 0 or first < 0:
            return
        move = (self.ring.values[last] - self.ring.values[first]) * 100.0
        if h == H5 and self.knows(h):
            self.block_slot = boundary
            self.block_z = move / self.scales[h].sigma
        self.learn(h, move, self.clock.open_time(max(boundary * SLOT, self.clock.start)))
        if h == H1 and self.knows(h):
            self.step = max(self.scales[h].sigma, LEAST_STEP) * 0.01 / math.sqrt(60.0 * 1e9)

    def learn(self, h: int, move_bp: float, clock: int) -> None:
        """Take in one completed move."""
        self.scales[h].learn(move_bp, clock)
        self.set_bar(h)

    def set_bar(self, h: int) -> None:
        """Find the least move over h that any rule could want to hear of."""
        least = INFINITE
        if self.knows(h):
            for watch in self._watches:
                if watch.horizon == h:
                    least = min(least, watch.bar_bp(self.scales[h].sigma) * 0.01 - 1e-11)
        self.bars[h] = least

    def shift(self, offset: float) -> None:
        """Put every level into the terms of another source, whose values lie `offset` (percent) higher."""
        self.ring.shift(offset)
        for h in range(len(self.refs)):
            self.refs[h] += offset

    def forget_levels(self) -> None:
        """Another source has taken over and its offset is not known: no move can be measured across."""
        self.ring.clear()
        self.span_start = 0
        for h in range(len(self.refs)):
            self.refs[h] = math.nan

    def state(self) -> dict[str, Any]:
        """Everything that changes, as plain values."""
        return {
            "slot": self.slot,
            "span_start": self.span_start,
            "step": self.step,
            "block": [self.block_slot, plain(self.block_z)],
            "ring": self.ring.state(),
            "scales": {name: scale.state() for name, scale in zip(HORIZONS, self.scales, strict=True)},
            "refs": [plain(reference) for reference in self.refs],
            "ref_times": list(self.ref_times),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up where `state` left off."""
        self.slot = state["slot"]
        self.span_start = state["span_start"]
        self.step = float(state["step"])
        self.block_slot = state["block"][0]
        self.block_z = number(state["block"][1])
        self.ring.load(state["ring"])
        for name, scale in zip(HORIZONS, self.scales, strict=True):
            scale.load(state["scales"][name])
        self.refs = [number(reference) for reference in state["refs"]]
        self.ref_times = [int(time) for time in state["ref_times"]]
        for h in range(len(HORIZONS)):
            self.set_bar(h)


def plain(x: float) -> float | None:
    """x for JSON, where nan has no place."""
    return x if x == x else None


def number(x: float | None) -> float:
    """The inverse of `plain`."""
    return math.nan if x is None else float(x)


def _definition(horizon: str, half_life: float) -> str:
    if horizon in ("session", "1d"):
        return f"robust, {half_life:g} sessions"
    return f"robust, {half_life / HOUR:g} h of trading"
