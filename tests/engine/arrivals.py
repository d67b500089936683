"""Simulated times of ticks, from the very regular to the very bursty, over a market's sessions."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

from stressd.engine.spec import SECOND
from stressd.market.calendar import Calendar
from stressd.market.times import DAY

KINDS = ("random", "thin days", "bursts", "heavy", "regular")


def arrivals(kind: str, trades: Calendar, start: int, days: int, mean: int, seed: int) -> Iterator[int]:
    """Times (ns UTC) of ticks in open time; the first of a session comes some twenty seconds after its open.

    random: Poisson, four times busier at the open and the close than at midday. thin days: the same, each day with its
    own level (lognormal, sd .35). bursts: Hawkes with four children of five ticks, on such days. heavy: lognormal
    pauses (sd 1.2). regular: every `mean` ns, give or take a tenth.
    """
    rng = random.Random(seed)
    t = start
    while t < start + days * DAY:
        session = trades.session_at(t)
        level = math.exp(rng.gauss(0.0, 0.35)) if kind in ("thin days", "bursts") else 1.0
        t = session.open + int(rng.expovariate(1.0 / (20.0 * SECOND)))
        excited = 0.0
        while t < session.close:
            accepted = True
            if kind == "regular":
                t += int(mean * rng.uniform(0.9, 1.1))
            elif kind == "heavy":
                t += int(mean * math.exp(rng.gauss(-0.72, 1.2))) + 1
            else:
                share = 0.2 if kind == "bursts" else 1.0
                highest = 2.0 * level / mean * share + excited
                step = rng.expovariate(highest)
                t += int(step) + 1
                excited *= math.exp(-2.0 / mean * step)
                place = (t - session.open) / (session.close - session.open)
                busy = 0.5 + 1.5 * (2.0 * abs(place - 0.5)) ** 2
                accepted = rng.random() * highest <= level / mean * busy * share + excited
                if accepted and kind == "bursts":
                    excited += 0.8 * 2.0 / mean
            if accepted and t < session.close and trades.span_at(t).is_open:
                yield t
        t = session.close + 1
