"""What the budgets of a specification promise: episodes a year, by series and by market."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from stressd.engine.budget import WITHIN, shares
from stressd.engine.spec import EngineSpec, SigmaRule
from stressd.market.series import market_of


class Promise:
    """series, markets: episodes a year of each that has a budget of its own; rules: those that have one."""

    __slots__ = ("markets", "rules", "series")

    def __init__(self, spec: EngineSpec) -> None:
        self.series: dict[str, float] = {}
        self.markets: dict[str, float] = {}
        self.rules: set[str] = set()
        for rule in spec.sigma_rules:
            budget = rule.budget
            if budget is None:
                continue
            self.rules.add(rule.name)
            promised = self.markets if budget.per_market else self.series
            for name in _counted(rule, rule.series, budget.per_market):
                promised[name] = promised.get(name, 0.0) + budget.per_year


def promised_by(rule: SigmaRule, years: Mapping[str, float], horizons: Collection[str]) -> float | None:
    """Episodes that the budget of one rule allows in all on a history of so many `years` by series, over these of its
    horizons; None for a rule without a budget.

    A budget is kept within the day and across it, whichever horizons of either kind there is something to hear of.
    """
    budget = rule.budget
    if budget is None:
        return None
    kinds = {horizon in WITHIN for horizon in horizons}
    share = sum(part for horizon, part in shares(rule.horizons).items() if (horizon in WITHIN) in kinds)
    longest: dict[str, float] = {}
    for name in rule.series:
        counted = market_of(name) if budget.per_market else name
        longest[counted] = max(longest.get(counted, 0.0), years.get(name, 0.0))
    return budget.per_year * share * sum(longest.values())


def _counted(rule: SigmaRule, series: Collection[str], per_market: bool) -> list[str]:
    return list(dict.fromkeys(market_of(name) if per_market else name for name in series))
