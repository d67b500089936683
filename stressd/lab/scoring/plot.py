"""The score as a picture: needs matplotlib, which a plain install does not bring."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from stressd.lab.scoring.score import Score

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLUE: Final = "#1f5f8b"
RED: Final = "#b3432b"
GREY: Final = "#777777"
SINGLE: Final = 5
"""Size classes that do not overlap come first in the figures."""


class NoPlots(Exception):
    """matplotlib is not installed."""

    def __init__(self) -> None:
        super().__init__("a picture needs matplotlib: pip install 'stressd[plots]'")


def plot(score: Score, figures: Mapping[str, Any], budget: float, path: Path) -> None:
    """Four panels into a PNG file: recall by size, delay, false alarms against the budget, return periods. Raises
    NoPlots, and OSError."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise NoPlots from None
    figure = Figure(figsize=(11, 8), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 2)
    _recall(axes[0][0], figures)
    _delay(axes[0][1], score)
    _alarms(axes[1][0], figures, budget)
    _periods(axes[1][1], figures)
    count = figures["runs"]
    runs = f"{count} simulated run{'s' if count != 1 else ''}"
    figure.suptitle(f"{runs}, {figures['market_months']:.0f} market-months")
    figure.savefig(path, dpi=120, format="png")


def _recall(axes: Axes, figures: Mapping[str, Any]) -> None:
    rows = [row for row in figures["recall"][:SINGLE] if row["n"]]
    axes.set_title("moves found, by size")
    axes.set_ylim(0.0, 1.03)
    axes.set_ylabel("share, with 95% interval")
    axes.set_xlabel("size in sigmas of five minutes (how many)")
    if not rows:
        return
    names = [f"{r['from']:g}-{r['to']:g}" if r["to"] else f"{r['from']:g}+" for r in rows]
    shares = [row["share"] for row in rows]
    around = [[r["share"] - r["low"] for r in rows], [r["high"] - r["share"] for r in rows]]
    axes.errorbar(range(len(rows)), shares, yerr=around, fmt="o", color=BLUE, capsize=4)
    axes.set_xticks(range(len(rows)), [f"{name}\n({row['n']})" for name, row in zip(names, rows, strict=True)])
    axes.set_xlim(-0.5, len(rows) - 0.5)


def _delay(axes: Axes, score: Score) -> None:
    ratios = [found.delay_s / found.move.ramp_s for found in score.moves if found.delay_s is not None]
    axes.set_title("delay of the alert")
    axes.set_xlabel("delay over ramp")
    axes.set_ylabel("moves")
    if ratios:
        axes.hist([min(max(ratio, -0.5), 3.0) for ratio in ratios], bins=35, range=(-0.5, 3.0), color=BLUE)
    axes.axvline(1.0, color=GREY, linestyle="--", label="end of the ramp")
    axes.legend()


def _alarms(axes: Axes, figures: Mapping[str, Any], budget: float) -> None:
    alarms = figures["false_alarms"]
    rows = [
        (name, row) for name, row in [("all", alarms), *alarms["by_market"].items()] if row["per_month"] is not None
    ]
    axes.set_title("false alarms")
    axes.set_ylabel("a market-month, with 95% interval")
    rates = [row["per_month"] for _, row in rows]
    around = [[r["per_month"] - r["low"] for _, r in rows], [r["high"] - r["per_month"] for _, r in rows]]
    axes.errorbar(range(len(rows)), rates, yerr=around, fmt="o", color=RED, capsize=4)
    axes.axhline(budget, color=GREY, linestyle="--", label=f"budget {budget:g}")
    axes.set_xticks(range(len(rows)), [f"{name}\n({row['count']})" for name, row in rows])
    axes.set_xlim(-0.5, len(rows) - 0.5)
    axes.set_ylim(bottom=0.0)
    axes.legend()


def _periods(axes: Axes, figures: Mapping[str, Any]) -> None:
    rows = [row for row in figures["return_periods"]["rows"] if row["count"]]
    axes.set_title("return period: printed against realised")
    axes.set_xlabel("printed, years")
    axes.set_ylabel("realised over printed frequency")
    axes.axhline(1.0, color=GREY, linestyle="--")
    if not rows:
        axes.text(0.5, 0.6, "none was printed", ha="center", transform=axes.transAxes, color=GREY)
        return
    axes.set_xscale("log")
    axes.set_yscale("log")
    around = [[r["ratio"] - r["low"] for r in rows], [r["high"] - r["ratio"] for r in rows]]
    axes.errorbar([r["years"] for r in rows], [r["ratio"] for r in rows], yerr=around, fmt="o", color=BLUE, capsize=4)
