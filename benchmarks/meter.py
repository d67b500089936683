"""What each contender measures and prints: CPU of its process between the subscription and the last tick."""

from __future__ import annotations

import json
import resource
from typing import Any

LONGEST = 60.0
"""Seconds of a run after which what has not come is lost."""


def cpu() -> float:
    """Seconds of CPU of this process so far, user and system, all threads."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def report(cpu_s: float, wall_s: float, ticks: int, **more: Any) -> None:
    """One line of JSON for `ingest.py`."""
    print(json.dumps({"cpu_s": cpu_s, "wall_s": wall_s, "ticks": ticks, **more}))
