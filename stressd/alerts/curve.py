"""What a set of moves says of the curve: its shape in one word, its picture in one line."""

from __future__ import annotations

from collections.abc import Sequence

from stressd.alerts.event import SeriesMove
from stressd.alerts.words import parsed, sparkline, tenor_name
from stressd.market.series import YIELD
from stressd.market.shape import shape


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
