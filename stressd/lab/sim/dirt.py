"""What goes wrong between a market and its subscriber. The clean ticks are all still there, unless a gap swallows them
or a window says otherwise; each fault is labelled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from stressd.lab.sim.arrays import Floats, Ints, stream
from stressd.lab.sim.hours import Hours
from stressd.lab.sim.labels import Dirt
from stressd.lab.sim.model import SimSpec
from stressd.market.calendar import Session
from stressd.market.times import iso

BAD: Final = 1e-4
DUPLICATE: Final = 1e-2
SWAP: Final = 5e-3
"""Shares of ticks."""

WINDOWS: Final[Mapping[str, tuple[float, float, float]]] = {
    "stale": (0.2, 600.0, 7200.0),
    "gap": (0.2, 60.0, 1200.0),
    "restart": (0.1, 30.0, 120.0),
    "unit": (0.025, 120.0, 1800.0),
    "hour": (0.008, 3600.0, 14_400.0),
}
"""Of each: how many a session, and the least and longest seconds that it lasts."""

AGAIN: Final = 200
"""Ticks that a feed sends again after a restart, at most."""

SKEW_S: Final = 2.0
HOUR_MS: Final = 3_600_000
_MILLI: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Quotes:
    """Ticks of one series, in order of receipt. times, received: ms since the epoch; values: percent."""

    times: Ints
    values: Floats
    received: Ints


@dataclass(frozen=True, slots=True)
class Window:
    """A fault of a market's feed, begin <= received < end (ms). draw: 0 to 1, for what else is random in it."""

    flag: str
    begin: int
    end: int
    draw: float


