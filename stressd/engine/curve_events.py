"""What the engine says of curves."""

from __future__ import annotations

import math

from stressd.engine.curve_facts import CurveFacts
from stressd.engine.events import Event


class CurveMove(Event):
    """Something about a market's curve as a whole.

    what: "noise" (entered, raised, left; direction 0), or the day's shape in one word (once; direction of the slope,
    or of the yields where the move was parallel). moves: (series, value, value at the last fixing, time of that) of
    the short and the long tenor, of noise none. For noise: curve, z and threshold (of the rung, in sigma; nan where
    the bar is in bp), series: the tenor that is dislocated, off_bp: by how much beyond its usual, value: its yield.
    """

    __slots__ = (
        "curve", "moves", "off_bp", "phase", "series", "severity", "source", "threshold", "value", "what", "z",
    )  # fmt: skip

    def __init__(
        self, at: int, time: int, rule: str, market: str, direction: int, phase: str, what: str, severity: int
    ) -> None:
        super().__init__(at, time, "market", rule, market, direction)
        self.phase = phase
        self.what = what
        self.severity = severity
        self.moves: list[tuple[str, float, float, int]] = []
        self.curve: CurveFacts | None = None
        self.z = math.nan
        self.threshold = math.nan
        self.series = ""
        self.off_bp = 0.0
        self.value = 0.0
        self.source = ""
