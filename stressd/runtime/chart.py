"""The picture in a message: how the leading series moved, what it had to leave, and where it did.

Light background, blue line, orange breach (told apart by shape too), texts large enough for a phone. Needs matplotlib,
which a plain install does not bring; the figure is drawn by itself, never through pyplot's state.
"""

from __future__ import annotations

import io
import textwrap
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from stressd.alerts.event import Event, Path
from stressd.alerts.words import bp_text, iso_day_text, series_name, yield_text
from stressd.alerts.words import is_spread as spread
from stressd.market.times import parse_time

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LARGEST: Final = 200_000
"""Bytes: mail keeps larger pictures out of the message."""

WIDTH, HEIGHT, DPI = 6.0, 4.0, 140
INK: Final = "#1f2933"
SOFT: Final = "#616e7c"
LINE: Final = "#0b5cad"
RANGE: Final = "#9cc3e6"
BAND: Final = "#eef1f4"
EDGE: Final = "#8795a1"
BREACH: Final = "#d55e00"
MARK: Final = "#b3261e"
SIZE: Final = 10.5
"""Points of the smaller texts."""

STEPS: Final = (1, 2, 5, 10)
"""Mantissas of the scales' steps: what two decimals show exactly."""

COLUMNS: Final = 54
"""Characters of a line of the title."""


class NoChart(Exception):
    """This message has nothing to draw, or nothing to draw it with."""


def draw(event: Event) -> bytes:
    """A PNG of at most LARGEST bytes. Raises NoChart."""
    path = event.path
    if path is None or sum(value is not None for value in path.values) < 2:
        raise NoChart("too few values")
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise NoChart("matplotlib is not installed (pip install 'stressd[plots]')") from None
    figure = Figure(figsize=(WIDTH, HEIGHT), facecolor="white")
    FigureCanvasAgg(figure)
    top = _heading(figure, event)
    axes = figure.add_axes((0.135, 0.15, 0.735, top - 0.15), facecolor="white")
    _Panel(axes, path).draw()
    out = io.BytesIO()
    figure.savefig(out, dpi=DPI, format="png", metadata={"Software": None})
    png = out.getvalue()
    if len(png) > LARGEST:
        raise NoChart(f"{len(png)} bytes are too many")
    return png


def _heading(figure: Figure, event: Event) -> float:
    """What the message says first; where the panel may begin (share of the height)."""
    y = 0.975
    if event.origin != "live":
        mark = event.origin.upper()
        figure.text(0.02, y, f"{mark}: not the live market", color=MARK, fontsize=12, weight="bold", va="top")
        figure.text(
            0.5, 0.45, mark, color=MARK, fontsize=46, weight="bold", alpha=0.1, rotation=18, ha="center", va="center"
        )
        y -= 0.075
    lines = textwrap.wrap(_drawable(event.headline), COLUMNS, max_lines=3, placeholder=" …")
    figure.text(
        0.02, y, "\n".join(lines), color=INK, fontsize=12, weight="bold", va="top", linespacing=1.15, parse_math=False
    )
    return y - 0.062 * len(lines) - 0.055


