"""A backtest as a picture: yields with their episodes and the days of stress, and below each what it moved beside the
bar it had to reach. Needs matplotlib, which a plain install does not bring."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stressd.lab.barpath import BarPath
from stressd.lab.ruleset import Trial
from stressd.lab.scoring.plot import NoPlots
from stressd.lab.stress import Score
from stressd.lab.verdict import Verdict
from stressd.market.series import market_of
from stressd.market.times import EPOCH_ORDINAL, day_of, parse_time

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK: Final = "#22303c"
MOVES: Final = "#93a3af"
CAUGHT: Final = "#1b7f5c"
MISSED: Final = "#c2410c"
BARS: Final = ("#1d4ed8", "#9333ea", "#b45309", "#0e7490")
"""A colour for each rule set; each has a row and a line style of its own as well."""

STYLES: Final = ("-", "--", ":", "-.")
MARKS: Final = {"info": 12, "warn": 18, "high": 40, "critical": 80}
"""Size of an episode's mark by its gravest severity."""

MARKETS: Final = 4
"""Drawn at most; each by its gauge."""


def draw(path: Path, verdicts: Sequence[Verdict]) -> None:
    """A PNG file: two panels for each of the first four markets, by their gauges; trials of ticks show their bars only.
    Raises NoPlots, and OSError."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise NoPlots from None
    shown = _shown(verdicts[0].trial)
    figure = Figure(figsize=(15, 4.6 * len(shown) + 0.8), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(2 * len(shown), 1, sharex=True, squeeze=False, height_ratios=[3, 2] * len(shown))
    for i, series in enumerate(shown):
        _yields(grid[2 * i][0], series, verdicts)
        _bars(grid[2 * i + 1][0], series, verdicts)
    figure.suptitle(" · ".join(_title(verdict) for verdict in verdicts), fontsize=11)
    figure.savefig(path, dpi=120, format="png")


def _shown(trial: Trial) -> list[str]:
    """The gauge of each market, else its first series with values."""
    own = [series.id for series in trial.setup.spec.series if series.id in trial.ends]
    shown = []
    for market in trial.setup.spec.markets:
        members = [series for series in own if market_of(series) == market.name]
        if members:
            shown.append(market.gauge if market.gauge in members else members[0])
    return shown[:MARKETS]


def _title(verdict: Verdict) -> str:
    found = verdict.recall
    text = f"{verdict.trial.name}: {verdict.episodes():,} episodes"
    if found.scores:
        text += f", {found.caught()} of {len(found.scores)} stress days ({found.expected():.1f} by chance)"
    return text


def _yields(axes: Axes, series: str, verdicts: Sequence[Verdict]) -> None:
    daily = verdicts[0].trial.daily
    market = market_of(series)
    if series in daily:
        rows = daily[series].rows
        axes.plot([_date(day) for day, _ in rows], [value for _, value in rows], color=INK, linewidth=0.8)
    axes.set_ylabel(f"{series}, %")
    axes.xaxis_date()
    low, high = axes.get_ylim()
    step = 0.07 * (high - low)
    for row, verdict in enumerate(verdicts):
        color = BARS[row % len(BARS)]
        opened = [event for event in verdict.trial.opened() if event.market == market]
        gravest = _gravest(verdict.trial)
        axes.scatter(
            [_date(day_of(parse_time(event.time))) for event in opened],
            [low - step * (row + 0.6)] * len(opened),
            s=[MARKS[gravest[event.episode]] for event in opened],
            marker="|", color=color, linewidths=1.2,
            label=f"episodes of {market}, {verdict.trial.name}",
        )  # fmt: skip
    axes.set_ylim(low - step * (len(verdicts) + 0.4), high)
    _stress(axes, [score for score in verdicts[0].recall.scores if market in score.stress.markets])
    axes.legend(loc="upper left", bbox_to_anchor=(1.005, 1.0), borderaxespad=0.0, fontsize=7)


def _stress(axes: Axes, scores: Sequence[Score]) -> None:
    for caught, color, style, mark in ((True, CAUGHT, "-", "v"), (False, MISSED, "--", "x")):
        days = [_date(score.stress.day) for score in scores if (score.on is not None) is caught]
        for day in days:
            axes.axvline(day, color=color, linestyle=style, linewidth=0.7, alpha=0.55)
        if days:
            top = axes.get_ylim()[1]
            word = "caught" if caught else "missed"
            axes.plot(
                days, [top] * len(days), mark, color=color, markersize=5, clip_on=False, label=f"stress day {word}"
            )


def _bars(axes: Axes, series: str, verdicts: Sequence[Verdict]) -> None:
    first = _path(verdicts[0].trial, series)
    if first is not None:
        known = [(day, abs(move)) for day, move in zip(first.days, first.moves_bp, strict=True) if move is not None]
        if known:
            axes.vlines([_date(day) for day, _ in known], 0.0, [size for _, size in known], color=MOVES, linewidth=0.5)
        if any(first.floor):
            axes.fill_between(
                [_date(day) for day in first.days], 0, 1, where=first.floor, transform=axes.get_xaxis_transform(),
                color=MOVES, alpha=0.25, linewidth=0, label=f"the floor is the bar, {verdicts[0].trial.name}",
            )  # fmt: skip
    tallest = 0.0
    for row, verdict in enumerate(verdicts):
        path = _path(verdict.trial, series)
        if path is None:
            continue
        tallest = max(tallest, *path.bar_bp)
        color, style = BARS[row % len(BARS)], STYLES[row % len(STYLES)]
        label = f"bar, {verdict.trial.name} ({path.horizon})"
        axes.plot(
            [_date(day) for day in path.days], path.bar_bp, color=color, linestyle=style, linewidth=1.0, label=label
        )
    axes.set_ylabel("move and bar, bp")
    axes.set_ylim(0.0, 2.0 * tallest if tallest else 1.0)
    axes.legend(loc="upper left", bbox_to_anchor=(1.005, 1.0), borderaxespad=0.0, fontsize=7)


def _path(trial: Trial, series: str) -> BarPath | None:
    """The bar from day to day, else the first there is."""
    paths = [path for (name, _), path in trial.paths.of.items() if name == series]
    return next((path for path in paths if path.horizon == "1d"), paths[0] if paths else None)


def _gravest(trial: Trial) -> dict[str, str]:
    order = list(MARKS)
    worst: dict[str, str] = {}
    for event in trial.events:
        worst[event.episode] = max(worst.get(event.episode, order[0]), event.severity, key=order.index)
    return worst


def _date(day: int) -> float:
    """What matplotlib has for a date: days since 1970."""
    return float(day - EPOCH_ORDINAL)
