"""Engine facts as the contract's structures: what is on the wire is rounded to what it means."""

from __future__ import annotations

from typing import Literal, cast
from zoneinfo import ZoneInfo

import msgspec

from stressd.alerts.claims import strength
from stressd.alerts.event import BaseRate, BidAsk, Exceeded, Follower, Point, SeriesMove, Source, Wording
from stressd.alerts.routing import LEVEL
from stressd.alerts.words import local_text
from stressd.engine import response as engine
from stressd.engine.events import Breach, LevelHit, Standing, Unusual
from stressd.engine.response import Response
from stressd.engine.spec import SEVERITIES
from stressd.market.times import day_iso, iso

SECOND = 1_000_000_000
PERCENT_DIGITS = 6
DIGITS = 3
LONGEST_RETURN = 1000.0
"""Years: beyond it a fitted return period says no more than "not in this history"."""


def breach_move(breach: Breach) -> SeriesMove:
    """One series' part in a sigma episode. sigma and change are signed."""
    definition = breach.definition
    if breach.provisional:
        definition = f"{definition}; provisional: {breach.provisional}"
    standing = breach.standing
    move = SeriesMove(
        series=breach.series,
        value=round(breach.value, PERCENT_DIGITS),
        time=iso(breach.time),
        from_=Point(value=round(breach.reference_value, PERCENT_DIGITS), time=iso(breach.reference_time)),
        change_bp=_rounded(breach.change_bp),
        horizon=breach.horizon,
        sigma=_rounded(breach.z),
        sigma_bp=_rounded(breach.sigma_bp),
        sigma_definition=definition,
        threshold=_rounded(breach.threshold),
        during=breach.during or None,
        widened=_rounded(breach.widened) if breach.widened > 1.0 else None,
        account=breach.account or None,
        unconfirmed=breach.unconfirmed or None,
        rungs={SEVERITIES[severity]: round(bar, DIGITS) for severity, bar in breach.rungs} or None,
        floor_bp=_rounded(breach.floor_bp) if breach.floor_bp else None,
    )
    if standing is None:
        return move
    return msgspec.structs.replace(
        move,
        exceeded=_exceeded(standing, breach.threshold),
        return_period_years=_years(standing),
        rank=standing.rank,
        rank_of=standing.rank_of,
        largest_since=_day(standing.largest_since),
        highest_since=_day(standing.highest_since),
        since_beginning=standing.on_record,
        highest_since_beginning=standing.highest_on_record,
    )


def bid_ask(figures: tuple[float | None, float | None, float | None, float | None]) -> BidAsk:
    """What is known of a series' quotes."""
    spread, mean, widest, presence = (None if each is None else _rounded(each) for each in figures)
    return BidAsk(bid_ask_bp=spread, mean_bp=mean, widest_decile_bp=widest, presence=presence)


def level_move(hit: LevelHit) -> SeriesMove:
    """One series' part in a level episode. `highest_since` is the day of the beaten extreme, of a low too."""
    return SeriesMove(
        series=hit.series,
        value=round(hit.value, PERCENT_DIGITS),
        time=iso(hit.time),
        horizon=LEVEL,
        level=round(hit.level, PERCENT_DIGITS),
        highest_since=_day(hit.since),
    )


def model_move(found: Unusual) -> SeriesMove:
    """One series' part in what a further detector found. sigma and change are signed."""
    known = found.sigma_bp > 0.0
    return SeriesMove(
        series=found.series,
        value=round(found.value, PERCENT_DIGITS),
        time=iso(found.time),
        from_=Point(value=round(found.reference_value, PERCENT_DIGITS), time=iso(found.reference_time)),
        change_bp=_rounded(found.change_bp),
        horizon=found.over,
        sigma=_rounded(found.change_bp / found.sigma_bp) if known else None,
        sigma_bp=_rounded(found.sigma_bp) if known else None,
        model=found.model,
        score=_rounded(found.score),
        score_bar=_rounded(found.bar),
        during=found.during or None,
    )


def follower(response: Response, zone: ZoneInfo | None, episode: str | None) -> Follower:
    """How another market answered. zone: of its clock; episode: its own, where it has one. What is put down to a third
    market is no link."""
    opens = response.next_open
    linked = strength(response.wording) > 0
    return Follower(
        market=response.follower,
        series=response.series or None,
        wording="did not respond" if response.via and linked else cast(Wording, response.wording),
        lag_s=_seconds(response.lag),
        open_lag_s=_seconds(response.open_lag),
        resolution=response.resolution or None,
        change_bp=_rounded(response.change_bp),
        value=None if response.value is None else round(response.value, PERCENT_DIGITS),
        beta=_rounded(response.beta),
        usual_beta=_rounded(response.usual_beta),
        sigma=_rounded(response.z),
        excess_sigma=_rounded(response.excess),
        reason=response.reason or None,
        next_open=iso(opens) if opens is not None else None,
        next_open_local=local_text(opens, zone) if opens is not None and zone is not None else None,
        episode=episode,
        p=_share(response.p),
        p_of=response.p_of or None,
        lag_low_s=_seconds(response.lag_low),
        lag_high_s=_seconds(response.lag_high),
        base_rate=_base_rate(response.base),
        via=response.via or None,
    )


def source(episode: str, market: str, answer: Follower, was: str | None) -> Source:
    """The same link, as the follower's own episode carries it. was: the episode that was named before, and wrongly."""
    return Source(
        episode=episode,
        market=market,
        wording=answer.wording,
        lag_s=answer.lag_s,
        open_lag_s=answer.open_lag_s,
        beta=answer.beta,
        p=answer.p,
        p_of=answer.p_of,
        lag_low_s=answer.lag_low_s,
        lag_high_s=answer.lag_high_s,
        base_rate=answer.base_rate,
        was=was,
    )


def _base_rate(base: engine.BaseRate | None) -> BaseRate | None:
    if base is None:
        return None
    return BaseRate(
        source=base.source,
        series=base.series,
        beyond=round(base.bar, DIGITS),
        times=base.times,
        same_sign=base.same_sign,
        mean_sigma=_rounded(base.mean) if base.times and base.mean == base.mean else None,
        since=day_iso(base.since),
    )


def _share(p: float | None) -> float | None:
    """Three significant digits: a p-value is never 0."""
    return None if p is None else float(f"{p:.3g}")


def _exceeded(standing: Standing, threshold: float) -> Exceeded | None:
    if standing.of <= 0:
        return None
    beyond = None if standing.beyond == threshold else standing.beyond
    unit: Literal["days", "sessions"] = "days" if standing.unit == "days" else "sessions"
    return Exceeded(times=standing.exceeded, of=standing.of, beyond=_rounded(beyond), unit=unit)


def _years(standing: Standing) -> list[float] | None:
    """Two significant digits: more would promise more than a tail can keep."""
    if standing.return_years is None:
        return None
    return [float(f"{min(years, LONGEST_RETURN):.2g}") for years in standing.return_years]


def _day(ordinal: int | None) -> str | None:
    return day_iso(ordinal) if ordinal else None


def _rounded(value: float | None) -> float | None:
    # + 0.0 makes no number of minus nothing.
    return None if value is None else round(value, DIGITS) + 0.0


def _seconds(ns: int | None) -> float | None:
    return None if ns is None else round(ns / SECOND, DIGITS)
