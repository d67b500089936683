"""What a message says of the move itself, in the order in which a desk asks: where it stands, how far out of the
ordinary that is, which levels are near, what the curve and its spreads did, and what it costs.

The first ten are what a narrow layout shows, so that what belongs together is one fact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from stressd.alerts.curve import curve_picture, curve_text
from stressd.alerts.episode import NOISE
from stressd.alerts.event import Event, LevelAhead, Outcome, Point, SeriesMove, SpreadMove
from stressd.alerts.headline import during_clauses
from stressd.alerts.notification import Position
from stressd.alerts.retrace import retraces_text
from stressd.alerts.routing import LEVEL
from stressd.alerts.segments import part_text
from stressd.alerts.words import (
    amount_text,
    bp_text,
    count_text,
    curve_key,
    duration_text,
    extreme_text,
    is_spread,
    listing,
    moment_text,
    near_text,
    number_text,
    ordinal_text,
    over_text,
    record_text,
    series_name,
    sigma_text,
    tenor_name,
    times_text,
    years_text,
    yield_text,
)
from stressd.market.conventions import SIMPLE
from stressd.market.price import text_32nds
from stressd.market.times import parse_time

Fact = tuple[str, str]

ROUND: Final = "round"
OLD: Final = 60_000_000_000
"""ns after which a value says when it was true."""


def move_facts(event: Event, book: Mapping[str, Position]) -> list[Fact]:
    """Of the leading series, its curve and its spreads. book: what the desk holds."""
    facts: list[Fact] = []
    if event.outcome is not None:
        facts += outcome_facts(event.outcome)
    if event.series:
        lead = event.series[0]
        facts += _place(lead, event)
        facts += _size(lead)
        facts += level_facts(lead, event.direction == "up")
    if event.retraces is not None:
        facts.append(("Retraces", retraces_text(event.retraces)))
    if event.segments is not None and event.segments.tenors > 1:
        facts.append(("Part", part_text(event.segments, event.market, event.direction == "up")))
    facts += _curve(event)
    if event.series:
        facts += _price(event, book)
    if event.data.affected:
        names = sorted(event.data.affected, key=curve_key)
        facts.append(("Series", listing([series_name(name) for name in names])))
    return facts


def outcome_facts(outcome: Outcome) -> list[Fact]:
    """What became of a move that is over."""
    peak = bp_text(outcome.peak_bp)
    if outcome.peak_sigma is not None:
        peak += f", {sigma_text(abs(outcome.peak_sigma))}"
    if outcome.peak is not None:
        peak += f", {yield_text(outcome.series, outcome.peak.value)} at {moment_text(outcome.peak.time)}"
    facts = [("Lasted", f"{duration_text(outcome.lasted_s)}, peak {peak}")]
    if outcome.retraced is not None and outcome.began is not None and outcome.peak is not None:
        size = 100.0 * abs(outcome.peak.value - outcome.began.value)
        share = f"{outcome.retraced:.0%}".replace("%", " %")
        now = f", now {yield_text(outcome.series, outcome.now.value)}" if outcome.now is not None else ""
        facts.append(("Retraced", f"{outcome.retraced * size:.1f} of {size:.1f}bp ({share}){now}"))
    return facts


def day_text(move: SeriesMove, now: str) -> str:
    """ "prior close 3.562% (+20.3bp, 19 Jan 06:00 UTC), open 3.571% (+19.4bp, 00:00 UTC), range 3.556% to 3.771%"; ""
    where nothing is known. now: of the event, ISO."""
    parts = []
    for name, point in (("prior close", move.prior_close), ("open", move.session_open)):
        if point is not None:
            change = bp_text((move.value - point.value) * 100.0)
            at = near_text(point.time, now)
            parts.append(f"{name} {yield_text(move.series, point.value)} ({change}, {at})")
    if move.day_low is not None and move.day_high is not None:
        low, high = (yield_text(move.series, point.value) for point in (move.day_low, move.day_high))
        parts.append(f"range {low} to {high}")
    return ", ".join(parts)


def level_facts(move: SeriesMove, rising: bool) -> list[Fact]:
    """The level's record and the next levels. rising: which way the episode goes."""
    facts = []
    record = "; ".join(text for text in (record_text(move), extreme_text(move, rising)) if text is not None)
    if record:
        facts.append(("Record", record))
    if move.ahead:
        facts.append(("Levels", ahead_text(move)))
    return facts


