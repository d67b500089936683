"""What curves cost a tick: the engine on markets of six tenors, with and without what looks at the whole curve.

    python benchmarks/curves.py [TICKS]

Prints CPU time a tick through three engines: markets of three tenors, too few for a curve; the same number of series as
markets of six tenors, with curve noise; and these with two slopes and a fly each. Ticks are made beforehand; best of
three runs, each engine warm.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace

from stressd.engine.curve_noise import CurveNoise
from stressd.engine.engine import Engine
from stressd.engine.form import FORM
from stressd.engine.spec import DECAYS, MINUTE, SECOND, WARN, CurveRule, EngineSpec, NoiseRung
from stressd.market.times import parse_time
from stressd.testing.worlds import walk, world

START = parse_time("2026-01-13T00:00:00Z")
MARKETS = 20
SIX = ("2Y", "5Y", "10Y", "20Y", "30Y", "40Y")


def spec(markets: int, tenors: tuple[str, ...], spreads: tuple[str, ...] = ()) -> EngineSpec:
    names = {f"M{chr(65 + k // 26)}{chr(65 + k % 26)}": "always" for k in range(markets)}
    every = tuple(f"{market}.GOV.{spread}" for market in names for spread in spreads)
    made = world(names, tenors, silence=None, levels=False, spreads=every)
    noise = CurveRule("noise", tuple(names), (NoiseRung(WARN, 6.0, None),))
    return replace(made, curve_rules=(noise,) if len(tenors) > 4 else ())


def a_tick(made: EngineSpec, count: int) -> float:
    """Nanoseconds of CPU."""
    ticks = walk(made, 7, count, START, gap=SECOND // 20, step_bp=0.02, jumps=0.0)
    best = float("inf")
    for _ in range(3):
        engine = Engine(made, START)
        engine.feed(ticks[: count // 2])
        begun = time.process_time_ns()
        engine.feed(ticks[count // 2 :])
        best = min(best, (time.process_time_ns() - begun) / (count - count // 2))
    return best


def noise_alone(tenors: int, count: int) -> float:
    years = [float(year) for year in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40)][15 - tenors :]
    noise = CurveNoise([str(year) for year in years], years, DECAYS)
    values = [4.0 + 0.001 * (n * 7919 % 101) for n in range(101)]
    begun = time.process_time_ns()
    for n in range(count):
        noise.on_tick(n % tenors, START + n * MINUTE // 600, values[n % 101], True)
    return (time.process_time_ns() - begun) / count


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 400_000
    plain = a_tick(spec(MARKETS * 2, SIX[:3]), count)
    curves = a_tick(spec(MARKETS, SIX), count)
    spreads = a_tick(spec(MARKETS, SIX, ("2s10s", "10s30s", "2s10s30s")), count)
    print(f"engine {FORM}, {MARKETS * 6} series, {count // 2:,} ticks timed")
    print(f"  without a curve             {plain:8.0f} ns a tick")
    print(f"  six tenors, curve noise     {curves:8.0f} ns a tick  ({curves - plain:+.0f})")
    print(f"  and two slopes and a fly    {spreads:8.0f} ns a tick  ({spreads - curves:+.0f})")
    for tenors in (6, 8, 15):
        alone = noise_alone(tenors, count)
        print(f"  curve noise of {tenors:2d} tenors     {alone:8.0f} ns a tick, by itself, its loop included")


if __name__ == "__main__":
    main()
