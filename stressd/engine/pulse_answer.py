"""An answer by a pulse of the follower's gauge: which breach it belongs to, how strong a word it has earned, its
figures."""

from __future__ import annotations

from typing import Final

from stressd.engine.evidence import Evidence
from stressd.engine.pulse import LONGEST, Pulse
from stressd.engine.question import Question
from stressd.engine.response import Response
from stressd.engine.ring import SLOT
from stressd.engine.spec import MINUTE, SECOND
from stressd.engine.stretches import p_of_peak
from stressd.engine.usual import CLIP

SUDDEN: Final = 5 * MINUTE
"""A pulse of the source belongs to a breach that came so long after it at most."""

EXCESS: Final = 3.0
"""Of an answer that is said to have spilled over, in sigma beyond the usual."""


def concerns(asked: Question, pulse: Pulse) -> bool:
    """Whether a pulse of the follower, the same way, came in the time that is asked about."""
    if asked.follower != pulse.market or asked.direction != pulse.sign:
        return False
    return asked.source_time - SUDDEN <= pulse.half <= max(asked.answer_by, asked.breach_at + LONGEST)


def caused(asked: Question, source: Pulse) -> bool:
    """Whether a pulse of the source is part of the breach that is asked about."""
    return asked.source_time - SUDDEN <= source.half <= asked.breach_at + SUDDEN


def beside(evidence: Evidence, asked: Question, pulse: Pulse) -> Pulse | None:
    """The source's pulse at the same time."""
    found: Pulse | None = None
    for other in evidence.attribution.pulses[asked.market]:
        near = abs(other.half - pulse.half) <= evidence.attribution.reach(other, pulse)
        if other.sign == pulse.sign and near:
            found = other
    return found


def why_not(evidence: Evidence, asked: Question, pulse: Pulse) -> str:
    led = [
        other.half - pulse.half
        for other in evidence.attribution.pulses[asked.market]
        if other.sign == pulse.sign and abs(other.half - pulse.half) <= 3 * SUDDEN
    ]
    first = max(led, default=0)
    if first > 0:
        return f"late ticks show that it moved {first // SECOND} s earlier"
    return "its move is no answer by what is known now"


def word(evidence: Evidence, asked: Question, pulse: Pulse, source: Pulse) -> str:
    """The layer that the evidence has reached."""
    if pulse.parent != source.number:
        return "co-moved"
    edge = evidence.attribution.edge(asked.market, asked.follower)
    excess = pulse.z - evidence.usual.slope(asked.market, asked.follower) * CLIP
    return "spilled over" if evidence.directed(edge) and excess >= EXCESS else "followed"


def measured(evidence: Evidence, asked: Question, pulse: Pulse, source: Pulse, at: int) -> Response:
    gauge = evidence.gauges[asked.follower]
    slope = evidence.usual.slope(asked.market, asked.follower)
    source_bp = _source_bp(evidence, asked, source)
    response = asked.response(gauge.id, asked.wording, at, pulse.half, True)
    value = pulse.base + pulse.bp * 0.01
    z = pulse.z * pulse.sign
    per_sigma = pulse.bp / z if z != 0.0 else 0.0
    source_sigma = source.bp / source.z if source.z > 0.0 else 0.0
    usual = abs(slope * per_sigma / source_sigma) if source_sigma != 0.0 else 0.0
    response.measured(value, pulse.base, pulse.half_low, z, z - slope * CLIP * pulse.sign, usual, source_bp)
    response.lag = pulse.half - source.half
    response.open_lag = evidence.attribution.open_lag(source, pulse)
    half = max((pulse.half_high - pulse.half_low + source.half_high - source.half_low) // 2, 0)
    response.lag_low, response.lag_high = response.open_lag - half, response.open_lag + half
    response.p = p_of_peak(evidence.past[asked.follower].peaks, pulse.z)
    response.base = evidence.fixings.base_rate(asked.source, asked.follower, asked.size * asked.direction)
    response.p_of = evidence.past[asked.follower].peaks.n
    return response


def _source_bp(evidence: Evidence, asked: Question, source: Pulse) -> float:
    """bp by which the breaching series moved while its market's gauge had the pulse."""
    if evidence.gauges.get(asked.market) is evidence.series[asked.source]:
        return source.bp
    horizons = evidence.series[asked.source].horizons
    earliest = horizons.span_start // SLOT
    last = horizons.ring.find((source.half + MINUTE) // SLOT, earliest)
    first = horizons.ring.find((source.half - MINUTE) // SLOT, earliest)
    if first < 0 or last < 0:
        return source.bp
    return (horizons.ring.values[last] - horizons.ring.values[first]) * 100.0
