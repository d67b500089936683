"""The numbers of a breach computed once more from the state that travelled with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stressd.engine import account as again

SAME = "the same to the last bit"


def recomputed(account: dict[str, Any]) -> Iterator[str]:
    """How each number came about, and whether it comes out as it was told."""
    yield f"  sigma = {_sigma_text(account['sigma'])} = {again.sigma(account['sigma'])!r} bp: " + _verdict(
        again.sigma(account["sigma"]), account["sigma_bp"]
    )
    yield (
        f"  move = ({account['value']!r} - {account['reference']!r}) * 100 / sigma = {again.size(account)!r}: "
        + _verdict(again.size(account), account["z"])
    )
    bars = again.bars(account)
    budget = account.get("budget")
    if budget is None:
        yield f"  bars = {_numbers(bars)} sigma, as the rule states them"
    else:
        t0, rate, scale, shape = budget["fit"]
        yield (
            f"  bars = {_numbers(bars)} sigma: the tail beyond {t0:.2f} (rate {rate:.3g}, scale {scale:.3g}, shape "
            f"{shape:.3g}) at {budget['q']:.3g} a block is {_numbers(budget['base'])}, times the tracker's "
            f"{budget['factor']:.3f}: {_verdict(bars, account['bars'])}"
        )
    years = again.return_years(account)
    if years is not None:
        yield f"  return period = {_numbers(list(years))} years: {_verdict(list(years), account['return_years'])}"


def _sigma_text(state: dict[str, Any]) -> str:
    if state["of"] == "moves":
        part = "" if state["part"] == 1.0 else f"{state['part']:g} * "
        return (
            f"sqrt({part}1.06 * mean square) of past moves, mean {state['mean']:.4g} bp, "
            f"scatter {state['scatter']:.4g}, weight {state['weight']:.4g}"
        )
    if state["of"] == "session":
        return (
            f"half the rate {state['slow']:.4g} bp2/s and half the sessions' own {state['scale']:.4g} bp over "
            f"{state['business']:.0f} s of business time, noise {state['noise']:.3g} bp2"
        )
    return (
        f"sqrt(rate * {state['factor']:.3f} * {state['seconds']:g} s + 2 * {state['noise']:.3g} bp2), rate half of the "
        f"last hour's {state['fast']:.4g} and half of the sessions' {state['slow']:.4g} bp2/s"
    )


def _numbers(values: list[float]) -> str:
    return " / ".join(f"{value:.4g}" for value in values)


def _verdict(now: object, told: object) -> str:
    return SAME if now == told else f"NOT what was told, which was {told!r}"