def ahead_text(move: SeriesMove) -> str:
    """ "next 3.75% (-1.5bp) and 4% (+23.5bp); ten-year-levels 4.31% (+5bp)", the nearest first."""
    near = sorted(move.ahead, key=lambda each: abs(each.distance_bp))

    rounds = [_away(move.series, each) for each in near if each.what == ROUND]
    own = [f"{each.what} {_away(move.series, each)}" for each in near if each.what != ROUND]
    return "; ".join([f"next {listing(rounds)}"] * bool(rounds) + own)


def _away(series: str, ahead: LevelAhead) -> str:
    level = yield_text(series, ahead.level) if is_spread(series) else f"{ahead.level:g}%"
    return f"{level} ({bp_text(ahead.distance_bp)})"


def spreads_text(spreads: Sequence[SpreadMove], market: str, now: str) -> str:
    """ "2s10s 70.9bp (+7.8bp, 3rd largest rise of 250 sessions), US-JP 10Y 193.2bp (-3.1bp); since 19 Jan 06:00 UTC".
    now: of the event, ISO."""
    said = []
    for each in spreads:
        name = tenor_name(each.series) if each.series.partition(".")[0] == market else series_name(each.series)
        change = ""
        if each.change_bp is not None:
            rank = ""
            if each.rank is not None and each.rank_of is not None and bp_text(each.change_bp) != "0.0bp":
                rank = f", {rank_text(each.rank, each.rank_of, each.change_bp)}"
            change = f" ({bp_text(each.change_bp)}{rank})"
        said.append(f"{name} {each.value_bp + 0.0:.1f}bp{change}")
    text = ", ".join(said)
    starts = {each.since for each in spreads if each.change_bp is not None}
    if not starts:
        return text
    since = starts.pop()
    return f"{text}; since {'each prior close' if starts or since is None else near_text(since, now)}"


def rank_text(rank: int, of: int, change_bp: float) -> str:
    """ "largest rise of 1,250 sessions", "3rd largest fall of 900 sessions"."""
    place = "largest" if rank == 1 else f"{ordinal_text(rank)} largest"
    return f"{place} {'rise' if change_bp >= 0 else 'fall'} of {count_text(of)} sessions"


def price_text(move: SeriesMove) -> str:
    """ "about -4.2 points per 100 face, DV01 0.17 (par bond of that tenor, simple yield)", Treasuries in 32nds too."""
    price = move.price
    assert price is not None
    points = price.points
    size = f"{points:+.1f}" if abs(points) >= 1.0 else f"{points:+.2f}"
    half = ""
    if move.series.startswith("US."):
        half = f", {text_32nds(points)} in 32nds"
    digits = 2 if price.dv01 >= 0.0995 else 3
    yields = f"{price.convention} yield" if price.convention == SIMPLE else f"{price.convention} compounding"
    return f"about {size} points per 100 face{half}, DV01 {price.dv01:.{digits}f} (par bond of that tenor, {yields})"


def book_text(moves: Sequence[SeriesMove], book: Mapping[str, Position]) -> str:
    """ "JP 30Y -JPY 24.4m at DV01 1.2m/bp"; "" where the desk holds none of what moved."""
    said, seen, totals = [], set[str](), dict[str, float]()
    for move in moves:
        position = book.get(move.series)
        if position is None or move.change_bp is None or move.horizon == NOISE or move.series in seen:
            continue
        seen.add(move.series)
        gain = -position.dv01 * move.change_bp
        totals[position.currency] = totals.get(position.currency, 0.0) + gain
        name = series_name(move.series)
        said.append(f"{name} {amount_text(gain, position.currency)} at DV01 {amount_text(position.dv01)}/bp")
    if len(said) > 1:
        said.append("total " + listing([amount_text(total, currency) for currency, total in totals.items()]))
    return ", ".join(said)


