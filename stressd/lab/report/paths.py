"""Who moves first within the day: the lag table of recorded ticks, one series a market."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from stressd.engine.spec import EngineSpec
from stressd.lab.history import uncrossed
from stressd.lab.leadlag import LeadLag, table
from stressd.market.tick import BACKLOG, FIXING, Tick
from stressd.market.times import iso

SPIKE: Final = 10.0
"""Median changes there and back again that make a tick dirt: alone it would be most of the variance of its path."""

JUMP: Final = 50.0
"""Median changes at once that are a change of unit or a shock: neither is of ordinary times."""

MOST: Final = 8
"""Series of a table."""

LEAST: Final = 200
"""Ticks of a series that a lag needs."""


class TickLags:
    """The table, its series with their ticks, how many of these were left out as dirt, the ends (ns UTC), and the pairs
    that never tick within half an hour of each other."""

    __slots__ = ("apart", "dirt", "first", "last", "rows", "ticks")

    def __init__(self, ticks: Sequence[Tick], spec: EngineSpec) -> None:
        given: dict[str, list[tuple[int, float]]] = {}
        for tick in uncrossed([tick for tick in ticks if not tick.flags & (FIXING | BACKLOG)]):
            given.setdefault(tick.series, []).append((tick.time, tick.value))
        chosen = _chosen(given, spec)
        self.ticks: dict[str, int] = {}
        self.dirt: dict[str, int] = {}
        paths = {}
        for name in chosen:
            at, y = clean(given[name])
            self.ticks[name], self.dirt[name] = len(at), len(given[name]) - len(at)
            paths[name] = at, y
        self.first = min((int(at[0]) for at, _ in paths.values()), default=0)
        self.last = max((int(at[-1]) for at, _ in paths.values()), default=0)
        found = table(paths)
        self.rows: list[LeadLag] = [row for row in found if row.correlation != 0.0]
        self.apart = [(row.first, row.second) for row in found if row.correlation == 0.0]

    def plain(self) -> dict[str, Any]:
        """For JSON. lag_s: by which `first` moves before `second`."""
        return {
            "first": iso(self.first) if self.ticks else None,
            "last": iso(self.last) if self.ticks else None,
            "ticks": self.ticks,
            "dirt": self.dirt,
            "apart": [list(pair) for pair in self.apart],
            "pairs": [
                {
                    "first": row.first,
                    "second": row.second,
                    "lag_s": row.lag_s,
                    "correlation": round(row.correlation, 4),
                    "ratio": None if row.ratio is None else round(row.ratio, 3),
                    "n": row.n,
                    "p": row.p,
                    "significant": row.significant,
                }
                for row in self.rows
            ],
        }


def _chosen(given: dict[str, list[tuple[int, float]]], spec: EngineSpec) -> list[str]:
    """One series a market, its gauge where that ticks, else the liveliest; of one market alone all that tick."""
    lively = {name: rows for name, rows in given.items() if len(rows) >= LEAST}
    best = []
    for market in spec.markets:
        own = [s.id for s in spec.series if s.market == market.name and s.id in lively]
        if own:
            best.append(market.gauge if market.gauge in own else max(own, key=lambda name: len(lively[name])))
    return best if len(best) > 1 else sorted(lively, key=lambda name: -len(lively[name]))[:MOST]


def clean(rows: Sequence[tuple[int, float]]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Times and values in order, without runs of up to three equal values that jump away and straight back; what jumps
    farther still and stays is taken out of the values."""
    ordered = sorted(rows, key=lambda row: row[0])
    at = np.array([row[0] for row in ordered], dtype=np.int64)
    y = np.array([row[1] for row in ordered])
    starts = np.flatnonzero(np.append(True, np.diff(y) != 0.0))
    changes = np.diff(y[starts])
    if len(changes) < 3:
        return at, y
    usual = float(np.median(np.abs(changes)))
    far = SPIKE * usual
    away, back = changes[:-1], changes[1:]
    spike = (np.abs(away) > far) & (np.abs(back) > far) & (np.abs(away + back) < 0.5 * np.abs(away))
    lengths = np.diff(np.append(starts, len(y)))
    keep = np.ones(len(y), dtype=bool)
    dropped = -2
    for run in (np.flatnonzero(spike) + 1).tolist():
        # what stands between two spikes jumps away from both
        if lengths[run] <= 3 and run != dropped + 1:
            keep[starts[run] : starts[run] + lengths[run]] = False
            dropped = run
    at, y = at[keep], y[keep]
    steps = np.diff(y)
    return at, y[0] + np.append(0.0, np.cumsum(np.where(np.abs(steps) > JUMP * usual, 0.0, steps)))
