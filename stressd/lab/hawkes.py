"""Do breaches bring further breaches, in their own market and in others: a Hawkes process of several markets.

Each market's rate is a base, and after each breach of each market a share more that dies off exponentially (Hawkes
1971; between markets: Aït-Sahalia, Cacho-Diaz, Laeven 2015). `branching[i][j]` is the mean number of breaches of
market i that follow one of market j. Rates count only while a market is open; what a breach has set off goes on dying
while it is closed. The likelihood takes one pass (Ozaki 1979), and parts into one of each market.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Windows = npt.NDArray[np.float64]
"""Times in which a market is open: pairs of seconds, one a row, in order and apart."""

NEEDED: Final = 20
"""Breaches of a market below which nothing is said about what brings them."""
FASTEST: Final = 1.0
SLOWEST: Final = 3600.0
"""Seconds, the half-lives that are tried. Longer ones would be about busy days, not about answers."""
DECAYS_TRIED: Final = 5.0
"""As so many independent ones the half-lives between these count: without any branching none of them is the right one,
and the best of them gains by chance (measured on independent breaches, 60 to 800 a market)."""
LN2: Final = math.log(2.0)
GOLDEN: Final = (math.sqrt(5.0) - 1.0) / 2.0


class Memory:
    """What the events of one market have left at any time: the sum of exp(-decay (t - event)), decay per second."""

    __slots__ = ("_after", "_decay", "_times")

    def __init__(self, times: Floats, decay: float) -> None:
        self._times = times
        self._decay = decay
        fades = np.exp(-decay * np.diff(times)).tolist()
        self._after: Floats = np.fromiter(
            accumulate(fades, lambda left, fade: left * fade + 1.0, initial=1.0), np.float64, len(fades) + 1
        )

    def at(self, t: Floats, with_those_at: bool) -> Floats:
        """At times `t`, with or without events at that very time."""
        if self._times.size == 0:
            return np.zeros(t.size)
        last = np.searchsorted(self._times, t, "right" if with_those_at else "left") - 1
        since = np.where(last >= 0, t - self._times[last], math.inf)
        return self._after[last] * np.exp(-self._decay * since)

    def spent(self, begin: Floats, end: Floats) -> Floats:
        """Of one offspring an event, how many fall due between `begin` and `end`: the integral of decay times `at`."""
        events = np.searchsorted(self._times, end, "right") - np.searchsorted(self._times, begin, "right")
        return events + self.at(begin, True) - self.at(end, True)


class Intensity:
    """One market's rate as linear in its parameters (base per second, then one branching a source), for one decay.

    own: the market's events; sources: those of every market, its own among them; in seconds, rising. windows: when it
    was open.
    """

    __slots__ = ("_after_opening", "_begins", "_times", "at_events", "total")

    def __init__(self, own: Floats, sources: Sequence[Floats], windows: Windows, decay: float) -> None:
        memories = [Memory(times, decay) for times in sources]
        begin, end = windows[:, 0], windows[:, 1]
        self.at_events = np.column_stack([np.ones(own.size), *(decay * m.at(own, False) for m in memories)])
        spent = np.column_stack([end - begin, *(m.spent(begin, end) for m in memories)])
        self.total: Floats = spent.sum(axis=0)
        window = np.clip(np.searchsorted(begin, own, "right") - 1, 0, begin.size - 1)
        before = np.concatenate((np.zeros((1, spent.shape[1])), np.cumsum(spent, axis=0)))[window]
        since = np.column_stack([own - begin[window], *(m.spent(begin[window], own) for m in memories)])
        # an event's own offspring are still to come at its time
        self._after_opening: Floats = before + since

    def log_likelihood(self, parameters: Floats) -> float:
        """Of the market's events."""
        rates = self.at_events @ parameters
        if rates.size and float(rates.min()) <= 0.0:
            return -math.inf
        return float(np.log(rates).sum() - self.total @ parameters)

    def residuals(self, parameters: Floats) -> Floats:
        """The integrated rate from event to event: exponential with mean 1 where the model is right (time-rescaling;
        Ogata 1988)."""
        return np.diff(self._after_opening @ parameters, prepend=0.0)

    def best(self, free: npt.NDArray[np.bool_]) -> Floats:
        """The parameters of the highest likelihood, those that are not `free` at 0: expectation and maximisation
        (Veen and Schoenberg 2008), which only ever rises, and ends where a hundred steps gain nothing."""
        x, cost = self.at_events[:, free], self.total[free]
        out = np.zeros(free.size)
        usable = cost > 0.0
        theta = np.where(usable, self.at_events.shape[0] / (cost.size * np.where(usable, cost, 1.0)), 0.0)
        last = -math.inf
        for _ in range(40):
            for _ in range(25):
                theta = np.where(usable, theta * ((1.0 / (x @ theta)) @ x) / np.where(usable, cost, 1.0), 0.0)
            now = float(np.log(x @ theta).sum() - cost @ theta)
            if now - last < 1e-4:
                break
            last = now
        out[free] = theta
        return out


@dataclass(frozen=True, slots=True)
class Fit:
    """One market: its base per second, branching by source, decay per second, log-likelihood, and how often residuals
    of a right model lie as far from exponential (Kolmogorov and Smirnov)."""

    base: float
    branching: Floats
    decay: float
    log_likelihood: float
    fit_p: float


