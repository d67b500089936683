"""Realised measures of a session's moves, and the Lee-Mykland test for jumps in it.

`moves` are changes over equal stretches of open time (bp, or any unit), oldest first, as numpy takes them. Measures of
variance are sums over the session, in the square of the unit. Sums over fewer moves than a measure needs are nan.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

BIPOWER: Final = math.pi / 2
MINRV: Final = math.pi / (math.pi - 2)
MEDRV: Final = math.pi / (6 - 4 * math.sqrt(3) + math.pi)
"""What a product, a least and a median of absolute Gaussian moves are multiplied by to have the variance as mean."""

C: Final = math.sqrt(2 / math.pi)
"""Mean absolute value of a standard Gaussian: Lee and Mykland's c, by which their L becomes a move in sigma."""

Moves = NDArray[np.float64]


def realised_variance(moves: ArrayLike) -> float:
    """Sum of squares, jumps included. Andersen, Bollerslev, Diebold and Labys (2003), "Modeling and forecasting
    realized volatility", Econometrica 71."""
    r = _moves(moves)
    return float(np.sum(r * r))


def bipower_variation(moves: ArrayLike) -> float:
    """Variance without jumps, from products of neighbours: pi/2 * n/(n-1) * sum |r_i||r_(i-1)|. Barndorff-Nielsen and
    Shephard (2004), "Power and bipower variation with stochastic volatility and jumps", J. Financial Econometrics 2."""
    r = np.abs(_moves(moves))
    n = r.size
    return BIPOWER * n / (n - 1) * float(np.sum(r[1:] * r[:-1])) if n > 1 else math.nan


def min_rv(moves: ArrayLike) -> float:
    """Variance without jumps, from the lesser of two neighbours: pi/(pi-2) * n/(n-1) * sum min^2. Andersen, Dobrev and
    Schaumburg (2012), "Jump-robust volatility estimation using nearest neighbor truncation", J. Econometrics 169."""
    r = np.abs(_moves(moves))
    n = r.size
    return MINRV * n / (n - 1) * float(np.sum(np.minimum(r[1:], r[:-1]) ** 2)) if n > 1 else math.nan


def med_rv(moves: ArrayLike) -> float:
    """Variance without jumps, from the median of three neighbours: pi/(6-4*sqrt(3)+pi) * n/(n-2) * sum med^2; less
    biased by moves of zero than `min_rv`. Andersen, Dobrev and Schaumburg (2012)."""
    r = np.abs(_moves(moves))
    n = r.size
    if n < 3:
        return math.nan
    low, high = np.minimum(r[:-2], r[1:-1]), np.maximum(r[:-2], r[1:-1])
    median = np.maximum(low, np.minimum(high, r[2:]))
    return MEDRV * n / (n - 2) * float(np.sum(median**2))


def jump_share(moves: ArrayLike) -> float:
    """Share of the variance that came by jumps, max(0, (RV - BV) / RV): 0 for a grind, near 1 for a gap; nan where
    nothing moved. Huang and Tauchen (2005), "The relative contribution of jumps to total price variance"."""
    variance = realised_variance(moves)
    smooth = bipower_variation(moves)
    return max(0.0, (variance - smooth) / variance) if variance > 0.0 else math.nan


def lee_mykland(moves: ArrayLike, window: int) -> Moves:
    """L_i = r_i / sigma_i with sigma_i^2 = sum of |r_j||r_(j-1)| for j = i-window+2 .. i-1, over window-2. Times `C` it
    is a move in sigma. nan for the first window-1 moves, and where nothing moved before.

    Along the last axis. The sigma is that of the `window` before: moves with a shape over the day must be divided by it
    first (`daily_shape`), or the open and the close count as jumps. Lee and Mykland (2008), "Jumps in financial
    markets", Rev. Financial Studies 21, equations 7 and 8. Raises ValueError for a window below 3.
    """
    if window < 3:
        raise ValueError(f"the window is {window}, it must be at least 3")
    r = np.asarray(moves, dtype=np.float64)
    found = np.full(r.shape, np.nan)
    if r.shape[-1] < window:
        return found
    size = np.abs(r)
    products = size[..., 1:] * size[..., :-1]
    before = sliding_window_view(products, window - 2, axis=-1).sum(axis=-1)[..., :-1] / (window - 2)
    sigma = np.sqrt(np.where(before > 0.0, before, np.nan))
    found[..., window - 1 :] = r[..., window - 1 :] / sigma
    return found


