"""What an episode has used of its rule's budget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from stressd.alerts.words import count_text, ordinal_text
from stressd.engine.spec import EngineSpec
from stressd.lab.poisson import band
from stressd.lab.report.told import budgets
from stressd.market.times import iso
from stressd.store.rows import Episode

YEAR: Final = 365 * 86_400_000_000_000
"""ns over which episodes are counted."""

SHORT: Final = 30 * 86_400_000_000_000
"""ns of a past that says nothing of a rate."""


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """Episodes of one rule in one market, this one counted and those opened after it not. place: how many there were
    since `since` (ISO), at most a year; budget_per_year: None where the rule has none; expected: by the budget, over
    that time; band: the counts that it leaves inside with 95 %; earlier: ids of those before it, the newest first."""

    rule: str
    market: str
    place: int
    since: str
    years: float
    budget_per_year: float | None
    expected: float | None
    band: list[int] | None
    earlier: list[str]

    @property
    def inside(self) -> bool | None:
        """Whether the budget leaves so many; None where it cannot be said."""
        return None if self.band is None else self.band[0] <= self.place <= self.band[1]

    def text(self) -> str:
        """In one or two sentences."""
        when = "in twelve months" if self.years > 0.99 else f"since {self.since[:10]}, when the store begins"
        place = "the first episode" if self.place == 1 else f"the {ordinal_text(self.place)} episode"
        said = f"It is {place} of {self.rule} in {self.market} {when}."
        if self.budget_per_year is None:
            return f"{said} The rule has stated bars and no budget."
        said += f" The budget is {self.budget_per_year:g} a year"
        if self.expected is None or self.band is None:
            return f"{said}; the store goes back too little to compare."
        low, high = self.band
        verdict = "inside" if self.inside else "above" if self.place > high else "below"
        return (
            f"{said}: {self.expected:.1f} expected over that time, of which {count_text(low)} to {count_text(high)} "
            f"would be no surprise; {self.place} is {verdict} that."
        )

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {**msgspec.to_builtins(self), "inside": self.inside, "text": self.text()}


def effect(episode: Episode, episodes: Sequence[Episode], spec: EngineSpec | None) -> Effect:
    """Of an episode among all that the store has. Only live ones count together, as only drills do among drills."""
    own = [
        each for each in episodes
        if (each.rule, each.market, each.origin) == (episode.rule, episode.market, episode.origin)
        and each.opened_at <= episode.opened_at
    ]  # fmt: skip
    begin = min((each.opened_at for each in episodes if each.origin == episode.origin), default=episode.opened_at)
    since = max(begin, episode.opened_at - YEAR)
    counted = [each for each in own if each.opened_at >= since]
    years = (episode.opened_at - since) / YEAR
    budget = None if spec is None else budgets(spec).get((episode.rule, episode.market))
    known = budget is not None and episode.opened_at - since >= SHORT
    return Effect(
        rule=episode.rule,
        market=episode.market,
        place=len(counted),
        since=iso(since),
        years=round(years, 3),
        budget_per_year=budget,
        expected=round(budget * years, 2) if known and budget is not None else None,
        band=list(band(budget * years)) if known and budget is not None else None,
        earlier=[each.id for each in reversed(counted) if each.id != episode.id][:10],
    )
