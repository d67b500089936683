"""The smooth curve through a market's tenors: Nelson-Siegel-Svensson with fixed decays, so that the fit is linear.

With the decays fixed, what the fit leaves is M·y with a matrix that depends on the set of tenors alone: a tick of one
tenor changes the residuals by a multiple of one column of M. The functions are those of Svensson (1994), "Estimating
and interpreting forward interest rates"; with one decay they are Nelson and Siegel's (1987).
"""

from __future__ import annotations

import math

SPARE = 2
"""Tenors beyond the number of parameters that a fit needs: with fewer, it says next to nothing of any of them."""


class Fit:
    """M for one set of tenors: rows as lists. parameters: 4 (Svensson), 3 (Nelson-Siegel). free: for each tenor the
    diagonal of M, one minus its leverage: the part of its own move that stays in its residual."""

    __slots__ = ("free", "parameters", "rows")

    def __init__(self, rows: list[list[float]], parameters: int) -> None:
        self.rows = rows
        self.parameters = parameters
        self.free = [rows[k][k] for k in range(len(rows))]


def fit(years: list[float], decays: tuple[float, float]) -> Fit | None:
    """The fit of tenors of so many years; decays in years. With fewer than six tenors it is Nelson-Siegel's with
    the first decay, with fewer than five None."""
    n = len(years)
    if n >= 4 + SPARE:
        columns = [[1.0] * n, [_slope(m / decays[0]) for m in years]]
        columns += [[_hump(m / decay) for m in years] for decay in decays]
    elif n >= 3 + SPARE:
        first = decays[0]
        columns = [[1.0] * n, [_slope(m / first) for m in years], [_hump(m / first) for m in years]]
    else:
        return None
    basis = _orthonormal(columns)
    rows = [[-sum(q[i] * q[j] for q in basis) for j in range(n)] for i in range(n)]
    for i in range(n):
        rows[i][i] += 1.0
    return Fit(rows, len(columns))


def _slope(x: float) -> float:
    return -math.expm1(-x) / x


def _hump(x: float) -> float:
    return _slope(x) - math.exp(-x)


def _orthonormal(columns: list[list[float]]) -> list[list[float]]:
    """An orthonormal basis of the columns: Gram-Schmidt, each column twice, which is as good as Householder's."""
    basis: list[list[float]] = []
    for column in columns:
        q = list(column)
        for _ in range(2):
            for other in basis:
                share = sum(a * b for a, b in zip(other, q, strict=True))
                q = [b - share * a for a, b in zip(other, q, strict=True)]
        size = math.sqrt(sum(a * a for a in q))
        basis.append([a / size for a in q])
    return basis
