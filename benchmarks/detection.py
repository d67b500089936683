"""How well a budget of one false alarm per market-month finds moves, and what it costs, on simulated worlds.

usage: detection.py [--quick] [--jobs N] [CASE...]

Every case is one call of `stressd simulate --score`, whose command is printed with its figures: recall of moves of six
and of eight sigmas and more, delay over ramp, false alarms a market-month, each with its exposure and exact interval of
95%. Exit status 1 where a figure misses its goal.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parent
RESULT: Final = HERE / "results" / "detection.json"

CONFIG: Final = """\
instance: detection
markets: {{JP: {{tenors: [10Y]}}, US: {{tenors: [10Y]}}, UK: {{tenors: [10Y]}}, DE: {{tenors: [10Y]}}}}
rules:
  - {{name: sigma-breach, type: sigma, series: "*", budget: 1 per month per market{past}}}
"""

DAYS: Final = 250
WARM: Final = 60
SEEDS: Final = 2
"""Worlds for the default; one for each of the others."""

QUICK_DAYS: Final = 40


@dataclass(frozen=True)
class Goal:
    """least <= figure <= most."""

    figure: str
    least: float
    most: float


@dataclass(frozen=True)
class Case:
    """past: how past alarms are treated, "" for the default. world: arguments of `stressd simulate`."""

    name: str
    past: str
    world: tuple[str, ...]
    goals: tuple[Goal, ...] = ()


CALM: Final = ("--null", "--no-dirt")
SPARSE: Final = ("--rate", "0.3", "--no-dirt")
BUSY: Final = ("--no-dirt",)
NORMAL: Final = ("--nu", "50")
FALSE: Final = Goal("false", 0.75, 1.3)
TAILS: Final = (Goal("six", 0.85, 1.0), Goal("eight", 0.95, 1.0), Goal("delay", 0.0, 1.0))
NEAR_NORMAL: Final = (Goal("six", 0.90, 1.0), Goal("eight", 0.95, 1.0), Goal("delay", 0.0, 1.0))

CASES: Final = (
    Case("no jumps, t(6)", "", CALM, (FALSE,)),
    Case("few jumps, t(6)", "", SPARSE, TAILS),
    Case("many jumps, t(6)", "", BUSY, TAILS),
    Case("no jumps, near normal", "", (*CALM, *NORMAL), (FALSE,)),
    Case("few jumps, near normal", "", (*SPARSE, *NORMAL), NEAR_NORMAL),
    Case("many jumps, near normal", "", (*BUSY, *NORMAL), NEAR_NORMAL),
    Case("no jumps, t(6), all dirt", "", ("--null",)),
    Case("many jumps, t(6), all dirt", "", ()),
    *(
        Case(f"{name} jumps, t(6), {past}", past, world)
        for name, world in (("no", CALM), ("few", SPARSE), ("many", BUSY))
        for past in ("keep", "cap", "drop")
    ),
)
"""Few and many: about 1.0 and 3.2 true moves a market-month, children included."""


def run(case: Case, days: int, seeds: int) -> tuple[dict[str, Any], str, float]:
    """Figures, the command, and its seconds."""
    with tempfile.TemporaryDirectory() as directory:
        config = Path(directory) / "rules.yaml"
        past = f", past_alarms: {case.past}" if case.past else ""
        config.write_text(CONFIG.format(past=past), encoding="utf-8")
        words = ["simulate", "--score", "--json", "--days", str(days), "--warm", str(WARM), "--seeds", str(seeds)]
        words += [*case.world, "-c", str(config)]
        began = time.monotonic()
        done = subprocess.run([sys.executable, "-m", "stressd", *words], check=False, text=True, capture_output=True)
        if done.returncode:
            sys.exit(f"{case.name}: {done.stdout}{done.stderr}")
    shown = " ".join(["stressd", *words[:-1], f"rules.yaml  # past_alarms: {case.past or 'default'}"])
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures, shown, time.monotonic() - began


def of(figures: dict[str, Any], name: str) -> float | None:
    """One figure that has a goal."""
    value: float | None = {
        "six": figures["recall"][-2]["share"],
        "eight": figures["recall"][-1]["share"],
        "delay": figures["delay"]["median_of_ramp"],
        "false": figures["false_alarms"]["per_month"],
    }[name]
    return value


def missed(case: Case, figures: dict[str, Any]) -> list[str]:
    """The goals that are not reached."""
    wrong = []
    for goal in case.goals:
        value = of(figures, goal.figure)
        if value is None or not goal.least <= value <= goal.most:
            wrong.append(f"{case.name}: {goal.figure} is {value}, the goal is {goal.least:g} to {goal.most:g}")
    return wrong


def share(row: dict[str, Any]) -> str:
    if not row["n"]:
        return "-"
    return f"{row['share']:.3f} [{row['low']:.3f}, {row['high']:.3f}] of {row['n']}"


def line(case: Case, figures: dict[str, Any]) -> str:
    alarms, delay = figures["false_alarms"], figures["delay"]["median_of_ramp"]
    rate = f"{alarms['per_month']:.2f} [{alarms['low']:.2f}, {alarms['high']:.2f}] in {alarms['market_months']:.0f}"
    six, eight = figures["recall"][-2:]
    told = f"{six['told']['share']:.3f}" if six["n"] else "-"
    late = "-" if delay is None else f"{delay:.2f}"
    return f"{case.name:<28}{rate:<26}{share(six):<30}{share(eight):<30}{told:<10}{late:>6}"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_DAYS} days of one world: a look, not a figure")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("cases", nargs="*", metavar="CASE", help="only these")
    options = parser.parse_args()
    days, seeds = (QUICK_DAYS, 1) if options.quick else (DAYS, SEEDS)
    chosen = [case for case in CASES if not options.cases or case.name in options.cases]
    head = f"{'':<28}{'false alarms/market-month':<26}{'recall, 6 sigma and more':<30}{'8 sigma and more':<30}"
    print(f"{head}{'6, told':<10}{'delay':>6}")
    rows, wrong = [], []
    with ThreadPoolExecutor(options.jobs) as pool:
        waiting = [pool.submit(run, case, days, 1 if case.past else seeds) for case in chosen]
        for case, future in zip(chosen, waiting, strict=True):
            figures, command, seconds = future.result()
            print(line(case, figures), flush=True)
            rows.append({"case": case.name, "command": command, "seconds": round(seconds, 1), "figures": figures})
            wrong += missed(case, figures)
    for what in wrong:
        print(f"GOAL MISSED: {what}")
    if not options.quick and not options.cases:
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(json.dumps({"rows": rows, "wrong": wrong}, indent=1) + "\n", encoding="utf-8")
        print(f"written to {RESULT.relative_to(ROOT)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
