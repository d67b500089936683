"""What stands around a move, as the contract's structures: the day so far, the next levels, its price, its path."""

from __future__ import annotations

import msgspec

from stressd.alerts.event import LevelAhead, Path, Point, PriceMove, SeriesMove, SpreadMove
from stressd.alerts.words import parsed
from stressd.engine.curve_events import CurveMove
from stressd.engine.events import Breach, LevelHit, Unusual
from stressd.engine.scene import Mark, Scene
from stressd.market.conventions import QUOTED, SEMI_ANNUAL
from stressd.market.price import par_dv01, par_move
from stressd.market.series import YIELD
from stressd.market.times import iso

SECOND = 1_000_000_000
DAY = 86_400.0
PERCENT_DIGITS = 6
DIGITS = 3
AT = 1e-9
"""Percent within which a value stands at a level, and not before it."""

Fact = Breach | LevelHit | Unusual | CurveMove


def placed(move: SeriesMove, scene: Scene | None, convention: str | None) -> SeriesMove:
    """The move with what stands around it. convention: of the series, None for the one its market is quoted in."""
    if scene is None:
        return move
    return msgspec.structs.replace(
        move,
        prior_close=_point(scene.close),
        session_open=_point(scene.open),
        day_low=_point(scene.low),
        day_high=_point(scene.high),
        ahead=_ahead(move.value, scene),
        price=price_of(move, convention),
    )


def price_of(move: SeriesMove, convention: str | None) -> PriceMove | None:
    """The move in the price of a par bond of that tenor; None for what is no yield and what did not move."""
    known = parsed(move.series)
    if known is None or known.kind != YIELD or move.from_ is None or move.horizon == "noise":
        return None
    quoted = convention or QUOTED.get(known.market, SEMI_ANNUAL)
    try:
        points = par_move(move.from_.value, move.value, known.months, quoted)
        dv01 = par_dv01(move.value, known.months, quoted)
    except ValueError:
        return None
    return PriceMove(points=round(points, 4) + 0.0, dv01=round(dv01, 5), convention=quoted)


def path_of(fact: Fact, move: SeriesMove) -> Path | None:
    """How the series came to where the fact finds it; None where fewer than two values are known."""
    scene = fact.scene
    if scene is None:
        return None
    lower, upper = _band(fact, move)
    base = move.from_ if move.horizon not in ("noise", "level") else None
    at = Point(value=move.value, time=iso(fact.time))
    if scene.path is not None:
        start, step, lasts, lows, highs = scene.path
        return Path(
            series=move.series, start=iso(start), step_s=step / SECOND, values=tidy(lasts), low=tidy(lows),
            high=tidy(highs), at=at, base=base, lower=lower, upper=upper,
        )  # fmt: skip
    if len(scene.fixings) < 2:
        return None
    values: list[float | None] = [round(value, PERCENT_DIGITS) for value, _ in scene.fixings]
    return Path(
        series=move.series, resolution="1d", start=iso(scene.fixings[0][1]), step_s=DAY, values=values, low=values,
        high=values, at=at, base=base, lower=lower, upper=upper,
    )  # fmt: skip


def spreads_of(scene: Scene) -> list[SpreadMove]:
    """The spreads beside the move."""
    return [
        SpreadMove(
            series=each.series,
            value_bp=round(each.value_bp, DIGITS) + 0.0,
            change_bp=None if each.change_bp is None else round(each.change_bp, DIGITS) + 0.0,
            since=iso(each.since) if each.since else None,
            rank=each.rank or None if each.rank_of else None,
            rank_of=each.rank_of or None,
        )
        for each in scene.beside
    ]


def _band(fact: Fact, move: SeriesMove) -> tuple[float | None, float | None]:
    """What the value had to leave (percent)."""
    if isinstance(fact, LevelHit):
        level = round(fact.level, PERCENT_DIGITS)
        return (None, level) if fact.direction > 0 else (level, None)
    if not isinstance(fact, Breach):
        return None, None
    reach = max(fact.threshold * fact.sigma_bp, fact.floor_bp) / 100.0
    base = fact.reference_value
    return round(base - reach, PERCENT_DIGITS), round(base + reach, PERCENT_DIGITS)


def _ahead(value: float, scene: Scene) -> list[LevelAhead]:
    """The next round number and the next level that a rule watches, above and below."""
    steps = round(value / scene.grid, 6)
    above, below = int(steps // 1.0) + 1, -int(-steps // 1.0) - 1
    found = [(round(above * scene.grid, PERCENT_DIGITS), "round"), (round(below * scene.grid, PERCENT_DIGITS), "round")]
    higher = [level for level in scene.levels if level[0] > value + AT]
    lower = [level for level in scene.levels if level[0] < value - AT]
    found += [min(higher)] if higher else []
    found += [max(lower)] if lower else []
    return [
        LevelAhead(level=level, distance_bp=round((level - value) * 100.0, DIGITS), what=what) for level, what in found
    ]


def _point(mark: Mark | None) -> Point | None:
    return None if mark is None else Point(value=round(mark[0], PERCENT_DIGITS), time=iso(mark[1]))


def tidy(values: list[float | None]) -> list[float | None]:
    """Percent, as the wire has them."""
    return [None if value is None else round(value, 5) for value in values]
