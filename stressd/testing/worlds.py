"""Small worlds for property tests: a specification of two or three markets, and ticks that walk through them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

from stressd.engine.curve_facts import CurveFacts
from stressd.engine.events import Standing
from stressd.engine.response import BaseRate
from stressd.engine.scene import Scene
from stressd.engine.spec import (
    CRITICAL,
    HIGH,
    HORIZONS,
    HOUR,
    MINUTE,
    SECOND,
    WARN,
    EngineSpec,
    HorizonSpec,
    LevelRule,
    MarketSpec,
    PropagationSpec,
    Rung,
    SeriesSpec,
    SigmaRule,
    SilenceRule,
    WarmupSpec,
)
from stressd.market.joint import JointCalendar
from stressd.market.series import parse_series
from stressd.market.sessions import calendar
from stressd.market.tick import Tick

RUNGS = (Rung(WARN, 3.0, 2.0), Rung(HIGH, 4.0, 3.0), Rung(CRITICAL, 6.0, 5.0))

QUICK = {
    "1m": HorizonSpec(2.0 * HOUR, 15.0),
    "5m": HorizonSpec(5.0 * HOUR, 6.0),
    "30m": HorizonSpec(20.0 * HOUR, 4.0),
    "session": HorizonSpec(10.0, 2.0),
    "gap": HorizonSpec(10.0, 2.0),
    "1d": HorizonSpec(10.0, 2.0),
}
"""Horizons that warm up within hours, so that a test needs few ticks."""

SOON: Final = WarmupSpec(bars=15, sessions=1, live_sessions=1, live_blocks=20)


def world(
    calendars: dict[str, str],
    tenors: Sequence[str] = ("10Y", "30Y"),
    sources: tuple[str, ...] = (),
    horizons: dict[str, HorizonSpec] | None = None,
    floor_bp: float = 1.0,
    silence: int | None = 15 * MINUTE,
    levels: bool = True,
    propagation: PropagationSpec | None = None,
    spreads: Sequence[str] = (),
) -> EngineSpec:
    """Markets by name with the calendar each follows ("always", "JP", ...), every one with the same tenors and rules.
    silence: ns of open time, 0 for a learned one, None for no such rule. spreads: ids of slopes, flies and spreads
    between two of the markets; no silence rule watches them."""
    ids = {market: tuple(f"{market}.GOV.{tenor}" for tenor in tenors) for market in calendars}
    fed = tuple(name for names in ids.values() for name in names)
    every = (*fed, *spreads)
    known = {market: calendar(name) for market, name in calendars.items()}
    pairs = dict.fromkeys(market for name in spreads if "-" in (market := name.partition(".")[0]))
    return EngineSpec(
        markets=(
            *(MarketSpec(market, each, ids[market][0]) for market, each in known.items()),
            *(
                MarketSpec(pair, JointCalendar(pair, known[pair.partition("-")[0]], known[pair.partition("-")[2]]), "")
                for pair in pairs
            ),
        ),
        series=(
            *(SeriesSpec(name, name.partition(".")[0], name.rsplit(".", 1)[1], sources) for name in fed),
            *(SeriesSpec(p.id, p.market, p.tenor, legs=p.legs) for p in map(parse_series, spreads)),
        ),
        sigma_rules=(SigmaRule("sigma-breach", every, HORIZONS, RUNGS, dict.fromkeys(HORIZONS, floor_bp)),),
        level_rules=(LevelRule("round", every, 0, round_bp=25.0),) if levels else (),
        silence_rules=(SilenceRule("silence", fed, WARN, silence),) if silence is not None else (),
        propagation=propagation if propagation is not None else PropagationSpec(),
        warmup=SOON,
        horizons=horizons if horizons is not None else QUICK,
    )


def walk(
    spec: EngineSpec,
    seed: int,
    count: int,
    start: int,
    gap: int = 20 * SECOND,
    step_bp: float = 0.3,
    jumps: float = 0.002,
    dirt: float = 0.0,
    source: str = "desk",
) -> list[Tick]:
    """`count` ticks in order of receipt, the series in turn at random.

    gap: mean time between ticks of any series, ns. step_bp: sd of a series' step. jumps: chance a tick that all series
    of its market move by 15 steps or more. dirt: chance a tick of a repeat, a late tick or one from the future.
    """
    rng = random.Random(seed)
    values = {s.id: 2.0 + 0.25 * k for k, s in enumerate(spec.series) if not s.legs}
    markets = {s.id: s.market for s in spec.series}
    ids = list(values)
    ticks: list[Tick] = []
    now = start
    while len(ticks) < count:
        now += max(int(rng.expovariate(1.0) * gap), 1_000_000)
        name = rng.choice(ids)
        if rng.random() < jumps:
            size = rng.choice((-1.0, 1.0)) * rng.uniform(15.0, 40.0) * step_bp / 100.0
            for other in ids:
                if markets[other] == markets[name]:
                    values[other] += size
        values[name] += rng.gauss(0.0, step_bp) / 100.0
        time = now - rng.randrange(0, 200_000_000)
        tick = Tick(name, round(values[name], 4), time, now, source)
        ticks.append(tick)
        if rng.random() < dirt:
            kind = rng.randrange(3)
            late = {0: time, 1: time - 3 * SECOND, 2: time + 30 * SECOND}[kind]
            ticks.append(Tick(name, tick.value if kind == 0 else tick.value + 0.001, late, now, source))
    return ticks


def facts(event: object) -> dict[str, object]:
    """Everything that an engine event says, by name: two events are the same if their facts are."""
    found: dict[str, object] = {"event": type(event).__name__}
    for name in dir(event):
        value = getattr(event, name)
        if name.startswith("_") or callable(value):
            continue
        if isinstance(value, Scene):
            value = value.facts()
        if isinstance(value, float) and value != value:
            value = "nan"  # which equals nothing, itself included
        found[name] = facts(value) if isinstance(value, Standing | CurveFacts | BaseRate) else value
    return found
