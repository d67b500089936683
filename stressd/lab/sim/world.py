"""The simulator: day by day the ticks of every market, and what is true of them. Deterministic by seed.

Each part of the world draws from a stream of its own, by name and day. So a longer run begins with the shorter one, a
further tenor changes no other, and the clean path under dirt is the one without.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from stressd.lab.sim.arrays import Floats, Ints, stream
from stressd.lab.sim.dirt import DirtyFeed, Quotes, Window
from stressd.lab.sim.hours import Hours, OpenSpan
from stressd.lab.sim.jumps import Jump, Jumps, ramped
from stressd.lab.sim.labels import Dirt, Label, Move, Run
from stressd.lab.sim.model import GAPS, MODELS, TICK_BP, SimSpec, curve_scales, curve_weights
from stressd.lab.sim.shocks import (
    BLOCK_S,
    DAY_SECONDS,
    LogVol,
    Turmoil,
    bursts,
    common_level,
    curve_shocks,
    gap_mixing,
    mixing,
    own_shocks,
)
from stressd.market.tick import Tick
from stressd.market.times import DAY, SECOND, day_start, iso

WEEKDAYS: Final = 5
_MILLI: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Path:
    """The clean path of a series on one UTC date: bp at the start of each of `seconds` (of the epoch). moved: what of
    it has come by jumps that began that day or before and went on in it, in bp since its start."""

    seconds: Ints
    bp: Floats
    moved: Floats


@dataclass(frozen=True, slots=True)
class SimDay:
    """One UTC date. quotes: by series, in order of receipt; clean: the same without dirt; paths: behind both. labels:
    of what began on this date, in order of time."""

    day: int
    quotes: dict[str, Quotes]
    clean: dict[str, Quotes]
    paths: dict[str, Path]
    labels: list[Label]
    sources: dict[str, str]

    def ticks(self) -> list[Tick]:
        """All series' ticks, in order of receipt."""
        if not self.quotes:
            return []
        names = list(self.quotes)
        received = np.concatenate([self.quotes[name].received for name in names])
        order = np.argsort(received, kind="stable")
        owner = np.repeat(np.arange(len(names)), [len(self.quotes[name].received) for name in names])[order].tolist()
        times = (np.concatenate([self.quotes[name].times for name in names])[order] * _MILLI).tolist()
        values = np.concatenate([self.quotes[name].values for name in names])[order].tolist()
        arrivals = (received[order] * _MILLI).tolist()
        sources = [self.sources[name] for name in names]
        return [
            Tick(names[i], value, time, arrival, sources[i])
            for i, value, time, arrival in zip(owner, values, times, arrivals, strict=True)
        ]


