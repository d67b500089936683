"""One move, as every rule on it is told."""

from __future__ import annotations


class Move:
    """From `reference` at `reference_time` to `value` at `time` (percent, ns), judged at the engine's `at` against
    `sigma_bp`.

    bp: its size; z: in sigma; source: whose values; fixing: measured between fixings.
    """

    __slots__ = ("at", "bp", "fixing", "reference", "reference_time", "sigma_bp", "source", "time", "value", "z")

    def __init__(
        self,
        at: int,
        time: int,
        value: float,
        reference: float,
        reference_time: int,
        sigma_bp: float,
        source: str,
        fixing: bool,
    ) -> None:
        self.at = at
        self.time = time
        self.value = value
        self.reference = reference
        self.reference_time = reference_time
        self.sigma_bp = sigma_bp
        self.source = source
        self.fixing = fixing
        self.bp = (value - reference) * 100.0
        self.z = self.bp / sigma_bp
