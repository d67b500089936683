"""What the machine of people's doings is told at the start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from stressd.alerts.people.maintenance import MaintenanceSpec
from stressd.alerts.routing import RouteSpec
from stressd.market.calendar import Calendar


@dataclass(frozen=True, slots=True)
class PeopleSpec:
    """routes: for their reminders and escalations. calendars: by market; nobody is reminded while one is closed, and
    times are told on its clock."""

    routes: tuple[RouteSpec, ...] = ()
    maintenance: tuple[MaintenanceSpec, ...] = ()
    calendars: Mapping[str, Calendar] = field(default_factory=dict)

    def zone(self, market: str) -> ZoneInfo:
        """The market's own time zone; UTC where it has no calendar."""
        calendar = self.calendars.get(market)
        return ZoneInfo(calendar.zone if calendar is not None else "UTC")
