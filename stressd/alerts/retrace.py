"""Moves that are taken back: by what ends an episode, or by a later one the other way."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Final

import msgspec

from stressd.alerts.event import Outcome, Point, Retraces
from stressd.market.calendar import Calendar
from stressd.market.times import iso

SECOND: Final = 1_000_000_000
DAY: Final = 24 * 3600 * SECOND
LONG_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


class Extreme(msgspec.Struct, kw_only=True):
    """The largest move (by sigma) of one series within an episode: from where, to where, when (ns), in bp and sigma."""

    series: str
    began: float
    began_at: int
    peak: float
    peak_at: int
    change_bp: float
    z: float

    def taken_back(self, value: float) -> float:
        """Part (0 to 1, more beyond the start) of the move that is given back where the series stands at `value`."""
        return (self.peak - value) / (self.peak - self.began)

    def text(self, value: float) -> str:
        """ "retraced 12.3 of 20.3bp", "retraced all of 20.3bp"."""
        back = "all" if self.taken_back(value) >= 1.0 else f"{abs(self.peak - value) * 100.0:.1f}"
        return f"retraced {back} of {abs(self.change_bp):.1f}bp"


class Seen(msgspec.Struct, kw_only=True):
    """A value (percent) and when it was true (ns)."""

    value: float
    at: int


class PastMove(msgspec.Struct, kw_only=True):
    """What a later episode may take back: the moves of one episode, by series. day: ordinal of the lead's peak in the
    market's zone; at: when that was (ns)."""

    episode: str
    rule: str
    scope: str
    direction: int
    at: int
    day: int
    extremes: dict[str, Extreme]


def grown(known: Extreme | None, new: Extreme) -> Extreme:
    """The larger of the two in sigma; the later one of equals."""
    return new if known is None or abs(new.z) >= abs(known.z) else known


def outcome(lead: Extreme, now: Seen | None, lasted_s: float) -> Outcome:
    """What became of a move. now: the last of its series."""
    return Outcome(
        series=lead.series,
        lasted_s=round(lasted_s, 3),
        peak_bp=round(lead.change_bp, 3),
        peak_sigma=round(abs(lead.z), 3),
        began=Point(value=round(lead.began, 6), time=iso(lead.began_at)),
        peak=Point(value=round(lead.peak, 6), time=iso(lead.peak_at)),
        now=Point(value=round(now.value, 6), time=iso(now.at)) if now is not None else None,
        retraced=round(max(lead.taken_back(now.value), 0.0), 3) if now is not None else None,
    )


def sessions_between(calendar: Calendar | None, a: int, b: int, limit: int) -> int:
    """Sessions that have closed after `a` up to `b`, at most `limit` + 1; days where there is no calendar."""
    if calendar is None:
        return (b - a) // DAY
    count, t = 0, a
    while count <= limit and (close := calendar.next_close(t)) <= b:
        count, t = count + 1, close
    return count


def retraces(past: Iterable[PastMove], series: str, value: float, direction: int, part: float) -> Retraces | None:
    """The latest of the moves the other way that `series`, now at `value`, takes back by `part` at least."""
    found: Retraces | None = None
    latest = -1
    for each in past:
        extreme = each.extremes.get(series)
        if extreme is None or each.direction == direction or extreme.peak_at < latest:
            continue
        share = extreme.taken_back(value)
        if share >= part:
            latest = extreme.peak_at
            found = Retraces(
                episode=each.episode, series=series, part=round(share, 3),
                bp=round(abs(extreme.peak - value) * 100.0, 3), of_bp=round(abs(extreme.change_bp), 3),
                day=date.fromordinal(each.day).isoformat(),
            )  # fmt: skip
    return found


def retraces_clause(said: Retraces) -> str:
    """ "retraces 61 % of the move of 20 January (JP-260120-7q2f)"; "all and more" where it goes on beyond it."""
    share = f"{said.part * 100.0:.0f} %" if said.part <= 1.0 else "all and more"
    return f"retraces {share} of the move of {_day(said.day)} ({said.episode})"


def retraces_text(said: Retraces) -> str:
    """The same with its figures: "12.3 of 20.3bp of the move of 20 January (JP-260120-7q2f) taken back, 61 %"."""
    share = f"{said.part * 100.0:.0f} %"
    return f"{said.bp:.1f} of {said.of_bp:.1f}bp of the move of {_day(said.day)} ({said.episode}) taken back, {share}"


def _day(day: str) -> str:
    known = date.fromisoformat(day)
    return f"{known.day} {LONG_MONTHS[known.month - 1]}"
