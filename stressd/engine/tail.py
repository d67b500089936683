"""The tail of a series' own standardised moves: how rarely its largest |z| of a block exceeds a bar.

Peaks over a threshold (Pickands 1975; Davison and Smith 1990) on block maxima, so that a move watched at every tick is
counted once a block. Block maxima are kept as weights on a fixed grid that fade with the number of blocks: O(1) a
block, a fixed size, no window that drops out at once. The excesses over t0 are fitted with a generalised Pareto
distribution by grouped likelihood, its shape shrunk towards 0.15 as by a hundred further excesses.

What happens to blocks that lie beyond the bar c is the user's choice, and part of the likelihood:
keep: they count as they are. cap: known only to lie beyond c (censored). drop: taken as not belonging to the tail; the
fit is conditional on lying below c (truncated), which, unlike leaving them out of an ordinary fit, does not make the
tail look thinner than it is.
"""

from __future__ import annotations

import math
from typing import Final

LOWEST: Final = 1.0
"""|z| from which maxima are kept one bin each; below it they are only counted."""

WIDTH: Final = 0.04
"""Width of a bin in log |z|."""

BINS: Final = 92
EDGES: Final = [LOWEST * math.exp(WIDTH * k) for k in range(BINS + 1)]

SHAPE: Final = 0.15
SHAPE_SD: Final = 0.115
"""Prior of the shape: its standard error with a hundred excesses, (1 + shape) / sqrt(100)."""

SHAPES: Final = [-0.1 + 0.075 * k for k in range(9)]
GOLDEN: Final = (math.sqrt(5.0) - 1.0) / 2.0
STEPS: Final = 14
LEAST_BINS: Final = 10
"""Bins that a fit has at least above its threshold, and below the bar."""

BODY: Final = 0.1
"""Part of the excesses, the largest, that the first look for the bar leaves out."""

KEEP: Final = "keep"
CAP: Final = "cap"
DROP: Final = "drop"
PAST_ALARMS: Final = (DROP, CAP, KEEP)

EIGHTY: Final = 1.2816
"""Half-width of an interval of 80 percent, in standard errors."""


def survival(x: float, scale: float, shape: float) -> float:
    """P(excess > x) of the generalised Pareto distribution."""
    if -1e-9 < shape < 1e-9:
        return math.exp(-x / scale)
    base = 1.0 + shape * x / scale
    return math.pow(base, -1.0 / shape) if base > 0.0 else 0.0


class TailFit:
    """P(block maximum > z) = rate * survival(z - t0) for z >= t0. excesses: how many, in weight, stand behind it.

    cut: the |z| from which blocks were taken to lie beyond the bar, infinite where all count. shapes, scales, weights:
    the shapes tried, the best scale with each, and their posterior weights.
    """

    __slots__ = ("cut", "excesses", "rate", "scale", "scales", "shape", "shapes", "t0", "weights")

    def __init__(self, t0: float, rate: float, scale: float, shape: float, excesses: float) -> None:
        self.t0 = t0
        self.rate = rate
        self.scale = scale
        self.shape = shape
        self.excesses = excesses
        self.cut = math.inf
        self.shapes: list[float] = SHAPES
        self.scales: list[float] = []
        self.weights: list[float] = []

    def exceeds(self, z: float) -> float:
        """P(block maximum > z); at and below t0 that of exceeding t0."""
        return self.rate * survival(max(z - self.t0, 0.0), self.scale, self.shape)

    def bar(self, q: float) -> float:
        """The z that a block exceeds with probability q; t0 where q is above the rate of excesses."""
        return bar_of(q, self.t0, self.rate, self.scale, self.shape)

    def return_years(self, z: float, blocks_a_year: float) -> tuple[float, float, float]:
        """Years between two block maxima beyond z: low, middle and high; low to high holds 80 percent.

        The interval joins what is not known of the shape (posterior over the shapes tried, each with its best scale)
        with what is not known of the rate of excesses (Poisson).
        """
        middle = 1.0 / max(self.exceeds(z), 1e-300)
        over = max(z - self.t0, 0.0)
        found = [
            (1.0 / max(self.rate * survival(over, scale, shape), 1e-300), weight)
            for shape, scale, weight in zip(self.shapes, self.scales, self.weights, strict=True)
        ]
        found.sort()
        low = high = middle
        seen = 0.0
        for blocks, weight in found:
            if seen <= 0.1:
                low = blocks
            if seen < 0.9:
                high = blocks
            seen += weight
        spread = math.exp(EIGHTY / math.sqrt(max(self.excesses, 1.0)))
        return (
            min(low, middle) / spread / blocks_a_year,
            middle / blocks_a_year,
            max(high, middle) * spread / blocks_a_year,
        )

    def numbers(self) -> list[float]:
        """What `bar_of` needs besides q."""
        return [self.t0, self.rate, self.scale, self.shape]


