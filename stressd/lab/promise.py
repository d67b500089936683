"""What the budgets of a specification promise: episodes a year, by series and by market."""

from __future__ import annotations

from collections.abc import Collection

from stressd.engine.budget import shares
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


def promised_by(rule: SigmaRule, covered: Collection[str], horizons: Collection[str]) -> float | None:
    """Episodes a year that the budget of one rule leaves to these of its horizons on the series `covered`, all of them
    together; None for a rule without one."""
    budget = rule.budget
    if budget is None:
        return None
    own = [name for name in rule.series if name in covered]
    share = sum(part for horizon, part in shares(rule.horizons).items() if horizon in horizons)
    return float(budget.per_year * share * len(_counted(rule, own, budget.per_market)))


def _counted(rule: SigmaRule, series: Collection[str], per_market: bool) -> list[str]:
    return list(dict.fromkeys(market_of(name) if per_market else name for name in series))
