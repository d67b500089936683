"""The figures of a score, each with its count, its exposure and its interval: plain values, as `--json` prints them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from statistics import median
from typing import Any, Final

from stressd.lab.scoring.intervals import LEVEL, binomial_interval, poisson_interval
from stressd.lab.scoring.score import Claim, FalseAlarm, Found, Score
from stressd.lab.sim.model import MONTH_SESSIONS
from stressd.market.times import iso

CLASSES: Final = ((4.0, 5.5), (5.5, 6.5), (6.5, 8.0), (8.0, 10.0), (10.0, 99.0), (6.0, 99.0), (8.0, 99.0))
"""Sizes of moves in sigmas of five minutes, low <= |k| < high; the last two take in all from six and from eight on."""

RARE: Final = 0.05
"""p that this share of answers without a link is to have at most."""

SPILLED: Final = "spilled over"

PERIODS: Final = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Years."""


def figures(score: Score) -> dict[str, Any]:
    """Everything that the report says."""
    months = {market: count / MONTH_SESSIONS for market, count in score.sessions.items()}
    hits = sum(1 for found in score.moves if found.delay_s is not None)
    return {
        "runs": len(score.runs),
        "market_months": sum(months.values()),
        "recall": [_recall(low, high, score.moves) for low, high in CLASSES],
        "recall_shown": [
            _recall(low, high, [found for found in score.moves if not found.hidden]) for low, high in CLASSES
        ],
        "recall_at_open": _recall(4.0, 99.0, [found for found in score.moves if found.move.at_open]),
        "recall_by_market": {
            market: _recall(6.0, 99.0, [found for found in score.moves if found.move.market == market])
            for market in score.sessions
        },
        "precision": _share(hits, hits + len(score.false)),
        "excused": score.excused,
        "delay": _delay([found for found in score.moves if abs(found.move.k) >= 6.0]),
        "delay_all": _delay(score.moves),
        "false_alarms": _alarms(score, months),
        "links": _links(score),
        "return_periods": _periods(score),
        "level": LEVEL,
    }


def _share(k: int, n: int) -> dict[str, Any]:
    low, high = binomial_interval(k, n) if n else (0.0, 1.0)
    return {"k": k, "n": n, "share": k / n if n else None, "low": low, "high": high}


def _recall(low: float, high: float, moves: Sequence[Found]) -> dict[str, Any]:
    mine = [found for found in moves if low <= abs(found.move.k) < high]
    hits = [found.delay_s for found in mine if found.delay_s is not None]
    return {
        "from": low,
        "to": high if high < 99.0 else None,
        **_share(len(hits), len(mine)),
        "inside": sum(found.inside for found in mine),
        "told": _share(len(hits) + sum(found.inside for found in mine), len(mine)),
        "median_delay_s": median(hits) if hits else None,
    }


def _delay(moves: Sequence[Found]) -> dict[str, Any]:
    """delay and delay over ramp, of moves found."""
    hits = [(found.delay_s, found.move.ramp_s) for found in moves if found.delay_s is not None]
    if not hits:
        return {"n": 0, "median_s": None, "p90_s": None, "median_of_ramp": None, "p90_of_ramp": None}
    seconds = sorted(delay for delay, _ in hits)
    ramps = sorted(delay / ramp for delay, ramp in hits)
    return {
        "n": len(hits),
        "median_s": median(seconds),
        "p90_s": seconds[int(0.9 * (len(hits) - 1))],
        "median_of_ramp": median(ramps),
        "p90_of_ramp": ramps[int(0.9 * (len(hits) - 1))],
    }


def _rate(k: int, months: float) -> dict[str, Any]:
    low, high = poisson_interval(k, months) if months else (0.0, float("inf"))
    return {"count": k, "market_months": months, "per_month": k / months if months else None, "low": low, "high": high}


def _alarms(score: Score, months: dict[str, float]) -> dict[str, Any]:
    def by(key: Callable[[FalseAlarm], Iterable[str]]) -> dict[str, int]:
        return dict(sorted(Counter(name for each in score.false for name in key(each)).items()))

    return {
        **_rate(len(score.false), sum(months.values())),
        "by_market": {
            market: _rate(sum(each.alert.market == market for each in score.false), exposure)
            for market, exposure in months.items()
        },
        "by_horizon": by(lambda each: [each.alert.horizon]),
        "by_hour_utc": by(lambda each: [f"{datetime.fromisoformat(iso(each.alert.time)).hour:02d}"]),
        "by_severity": by(lambda each: [each.alert.severity]),
        "beside_dirt": by(lambda each: each.beside),
        "within_an_hour_of_a_move": sum(each.after for each in score.false),
    }