def _place(move: SeriesMove, event: Event) -> list[Fact]:
    """Where it stands, and from where."""
    label = "Spread" if is_spread(move.series) else "Yield"
    if event.ends:
        label = "Peak" if event.outcome is None else "Last breach"
    day = day_text(move, event.time)
    value = f"{series_name(move.series)} {yield_text(move.series, move.value)}"
    if move.time is not None and parse_time(event.time) - parse_time(move.time) > OLD:
        value += f" at {near_text(move.time, event.time)}"
    facts = [(label, value + (f", {day}" if day else ""))]
    if move.horizon == LEVEL and move.level is not None:
        facts.append(("Level", yield_text(move.series, move.level)))
    if move.change_bp is not None and move.horizon == NOISE:
        facts.append(("Off the curve", f"{bp_text(move.change_bp)} from the smooth curve through the other tenors"))
    elif move.change_bp is not None and move.horizon is not None:
        start = f", from {_at(move.series, move.from_)}" if move.from_ else ""
        facts.append(("Move", f"{bp_text(move.change_bp)} {over_text(move.horizon)}{start}"))
    if move.unconfirmed is not None:
        facts.append(("Confirmed", f"no: {move.unconfirmed}"))
    if move.during is not None:
        facts.append(("During", during_clauses(move)[0].removeprefix("during ")))
    return facts


def _at(series: str, point: Point) -> str:
    return f"{yield_text(series, point.value)} at {moment_text(point.time)}"


def _size(move: SeriesMove) -> list[Fact]:
    """How far out of the ordinary: sigma and count, rank and return period."""
    facts = []
    if move.model is not None and move.score is not None and move.score_bar is not None:
        facts.append(("Model", f"{move.model}, score {number_text(move.score)}, bar {number_text(move.score_bar)}"))
    sigma = []
    if move.sigma is not None and move.sigma_bp is not None:
        definition = f" ({move.sigma_definition})" if move.sigma_definition else ""
        sigma.append(f"{sigma_text(abs(move.sigma))} of {number_text(move.sigma_bp)}bp{definition}")
    if move.exceeded is not None:
        beyond = move.exceeded.beyond if move.exceeded.beyond is not None else move.threshold
        bar = f"beyond {number_text(beyond)}σ " if beyond is not None else ""
        sigma.append(f"{bar}{times_text(move.exceeded.times)} in {count_text(move.exceeded.of)} sessions")
    if sigma:
        facts.append(("Sigma", "; ".join(sigma)))
    rank = []
    if move.rank is not None and move.rank_of:
        rank.append(rank_text(move.rank, move.rank_of, move.change_bp or 0.0))
    if move.return_period_years:
        low, middle, high = move.return_period_years
        rank.append(f"about every {years_text(middle)} on its own history ({years_text(low)} to {years_text(high)})")
    if rank:
        facts.append(("Rank", "; ".join(rank)))
    return facts


def _curve(event: Event) -> list[Fact]:
    facts = []
    if event.shape:
        picture = curve_picture(event.series)
        facts.append(("Curve", f"{event.shape}  {picture}" if picture else event.shape))
    if event.data.curve is not None:
        noise = curve_text(event.data.curve)
        facts.append(("Curve noise", noise.removeprefix("noise ")) if event.shape else ("Curve", noise))
    shown = {move.series for move in event.series}
    beside = [each for each in event.spreads if each.series not in shown]
    if beside:
        facts.append(("Spreads", spreads_text(beside, event.market, event.time)))
    return facts


def _price(event: Event, book: Mapping[str, Position]) -> list[Fact]:
    facts = []
    if event.series[0].price is not None:
        facts.append(("Price", price_text(event.series[0])))
    if said := book_text(event.series, book):
        facts.append(("Book", said))
    return facts
