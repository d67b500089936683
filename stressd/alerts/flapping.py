"""Whether an episode flaps: a weighted share of state changes over its last decisions, as Nagios counts them.

A decision is a crossing (its last breach has left, or one has come again), or a stretch of the market's open time in
which there was none. Of 21 decisions the 20 steps between them are weighed, from 0.8 for the oldest to 1.2 for the
newest. Above ENTER it flaps, and does so until it is below LEAVE.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

STEPS: Final = 20
ENTER: Final = 0.5
LEAVE: Final = 0.25
OLDEST: Final = 0.8
NEWEST: Final = 1.2


def ratio(changes: Sequence[int]) -> float:
    """Weighted share (0 to 1) of changes among the last steps, oldest first; what lies before them was quiet."""
    last = list(changes)[-STEPS:]
    first = STEPS - len(last)
    return sum((OLDEST + (NEWEST - OLDEST) * (first + k) / (STEPS - 1)) * each for k, each in enumerate(last)) / STEPS


def quiet_needed(changes: Sequence[int]) -> int:
    """How many decisions without a change, at least one, until it flaps no more."""
    quiet = 1
    while ratio([*changes, *[0] * quiet]) >= LEAVE:
        quiet += 1
    return quiet


def flaps(changes: Sequence[int], before: bool) -> bool:
    """Whether it flaps now. before: whether it did so far."""
    return ratio(changes) >= (LEAVE if before else ENTER)
