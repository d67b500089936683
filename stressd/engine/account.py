"""The account of a breach: the state that its numbers came from, and the same arithmetic over it once more.

What the engine printed is a function of a few numbers: rates, moments, a fit. They travel with the breach, so that
anyone can recompute what was said long after the state itself has moved on. The functions are those that the engine
used, and a float survives JSON, so that the results agree to the last bit.
"""

from __future__ import annotations

from typing import Any

from stressd.engine.budget import bars_in_force
from stressd.engine.horizon import GAP, SESSION, SPANS, Horizon
from stressd.engine.horizons import SLOT_SECONDS, Horizons
from stressd.engine.tail import TailFit
from stressd.engine.volatility import blended, gap_sigma, session_sigma, sigma_of


def of_horizon(horizons: Horizons, horizon: Horizon) -> dict[str, Any]:
    """The state behind a horizon's sigma, as `sigma` reads it."""
    if horizon.number > SESSION:
        is_gap = horizon.number == GAP
        moments = (horizons.gap_scale if is_gap else horizon.scale).moments
        return {"of": "moves", "mean": moments.mean, "scatter": moments.scatter, "weight": moments.weight,
                "part": horizons.gap_part if is_gap else 1.0}  # fmt: skip
    volatility = horizons.volatility
    noise, least = volatility.noise.value, horizon.least
    if horizon.number == SESSION:
        slow, scale, _, typical = horizons.session_parts()
        return {"of": "session", "slow": slow, "scale": scale, "business": horizon.factor, "typical": typical,
                "noise": noise, "least": least}  # fmt: skip
    return {
        "of": "rate", "fast": volatility.fast_rate, "slow": volatility.slow, "factor": horizon.factor,
        "seconds": SPANS[horizon.number] * SLOT_SECONDS, "noise": noise, "least": least, "bars": volatility.bars,
        "sessions": volatility.sessions,
    }  # fmt: skip


def sigma(account: dict[str, Any]) -> float:
    """Sigma (bp) of the account's `sigma`: of a rate, of a session, or of past moves."""
    kind = account["of"]
    if kind == "moves":
        mean = float(account["mean"])
        mean_square = float(account["scatter"]) / float(account["weight"]) + mean * mean
        return gap_sigma(mean_square, float(account["part"]))
    noise = float(account["noise"])
    if kind == "session":
        return session_sigma(
            float(account["slow"]),
            float(account["scale"]),
            float(account["business"]),
            float(account["typical"]),
            noise,
            float(account["least"]),
        )
    rate = blended(float(account["fast"]), float(account["slow"]))
    least = float(account["least"])
    return sigma_of(rate, float(account["factor"]), float(account["seconds"]), noise, least)


def size(account: dict[str, Any]) -> float:
    """The move in sigma, signed."""
    return (float(account["value"]) - float(account["reference"])) * 100.0 / sigma(account["sigma"])


def bars(account: dict[str, Any]) -> list[float]:
    """The bars in sigma, lowest first: as stated, or of the budget's tail and tracker."""
    budget = account.get("budget")
    if budget is None:
        return [float(bar) for bar in account["bars"]]
    return bars_in_force([float(bar) for bar in budget["base"]], float(budget["factor"]), bool(budget["warming"]))


def return_years(account: dict[str, Any]) -> tuple[float, float, float] | None:
    """Low, middle and high estimate of the years between two such moves, None where no tail was known."""
    tail = account.get("tail")
    if not tail:
        return None
    t0, rate, scale, shape = (float(number) for number in tail["fit"])
    fit = TailFit(t0, rate, scale, shape, float(tail["excesses"]))
    fit.scales = [float(each) for each in tail["scales"]]
    fit.weights = [float(each) for each in tail["weights"]]
    return fit.return_years(abs(size(account)), float(tail["blocks_a_year"]))