def bar_of(q: float, t0: float, rate: float, scale: float, shape: float) -> float:
    """t0 + (scale/shape) ((q/rate)^-shape - 1), the bar that is exceeded with probability q."""
    ratio = q / rate
    if ratio >= 1.0:
        return t0
    if -1e-9 < shape < 1e-9:
        return t0 - scale * math.log(ratio)
    return t0 + scale / shape * (math.pow(ratio, -shape) - 1.0)


class Tail:
    """Block maxima of |z| of one series and horizon, fading by half every `half_life` blocks.

    It starts with `prior` blocks of a made-up tail, so that it has a bar from the first block on; they fade like all
    others. share: of the blocks that lie above the fit's threshold.
    """

    __slots__ = ("_growth", "_kept", "_unit", "blocks", "share", "total", "weights")

    def __init__(self, half_life: float, prior: float, share: float, t0: float, scale: float) -> None:
        self._growth = math.pow(2.0, 1.0 / half_life)
        self._unit = 1.0
        # The fit of all blocks, as long as no block is added to them.
        self._kept: TailFit | None = None
        self.share = share
        self.blocks = 0
        self.total = prior
        self.weights: list[float] = []
        for k in range(BINS):
            above = survival(max(EDGES[k] - t0, 0.0), scale, SHAPE) if EDGES[k] >= t0 else _below(EDGES[k], t0, share)
            beyond = (
                survival(EDGES[k + 1] - t0, scale, SHAPE) if EDGES[k + 1] >= t0 else _below(EDGES[k + 1], t0, share)
            )
            last = k == BINS - 1
            self.weights.append(prior * share * (above if last else above - beyond))

    def observe(self, z: float) -> None:
        """Take in the largest |z| of a block."""
        self._kept = None
        unit = self._unit * self._growth
        self._unit = unit
        self.blocks += 1
        self.total += unit
        if z >= LOWEST:
            k = int(math.log(z / LOWEST) / WIDTH)
            self.weights[k if k < BINS else BINS - 1] += unit
        if unit > 1e6:
            self._rescale()

    def _rescale(self) -> None:
        scale = 1.0 / self._unit
        self.total *= scale
        self.weights = [weight * scale for weight in self.weights]
        self._unit = 1.0

    def fit(self, past_alarms: str, q: float) -> TailFit:
        """The tail as it stands. past_alarms: what happens to blocks beyond the bar, which is looked for at q.

        Where that is the bar follows from the body of the tail alone, its excesses without the largest tenth: a bar
        that was found from all of them would take jumps in, rise, and take in more.
        """
        if past_alarms == KEEP and self._kept is not None:
            return self._kept
        total = self.total / self._unit
        weights = [weight / self._unit for weight in self.weights]
        excesses = 0.0
        k = BINS
        body = BINS
        while k > 0 and (excesses < self.share * total or BINS - k < LEAST_BINS):
            k -= 1
            excesses += weights[k]
            if excesses <= BODY * self.share * total:
                body = k
        if past_alarms == KEEP:
            self._kept = _fitted(weights, k, BINS, KEEP, total, excesses)
            return self._kept
        end = max(body, min(k + LEAST_BINS, BINS))
        if end < BINS:
            bar = _fitted(weights, k, end, DROP, total, excesses).bar(q)
            while end < BINS and EDGES[end] < bar:
                end += 1
        return _fitted(weights, k, end, past_alarms, total, excesses)

    def quantile(self, q: float) -> float:
        """The |z| that a block exceeds with probability q, read off the bins; LOWEST where q is larger than what they
        hold."""
        left = q * self.total
        for k in range(BINS - 1, -1, -1):
            left -= self.weights[k]
            if left <= 0.0:
                # within the bin, linear in log |z|
                return EDGES[k] * math.exp(WIDTH * -left / self.weights[k])
        return LOWEST

    def state(self) -> list[float]:
        """Everything that changes, as plain numbers."""
        return [float(self.blocks), self.total, self._unit, *self.weights]

    def load(self, state: list[float]) -> None:
        """Take up where `state` left off."""
        self._kept = None
        self.blocks = int(state[0])
        self.total = float(state[1])
        self._unit = float(state[2])
        self.weights = [float(weight) for weight in state[3:]]


