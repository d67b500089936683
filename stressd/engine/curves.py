"""All curves of the engine, one a market."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stressd.engine.curve import Curve
from stressd.engine.curve_rules import NOISE
from stressd.engine.series import SeriesState
from stressd.engine.spec import EngineSpec


class Curves:
    """of: by market, those that have yields of their own; all: by the number that their series know."""

    __slots__ = ("all", "of")

    def __init__(self, spec: EngineSpec, members: dict[str, list[SeriesState]]) -> None:
        self.of: dict[str, Curve] = {}
        self.all: list[Curve] = []
        for market in spec.markets:
            if members[market.name]:
                curve = Curve(market, members[market.name], spec.curve_rules)
                for state in curve.members:
                    state.curve = len(self.all)
                self.of[market.name] = curve
                self.all.append(curve)

    def reconcile(self, active: Sequence[tuple[str, str, int, str, str, int]]) -> None:
        """After a restart: which noise stands told, as (rule, scope, 0, market, NOISE, severity) among breaches."""
        told = {(rule, market): severity for rule, _, _, market, what, severity in active if what == NOISE}
        for name, curve in self.of.items():
            for watch in curve.watches:
                watch.severity = told.get((watch.rule.name, name), -1)

    def status(self) -> list[dict[str, Any]]:
        """One row a market that has tenors enough for a smooth curve."""
        return [curve.status() for curve in self.of.values() if curve.noise is not None]

    def state(self) -> dict[str, Any]:
        """Everything that changes, as plain values."""
        return {market: curve.state() for market, curve in self.of.items()}

    def load(self, state: dict[str, Any]) -> None:
        """Take up where `state` left off; a market that it does not know starts afresh."""
        for market, curve in self.of.items():
            if market in state:
                curve.load(state[market])
