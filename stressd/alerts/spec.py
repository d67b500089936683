"""What the episode machine is told at the start: who speaks, in whose name, and how it paces itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from zoneinfo import ZoneInfo

from stressd.alerts.event import Origin
from stressd.market.calendar import Calendar

SECOND: Final = 1_000_000_000
DAY: Final = 86_400 * SECOND

KEEP: Final = 3 * DAY
"""How long a closed episode is kept: another market may answer after a holiday, and its episode names its source."""


@dataclass(frozen=True, slots=True)
class EpisodesSpec:
    """Constant attributes of every event, and the pace.

    calendars: by market; an episode is named by its date there, and reopening times are told on that market's clock.
    watched: number of live series by market, for "4 of 6 series". conventions: by series, as in market.conventions.
    runbooks: by rule, the page that says what to do. settle: ns within which joiners, peaks and further
    answers are gathered into one update. peak_sigma, peak_bp: by how much a peak must grow to be told again.
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
    settle: int = 5 * SECOND
    peak_sigma: float = 1.0
    peak_bp: float = 5.0

    def zone(self, market: str) -> ZoneInfo:
        """The market's own time zone; UTC where it has no calendar."""
        calendar = self.calendars.get(market)
        return ZoneInfo(calendar.zone if calendar is not None else "UTC")