class DirtyFeed:
    """One market's feed. Everything it does is drawn from streams of its own."""

    def __init__(self, spec: SimSpec, market: str, hours: Hours) -> None:
        self._spec = spec
        self._market = market
        self._hours = hours
        self._skew_ms = round(float(stream(spec.seed, "skew", market).uniform(-SKEW_S, SKEW_S)) * 1000)

    def windows(self, session: Session) -> list[Window]:
        """The windows of one session."""
        found = []
        for flag, (rate, least, longest) in WINDOWS.items():
            if flag not in self._spec.dirt:
                continue
            rng = stream(self._spec.seed, "dirt", flag, self._market, session.day)
            for _ in range(int(rng.poisson(rate))):
                begin = int(rng.integers(session.open // _MILLI, session.close // _MILLI))
                lasts = int(rng.uniform(least, longest) * 1000)
                found.append(Window(flag, begin, begin + lasts, float(rng.random())))
        return found

    def label(self, window: Window) -> Dirt:
        """The record of a window."""
        return Dirt(
            flag=window.flag,
            market=self._market,
            series=None,
            time=iso(window.begin * _MILLI),
            lasts_s=(window.end - window.begin) / 1000,
        )

    def deliver(
        self, series: str, day: int, times: Ints, values: Floats, windows: list[Window]
    ) -> tuple[Quotes, list[Dirt]]:
        """The clean ticks of a series on a UTC date (ordinal), as the subscriber gets them; and what was done to single
        ticks."""
        dirt = self._spec.dirt
        rng = stream(self._spec.seed, "dirty ticks", series, day)
        bad_draws, kinds, sizes, copies, swaps = (rng.random(len(times)) for _ in range(5))
        labels: list[Dirt] = []
        quotes = Quotes(times, values, times)
        for window in windows:
            quotes = _within(quotes, window)
        bad = np.flatnonzero(bad_draws[: len(quotes.times)] < BAD) if "bad" in dirt else np.zeros(0, dtype=np.int64)
        wrong = _bad_values(quotes.values[bad], kinds[bad], sizes[bad])
        quotes = _inserted(quotes, bad, wrong, delay=1, late=0)
        bad = bad + 1 + np.arange(len(bad))
        repeated = np.zeros(0, dtype=np.int64)
        if "duplicate" in dirt:
            repeated = np.flatnonzero(np.resize(copies, len(quotes.times)) < DUPLICATE)
            labels += self._counted("duplicate", series, quotes, repeated)
        labels += [
            Dirt(
                flag="bad",
                market=self._market,
                series=series,
                time=iso(int(quotes.received[at]) * _MILLI),
                duplicated=bool(at in repeated),
            )
            for at in bad
        ]
        quotes = _inserted(quotes, repeated, quotes.values[repeated], delay=0, late=1)
        if "swap" in dirt:
            at = np.flatnonzero(np.resize(swaps, max(0, len(quotes.times) - 1)) < SWAP)
            at = at[np.diff(at, prepend=-2) > 1]
            labels += self._counted("swap", series, quotes, at)
            order = np.arange(len(quotes.times))
            order[at], order[at + 1] = at + 1, at
            quotes = Quotes(quotes.times[order], quotes.values[order], quotes.received)
        if "skew" in dirt:
            quotes = Quotes(quotes.times + self._skew_ms, quotes.values, quotes.received)
        return quotes, labels

    def _counted(self, flag: str, series: str, quotes: Quotes, at: Ints) -> list[Dirt]:
        if not len(at):
            return []
        first = iso(int(quotes.received[at[0]]) * _MILLI)
        return [Dirt(flag=flag, market=self._market, series=series, time=first, count=len(at))]


def _bad_values(values: Floats, kinds: Floats, sizes: Floats) -> Floats:
    """Half off by 3 bp and an exponential of 15, three in ten 100 bp too low, the others 1.1 times and 20 bp."""
    off = np.where(sizes < 0.5, -1.0, 1.0) * (3.0 - 15.0 * np.log1p(-np.abs(2.0 * sizes - 1.0) * 0.999999))
    wrong = np.where(kinds < 0.5, values + off / 100.0, np.where(kinds < 0.8, values - 1.0, values * 1.1 + 0.2))
    return np.asarray(np.round(wrong, 6))


def _inserted(quotes: Quotes, at: Ints, values: Floats, delay: int, late: int) -> Quotes:
    """Behind each tick of `at` another one: `delay` ms later, and received `delay + late` ms after it."""
    return Quotes(
        np.insert(quotes.times, at + 1, quotes.times[at] + delay),
        np.insert(quotes.values, at + 1, values),
        np.maximum.accumulate(np.insert(quotes.received, at + 1, quotes.received[at] + delay + late)),
    )


def _within(quotes: Quotes, window: Window) -> Quotes:
    """The ticks, after what a window does to those received in it."""
    received = quotes.received
    begin, end = np.searchsorted(received, [window.begin, window.end])
    if begin == end:
        return quotes
    times, values = quotes.times.copy(), quotes.values.copy()
    if window.flag == "stale":
        values[begin:end] = values[begin]
    elif window.flag == "unit":
        values[begin:end] = np.round(values[begin:end] * (100.0 if window.draw < 0.5 else 0.01), 8)
    elif window.flag == "hour":
        times[begin:end] += HOUR_MS if window.draw < 0.5 else -HOUR_MS
    elif window.flag == "gap":
        return _without(quotes, begin, end)
    elif window.flag == "restart":
        again = slice(max(0, begin - 1 - int(window.draw * AGAIN)), begin)
        burst = window.end - len(times[again]) + np.arange(len(times[again]))
        rest = _without(quotes, begin, end)
        return Quotes(
            np.insert(rest.times, begin, times[again]),
            np.insert(rest.values, begin, values[again]),
            np.insert(rest.received, begin, burst),
        )
    return Quotes(times, values, received)


def _without(quotes: Quotes, begin: int, end: int) -> Quotes:
    kept = np.r_[0:begin, end : len(quotes.times)]
    return Quotes(quotes.times[kept], quotes.values[kept], quotes.received[kept])