def _links(score: Score) -> dict[str, Any]:
    leading = [claim for claim in score.claims if claim.wording != "co-moved"]
    true = [claim for claim in leading if claim.child is not None]
    both = [told for detected, told in score.links if detected]
    return {
        "precision": _share(len(true), len(leading)),
        "precision_co_moved": _share(
            sum(c.child is not None for c in score.claims) - len(true), len(score.claims) - len(leading)
        ),
        "spilled_over": _share(
            sum(c.child is not None for c in leading if c.wording == SPILLED),
            sum(c.wording == SPILLED for c in leading),
        ),
        "recall": _share(sum(told for _, told in score.links), len(score.links)),
        "recall_both_found": _share(sum(both), len(both)),
        "median_lag_error_s": _median(_lag_error(claim) for claim in true),
        "median_beta_error": _median(_beta_error(claim) for claim in true),
        "pairs": _pairs(true),
        "unlinked_p": {
            resolution: _share(sum(p < RARE for each, p in score.answers if each == resolution), count)
            for resolution, count in sorted(Counter(each for each, _ in score.answers).items())
        },
    }


def _pairs(true: Sequence[Claim]) -> list[dict[str, Any]]:
    """By pair of markets: median lag told and true (s of the follower's open time), median beta over the true one."""
    by_pair: dict[tuple[str, str], list[Claim]] = {}
    for claim in true:
        if claim.parent is not None and claim.child is not None:
            by_pair.setdefault((claim.parent.market, claim.child.market), []).append(claim)
    rows = []
    for (source, follower), claims in sorted(by_pair.items()):
        lags = [claim for claim in claims if _lag_error(claim) is not None]
        rows.append(
            {
                "pair": f"{source} -> {follower}",
                "n": len(claims),
                "lag_s": _median(claim.lag_s for claim in lags),
                "true_lag_s": _median(_true_lag(claim) for claim in lags),
                "beta_ratio": _median(None if (e := _beta_error(claim)) is None else 1.0 + e for claim in claims),
            }
        )
    return rows


def _lag_error(claim: Claim) -> float | None:
    true = _true_lag(claim)
    return abs(claim.lag_s - true) if claim.lag_s is not None and true is not None else None


def _true_lag(claim: Claim) -> float | None:
    """From half-move to half-move, in the follower's open time: from its open on where the source moved before that."""
    child, parent = claim.child, claim.parent
    if child is None or parent is None or child.open_lag_s is None:
        return None
    return child.open_lag_s + 0.5 * (child.ramp_s - (0.0 if child.at_open else parent.ramp_s))


def _beta_error(claim: Claim) -> float | None:
    """Relative; the true beta is bp for bp."""
    if claim.beta is None or claim.child is None or claim.parent is None:
        return None
    true = claim.child.bp / claim.parent.bp
    return (claim.beta - true) / true


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _periods(score: Score) -> dict[str, Any]:
    """How often an episode printed a return period of so many years or more, against how often it should have: the
    scored years of the series and horizons that print so short a period at all (their bar lies below), over the period.
    error: the mean absolute difference of realised and expected counts over the mean of those expected; None where
    nothing was printed."""
    least: dict[tuple[str, str], float] = {}
    for each in score.periods:
        key = (each.series, each.horizon)
        least[key] = min(least.get(key, each.years), each.years)
    rows: list[dict[str, Any]] = []
    for period in PERIODS:
        watched = {key for key, shortest in least.items() if shortest <= period}
        years = sum(score.years.get(series, 0.0) for series, _ in watched)
        if years > 0.0:
            count = sum(each.years >= period and (each.series, each.horizon) in watched for each in score.periods)
            low, high = poisson_interval(count, years / period)
            rows.append(
                {"years": period, "expected": years / period, "count": count, "ratio": count * period / years,
                 "low": low, "high": high}
            )  # fmt: skip
    longest = sum(score.years.get(series, 0.0) for series, _ in least)
    expected = sum(row["expected"] for row in rows)
    error = sum(abs(row["count"] - row["expected"]) for row in rows) / expected if expected else None
    return {"printed": len(score.periods), "series_years": longest, "rows": rows, "error": error}
