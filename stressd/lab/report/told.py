"""Episodes of a period by rule and market: how many were opened, beside the budget and what it leaves inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stressd.alerts.people.commands import LABELS
from stressd.engine.spec import SEVERITIES, EngineSpec
from stressd.lab.rates import Rate, rate
from stressd.market.series import market_of


class Opened:
    """One episode. at: ordinal day with its fraction."""

    __slots__ = ("at", "headline", "market", "rule", "severity")

    def __init__(self, rule: str, market: str, severity: str, at: float, headline: str) -> None:
        self.rule = rule
        self.market = market
        self.severity = severity
        self.at = at
        self.headline = headline


class RuleRow:
    """One rule in one market. sessions: of the market in the period; severities: episodes by their gravest."""

    __slots__ = ("found", "market", "rule", "sessions", "severities")

    def __init__(self, rule: str, market: str, sessions: int, found: Rate, severities: Mapping[str, int]) -> None:
        self.rule = rule
        self.market = market
        self.sessions = sessions
        self.found = found
        self.severities = dict(severities)

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        held = self.found["band_per_year"]
        return {
            "rule": self.rule,
            "market": self.market,
            "episodes": self.found["episodes"],
            "severities": self.severities,
            "sessions": self.sessions,
            "years": self.found["years"],
            "budget_per_year": self.found["budget_per_year"],
            "realised_per_year": self.found["realised_per_year"],
            "band_per_year": held,
            "inside": self.found["inside"],
        }


class Labels:
    """What people thought of one rule's episodes. Each episode counts once, by the latest word on it; disputed: those
    on which people differ."""

    __slots__ = ("counts", "disputed", "episodes", "rule")

    def __init__(self, rule: str, episodes: int, counts: Mapping[str, int], disputed: int) -> None:
        self.rule = rule
        self.episodes = episodes
        self.counts = dict(counts)
        self.disputed = disputed

    @property
    def labelled(self) -> int:
        return sum(self.counts.values())

    @property
    def share(self) -> float | None:
        """Of those with a label, how many were useful; None where there is none."""
        return self.counts["useful"] / self.labelled if self.labelled else None

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "rule": self.rule,
            "episodes": self.episodes,
            **{label.replace(" ", "_"): self.counts[label] for label in LABELS},
            "unlabelled": self.episodes - self.labelled,
            "disputed": self.disputed,
            "useful_share": None if self.share is None else round(self.share, 4),
        }


def labels_by_rule(rules: Mapping[str, str], given: Mapping[str, Sequence[str]]) -> list[Labels]:
    """A row for every rule that had an episode. rules: by episode; given: by episode the words on it, one of each
    person, the latest last."""
    rows = []
    for rule in sorted(set(rules.values())):
        own = [given.get(episode, ()) for episode, name in rules.items() if name == rule]
        counts: dict[str, int] = {label: sum(bool(words) and words[-1] == label for words in own) for label in LABELS}
        rows.append(Labels(rule, len(own), counts, sum(len(set(words)) > 1 for words in own)))
    return rows


def by_rule(
    episodes: Sequence[Opened], spec: EngineSpec, sessions: Mapping[str, int], first: float, last: float
) -> list[RuleRow]:
    """A row for every rule and market that had an episode in the period, or a budget for one. sessions: by market,
    those of the period; first, last: ends of the period, in days."""
    allowed = budgets(spec)
    keys = dict.fromkeys([*allowed, *((each.rule, each.market) for each in episodes)])
    rows = []
    for rule, market in sorted(keys):
        own = [each for each in episodes if (each.rule, each.market) == (rule, market)]
        severities = {name: sum(each.severity == name for each in own) for name in SEVERITIES}
        found = rate(first, last, [each.at for each in own], allowed.get((rule, market)))
        rows.append(RuleRow(rule, market, sessions.get(market, 0), found, severities))
    return rows


def budgets(spec: EngineSpec) -> dict[tuple[str, str], float]:
    """Episodes a year that each rule may open in each market."""
    out: dict[tuple[str, str], float] = {}
    for rule in spec.sigma_rules:
        if rule.budget is None:
            continue
        members: dict[str, int] = {}
        for name in rule.series:
            members[market_of(name)] = members.get(market_of(name), 0) + 1
        for market, count in members.items():
            out[rule.name, market] = rule.budget.per_year * (1 if rule.budget.per_market else count)
    return out
