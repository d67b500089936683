"""The statistics of propagation on worlds whose truth is known: what they find, and how often they find what is not so.

    python benchmarks/figures.py [hy | hry | contagion | hawkes | discovery | gates]...

Prints each figure; README.md has the last ones beside what they should be, `tests/lab/test_figures.py` holds them in
small.
"""

from __future__ import annotations

import functools
import math
import random
import statistics
import sys
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from stressd.engine.edge import Edge, proven
from stressd.lab.contagion import change
from stressd.lab.discovery import Lord, Saffron
from stressd.lab.hawkes import LN2, excitation
from stressd.lab.leadlag import GRID, SECOND, Path, Times, contrast, correlation, covariance

Floats = npt.NDArray[np.float64]
SESSION: Final = 28_800
"""Seconds."""
FINE: Final = np.arange(-120, 121, 5, dtype=np.int64) * SECOND


def brownian(rng: np.random.Generator, rho: float, lag: int = 0) -> tuple[Floats, Floats]:
    """Two paths of one session on whole seconds; the second repeats a share of the first `lag` seconds later."""
    x, own = rng.standard_normal((2, SESSION + lag))
    y = rho * np.roll(x, lag) + math.sqrt(1.0 - rho * rho) * own
    return np.cumsum(x[lag:]), np.cumsum(y[lag:])


def sampled(rng: np.random.Generator, path: Floats, rate: float) -> tuple[Times, Floats]:
    """(seconds, values) where a coin of chance `rate` shows the path."""
    seen = np.flatnonzero(rng.random(path.size) < rate).astype(np.int64)
    return seen, path[seen]


def hayashi_yoshida(rates: tuple[float, float], runs: int, seed: int = 1) -> tuple[float, float, float, float]:
    """Where .5 is true: mean and deviation of the exact covariance a second, deviation of the exact correlation, and
    the mean correlation of previous ticks."""
    rng = np.random.default_rng(seed)
    covariances, exact, sparse = [], [], []
    for _ in range(runs):
        ticks = [sampled(rng, path, rate) for path, rate in zip(brownian(rng, 0.5), rates, strict=True)]
        x, y = (Path(t * SECOND, v) for t, v in ticks)
        covariances.append(covariance(x, y) / SESSION)
        exact.append(correlation(x, y))
        minutes = np.arange(max(t[0] for t, _ in ticks), SESSION, 60)
        moves = [np.diff(v[np.searchsorted(t, minutes, "right") - 1]) for t, v in ticks]
        sparse.append(np.corrcoef(moves[0], moves[1])[0, 1])
    spread = float(np.std(covariances, ddof=1)), float(np.std(exact, ddof=1))
    return float(np.mean(covariances)), *spread, float(np.mean(sparse))


def lead_lag(rho: float, rate: float, runs: int, seed: int = 2, grid: Times = FINE) -> tuple[float, float, float]:
    """Where 60 s is true: shares of runs within 5 s of it, with LLR above 1, and in which a lag is significant."""
    rng = np.random.default_rng(seed)
    close = ahead = told = 0
    for _ in range(runs):
        x, y = (Path(t * SECOND, v) for t, v in (sampled(rng, path, rate) for path in brownian(rng, rho, 60)))
        seen = contrast(x, y, grid)
        close += abs(int(seen.lags[seen.best]) - 60 * SECOND) <= 5 * SECOND
        ahead += (seen.ratio or 0.0) > 1.0
        told += seen.p <= 0.01 and seen.steady
    return close / runs, ahead / runs, told / runs


def few_ticks(rho: float, runs: int, seed: int = 3) -> tuple[float, float]:
    """300 ticks each of a path of unit length, the second .1 behind, lags in steps of 1/300: the share of runs within
    one step of .1, and the deviation of the lag. A unit is 30,000 s here."""
    rng = np.random.default_rng(seed)
    lags = np.arange(-60, 61, dtype=np.int64) * 100 * SECOND
    found = []
    for _ in range(runs):
        x, own = rng.standard_normal((2, 33_000))
        y = rho * np.roll(x, 3000) + math.sqrt(1.0 - rho * rho) * own
        paths = []
        for path in (np.cumsum(x[3000:]), np.cumsum(y[3000:])):
            seen = np.sort(rng.choice(30_000, 300, replace=False)).astype(np.int64)
            paths.append(Path(seen * SECOND, path[seen], gap=SESSION * SECOND))
        best = contrast(paths[0], paths[1], lags)
        found.append(int(lags[best.best]) / SECOND / 30_000.0)
    errors = np.abs(np.array(found) - 0.1)
    return float(np.mean(errors <= 1.0 / 300.0 + 1e-9)), float(np.std(found, ddof=1))


