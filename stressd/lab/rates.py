"""How often episodes came beside how often they were promised, over a sample and each quarter of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypedDict

from stressd.lab.poisson import band, interval
from stressd.market.times import day_iso

YEAR: Final = 365.25
"""Days."""

QUARTERS: Final = 4


class Quarter(TypedDict):
    """One of four equal parts of a sample. band: the counts that its budget leaves inside with 95 %; None without a
    budget, and so is `inside`. floor_share: of its sessions, those in which the floor was the bar; None if unknown."""

    first: str
    last: str
    years: float
    episodes: int
    expected: float | None
    band: list[int] | None
    inside: bool | None
    floor_share: float | None


class Free(TypedDict):
    """The part of a sample in which the floor was not the bar: its years, the episodes that were opened in it, and
    these a year. spent: all episodes of the sample over the budget that came in in this part, since a bar waits while
    it is the floor; None without a budget."""

    years: float
    episodes: int
    per_year: float | None
    spent: float | None


class Rate(TypedDict):
    """band_per_year: with a budget the rates that it leaves inside with 95 %, without one those that the count does not
    contradict. without_floor: None if it is not known when the floor was the bar."""

    years: float
    episodes: int
    budget_per_year: float | None
    realised_per_year: float | None
    band_per_year: list[float] | None
    inside: bool | None
    without_floor: Free | None
    quarters: list[Quarter]


def rate(
    first: float, last: float, opened: Sequence[float], budget: float | None, floored: Mapping[int, bool] | None = None
) -> Rate:
    """first, last: ends of the sample, in days; opened: when each episode began, in the same days; budget: a year;
    floored: by day with a bar, whether the floor was it."""
    years = (last - first) / YEAR
    count = len(opened)
    held: list[float] | None = None
    inside: bool | None = None
    if years > 0.0 and budget is not None:
        low, high = band(budget * years)
        held, inside = [round(low / years, 2), round(high / years, 2)], low <= count <= high
    elif years > 0.0:
        held = [round(bound / years, 2) for bound in interval(count)]
    return Rate(
        years=round(years, 1),
        episodes=count,
        budget_per_year=budget,
        realised_per_year=round(count / years, 2) if years > 0.0 else None,
        band_per_year=held,
        inside=inside,
        without_floor=_without_floor(years, opened, budget, floored) if floored else None,
        quarters=_quarters(first, last, opened, budget, floored) if years > 0.0 else [],
    )


def _without_floor(years: float, opened: Sequence[float], budget: float | None, floored: Mapping[int, bool]) -> Free:
    free = years * (1.0 - sum(floored.values()) / len(floored))
    count = sum(not floored.get(int(at), False) for at in opened)
    return Free(
        years=round(free, 1),
        episodes=count,
        per_year=round(count / free, 2) if free > 0.0 else None,
        spent=round(len(opened) / (budget * free), 3) if budget is not None and free > 0.0 else None,
    )


def _quarters(
    first: float, last: float, opened: Sequence[float], budget: float | None, floored: Mapping[int, bool] | None
) -> list[Quarter]:
    length = (last - first) / QUARTERS
    counts = [0] * QUARTERS
    for at in opened:
        counts[min(int((at - first) / length), QUARTERS - 1)] += 1
    years = length / YEAR
    out = []
    for i, count in enumerate(counts):
        expected = None if budget is None else budget * years
        held = None if expected is None else band(expected)
        start, end = first + i * length, first + (i + 1) * length
        bound = [floor for day, floor in floored.items() if start <= day < end] if floored else []
        out.append(
            Quarter(
                first=day_iso(int(start)),
                last=day_iso(int(end)),
                years=round(years, 2),
                episodes=count,
                expected=None if expected is None else round(expected, 2),
                band=None if held is None else list(held),
                inside=None if held is None else held[0] <= count <= held[1],
                floor_share=round(sum(bound) / len(bound), 4) if bound else None,
            )
        )
    return out
