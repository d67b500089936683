"""How often a configuration speaks: `python benchmarks/quiet.py [-c FILE] [--seeds N] [--week] [--month] [-v]`.

Messages a week to each sink over five ordinary simulated weeks of JP, US and UK (60 weekdays to learn from, few jumps
and the dirt of a feed that works, both changes to summer time, an early close, a broker restarted each Sunday), and
over 16 to 22 January 2026. Goals: the desk at most 3 a week and ops at most 1; the desk at most 8 in the week of
January, the 21st told as a retracement. Exit status 1 where one is missed.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

from stressd.alerts.event import Event
from stressd.cli.watched import of_config
from stressd.config.load import load
from stressd.lab.offline import Setup
from stressd.lab.quiet import RATE, START, headlines, january, moves, ordinary, weekly
from stressd.market.times import day_start, parse_day
from stressd.runtime.registry import registry

ROOT: Final = Path(__file__).resolve().parent.parent
DESK: Final = "desk-slack"
OPS: Final = "ops-mail"
GOALS: Final = {DESK: 3.0, OPS: 1.0}
JANUARY: Final = 8


def setup(config: Path) -> Setup:
    return of_config(load(config, registry(), environment=False))


def month(config: Path, seed: int, rate: float) -> tuple[list[Counter[str]], list[str], int]:
    """Messages by week, what the desk was told, and how many true moves of four sigma and more there were."""
    told, labels = ordinary(setup(config), seed, rate=rate)
    since = day_start(parse_day(START))
    said = [line(e) for sink in (DESK, OPS) for e in headlines(told, sink)]
    return weekly(told, since), said, len(moves(labels, since))


def line(event: Event) -> str:
    return f"{event.time[:16]}  {event.type:10} {event.severity:8} {event.headline}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-c", "--config", type=Path, default=ROOT / "config" / "stressd.yaml")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--rate", type=float, default=RATE, help="times the simulator's jumps (%(default)s)")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--week", action="store_true", help="only January 2026")
    parser.add_argument("--month", action="store_true", help="only the ordinary weeks")
    parser.add_argument("-v", "--verbose", action="store_true", help="what the desk was told")
    args = parser.parse_args()
    missed = 0
    began = time.monotonic()
    if not args.week:
        with ProcessPoolExecutor(args.jobs) as pool:
            found = list(
                pool.map(month, [args.config] * args.seeds, range(1, args.seeds + 1), [args.rate] * args.seeds)
            )
        weeks = [week for each, _, _ in found for week in each]
        print(f"{len(weeks)} ordinary weeks, {sum(n for _, _, n in found)} true moves of 4 sigma and more")
        for sink in sorted({sink for week in weeks for sink in week} | set(GOALS)):
            counts = [week[sink] for week in weeks]
            mean, goal = sum(counts) / len(weeks), GOALS.get(sink)
            missed += goal is not None and mean > goal
            aim = "" if goal is None else f"   goal {goal:g}: {'met' if mean <= goal else 'MISSED'}"
            print(f"  {sink:14} {mean:5.2f} a week, most {max(counts)}  {counts}{aim}")
        if args.verbose:
            for seed, (_, told, _) in enumerate(found, 1):
                print(f"  seed {seed}, the desk and ops:", *told, sep="\n    ")
    if not args.month:
        week = january(setup(args.config), print)
        desk = list(headlines(week, DESK))
        back = any(e.time[:10] == "2026-01-21" and "retrace" in (e.headline + (e.note or "")) for e in desk)
        missed += len(desk) > JANUARY or not back
        print(f"16 to 22 January 2026: {len(desk)} messages to the desk (goal {JANUARY}), "
              f"the 21st {'is told as a retracement' if back else 'IS NOT TOLD AS A RETRACEMENT'}")  # fmt: skip
        print(*[f"    {line(event)}" for event in desk], sep="\n")
        print("  others:", dict(Counter(sink for one in week for sink in one.sinks)))
    print(f"{time.monotonic() - began:.0f} s")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