def contagion(runs: int, seed: int = 4) -> tuple[float, float, float, float]:
    """Slope unchanged, source three times as volatile for 60 of 560 moves: shares of runs in which a one-sided test at
    5 % sees a change, plain and adjusted; and, four times as volatile, mean correlations of long samples, plain and
    adjusted. .30 is usual."""
    rng = np.random.default_rng(seed)
    plain = fair = 0
    late, at_usual = [], []
    for run in range(runs):
        x = rng.standard_normal(560)
        x[500:] *= 3.0
        seen = change(x, 0.3 * x + math.sqrt(0.91) * rng.standard_normal(560), 60)
        assert seen is not None
        plain += seen.plain_p < 0.05
        fair += seen.p < 0.05
        if run % 50 == 0:
            x = rng.standard_normal(40_000)
            x[20_000:] *= 4.0
            long = change(x, 0.3 * x + math.sqrt(0.91) * rng.standard_normal(40_000), 20_000)
            assert long is not None
            late.append(long.recent)
            at_usual.append(long.adjusted)
    return plain / runs, fair / runs, float(np.mean(late)), float(np.mean(at_usual))


def thinned(
    base: list[float], branching: list[list[float]], decay: float, until: float, seed: int
) -> dict[str, list[int]]:
    """Breaches in ns of markets M0, M1, ... until `until` seconds, by thinning (Ogata 1981)."""
    rng = random.Random(seed)
    states = [0.0] * len(base)  # what each market's past adds to its rate
    out: dict[str, list[int]] = {f"M{k}": [] for k in range(len(base))}
    t = 0.0
    while True:
        bound = sum(base) + sum(states)
        step = rng.expovariate(bound)
        t += step
        if t > until:
            return out
        fade = math.exp(-decay * step)
        states = [state * fade for state in states]
        pick = rng.random() * bound
        for market, rate in enumerate(b + s for b, s in zip(base, states, strict=True)):
            if pick < rate:
                out[f"M{market}"].append(int(t * SECOND))
                states = [s + branching[k][market] * decay for k, s in enumerate(states)]
                break
            pick -= rate


HAWKES: Final = ([0.01, 0.008], [[0.4, 0.0], [0.5, 0.2]], LN2 / 8.0)
"""Two markets: bases per second, branching with none from the second to the first, half-life of 8 s."""


def hawkes(events: int, seed: int = 5) -> tuple[int, list[float], list[float], list[float]]:
    """(events, relative errors of all parameters that are not 0, p of the branching that is 0 and of one that is not,
    p of the residuals)."""
    base, branching, decay = HAWKES
    until = events / 0.0371  # events a second, all markets together
    found = excitation(thinned(base, branching, decay, until, seed), 0, int(until * SECOND))
    errors = [(found.base_per_day[k] or 0.0) / 86_400.0 / base[k] - 1.0 for k in (0, 1)]
    errors += [(found.half_life_s[k] or 0.0) / 8.0 - 1.0 for k in (0, 1)]
    first, second = found.branching[0] or [], found.branching[1] or []
    errors += [first[0] / 0.4 - 1.0, second[0] / 0.5 - 1.0, second[1] / 0.2 - 1.0]
    ps = [(found.p[0] or [])[1], (found.p[1] or [])[0]]
    return sum(found.counts), errors, ps, [p or 0.0 for p in found.fit_p]


def discovery(make: type[Lord] | type[Saffron], share: float, runs: int, seed: int = 6) -> tuple[float, float]:
    """Streams of 200 tests of which `share` are true, three deviations off: mean share of false discoveries, and the
    share of the true ones that is found."""
    rng = random.Random(seed)
    false_share = 0.0
    found = true = 0
    for _ in range(runs):
        control = make()
        false = right = 0
        for _ in range(200):
            is_true = rng.random() < share
            told = control.test(0.5 * math.erfc(rng.gauss(3.0 if is_true else 0.0, 1.0) / math.sqrt(2.0)))
            false, right, true = false + (told and not is_true), right + (told and is_true), true + is_true
        false_share += false / max(false + right, 1)
        found += right
    return false_share / runs, found / max(true, 1)


