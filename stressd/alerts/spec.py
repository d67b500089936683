"""What the episode machine is told at the start: who speaks, in whose name, and how it paces itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from zoneinfo import ZoneInfo

from stressd.alerts.event import Origin
from stressd.engine.clock import after_open_time
from stressd.engine.spec import EngineSpec
from stressd.market.calendar import Calendar

SECOND: Final = 1_000_000_000
DAY: Final = 86_400 * SECOND

MINUTE: Final = 60 * SECOND

KEEP: Final = 3 * DAY
"""How long a closed episode is kept: another market may answer after a holiday, and its episode names its source."""


@dataclass(frozen=True, slots=True)
class EpisodesSpec:
    """Constant attributes of every event, and the pace.

    calendars: by market; an episode is named by its date there, and reopening times are told on that market's clock.
    watched: number of live series by market, for "4 of 6 series". conventions: by series, as in market.conventions.
    runbooks: by rule, the page that says what to do. runbook_page: the one with an entry for each rule of feeds and of
    stressd itself, "" for none. settle: ns within which joiners, peaks and further
    answers are gathered into one update. pace: ns after an opening or a rise within which a rise waits, but none to
    critical. peak_sigma, peak_bp: by how much a peak must grow to be told again.

    reopen: ns of the market's open time after the end of an episode within which a breach of the same key opens it
    again, 0 for never. recovery: ns of open time for which an episode that was reopened must stay quiet before it is
    over, doubled with each further time, at most recovery_max; also the pace of the decisions of `alerts.flapping`.
    retraced: part of a move that must be taken back to be told; retraces_within: how many closes of its market later a
    move the other way may do so. segments: by series, where configured; whole_curve: how many make the whole curve.
    tenors: the yields that are watched; carriers: by series, the feeds that carry it.
    """

    instance: str
    origin: Origin
    version: str
    method: str
    config: str
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    watched: Mapping[str, int] = field(default_factory=dict)
    conventions: Mapping[str, str] = field(default_factory=dict)
    runbooks: Mapping[str, str] = field(default_factory=dict)
    runbook_page: str = ""
    settle: int = 5 * SECOND
    pace: int = 0
    peak_sigma: float = 1.0
    peak_bp: float = 5.0
    reopen: int = 30 * MINUTE
    recovery: int = 10 * MINUTE
    recovery_max: int = 120 * MINUTE
    retraced: float = 0.5
    retraces_within: int = 5
    segments: Mapping[str, str] = field(default_factory=dict)
    whole_curve: int = 3
    tenors: tuple[str, ...] = ()
    carriers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def runbook(self, rule: str, kind: str) -> str | None:
        """The page that says what to do."""
        own = self.runbooks.get(rule)
        return own or (f"{self.runbook_page}#{rule}" if kind != "market" and self.runbook_page else None)

    def zone(self, market: str) -> ZoneInfo:
        """The market's own time zone; UTC where it has no calendar."""
        calendar = self.calendars.get(market)
        return ZoneInfo(calendar.zone if calendar is not None else "UTC")

    def open_between(self, market: str, a: int, b: int) -> int:
        """The market's open time (ns) between two instants; all time where it has no calendar."""
        calendar = self.calendars.get(market)
        return calendar.open_between(a, b) if calendar is not None else max(b - a, 0)

    def after_open(self, market: str, t: int, open_ns: int) -> int:
        """When so much of the market's open time has passed since t."""
        calendar = self.calendars.get(market)
        return after_open_time(calendar, t, open_ns) if calendar is not None else t + open_ns


def spec_of(
    engine: EngineSpec, instance: str, origin: Origin, version: str, method: str, config: str, pace: Mapping[str, Any]
) -> EpisodesSpec:
    """The specification for what an engine watches, the same wherever it runs. pace: further fields by their names, as
    configured."""
    fed = [series for series in engine.series if not series.legs]
    return EpisodesSpec(
        instance=instance,
        origin=origin,
        version=version,
        method=method,
        config=config,
        calendars={market.name: market.calendar for market in engine.markets},
        watched=Counter(series.market for series in fed),
        conventions={each.id: each.convention for each in engine.series if each.convention is not None},
        tenors=tuple(series.id for series in fed),
        carriers={series.id: series.sources for series in fed if series.sources},
        **pace,
    )