class _Place:
    """One market of the world, and where its levels stand."""

    def __init__(self, spec: SimSpec, market: str) -> None:
        self.spec = spec
        self.market = market
        self.model = MODELS[market]
        self.hours = Hours(market, self.model, spec.start)
        self.vol = LogVol(spec, market)
        self.feed = DirtyFeed(spec, market, self.hours)
        self.scales = curve_scales(spec.tenors)
        self.weights = curve_weights(spec.tenors)
        self.series = spec.series(market)
        self.levels: Floats = np.full(len(self.series), self.model.level * 100.0)
        self.jumps: list[Jump] = []
        self.windows: list[Window] = []

    def paths(self, day: int, common: Floats, rho: float) -> tuple[list[OpenSpan], Ints, Floats, Floats]:
        """Open spans, open seconds of the date, and by tenor and second the path (bp) and what of it is jumps."""
        spans = self.hours.spans(day)
        seconds = np.concatenate([np.arange(s.begin, s.end) for s in spans]) if spans else np.zeros(0, dtype=np.int64)
        shape = (len(self.series), len(seconds))
        path, moved = np.empty(shape), np.zeros(shape)
        if not spans:
            return spans, seconds, path, moved
        is_open = np.zeros(DAY_SECONDS, dtype=bool)
        is_open[seconds] = True
        drawn = curve_shocks(self.spec, self.market, day, is_open, common, rho)
        own = np.stack([own_shocks(self.spec, name, day, len(seconds)) for name in self.series])
        tails = np.sqrt(mixing(self.spec, self.market, day))[seconds // BLOCK_S]
        start = day_start(day)
        at = 0
        for span in spans:
            n = span.end - span.begin
            part = slice(at, at + n)
            sigma = self.model.sigma * self.vol.factor(span.day)
            if span.opens:
                self.levels = self.levels + self._gap(span, sigma)
            size = sigma / np.sqrt(self.hours.open_s) * self.hours.by_second(self.hours.shape, day, span) * tails[part]
            steps = self.weights[:, :3] @ drawn[:, part] + self.weights[:, 3:] * own[:, part]
            steps *= self.scales[:, None] * size
            jumped = self._jumped(start, span)
            edges = np.zeros((len(self.series), n + 1))
            np.cumsum(steps, axis=1, out=edges[:, 1:])
            edges += self.levels[:, None] + jumped
            path[:, part] = edges[:, :-1]
            moved[:, part] = jumped[:, :-1]
            self.levels = edges[:, -1]
            at += n
        return spans, seconds, path, moved

    def _jumped(self, start: int, span: OpenSpan) -> Floats:
        """By tenor and edge of a span's seconds: what the jumps have added since the span's beginning."""
        total = np.zeros((len(self.series), span.end - span.begin + 1))
        for jump in self.jumps:
            share = ramped(jump, start, span.begin, span.end)
            total += jump.sizes[:, None] * (share - share[0])
        return total

    def _gap(self, span: OpenSpan, sigma: float) -> Floats:
        """The move over the closure before a span, bp by tenor."""
        size = sigma * np.sqrt(GAPS[span.opens] * gap_mixing(self.spec, self.market, span.opens, span.day))
        seed = self.spec.seed
        factors = stream(seed, "gap factors", self.market, span.opens, span.day).standard_normal(3)
        own = np.array([stream(seed, "gap own", name, span.opens, span.day).standard_normal() for name in self.series])
        return np.asarray(size * self.scales * (self.weights[:, :3] @ factors + self.weights[:, 3] * own))

    def clean(self, day: int, index: int, spans: list[OpenSpan], seconds: Ints, path: Floats) -> Quotes:
        """A series' ticks without dirt: Poisson arrivals at the day's shape, a bounce to either side, rounding."""
        series = self.series[index]
        rng = stream(self.spec.seed, "ticks", series, day)
        if not spans:
            nothing = np.zeros(0, dtype=np.int64)
            return Quotes(nothing, np.zeros(0), nothing)
        rate = np.concatenate([self.hours.by_second(self.hours.activity, day, s) for s in spans]) / self.model.gap
        reached = np.cumsum(rate)
        count = int(rng.poisson(reached[-1]))
        drawn = np.sort(rng.random(count)) * reached[-1]
        at = np.minimum(np.searchsorted(reached, drawn, side="right"), len(seconds) - 1)
        within = np.clip(1.0 - (reached[at] - drawn) / rate[at], 0.0, 0.999)
        times = (day_start(day) // _MILLI) + seconds[at] * 1000 + (within * 1000.0).astype(np.int64)
        order = np.arange(count)
        times = np.maximum.accumulate(times - order) + order
        quoted = path[at] + self.model.bounce * np.where(rng.random(count) < 0.5, -1.0, 1.0)
        values = np.round(np.round(quoted / TICK_BP) * TICK_BP / 100.0, 6)
        return Quotes(times, values, times)


class Simulation:
    """One run. run: what the first line of its labels says."""

    def __init__(self, spec: SimSpec) -> None:
        self.spec = spec
        self._places = {market: _Place(spec, market) for market in spec.markets}
        self._jumps = Jumps(
            spec,
            {market: place.hours for market, place in self._places.items()},
            {market: place.vol for market, place in self._places.items()},
        )
        self._turmoil = Turmoil(spec)
        self._scored = _weekdays_on(spec.start, spec.warm)
        self._end = _weekdays_on(self._scored, spec.days)
        begin, end = day_start(self._scored), day_start(self._end)
        self.run = Run(
            seed=spec.seed,
            start=iso(day_start(spec.start)),
            scored_from=iso(begin),
            end=iso(end),
            nu=spec.nu,
            jumps=spec.jumps,
            dirt=list(spec.dirt),
            tenors=list(spec.tenors),
            sessions={m: len(place.hours.sessions(begin, end)) for m, place in self._places.items()},
        )

    def series(self) -> list[str]:
        """Every series, market by market."""
        return [name for place in self._places.values() for name in place.series]

    @property
    def day_count(self) -> int:
        """UTC dates that `days` yields."""
        return self._end - self.spec.start

    def days(self) -> Iterator[SimDay]:
        """Every UTC date of the run, in order; to be called once."""
        pending: list[Jump] = []
        for day in range(self.spec.start, self._end):
            yield self._day(day, pending)

    def _day(self, day: int, pending: list[Jump]) -> SimDay:
        start, end = day_start(day), day_start(day) + DAY
        labels: list[Label] = []
        for market, place in self._places.items():
            for session in place.hours.sessions(start, end):
                for jump in self._jumps.of_session(market, session):
                    self._places[jump.market].jumps.append(jump)
                    pending.append(jump)
                place.windows += place.feed.windows(session)
        labels += [jump.label for jump in pending if jump.onset < end]
        pending[:] = [jump for jump in pending if jump.onset >= end]
        labels += self._burst_labels(day)
        common = common_level(self.spec, day)
        rho = self._turmoil.rho(day)
        made = SimDay(day, {}, {}, {}, labels, {})
        for place in self._places.values():
            self._market(place, made, common, rho)
            place.jumps = [j for j in place.jumps if j.onset + int(j.ramp_s * SECOND) >= end]
            place.windows = [w for w in place.windows if w.end * _MILLI > end]
        labels.sort(key=_when)
        return made

    def _market(self, place: _Place, made: SimDay, common: Floats, rho: float) -> None:
        day = made.day
        start = day_start(day) // _MILLI
        spans, seconds, path, moved = place.paths(day, common, rho)
        made.labels.extend(place.feed.label(w) for w in place.windows if start <= w.begin < start + DAY // _MILLI)
        for index, name in enumerate(place.series):
            clean = place.clean(day, index, spans, seconds, path[index])
            made.paths[name] = Path(seconds + start // 1000, path[index], moved[index])
            made.clean[name] = clean
            made.quotes[name], faults = place.feed.deliver(name, day, clean.times, clean.values, place.windows)
            made.labels.extend(faults)
            made.sources[name] = f"sim-{place.market.lower()}"

    def _burst_labels(self, day: int) -> list[Move]:
        made = []
        for begin, until in bursts(self.spec, day):
            onset = day_start(day) + begin * SECOND
            for market, place in self._places.items():
                if place.hours.calendar.span_at(onset).is_open:
                    name = f"{market}-{iso(onset)}-burst"
                    made.append(
                        Move(id=name, kind="burst", root=name, parent=None, market=market, tenor=self.spec.tenors[0],
                             onset=iso(onset), ramp_s=float(until - begin), k=0.0, bp=0.0)
                    )  # fmt: skip
        return made


def _when(label: Label) -> tuple[str, str]:
    if isinstance(label, Move):
        return label.onset, label.id
    return (label.time, label.flag) if isinstance(label, Dirt) else ("", "")


def _weekdays_on(day: int, count: int) -> int:
    """The day after `count` weekdays from `day` on, Saturdays and Sundays between them left out."""
    while count:
        count -= (day - 1) % 7 < WEEKDAYS
        day += 1
    return day
