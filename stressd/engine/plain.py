"""Numbers as a snapshot holds them: JSON has no place for nan and infinity."""

from __future__ import annotations

import math


def plain(x: float) -> float | None:
    """x for JSON, where nan and infinity have no place."""
    return x if -math.inf < x < math.inf else None


def number(x: float | None) -> float:
    """The inverse of `plain`."""
    return math.nan if x is None else float(x)
