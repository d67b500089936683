"""What plugs in from outside: the protocol of a further detector, and the rule that puts one on some series."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

INPUTS: Final = ("tick", "1m", "5m", "30m", "1d")
"""What a detector can be fed: the change since the last accepted tick, over a stretch of open time, or from fixing to
fixing."""


DETECTOR_OFF: Final = "detector-off"
"""Name of the note that a detector has failed and is switched off; its source is the detector's rule."""


class Detector(Protocol):
    """What the engine asks of a detector. Whatever it raises switches it off."""

    def step(self, x: float, time: int) -> float:
        """Take in the next input, completed at `time` (ns UTC). How unusual it is, nan while that cannot be said."""
        ...

    def state(self) -> Any:
        """Everything that changes, as plain values that JSON can hold."""
        ...

    def load(self, state: Any) -> None:
        """Take up where `state` left off."""
        ...


@dataclass(frozen=True, slots=True)
class DetectorRule:
    """One kind of detector on some series.

    model: its name, as people are told it. make: a new one, for a series. input: one of INPUTS. in_sigma: inputs are
    divided by the series' own sigma of that horizon, else they are bp. bar: score from which it is told, unless a
    budget sets the bar: findings a year and series. hold: ns without such a score before it is told again. change: a
    hit is a change of behaviour, not one unusual move. digest: of everything that makes the model; the state of another
    one is of no use.
    """

    name: str
    series: tuple[str, ...]
    model: str
    make: Callable[[str], Detector] = field(compare=False)
    input: str
    bar: float
    severity: int = 0
    budget: float | None = None
    in_sigma: bool = True
    hold: int = 1_800_000_000_000
    change: bool = False
    digest: str = ""
