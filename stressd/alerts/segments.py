"""The parts of a curve in the desk's words: which of them have moved, and how much of the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from stressd.alerts.event import Segments, SeriesMove
from stressd.alerts.words import curve_key, is_spread, listing, parsed, tenor_name
from stressd.market.series import market_of

FRONT: Final = "front"
BELLY: Final = "belly"
LONG: Final = "long"
SUPER_LONG: Final = "super-long"
BOUNDS: Final = ((36, FRONT), (84, BELLY), (180, LONG))
"""Months up to which a tenor belongs to a segment; what is longer is super-long."""

WHOLE: Final = "whole curve"


def default_segment(months: int) -> str:
    """The segment of a tenor of so many months where the configuration names none."""
    return next((name for bound, name in BOUNDS if months <= bound), SUPER_LONG)


def segment_of(series: str, named: Mapping[str, str]) -> str:
    """The segment of a series. named: by series, as configured."""
    known = parsed(series)
    return named.get(series) or default_segment(known.months if known is not None else 0)


def segments_in(
    moves: Sequence[SeriesMove], watched: Sequence[str], named: Mapping[str, str], enough: int
) -> Segments | None:
    """Which part of the curve the outright yields among `moves` (lead first) are; None where there is none.

    watched: the yields of the market. It is the whole curve once `enough` of its segments are in, or all of them where
    it has fewer, but never of less than two.
    """
    yields = list(dict.fromkeys(each.series for each in moves if not is_spread(each.series)))
    if not yields:
        return None
    everything = sorted({*watched, *yields} if watched else yields, key=curve_key)
    order = list(dict.fromkeys(segment_of(series, named) for series in everything))
    found = {segment_of(series, named) for series in yields}
    names = [name for name in order if name in found]
    whole = bool(watched) and len(names) >= max(min(enough, len(order)), 2)
    return Segments(
        names=names, whole_curve=whole, lead=tenor_name(yields[0]), tenors=len(yields),
        of=len(everything) if watched else None,
    )  # fmt: skip


def breadth_clause(part: Segments | None, direction: int) -> list[str]:
    """ "super-long up, 3 of 6 tenors", "whole curve down, 4 of 4 tenors"; nothing of a single tenor."""
    if part is None or part.tenors < 2:
        return []
    where = WHOLE if part.whole_curve else listing(part.names)
    count = f"{part.tenors} of {part.of} tenors" if part.of is not None else f"{part.tenors} tenors"
    return [f"{where} {'up' if direction > 0 else 'down'}, {count}"]


def part_text(part: Segments, market: str, rising: bool) -> str:
    """ "JP super-long up, led by 30Y, 3 of 6 tenors"."""
    where = WHOLE if part.whole_curve else listing(part.names)
    count = f"{part.tenors} of {part.of} tenors" if part.of is not None else f"{part.tenors} tenors"
    return f"{market} {where} {'up' if rising else 'down'}, led by {part.lead}, {count}"


def watched_in(watched: Sequence[str], market: str) -> list[str]:
    """The yields of one market among all that are watched."""
    return [series for series in watched if market_of(series) == market]