PAIRS: Final = 12
TRUE_PAIRS: Final = 3
FORWARD: Final = 0.85
"""Of the events of a true pair; of the others it is half."""
EVENTS: Final = 40 * 3 * PAIRS
"""40 a pair and year, three years."""
LEAST: Final = 5
"""Events of a pair before a p-value says anything."""
HALF_YEAR: Final = EVENTS // 6

Events = list[tuple[int, bool]]
"""(pair, whether forward), one after the other."""
Passing = Iterator[list[bool]]
"""By pair, after every event."""


def desk(rng: random.Random) -> tuple[set[int], Events]:
    """The true pairs, and events at random pairs."""
    true = set(rng.sample(range(PAIRS), TRUE_PAIRS))
    pairs = [rng.randrange(PAIRS) for _ in range(EVENTS)]
    return true, [(pair, rng.random() < (FORWARD if pair in true else 0.5)) for pair in pairs]


@functools.cache
def binomial_p(forward: int, count: int) -> float:
    """Of so many forward or more if both directions are equally frequent."""
    return math.fsum(math.comb(count, k) for k in range(forward, count + 1)) / 2.0**count


def by_binomial(events: Events, level: float) -> Passing:
    """The p-value of the pair's events so far against the same level after every event."""
    forward, count, passes = [0] * PAIRS, [0] * PAIRS, [False] * PAIRS
    for pair, ahead in events:
        forward[pair] += ahead
        count[pair] += 1
        passes[pair] = count[pair] >= LEAST and binomial_p(forward[pair], count[pair]) <= level
        yield passes


def by_every_event(events: Events, control: Lord | Saffron) -> Passing:
    """A test an event, of all the pair's events so far, until it is found: p-values of a pair are not independent."""
    forward, count, found = [0] * PAIRS, [0] * PAIRS, [False] * PAIRS
    for pair, ahead in events:
        forward[pair] += ahead
        count[pair] += 1
        if not found[pair] and count[pair] >= LEAST:
            found[pair] = control.test(binomial_p(forward[pair], count[pair]))
        yield found


def by_half_year(events: Events, control: Lord | Saffron) -> Passing:
    """A test a pair and half-year, of the events of this half-year alone, until it is found: independent p-values."""
    forward, count, found = [0] * PAIRS, [0] * PAIRS, [False] * PAIRS
    for number, (pair, ahead) in enumerate(events, 1):
        forward[pair] += ahead
        count[pair] += 1
        if number % HALF_YEAR == 0:
            for k in range(PAIRS):
                if not found[k] and count[k] >= LEAST:
                    found[k] = control.test(binomial_p(forward[k], count[k]))
            forward, count = [0] * PAIRS, [0] * PAIRS
        yield found


def by_wealth(events: Events) -> Passing:
    """The gate of the daemon: the wealth of every pair against what e-BH asks of all of them, after every event."""
    edges = [Edge(str(k), "", False) for k in range(PAIRS)]
    for pair, ahead in events:
        edges[pair].forward += ahead
        edges[pair].backward += not ahead
        bar = proven(edges, 0.05)
        yield [bar < math.inf and edge.wealth() >= bar for edge in edges]


GATES: Final[dict[str, Callable[[Events], Passing]]] = {
    "binomial, p at most .05": lambda events: by_binomial(events, 0.05),
    "binomial, p at most .05 / 12": lambda events: by_binomial(events, 0.05 / PAIRS),
    "LORD++, every event": lambda events: by_every_event(events, Lord()),
    "SAFFRON, every event": lambda events: by_every_event(events, Saffron()),
    "LORD++, fresh half-years": lambda events: by_half_year(events, Lord()),
    "SAFFRON, fresh half-years": lambda events: by_half_year(events, Saffron()),
    "wealth, e-BH": by_wealth,
}


