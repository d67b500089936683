"""Where the bars stand: what a move must reach now to open an episode, and whether the floor is what decides."""

from __future__ import annotations

from typing import Any

from stressd.engine.series import SeriesState


class Bar:
    """The bar of one rule on one series and horizon.

    enters: sigma that each severity is entered at, least grave first; severities: their numbers. sigma_bp: one sigma;
    floor_bp: the least move that may open. factor: of a budget's tracker, None where the bars are stated.
    """

    __slots__ = ("enters", "factor", "floor_bp", "horizon", "rule", "series", "severities", "sigma_bp")

    def __init__(
        self,
        rule: str,
        series: str,
        horizon: str,
        enters: list[float],
        severities: list[int],
        sigma_bp: float,
        floor_bp: float,
        factor: float | None,
    ) -> None:
        self.rule = rule
        self.series = series
        self.horizon = horizon
        self.enters = enters
        self.severities = severities
        self.sigma_bp = sigma_bp
        self.floor_bp = floor_bp
        self.factor = factor

    def bp(self) -> float:
        """The least move (bp) that opens an episode."""
        bar = self.enters[0] * self.sigma_bp
        return bar if bar > self.floor_bp else self.floor_bp

    def floor_binds(self) -> bool:
        """Whether a move that reaches the bar in sigma may still be below the floor."""
        return self.floor_bp > self.enters[0] * self.sigma_bp

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "rule": self.rule,
            "series": self.series,
            "horizon": self.horizon,
            "enter_sigma": self.enters[0],
            "sigma_bp": self.sigma_bp,
            "floor_bp": self.floor_bp,
            "bar_bp": self.bp(),
            "floor_binds": self.floor_binds(),
            "factor": self.factor,
        }


def bars_of(state: SeriesState) -> list[Bar]:
    """Where the bars of one series stand, those of its warm horizons."""
    found = []
    for watch in state.breaches.watches:
        horizon = state.horizons.all[watch.horizon]
        if horizon.known and watch.enters:
            enters, severities = list(watch.enters), list(watch.severities)
            sigma = horizon.scale.sigma
            factor = watch.budget.allowance.factor if watch.budget is not None else None
            found.append(Bar(watch.rule, state.id, horizon.name, enters, severities, sigma, watch.floor_bp, factor))
    return found
