"""The turn of the UTC day, at which a session ends where a market never closes.

Real daemons run on the real clock. A test that shows them a calm minute and then a jump has neither where the turn lies
between the two: no move within the day is measured across the end of a session (docs/numbers.md).
"""

from __future__ import annotations

import time
from typing import Final

DAY: Final = 86_400.0
BEFORE: Final = 90.0
"""Seconds that a test and what it stands on may take."""

AFTER: Final = 80.0
"""Seconds after the turn by which the calm minute lies in the new day too."""


def to_wait(now: float) -> float:
    """Seconds until a test may begin, now being seconds since the epoch."""
    since = (now + BEFORE) % DAY
    return BEFORE + AFTER - since if since < BEFORE + AFTER else 0.0


def wait_for_the_turn(now: float) -> None:
    """Come back when no turn is near."""
    if seconds := to_wait(now):
        print(f"\nwaiting {seconds:.0f} s: the UTC day turns, and no test stands across that", flush=True)
        time.sleep(seconds)