def largest_location(n: int) -> float:
    """C_n, about where the largest |L| of n moves without a jump lies. Lee and Mykland (2008), lemma 1."""
    root = _root(n)
    return root / C - (math.log(math.pi) + math.log(math.log(n))) / (2 * C * root)


def largest_spread(n: int) -> float:
    """S_n, the scale of the Gumbel law that it follows around C_n."""
    return 1 / (C * _root(n))


def critical(n: int, alpha: float) -> float:
    """The |L| that the largest of n moves without a jump exceeds with chance alpha, by the Gumbel limit."""
    return largest_location(n) - math.log(-math.log1p(-alpha)) * largest_spread(n)


def gaussian_critical(n: int, alpha: float) -> float:
    """The same in sigma and exactly, for independent Gaussian moves of known sigma."""
    return NormalDist().inv_cdf((1 + (1 - alpha) ** (1 / n)) / 2)


def jump_p(largest: float, n: int) -> float:
    """Chance that the largest |L| of n moves without a jump is at least `largest`, by the Gumbel limit; nan for nan."""
    if math.isnan(largest):
        return math.nan
    return -math.expm1(-math.exp(-min(700.0, (largest - largest_location(n)) / largest_spread(n))))


def usual_window(moves_a_day: float) -> int:
    """K of Lee and Mykland's table: the root of the moves in a year of 252 days, 16 for daily, 78 for hourly."""
    return max(3, math.ceil(math.sqrt(252 * moves_a_day)))


def daily_shape(sessions: Moves, least: int = 10) -> Moves:
    """How the size of moves varies over the day, with a mean square of 1: ones where fewer than `least` sessions have a
    value. sessions: one row a session, one column a time of day, nan where there is none.

    Per time of day the median size of the moves, each in its session's own scale, smoothed over neighbours (1, 2, 1);
    after the shortest half scale of Boudt, Croux and Laurent (2011), "Robust estimation of intraweek periodicity in
    volatility and jump detection", J. Empirical Finance 18.
    """
    size = np.abs(sessions)
    columns = sessions.shape[1]
    if int(np.sum(np.any(size > 0.0, axis=1))) < least:
        return np.ones(columns)
    known = np.sum(~np.isnan(size), axis=1)
    scale = np.array([np.nanmean(row) if n else np.nan for row, n in zip(size, known, strict=True)])
    relative = size[scale > 0.0] / scale[scale > 0.0][:, None]
    counts = np.sum(~np.isnan(relative), axis=0)
    shape = np.array([np.nanmedian(relative[:, k]) if counts[k] >= least else np.nan for k in range(columns)])
    shape = np.where(shape > 0.0, shape, np.nan)
    if np.all(np.isnan(shape)):
        return np.ones(columns)
    padded = np.concatenate([shape[:1], shape, shape[-1:]])
    stack = np.stack([padded[:-2], padded[1:-1], padded[1:-1], padded[2:]])
    held = np.sum(~np.isnan(stack), axis=0)
    smooth = np.where(held > 0, np.nansum(stack, axis=0) / np.maximum(held, 1), np.nan)
    level = math.sqrt(float(np.nanmean(smooth**2)))
    smooth = smooth / level
    return np.where(np.isnan(smooth), 1.0, smooth)


def _moves(moves: ArrayLike) -> Moves:
    r = np.asarray(moves, dtype=np.float64)
    if r.ndim != 1:
        raise ValueError("moves are one row of numbers")
    return r


def _root(n: int) -> float:
    if n < 2:
        raise ValueError(f"the largest of {n} moves is not defined, at least 2 are needed")
    return math.sqrt(2 * math.log(n))