def gate(name: str, desks: int, seed: int = 8) -> tuple[float, float, float, float, float]:
    """Over desks, the same for every gate: share of pairs without a direction that ever pass; mean share of them among
    all that pass, when the first of them passes and at the end; share of true pairs that pass at the end; median of
    the events a true one needs."""
    rng = random.Random(seed)
    ever = found = 0
    at_worst = at_end = 0.0
    waits: list[float] = []
    for _ in range(desks):
        true, events = desk(rng)
        count, needed, passes = [0] * PAIRS, [math.inf] * PAIRS, [False] * PAIRS
        wrong = 0
        for (pair, _ahead), passes in zip(events, GATES[name](events), strict=True):
            count[pair] += 1
            new = [k for k in range(PAIRS) if passes[k] and needed[k] == math.inf]
            for k in new:
                needed[k] = count[k]
            if wrong == 0:  # the moment to stop at for one who wishes the gate ill
                at_worst += sum(k not in true for k in new) / max(sum(passes), 1)
            wrong += sum(k not in true for k in new)
        right = sum(passes[k] for k in true)
        ever, found = ever + wrong, found + right
        at_end += (sum(passes) - right) / max(sum(passes), 1)
        waits += [needed[k] for k in sorted(true)]
    nulls = desks * (PAIRS - TRUE_PAIRS)
    return ever / nulls, at_worst / desks, at_end / desks, found / len(waits), statistics.median(waits)


def print_hy() -> None:
    """400 sessions a row."""
    print("Hayashi-Yoshida, .5 is true; 400 sessions of 8 h: mean and deviation of the covariance,")
    print("deviation of the correlation; correlation of previous ticks every 60 seconds")
    for rates in ((0.2, 0.2), (0.1, 0.033), (0.033, 0.01)):
        print("  ticks a second {} {}: {:.4f} {:.4f}, {:.4f}; {:.4f}".format(*rates, *hayashi_yoshida(rates, 400)))


def print_hry() -> None:
    """100 sessions a row."""
    print("Hoffmann-Rosenbaum-Yoshida, 60 s is true; 100 sessions of 8 h: within 5 s, LLR above 1, significant")
    for rate in (0.2, 0.05):
        for rho in (0.75, 0.5, 0.25, 0.1):
            print("  {}/s, correlation {}: {:.2f} {:.2f} {:.2f}".format(rate, rho, *lead_lag(rho, rate, 100)))
    print(f"  nothing is true, whole grid, 2,000 sessions, significant: {lead_lag(0.0, 0.05, 2000, 7, GRID)[2]:.4f}")
    for rho in (0.75, 0.5, 0.25):
        print("  300 ticks, correlation {}: within a step {:.3f}, deviation {:.4f}".format(rho, *few_ticks(rho, 300)))


def print_contagion() -> None:
    """4,000 runs."""
    print(
        "Forbes-Rigobon, slope unchanged: alarms plain {:.3f}, adjusted {:.3f}; .30 seen as {:.4f}, {:.4f}".format(
            *contagion(4000)
        )
    )


def print_hawkes() -> None:
    """10,000 events."""
    count, errors, ps, fit_ps = hawkes(10_000)
    print(f"Hawkes, {count:,} events of two markets: largest error {max(map(abs, errors)):.1%}")
    print(f"  p of the branching that is 0: {ps[0]:.2f}, of one that is .5: {ps[1]:.1e}; of the residuals {fit_ps}")


def print_discovery() -> None:
    """2,000 streams a row."""
    print("False discoveries, 5 % allowed; 2,000 streams of 200 tests: share that is false, share of the true found")
    for make in (Lord, Saffron):
        for share in (0.0, 0.02, 0.1, 0.5):
            print("  {} {:.0%} true: {:.4f} {:.3f}".format(make.__name__, share, *discovery(make, share, 2000)))


def print_gates() -> None:
    """500 desks."""
    print("Gates of a direction, 500 desks of 12 pairs, 3 true: without a direction, ever passed; their share of all")
    print("that pass, at worst and at the end; true ones that pass at the end; median of the events these need")
    for name in GATES:
        print("  {}: {:.4f}; {:.4f} {:.4f}; {:.4f} {:.0f}".format(name, *gate(name, 500)))


PRINTED: Final = {
    "hy": print_hy,
    "hry": print_hry,
    "contagion": print_contagion,
    "hawkes": print_hawkes,
    "discovery": print_discovery,
    "gates": print_gates,
}


def main() -> None:
    for name in sys.argv[1:] or PRINTED:
        PRINTED[name]()


if __name__ == "__main__":
    main()