class _Panel:
    """The axes of one path. Yields are shown in percent, spreads in bp; the scale on the right is the change."""

    def __init__(self, axes: Axes, path: Path) -> None:
        self.axes = axes
        self.path = path
        self.spread = spread(path.series)
        self.unit = 100.0 if self.spread else 1.0
        self.zone: tzinfo = ZoneInfo(path.zone) if path.zone else UTC
        start, step = parse_time(path.start), path.step_s * 1e9
        self.at = _date(parse_time(path.at.time))
        times = [min(_date(int(start + step * (k + 0.5))), self.at) for k in range(len(path.values))]
        self.points = [(t, v * self.unit) for t, v in zip(times, path.values, strict=True) if v is not None]
        self.times = times

    def draw(self) -> None:
        self._bands()
        self._line()
        self._breach()
        self._scales()

    def _line(self) -> None:
        """Solid from step to step; dotted where nothing ticked between two of them."""
        axes, path = self.axes, self.path
        daily = path.resolution == "1d"
        known = [
            (t, low * self.unit, high * self.unit)
            for t, low, high in zip(self.times, path.low, path.high, strict=True)
            if low is not None and high is not None
        ]
        if known and not daily:
            t, low, high = zip(*known, strict=True)
            axes.vlines(t, low, high, color=RANGE, linewidth=3.2, zorder=2)
        points = [*self.points, (self.at, path.at.value * self.unit)]
        axes.plot(*zip(*points, strict=True), color=LINE, linewidth=1.1, linestyle=(0, (1.2, 1.6)), zorder=3)
        gap = 1.6 * path.step_s / 86_400.0
        run: list[tuple[float, float]] = []
        for point in points:
            if run and not daily and point[0] - run[-1][0] > gap:
                axes.plot(*zip(*run, strict=True), color=LINE, linewidth=2.0, zorder=4)
                run = []
            run.append(point)
        axes.plot(
            *zip(*run, strict=True), color=LINE, linewidth=2.0, marker="o" if daily else None, markersize=3.5, zorder=4
        )

    def _bands(self) -> None:
        axes, path = self.axes, self.path
        lower = None if path.lower is None else path.lower * self.unit
        upper = None if path.upper is None else path.upper * self.unit
        if lower is not None and upper is not None:
            axes.axhspan(lower, upper, color=BAND, zorder=0)
        for bound in (lower, upper):
            if bound is not None:
                axes.axhline(bound, color=EDGE, linewidth=1.1, linestyle=(0, (5, 3)), zorder=1)
        if path.base is not None and lower is not None and upper is not None:
            axes.axhline(path.base.value * self.unit, color=EDGE, linewidth=0.8, zorder=1)

    def _breach(self) -> None:
        axes, path = self.axes, self.path
        value = path.at.value * self.unit
        axes.plot(
            [self.at], [value], marker="D", markersize=9, color=BREACH, markeredgecolor="white", markeredgewidth=1.2,
            zorder=6, clip_on=False,
        )  # fmt: skip

    def _limits(self) -> tuple[float, float]:
        path = self.path
        seen = [*path.low, *path.high, *path.values, path.at.value, path.lower, path.upper]
        seen += [path.base.value if path.base is not None else None]
        known = [value * self.unit for value in seen if value is not None]
        low, high = min(known), max(known)
        room = max(high - low, 0.01 * self.unit)
        return low - 0.10 * room, high + 0.16 * room

    def _scales(self) -> None:
        from matplotlib.dates import AutoDateLocator, DateFormatter
        from matplotlib.ticker import FuncFormatter, MaxNLocator

        axes, path = self.axes, self.path
        low, high = self._limits()
        axes.set_ylim(low, high)
        left, right = self.times[0], self.at
        room = max(right - left, path.step_s / 86_400.0)
        axes.set_xlim(left - 0.01 * room, right + 0.04 * room)
        axes.xaxis.set_major_locator(AutoDateLocator(tz=self.zone, minticks=3, maxticks=6))  # type: ignore[no-untyped-call]
        clock = "%H:%M:%S" if room < 8.0 / 1_440.0 else "%H:%M"
        whole = path.resolution == "1d" or room > 2.0
        pattern = "%-d %b" if whole else clock
        axes.xaxis.set_major_formatter(DateFormatter(pattern, tz=self.zone))  # type: ignore[no-untyped-call]
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=STEPS))
        axes.yaxis.set_major_formatter(FuncFormatter(self._level))
        base = (path.base.value if path.base is not None else self.points[0][1] / self.unit) * self.unit
        bp = 1.0 if self.spread else 100.0

        def change(at: Any) -> Any:
            return (at - base) * bp

        def place(moved: Any) -> Any:
            return moved / bp + base

        other = axes.secondary_yaxis("right", functions=(change, place))
        other.yaxis.set_major_locator(MaxNLocator(5, steps=STEPS))
        other.yaxis.set_major_formatter(FuncFormatter(_signed))
        for each in (axes, other):
            each.tick_params(labelsize=SIZE, colors=SOFT, length=3, color=EDGE)
        for side, spine in axes.spines.items():
            spine.set_visible(side == "bottom")
            spine.set_color(EDGE)
        other.spines["right"].set_visible(False)
        axes.grid(axis="y", color="#dfe4e8", linewidth=0.6, zorder=0)
        axes.set_axisbelow(True)
        self._words(base / self.unit, low, high)

    def _words(self, base: float, low: float, high: float) -> None:
        """What the lines are, beside them; each on the side where the line is not."""
        axes, path = self.axes, self.path
        value = path.at.value * self.unit
        rising = path.at.value >= base
        change = f" ({bp_text((path.at.value - base) * 100.0)})" if path.base is not None else ""
        moment = _local(parse_time(path.at.time), self.zone)
        shown = moment.strftime("%H:%M") if path.resolution == "intraday" else iso_day_text(moment.date().isoformat())
        axes.annotate(
            f"{yield_text(path.series, path.at.value)}{change}, {shown}",
            (self.at, value), xytext=(-10, 0), textcoords="offset points", color=BREACH, fontsize=SIZE + 0.5,
            weight="bold", ha="right", va="bottom" if rising else "top", zorder=7, parse_math=False,
            bbox={"boxstyle": "square,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.85},
        )  # fmt: skip
        edge = 0.015 * (high - low)
        for bound in (path.lower, path.upper):
            if bound is None:
                continue
            above = bound == path.upper
            both = path.lower is not None and path.upper is not None
            what = "bar" if both else "level"
            axes.annotate(
                f"{what} {yield_text(path.series, bound)}", (0.01, bound * self.unit + (edge if above else -edge)),
                xycoords=("axes fraction", "data"), color=SOFT, fontsize=SIZE - 1, va="bottom" if above else "top",
                zorder=5, parse_math=False,
            )  # fmt: skip
        unit = "bp" if self.spread else "%"
        since = "from the start" if path.base is None else f"from {yield_text(path.series, base)}"
        axes.text(
            -0.09, 1.015, f"{series_name(path.series)}, {unit}", transform=axes.transAxes, color=SOFT, fontsize=SIZE
        )
        axes.text(1.09, 1.015, f"bp {since}", transform=axes.transAxes, color=SOFT, fontsize=SIZE, ha="right")
        axes.set_xlabel(self._when(moment), fontsize=SIZE, color=SOFT, labelpad=4)

    def _when(self, moment: datetime) -> str:
        if self.path.resolution == "1d":
            return "fixings"
        city = (self.path.zone or "UTC").rpartition("/")[2].replace("_", " ")
        first = _local(parse_time(self.path.start), self.zone).date()
        day = iso_day_text(moment.date().isoformat())
        days = day if first == moment.date() else f"{iso_day_text(first.isoformat())} to {day}"
        return f"{city}{' time' if self.path.zone else ''}, {days}"

    def _level(self, value: float, _: Any) -> str:
        low, high = self.axes.get_ylim()
        digits = 1 if high - low < 4.0 else 0
        return f"{value:.{digits if self.spread else 2 if high - low > 0.04 else 3}f}"


def _drawable(text: str) -> str:
    """What the font has a shape for; a question mark for the rest."""
    from matplotlib.font_manager import findfont, get_font

    known = get_font(findfont("DejaVu Sans")).get_charmap()
    spaced = " ".join(text.split())
    return "".join(c if c.isprintable() and ord(c) in known else "?" for c in spaced)


def _signed(value: float, _: Any) -> str:
    text = f"{value:+.1f}".removesuffix(".0")
    return "0" if text in ("+0", "-0") else text


def _date(ns: int) -> float:
    """What matplotlib has for a time: days since 1970."""
    return ns / 86_400e9


def _local(ns: int, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(ns / 1e9, UTC).astimezone(zone)
