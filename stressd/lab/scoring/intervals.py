"""Exact intervals of shares and rates."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

LEVEL: Final = 0.95
_HALVINGS: Final = 200


def binomial_interval(k: int, n: int, level: float = LEVEL) -> tuple[float, float]:
    """The share behind k of n: central interval of Clopper and Pearson (1934). (0, 1) where n is 0."""
    if not 0 <= k <= n:
        raise ValueError(f"{k} of {n}")
    tail = (1.0 - level) / 2.0
    low = 0.0 if k == 0 else _root(lambda p: _binomial(n - k, n, 1.0 - p) - tail, 0.0, 1.0)
    high = 1.0 if k == n else _root(lambda p: tail - _binomial(k, n, p), 0.0, 1.0)
    return low, high


def poisson_interval(k: int, exposure: float, level: float = LEVEL) -> tuple[float, float]:
    """The rate behind k events in `exposure`: central interval of Garwood (1936)."""
    if k < 0 or exposure <= 0.0:
        raise ValueError(f"{k} in {exposure}")
    tail = (1.0 - level) / 2.0
    most = k + 10.0 * math.sqrt(k + 1.0) + 30.0
    low = 0.0 if k == 0 else _root(lambda mean: 1.0 - _poisson(k - 1, mean) - tail, 0.0, most)
    high = _root(lambda mean: tail - _poisson(k, mean), 0.0, most)
    return low / exposure, high / exposure


def _binomial(k: int, n: int, p: float) -> float:
    """P(X <= k)."""
    if p <= 0.0:
        return 1.0
    if p >= 1.0:
        return 1.0 if k >= n else 0.0
    terms = [
        math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) + i * math.log(p) + (n - i) * math.log1p(-p)
        for i in range(k + 1)
    ]
    return min(1.0, math.fsum(math.exp(term) for term in terms))


def _poisson(k: int, mean: float) -> float:
    """P(X <= k)."""
    if mean <= 0.0:
        return 1.0
    return min(1.0, math.fsum(math.exp(i * math.log(mean) - mean - math.lgamma(i + 1)) for i in range(k + 1)))


def _root(rising: Callable[[float], float], low: float, high: float) -> float:
    """Where a rising function passes zero."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        if middle in (low, high):
            break
        if rising(middle) < 0.0:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0
