"""What the summary of a day says: its headline, what stands around it, and a table of its series."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from stressd.alerts.day import Day, DaySeries
from stressd.alerts.event import DigestItem, Event
from stressd.alerts.facts import Fact
from stressd.alerts.headline import fit
from stressd.alerts.notification import Row
from stressd.alerts.words import bp_text, day_text, is_spread, sigma_text, tenor_name, yield_text
from stressd.market.times import SECOND, parse_time

HEADER: Final = ("Series", "Close", "Day", "Sigma", "Low", "High")
NOTHING: Final = "–"
HEADLINED: Final = 2
"""Series that the headline names."""

LIVE: Final = "live"
QUIET: Final = {"silent": "silent at the close", "halted": "halted at the close", "no ticks": "without a tick"}


def day_headline(day: Day, items: Sequence[DigestItem], more: int) -> str:
    """ "JP closed: 30Y +20.3bp to 3.765%, 40Y +17.8bp · 2 episodes, 1 open"."""
    ranked = sorted(
        (row for row in day.series if row.change_bp is not None and not is_spread(row.series)),
        key=lambda row: -abs(row.change_bp or 0.0),
    )
    clauses = [f"{day.market} closed{' early' if day.early else ''}: {_moves(ranked[:HEADLINED])}"]
    own = [item for item in items if item.kind == "market"]
    count = len(own) + more
    if count:
        still = sum(item.state == "open" for item in own)
        clauses.append(f"{count} episode{'s' if count > 1 else ''}" + (f", {still} open" if still else ""))
    else:
        clauses.append("no episode")
    feeds = len(items) - len(own)
    if feeds:
        clauses.append(f"{feeds} of its feeds")
    return fit(clauses)


def _moves(rows: Sequence[DaySeries]) -> str:
    if not rows:
        return "no change is known"
    first, *others = rows
    level = f" to {yield_text(first.series, first.value)}" if first.value is not None else ""
    said = [f"{tenor_name(first.series)} {bp_text(first.change_bp or 0.0)}{level}"]
    said += [f"{tenor_name(row.series)} {bp_text(row.change_bp or 0.0)}" for row in others]
    return ", ".join(said)


def day_facts(event: Event) -> list[Fact]:
    """What stands around the table."""
    day = event.day
    if day is None:
        return []
    zone = ZoneInfo(day.zone)
    hours = f"{_clock(day.opened, zone)} to {_clock(day.closed, zone)}"
    place = day.zone.rpartition("/")[2].replace("_", " ")
    session = f"{day_text(date.fromisoformat(day.session))}, {hours} {place}{', an early close' if day.early else ''}"
    because = f" ({day.because})" if day.because else ""
    facts = [("Session", session), ("Then", f"opens {day.next_open_local}{because}")]
    if day.shape:
        facts.append(("Curve", day.shape))
    if day.stress is not None:
        before = f", {day.stress_before:.2f} the day before" if day.stress_before is not None else ""
        facts.append(("Stress", f"{day.stress:.2f} of 1 over all markets{before}"))
    quiet = [f"{tenor_name(row.series)} {QUIET[row.state]}" for row in day.series if row.state != LIVE]
    if quiet:
        facts.append(("Not live", ", ".join(quiet)))
    if day.more:
        facts.append(("Series", f"{day.more} more did not fit; those shown moved furthest in their own sigma"))
    return facts


def day_table(event: Event) -> list[Row]:
    """One row a series, short tenors first, spreads last."""
    return [] if event.day is None else [_row(row) for row in event.day.series]


def _row(row: DaySeries) -> Row:
    def level(value: float | None) -> str:
        return NOTHING if value is None else yield_text(row.series, value)

    return Row(
        (
            tenor_name(row.series),
            level(row.value),
            NOTHING if row.change_bp is None else bp_text(row.change_bp),
            NOTHING if row.sigma is None else sigma_text(row.sigma),
            level(row.low),
            level(row.high),
        )
    )


def _clock(time: str, zone: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(parse_time(time) // SECOND, zone):%H:%M}"