def _below(z: float, t0: float, share: float) -> float:
    """Survival, in units of `share`, of the made-up tail below its threshold: log-linear from 0.6 of all at LOWEST."""
    return math.pow(0.6 / share, 1.0 - (z - LOWEST) / (t0 - LOWEST)) if t0 > LOWEST else 1.0


def _fitted(weights: list[float], k: int, end: int, past_alarms: str, total: float, excesses: float) -> TailFit:
    """Maximum of the grouped likelihood of bins k..end times the prior of the shape, each shape with its best scale."""
    t0 = EDGES[k]
    edges = [edge - t0 for edge in EDGES[k : end + 1]]
    inside = weights[k:end]
    beyond = 0.0
    for weight in weights[end:]:
        beyond += weight
    mass = mean = 0.0
    for j in range(len(inside)):
        mass += inside[j]
        mean += inside[j] * 0.5 * (edges[j] + edges[j + 1])
    mean = mean / mass if mass > 0.0 else 0.5
    scales: list[float] = []
    values: list[float] = []
    best = 0
    for number, shape in enumerate(SHAPES):
        low = math.log(0.2 * mean)
        high = math.log(4.0 * mean)
        left = high - GOLDEN * (high - low)
        right = low + GOLDEN * (high - low)
        at_left = _likelihood(inside, edges, beyond, past_alarms, math.exp(left), shape)
        at_right = _likelihood(inside, edges, beyond, past_alarms, math.exp(right), shape)
        for _ in range(STEPS):
            if at_left > at_right:
                high = right
                right = left
                at_right = at_left
                left = high - GOLDEN * (high - low)
                at_left = _likelihood(inside, edges, beyond, past_alarms, math.exp(left), shape)
            else:
                low = left
                left = right
                at_left = at_right
                right = low + GOLDEN * (high - low)
                at_right = _likelihood(inside, edges, beyond, past_alarms, math.exp(right), shape)
        off = (shape - SHAPE) / SHAPE_SD
        scales.append(math.exp(0.5 * (low + high)))
        values.append(max(at_left, at_right) - 0.5 * off * off)
        if values[number] > values[best]:
            best = number
    scale, shape = _between(scales, values, best)
    rate = excesses / total
    if past_alarms == DROP and end < BINS:
        rate = mass / total / (1.0 - survival(edges[len(inside)], scale, shape))
    fit = TailFit(t0, max(rate, 1e-12), scale, shape, mass if past_alarms == DROP else excesses)
    whole = 0.0
    for value in values:
        whole += math.exp(value - values[best])
    if end < BINS and past_alarms != KEEP:
        fit.cut = EDGES[end]
    fit.scales = scales
    fit.weights = [math.exp(value - values[best]) / whole for value in values]
    return fit


def _between(scales: list[float], values: list[float], best: int) -> tuple[float, float]:
    """Scale and shape at the top of the parabola through the best shape tried and its neighbours."""
    if best == 0 or best == len(values) - 1:
        return scales[best], SHAPES[best]
    before, here, after = values[best - 1], values[best], values[best + 1]
    bend = before - 2.0 * here + after
    step = 0.5 * (before - after) / bend if bend < 0.0 else 0.0
    shape = SHAPES[best] + step * (SHAPES[1] - SHAPES[0])
    slope = 0.5 * (scales[best + 1] - scales[best - 1])
    curve = 0.5 * (scales[best + 1] - 2.0 * scales[best] + scales[best - 1])
    return scales[best] + slope * step + curve * step * step, shape


def _likelihood(
    inside: list[float], edges: list[float], beyond: float, past_alarms: str, scale: float, shape: float
) -> float:
    """Log-likelihood of the weights between the edges, with those beyond the last one treated as the user chose."""
    total = 0.0
    mass = 0.0
    above = 1.0
    exponential = -1e-9 < shape < 1e-9
    power = 0.0 if exponential else -1.0 / shape
    for j in range(len(inside)):
        x = edges[j + 1]
        if exponential:
            next_above = math.exp(-x / scale)
        else:
            base = 1.0 + shape * x / scale
            next_above = math.pow(base, power) if base > 0.0 else 0.0
        weight = inside[j]
        if weight > 0.0:
            p = above - next_above
            total += weight * math.log(p if p > 1e-300 else 1e-300)
            mass += weight
        above = next_above
    if past_alarms == DROP:
        below = 1.0 - above
        return total - mass * math.log(below if below > 1e-300 else 1e-300)
    if beyond > 0.0:
        total += beyond * math.log(above if above > 1e-300 else 1e-300)
    return total
