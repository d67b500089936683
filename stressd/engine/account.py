"""The account of a breach: the state that its numbers came from, and the same arithmetic over it once more.

What the engine printed is a function of a few numbers: rates, moments, a fit. They travel with the breach, so that
anyone can recompute what was said long after the state itself has moved on. The functions are those that the engine
used, and a float survives JSON, so that the results agree to the last bit.
"""

from __future__ import annotations

import math
from typing import Any

from stressd.engine.budget import bars_in_force
from stressd.engine.tail import TailFit
from stressd.engine.volatility import blended, gap_sigma, least_sigma, session_sigma, sigma_of


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
    factor = float(account["factor"])
    grid = account["grid"]
    least = least_sigma(float(account["scale"]), factor, math.inf if grid is None else float(grid))
    rate = blended(float(account["fast"]), float(account["slow"]))
    return sigma_of(rate, factor, float(account["seconds"]), noise, least)


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
