"""An answer by the follower's move over a whole window: the ten minutes after a breach, an opening, a session."""

from __future__ import annotations

import math
from typing import Final

from stressd.engine.events import Breach
from stressd.engine.evidence import Evidence
from stressd.engine.question import REOPENING, WINDOW, Question
from stressd.engine.ring import SLOT, SLOTS
from stressd.engine.series import SeriesState
from stressd.engine.spec import MINUTE
from stressd.engine.stretches import LEAST, open_sigma, p_of
from stressd.engine.usual import clip

GREATEST: Final = 3.0
"""An answer has so many times the source's sigmas at most."""

LOOK_BACK: Final = 30 * MINUTE
"""A move that has been under way for longer is compared over its last half hour."""


def anchor(evidence: Evidence, asked: Question, gauge: SeriesState) -> str:
    """Fix where the follower and the source stood when the move began. Why that cannot be, "" if it can."""
    if gauge.t == 0:
        return "no tick of it has been seen"
    if not gauge.horizons.h5.known:
        return "its volatility is not known yet"
    asked.value, asked.time = gauge.y, gauge.t
    if asked.mode == REOPENING:
        return ""
    since = max(asked.source_time, asked.breach_at - LOOK_BACK)
    source = evidence.series[asked.source]
    if since > asked.source_time:
        k = source.horizons.ring.find(since // SLOT, source.horizons.span_start // SLOT)
        if k >= 0:
            asked.source_value, asked.source_time = source.horizons.ring.values[k], source.horizons.ring.times[k]
    k = gauge.horizons.ring.find(since // SLOT, gauge.horizons.span_start // SLOT)
    if k >= 0:
        asked.value, asked.time = gauge.horizons.ring.values[k], gauge.horizons.ring.times[k]
    elif gauge.open_time > since and gauge.open_value == gauge.open_value:
        asked.value, asked.time = gauge.open_value, gauge.open_time
    return ""


def change_source(evidence: Evidence, asked: Question, breach: Breach) -> None:
    """Another series of the market breaches more. In a window its move is measured from the instant that stands."""
    value, time = breach.reference_value, breach.reference_time
    if asked.mode == WINDOW:
        horizons = evidence.series[breach.series].horizons
        k = horizons.ring.find(asked.source_time // SLOT, horizons.span_start // SLOT)
        if k < 0:
            return
        value, time = horizons.ring.values[k], horizons.ring.times[k]
    asked.source, asked.size = breach.series, abs(breach.z)
    asked.source_value, asked.source_time = value, time


class WindowAnswer:
    """The follower's move over the window: z in its own sigma, source_z of the source, excess beyond its usual
    co-movement, that co-movement in bp per bp, and the p of the excess (of a whole day: of the move) among `p_of`
    stretches of the same kind (None while too few are known)."""

    __slots__ = ("excess", "p", "p_of", "source_z", "usual", "z")

    def __init__(self, z: float, source_z: float, excess: float, usual: float, p: float | None, among: int) -> None:
        self.z = z
        self.source_z = source_z
        self.excess = excess
        self.usual = usual
        self.p = p
        self.p_of = among


def measure(evidence: Evidence, asked: Question, gauge: SeriesState, t: int, first: bool) -> WindowAnswer:
    """What the follower has done from where it stood until t (ns). first: over an opening, not the whole session."""
    source = evidence.series[asked.source]
    sigma = _sigma(evidence, asked, gauge, t, first)
    z = (gauge.y - asked.value) * 100.0 / sigma if sigma > 0.0 else 0.0
    source_move = (source.y - asked.source_value) * 100.0
    daily = source.horizons.daily.scale.sigma
    if asked.mode == REOPENING and daily > 0.0:
        source_sigma = daily
        slope = evidence.fixings.usual_slope(asked.source, asked.follower)
    else:
        passed = max(source.t - asked.source_time, MINUTE)
        source_sigma = source.horizons.h5.sigma * math.sqrt(passed / (5.0 * MINUTE))
        slope = evidence.usual.slope(asked.market, asked.follower)
    source_z = source_move / source_sigma if source_sigma > 0.0 else 0.0
    usual = slope * sigma / source_sigma if source_sigma > 0.0 else 0.0
    excess = z - slope * clip(source_z)
    if asked.mode == REOPENING and not first:
        # a whole day is ranked as a fixing is: by the move itself, among comparable days
        p, n = evidence.fixings.day_rank(asked.follower, evidence.clocks[asked.follower].day, z, asked.direction)
        return WindowAnswer(z, source_z, excess, usual, p if n >= LEAST else None, n)
    past = evidence.past[asked.follower]
    among = past.moves if asked.mode == WINDOW else past.opens
    return WindowAnswer(z, source_z, excess, usual, p_of(among, excess * asked.direction), among.n)


def follows(evidence: Evidence, asked: Question, gauge: SeriesState, answer: WindowAnswer, bar: float) -> bool:
    """Same sign, large enough to matter, `bar` sigma beyond what is usual, no greater than such a source explains, and
    rare enough in the gauge's own past."""
    far_enough = (gauge.y - asked.value) * asked.direction * 100.0 >= evidence.spec.floor_bp
    if not far_enough or answer.z * asked.direction <= 0.0 or answer.excess * asked.direction < bar:
        return False
    daily = evidence.series[asked.source].horizons.daily.known
    if asked.mode == REOPENING and daily and answer.z * asked.direction > GREATEST * answer.source_z * asked.direction:
        return False
    # of a short past, more than all of it
    level = max(evidence.level(asked.market, asked.follower), 1.0 / (1.0 + answer.p_of))
    return answer.p is None or answer.p <= level


def half_time(asked: Question, gauge: SeriesState, due: int) -> int:
    """When the follower's move was half done, by the ticks of the last hour."""
    ring = gauge.horizons.ring
    middle = 0.5 * (asked.value + gauge.y)
    found = gauge.t
    earliest = max(asked.breach_at, due - LOOK_BACK) // SLOT
    for slot in range(gauge.t // SLOT, earliest - 1, -1):
        k = slot % SLOTS
        if ring.times[k] // SLOT != slot:
            continue
        if (ring.values[k] - middle) * asked.direction < 0.0:
            return found
        found = ring.times[k]
    return found


def _sigma(evidence: Evidence, asked: Question, gauge: SeriesState, t: int, first: bool) -> float:
    """The follower's sigma (bp) over its own open time since the move began, with the gap over a close."""
    daily = gauge.horizons.daily
    passed = max(evidence.clocks[asked.follower].calendar.open_between(asked.time, t), MINUTE)
    if asked.mode == WINDOW:
        return gauge.horizons.h5.sigma * math.sqrt(passed / (5.0 * MINUTE))
    if not first and daily.known:
        return daily.scale.sigma
    return open_sigma(gauge, passed)
