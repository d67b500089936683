"""Connectedness of the user's markets: the table as it stands, beside its own history and beside chance."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from stressd.lab.connectedness import Connectedness, Matrix, NoVar, connectedness, decayed, shifted, var
from stressd.lab.report.panel import Panel
from stressd.market.times import day_iso

HALF_LIFE: Final = 100.0
"""Sessions. Decay of the weights."""

LAGS: Final = 2
HORIZON: Final = 10
"""Sessions."""

RIDGE: Final = 1e-3
HISTORY: Final = 1_250
"""Sessions of its own past that the total is ranked among."""

SHIFTS: Final = 199
"""Random shifts against each other, which give what unconnected markets would show."""

TOP: Final = 3
"""Net transmitters named."""

DECAY: Final = 0.5 ** (1.0 / HALF_LIFE)


class System:
    """One autoregression over the markets. kind: "volatility" (log variances) or "moves" (signed, in sigma, clipped at
    three). table: None where there is none, and `why` says why. path: (ordinal, total) over its history; percentile:
    share of it at or below the total; chance: median and 95 % quantile of the total of shifted rows."""

    __slots__ = ("chance", "kind", "path", "percentile", "sessions", "table", "why")

    def __init__(self, kind: str, panel: Panel) -> None:
        values = panel.log_variance if kind == "volatility" else np.clip(panel.z, -3.0, 3.0)
        self.kind = kind
        self.why = ""
        self.table: Connectedness | None = None
        self.path: list[tuple[int, float]] = []
        self.percentile: float | None = None
        self.chance: tuple[float, float] | None = None
        self.sessions = len(panel.days)
        if len(panel.markets) < 2:
            self.why = "two markets with a year of fixings on the same days are needed"
            return
        try:
            self.table = connectedness(panel.markets, var(values, LAGS, decay=DECAY, ridge=RIDGE), HORIZON)
        except NoVar as error:
            self.why = str(error)
            return
        self._place(panel, values)

    def _place(self, panel: Panel, values: Matrix) -> None:
        """Beside history and chance."""
        assert self.table is not None
        last = min(HISTORY, max(len(panel.days) - int(2.0 * HALF_LIFE), 1))
        totals = decayed(values, LAGS, HORIZON, DECAY, RIDGE, last)
        days = panel.days[-last:]
        self.path = [(int(day), float(x)) for day, x in zip(days, totals, strict=True) if x == x]
        self.percentile = sum(x <= self.table.total + 1e-9 for _, x in self.path) / max(len(self.path), 1)
        by_chance = shifted(values[-int(10.0 * HALF_LIFE) :], LAGS, HORIZON, DECAY, RIDGE, SHIFTS)
        if len(by_chance):
            self.chance = float(np.quantile(by_chance, 0.5)), float(np.quantile(by_chance, 0.95))

    def transmitters(self) -> list[tuple[str, float]]:
        """The markets that give more than they receive, the largest net first."""
        if self.table is None:
            return []
        pairs = [(name, float(net)) for name, net in zip(self.table.nodes, self.table.net, strict=True) if net > 0.0]
        return sorted(pairs, key=lambda pair: -pair[1])[:TOP]

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        out: dict[str, Any] = {
            "lags": LAGS, "horizon": HORIZON, "half_life": HALF_LIFE, "sessions": self.sessions,
            "why_not": self.why or None,
        }  # fmt: skip
        if self.table is None:
            return {"total": None, **out}
        return self.table.plain() | out | {
            "percentile": None if self.percentile is None else round(self.percentile, 4),
            "percentile_n": len(self.path),
            "chance_median": None if self.chance is None else round(self.chance[0], 4),
            "chance_95": None if self.chance is None else round(self.chance[1], 4),
            "net_transmitters": [[name, round(net, 4)] for name, net in self.transmitters()],
            "path": [[day_iso(day), round(total, 4)] for day, total in self.path],
        }  # fmt: skip
