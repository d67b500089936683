"""What a set of moves says of the curve: its shape in one word, its picture in one line."""

from __future__ import annotations

from collections.abc import Sequence

from stressd.alerts.event import Curve, Point, SeriesMove
from stressd.alerts.words import bp_text, duration_text, parsed, sigma_text, sparkline, tenor_name
from stressd.engine.curve_events import CurveMove
from stressd.engine.curve_facts import CurveFacts
from stressd.market.series import YIELD
from stressd.market.shape import PARALLEL, shape
from stressd.market.times import iso

DIGITS = 3


def curve_shape(moves: Sequence[SeriesMove]) -> str | None:
    """ "bear steepening" and the like from the shortest and the longest tenor that moved; None below two tenors.

    moves: lead first. Only moves over the lead's horizon are compared with each other.
    """
    points = _points(moves)
    return shape(points[0][1], points[-1][1]) if len(points) > 1 else None


def curve_picture(moves: Sequence[SeriesMove]) -> str | None:
    """ "▂▅█ 5Y 10Y 30Y": the move of each tenor in bp, as bars; None below three tenors."""
    points = _points(moves)
    if len(points) < 3:
        return None
    bars = sparkline([change for _, change, _ in points])
    return f"{bars} {' '.join(tenor_name(series) for _, _, series in points)}"


def _points(moves: Sequence[SeriesMove]) -> list[tuple[int, float, str]]:
    """(months, bp, series) of the outright yields over the lead's horizon, short tenors first. Daily moves of another
    day than the lead's are left out."""
    found = {}
    for move in moves:
        if move.horizon == "1d" and move.from_ and moves[0].from_ and move.from_.time[:10] != moves[0].from_.time[:10]:
            continue
        known = parsed(move.series)
        if (
            known is not None
            and known.kind == YIELD
            and move.horizon == moves[0].horizon
            and move.change_bp is not None
        ):
            found[move.series] = (known.months, move.change_bp, move.series)
    return sorted(found.values())


def curve_state(facts: CurveFacts) -> Curve:
    """What is known of the market's curve."""
    return Curve(
        noise_bp=round(facts.noise_bp, DIGITS),
        usual_bp=round(facts.usual_bp, DIGITS) if facts.usual_bp == facts.usual_bp else None,
        cheapest=facts.cheap or None,
        cheapest_bp=round(facts.cheap_bp, DIGITS) if facts.cheap else None,
        richest=facts.rich or None,
        richest_bp=round(facts.rich_bp, DIGITS) if facts.rich else None,
    )


def shape_moves(event: CurveMove) -> list[SeriesMove]:
    """The two tenors that make the shape of the day, the short one first."""
    return [
        SeriesMove(
            series=series,
            value=round(value, 6),
            time=iso(event.time),
            from_=Point(value=round(before, 6), time=iso(at)),
            change_bp=round((value - before) * 100.0, DIGITS) + 0.0,
            horizon="1d",
        )
        for series, value, before, at in event.moves
    ]


def noise_move(event: CurveMove) -> SeriesMove:
    """The tenor that is dislocated; change_bp: by how much beyond its usual place it is off the curve through the
    others. sigma: of the noise, in its own usual deviations."""
    return SeriesMove(
        series=event.series,
        value=round(event.value, 6),
        time=iso(event.time),
        change_bp=round(event.off_bp, DIGITS) + 0.0,
        horizon="noise",
        sigma=round(event.z, DIGITS) + 0.0,
        threshold=event.threshold if event.threshold == event.threshold else None,
    )


def shape_clauses(market: str, word: str, moves: Sequence[SeriesMove]) -> list[str]:
    """ "US twist steepening since the last fixing", "2Y -1.0bp, 10Y +6.8bp", "2s10s +7.8bp to 70.9bp"."""
    short, long = sorted(moves, key=_months)
    slope = f"{_months(short) // 12}s{_months(long) // 12}s"
    change = (long.change_bp or 0.0) - (short.change_bp or 0.0)
    ends = ", ".join(f"{tenor_name(each.series)} {bp_text(each.change_bp or 0.0)}" for each in (short, long))
    if word == PARALLEL:
        return [f"{market} parallel move since the last fixing", ends]
    return [
        f"{market} {word} since the last fixing",
        ends,
        f"{slope} {bp_text(change)} to {(long.value - short.value) * 100.0 + 0.0:.1f}bp",
    ]


def noise_clauses(market: str, curve: Curve, move: SeriesMove) -> list[str]:
    """ "US curve noise 4.2bp, usually 1.1bp", "6.3σ", "20Y +12.4bp off the curve through the others"."""
    usual = f", usually {curve.usual_bp:.1f}bp" if curve.usual_bp is not None else ""
    clauses = [f"{market} curve noise {curve.noise_bp:.1f}bp{usual}"]
    if move.sigma is not None:
        clauses.append(sigma_text(move.sigma))
    off = move.change_bp or 0.0
    return [
        *clauses,
        f"{tenor_name(move.series)} {abs(off):.1f}bp {'cheap' if off > 0 else 'rich'} to the other tenors",
    ]


def smooth_clauses(market: str, curve: Curve, lasted_s: float, peak_bp: float) -> list[str]:
    """The end of curve noise."""
    over = f"{market} curve noise back to {curve.noise_bp:.1f}bp after {duration_text(lasted_s)}"
    return [over, f"peak {peak_bp:.1f}bp"]


def curve_text(curve: Curve) -> str:
    """ "noise 1.2bp, usually 1.1bp; cheapest 20Y 3.1bp above, richest 40Y 2.0bp below the curve through the others"."""
    text = f"noise {curve.noise_bp:.1f}bp"
    if curve.usual_bp is not None:
        text += f", usually {curve.usual_bp:.1f}bp"
    ends = []
    if curve.cheapest is not None:
        ends.append(f"cheapest {tenor_name(curve.cheapest)} {curve.cheapest_bp or 0.0:.1f}bp above")
    if curve.richest is not None:
        ends.append(f"richest {tenor_name(curve.richest)} {abs(curve.richest_bp or 0.0):.1f}bp below")
    return f"{text}; {', '.join(ends)} the curve through the others" if ends else text


def _months(move: SeriesMove) -> int:
    known = parsed(move.series)
    return known.months if known is not None else 0
