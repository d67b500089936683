"""The stress index over the days: its closes, what each market and dimension added, its place in its own past."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stressd.market.times import day_iso, parse_day


class StressPath:
    """days: closes of the index as `engine.stress.days` has them, oldest first, none after the period; since: ordinal
    of the period's first day."""

    __slots__ = ("days", "since")

    def __init__(self, days: Sequence[Mapping[str, Any]], since: int, until: int) -> None:
        self.days = [dict(day) for day in days if parse_day(day["date"]) <= until]
        self.since = since

    @property
    def last(self) -> dict[str, Any]:
        """The newest close."""
        return self.days[-1]

    def of_period(self) -> list[dict[str, Any]]:
        """The closes of the period."""
        first = day_iso(self.since)
        return [day for day in self.days if day["date"] >= first]

    def percentile(self) -> float:
        """Share of the closes at or below the newest."""
        last = float(self.last["value"])
        return sum(float(day["value"]) <= last for day in self.days) / len(self.days)

    def highest(self) -> dict[str, Any]:
        """The highest close of the period; of all of them where the period has none."""
        return max(self.of_period() or self.days, key=lambda day: float(day["value"]))

    def markets(self) -> list[str]:
        """Every market that ever added to it, those that add most now first."""
        names = dict.fromkeys(name for day in reversed(self.days) for name in day["markets"])
        return sorted(names, key=lambda name: -float(self.last["markets"].get(name, 0.0)))

    def plain(self) -> dict[str, Any]:
        """For JSON: on every day the value is the sum of `markets`, or of `dimensions`, and `correlation`."""
        return {
            "value": self.last["value"],
            "date": self.last["date"],
            "percentile": round(self.percentile(), 4),
            "percentile_n": len(self.days),
            "highest": {"value": self.highest()["value"], "date": self.highest()["date"]},
            "days": [
                {key: day[key] for key in ("date", "value", "correlation", "markets", "dimensions")}
                for day in self.days
            ],
        }