def fit(
    own: Floats,
    sources: Sequence[Floats],
    windows: Windows,
    without: int | None = None,
    half_lives: tuple[float, float] = (FASTEST, SLOWEST),
) -> Fit:
    """The parameters of the highest likelihood. without: the number of a source that is held at no branching."""
    free = np.ones(len(sources) + 1, np.bool_)
    if without is not None:
        free[without + 1] = False

    def tried(log_decay: float) -> tuple[float, Floats, Intensity]:
        intensity = Intensity(own, sources, windows, math.exp(log_decay))
        parameters = intensity.best(free)
        return intensity.log_likelihood(parameters), parameters, intensity

    slowest, fastest = (math.log(LN2 / half_life) for half_life in reversed(half_lives))
    grid = np.linspace(slowest, fastest, 9)
    start = int(np.argmax([tried(float(point))[0] for point in grid]))
    low, high = float(grid[max(start - 1, 0)]), float(grid[min(start + 1, grid.size - 1)])
    for _ in range(12):
        a, b = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        if tried(a)[0] >= tried(b)[0]:
            high = b
        else:
            low = a
    log_decay = (low + high) / 2.0
    value, parameters, intensity = tried(log_decay)
    return Fit(float(parameters[0]), parameters[1:], math.exp(log_decay), value, fits(intensity.residuals(parameters)))


def fits(residuals: Floats) -> float:
    """How often exponential residuals lie as far from their distribution (Kolmogorov's series, with Stephens' 1970
    correction for few)."""
    n = residuals.size
    if n == 0:
        return 1.0
    cdf = -np.expm1(-np.sort(residuals))
    ranks = np.arange(n + 1) / n
    distance = max(float((ranks[1:] - cdf).max()), float((cdf - ranks[:-1]).max()))
    x = (math.sqrt(n) + 0.12 + 0.11 / math.sqrt(n)) * distance
    if x < 0.3:  # the series does not converge there, and the chance is 1
        return 1.0
    series = math.fsum((1.0 if k % 2 else -1.0) * math.exp(-2.0 * (k * x) ** 2) for k in range(1, 101))
    return min(max(2.0 * series, 0.0), 1.0)


@dataclass(frozen=True, slots=True)
class Excitation:
    """What brings breaches, by market.

    counts: breaches. branching[i][j]: mean number in market i that follow one in market j; p[i][j]: how often there
    is as much by chance alone (likelihood ratio: half a chi-squared at the edge of what is possible, the best of
    DECAYS_TRIED). base_per_day:
    breaches of open time that nothing brought. half_life_s: within which half of the answers fall. fit_p: of the
    residuals. None where a market has fewer than NEEDED breaches.
    """

    markets: list[str]
    counts: list[int]
    branching: list[list[float] | None]
    p: list[list[float] | None]
    base_per_day: list[float | None]
    half_life_s: list[float | None]
    fit_p: list[float | None]


def excitation(
    times: Mapping[str, npt.ArrayLike],
    start: int,
    end: int,
    sessions: Mapping[str, Sequence[tuple[int, int]]] | None = None,
) -> Excitation:
    """The branching matrix of breaches.

    times: market -> ns, in any order; those of one instant count as one, those outside of `start` to `end` (ns) or of
    the market's sessions not at all. sessions: market -> (open, close) in ns, in order; a market without is always
    open.
    """
    markets = sorted(times)
    windows, events = [], []
    for market in markets:
        spans = (sessions or {}).get(market, [(start, end)])
        seconds = [((max(a, start) - start) / 1e9, (min(b, end) - start) / 1e9) for a, b in spans]
        opened = np.array([pair for pair in seconds if pair[0] < pair[1]], np.float64).reshape(-1, 2)
        at = (np.unique(np.asarray(times[market], np.int64)) - start) / 1e9
        inside = np.searchsorted(opened[:, 0], at, "left") - 1
        held = (inside >= 0) & (at <= opened[np.maximum(inside, 0), 1]) if opened.size else np.zeros(at.size, np.bool_)
        windows.append(opened)
        events.append(at[held])
    found = Excitation(markets, [e.size for e in events], [], [], [], [], [])
    for own, opened in zip(events, windows, strict=True):
        if own.size < NEEDED:
            for column in (found.branching, found.p, found.base_per_day, found.half_life_s, found.fit_p):
                column.append(None)
            continue
        best = fit(own, events, opened)
        found.branching.append(best.branching.tolist())
        found.p.append([_by_chance(own, events, opened, best, j) for j in range(len(markets))])
        found.base_per_day.append(best.base * 86_400.0)
        found.half_life_s.append(LN2 / best.decay)
        found.fit_p.append(best.fit_p)
    return found


def _by_chance(own: Floats, events: Sequence[Floats], windows: Windows, best: Fit, source: int) -> float:
    if best.branching[source] < 1e-6:
        return 1.0
    gain = best.log_likelihood - fit(own, events, windows, source).log_likelihood
    p = 0.5 * math.erfc(math.sqrt(max(gain, 0.0)))
    return -math.expm1(DECAYS_TRIED * math.log1p(-p))
