"""Shape of a curve's move, by fixed rules on the signed moves of a short and a long tenor."""

from __future__ import annotations

from typing import Final

EPSILON_BP: Final = 0.5

BEAR_STEEPENING: Final = "bear steepening"
BEAR_FLATTENING: Final = "bear flattening"
BULL_STEEPENING: Final = "bull steepening"
BULL_FLATTENING: Final = "bull flattening"
TWIST_STEEPENING: Final = "twist steepening"
TWIST_FLATTENING: Final = "twist flattening"
PARALLEL: Final = "parallel"

SHAPES: Final = (
    BEAR_STEEPENING, BEAR_FLATTENING, BULL_STEEPENING, BULL_FLATTENING, TWIST_STEEPENING, TWIST_FLATTENING, PARALLEL,
)  # fmt: skip


def shape(short_bp: float, long_bp: float, epsilon_bp: float = EPSILON_BP) -> str:
    """The one word for moves of the short and the long tenor, in bp (up is positive).

    Parallel where the slope moved by no more than epsilon. Else it steepened (long minus short rose) or flattened, and
    is a bear move where neither tenor fell, a bull move where neither rose, a twist where they went opposite ways; a
    tenor that moved by no more than epsilon counts as unmoved.
    """
    slope = long_bp - short_bp
    if abs(slope) <= epsilon_bp:
        return PARALLEL
    short_way = _way(short_bp, epsilon_bp)
    long_way = _way(long_bp, epsilon_bp)
    if short_way * long_way < 0:
        return TWIST_STEEPENING if slope > 0.0 else TWIST_FLATTENING
    way = short_way or long_way
    if way == 0:
        # Both within epsilon of zero and yet more than epsilon apart: they lie on either side of it.
        return TWIST_STEEPENING if slope > 0.0 else TWIST_FLATTENING
    if way > 0:
        return BEAR_STEEPENING if slope > 0.0 else BEAR_FLATTENING
    return BULL_STEEPENING if slope > 0.0 else BULL_FLATTENING


def _way(move_bp: float, epsilon_bp: float) -> int:
    if move_bp > epsilon_bp:
        return 1
    return -1 if move_bp < -epsilon_bp else 0
