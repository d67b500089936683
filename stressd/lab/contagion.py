"""Has the link between two markets changed, or has only the one that moves first become more volatile?

With an unchanged slope a correlation rises with the volatility of the source: .30 becomes .78 where that is four times
as large. Forbes and Rigobon (2002) take this out again. What is left is compared by Fisher's z. The adjustment asks
that the source is known and that the follower does not answer back, and then errs on the side of no change: a rise
that it leaves is worth a word, one that it takes away proves nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LEAST: int = 20
"""Moves on either side that a comparison needs."""


def adjusted(rho: float, delta: float) -> float:
    """Correlation `rho` of a time in which the source's variance was 1 + `delta` times the usual one, as it would have
    been at the usual one."""
    return rho / math.sqrt(1.0 + delta * (1.0 - rho * rho))


def effective(x: Floats, y: Floats) -> float:
    """How many independent pairs of moves these are worth for a correlation: each path's tie to its own last move
    makes them fewer (Bartlett 1946); never more than there are."""
    dx, dy = x - x.mean(), y - y.mean()
    own = float(dx[1:] @ dx[:-1]) * float(dy[1:] @ dy[:-1]) / max(float(dx @ dx) * float(dy @ dy), 1e-300)
    return float(x.size) * min((1.0 - own) / (1.0 + own), 1.0)


def fisher(rho: float, n: float, usual: float, usual_n: float) -> float:
    """Deviations by which `rho` of `n` pairs lies above `usual` of `usual_n`; both n above 3, also broken numbers."""
    near = 1.0 - 1e-12
    rise = math.atanh(max(-near, min(rho, near))) - math.atanh(max(-near, min(usual, near)))
    return rise / math.sqrt(1.0 / (n - 3.0) + 1.0 / (usual_n - 3.0))


@dataclass(frozen=True, slots=True)
class Change:
    """The correlation of late moves beside the usual one.

    delta: by how much the source's variance was larger, as a share of the usual one. plain_p, p: how often chance
    alone gives a rise as large, from `recent` and from `adjusted`.
    """

    usual: float
    recent: float
    adjusted: float
    delta: float
    n: float
    usual_n: float
    plain_p: float
    p: float


def change(source: npt.ArrayLike, follower: npt.ArrayLike, recent: int) -> Change | None:
    """Compare the last `recent` moves with all before them; None where there are too few, or one does not move.

    source, follower: moves over the same spans, of one length, oldest first.
    """
    x, y = np.asarray(source, np.float64), np.asarray(follower, np.float64)
    if recent < LEAST or x.size - recent < LEAST:
        return None
    then, now = (x[:-recent], y[:-recent]), (x[-recent:], y[-recent:])
    if min(float(part.std()) for part in (*then, *now)) <= 0.0:
        return None
    usual, late = (float(np.corrcoef(*pair)[0, 1]) for pair in (then, now))
    delta = float(now[0].var(ddof=1) / then[0].var(ddof=1)) - 1.0
    n, usual_n = effective(*now), effective(*then)
    if min(n, usual_n) <= 4.0:
        return None
    at_usual = adjusted(late, delta)
    plain_p, p = (0.5 * math.erfc(fisher(rho, n, usual, usual_n) / math.sqrt(2.0)) for rho in (late, at_usual))
    return Change(usual, late, at_usual, delta, n, usual_n, plain_p, p)
