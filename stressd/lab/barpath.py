"""The path of a bar: where it stood whenever it was asked for, and how often the floor was what decided."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from stressd.engine.bars import Bar
from stressd.market.times import day_iso


class BarPath:
    """The lowest bar of one series and horizon over the days. Each list has an entry a sample: ordinal day, one sigma
    (bp), the bar in sigma and in bp, whether the floor was the bar, and the move that was judged (bp; None where it is
    not known)."""

    __slots__ = ("bar_bp", "days", "enter", "floor", "horizon", "moves_bp", "series", "sigma_bp")

    def __init__(self, series: str, horizon: str) -> None:
        self.series = series
        self.horizon = horizon
        self.days: list[int] = []
        self.sigma_bp: list[float] = []
        self.enter: list[float] = []
        self.bar_bp: list[float] = []
        self.floor: list[bool] = []
        self.moves_bp: list[float | None] = []

    def add(self, day: int, bar: Bar, move_bp: float | None = None) -> None:
        """One more sample, not before the last; a second one of a day takes the place of the first."""
        if self.days and self.days[-1] == day:
            for column in (self.days, self.sigma_bp, self.enter, self.bar_bp, self.floor, self.moves_bp):
                column.pop()
        self.days.append(day)
        self.sigma_bp.append(bar.sigma_bp)
        self.enter.append(bar.enters[0])
        self.bar_bp.append(bar.bp())
        self.floor.append(bar.floor_binds())
        self.moves_bp.append(move_bp)

    def floor_share(self) -> float:
        """Share of the samples in which the floor, not the tail, was the bar."""
        return sum(self.floor) / len(self.floor) if self.floor else 0.0

    def monthly(self) -> list[dict[str, Any]]:
        """The last sample of each month, for JSON."""
        last: dict[str, int] = {}
        for i, day in enumerate(self.days):
            last[day_iso(day)[:7]] = i
        return [
            {
                "date": day_iso(self.days[i]),
                "enter_sigma": round(self.enter[i], 3),
                "sigma_bp": round(self.sigma_bp[i], 3),
                "bar_bp": round(self.bar_bp[i], 2),
                "floor_binds": self.floor[i],
            }
            for i in last.values()
        ]


class BarPaths:
    """All paths of a run, by series and horizon."""

    __slots__ = ("of",)

    def __init__(self) -> None:
        self.of: dict[tuple[str, str], BarPath] = {}

    def sample(self, day: int, bars: Iterable[Bar], moves_bp: dict[str, float] | None = None) -> None:
        """Note the bars of one day. moves_bp: by series; a series that has none is left out, None keeps all."""
        lowest: dict[tuple[str, str], Bar] = {}
        for bar in bars:
            if moves_bp is None or bar.series in moves_bp:
                key = (bar.series, bar.horizon)
                if key not in lowest or bar.bp() < lowest[key].bp():
                    lowest[key] = bar
        for key, bar in lowest.items():
            path = self.of.get(key)
            if path is None:
                path = self.of[key] = BarPath(*key)
            path.add(day, bar, None if moves_bp is None else moves_bp[bar.series])

    def floor_shares(self, series: str) -> dict[str, float]:
        """By horizon."""
        return {horizon: round(path.floor_share(), 4) for (name, horizon), path in self.of.items() if name == series}

    def floored(self, series: str) -> dict[int, bool] | None:
        """By day, whether the floor was the bar; None for a series with bars over several horizons, or none."""
        own = [path for (name, _), path in self.of.items() if name == series]
        return dict(zip(own[0].days, own[0].floor, strict=True)) if len(own) == 1 else None

    def plain(self) -> list[dict[str, Any]]:
        """For JSON: one path a series and horizon, thinned to the last sample of each month."""
        return [
            {"series": series, "horizon": horizon, "path": path.monthly()}
            for (series, horizon), path in self.of.items()
        ]
