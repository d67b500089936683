"""How fast history goes through the installed stressd: a tick file through `replay`, forty years through `backtest`.

usage: offline.py [--rounds N] [--ticks N]

Both files are written here first, always the same. What is measured is the whole command on one core, from its start to
its exit: Python, reading, judging, telling. The figure is the CPU time (user and system) of the best round, since what
else the machine does can only slow it down; wall time stands beside it. Exit status 1 if a bar is missed or the engine
is not compiled.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import stream

from stressd.market.times import iso

RESULT: Final = Path(__file__).resolve().parent / "results" / "offline.json"
LEAST_RATE: Final = 300_000
"""Ticks a second that `replay` must reach on one core."""

MOST_SECONDS: Final = 10.0
"""In which forty years of one curve must be done."""

TENORS: Final = ("1Y", "2Y", "3Y", "4Y", "5Y", "6Y", "7Y", "8Y", "9Y", "10Y", "15Y", "20Y", "25Y", "30Y", "40Y")
FIRST: Final = date(1986, 1, 6)
LAST: Final = date(2025, 12, 31)


def write_ticks(path: Path, count: int) -> None:
    """A tick file of the contract: 20 series of four markets, with shocks."""
    with path.open("w", encoding="ascii") as file:
        file.write("time,series,value\n")
        for market, tenor, percent, ms in stream.ticks(count):
            file.write(f"{iso(ms * 1_000_000)},{stream.name(market, tenor)},{percent}\n")


def write_days(path: Path) -> int:
    """Forty years of a curve of fifteen tenors, fat-tailed moves that the tenors share; the values in it."""
    chance = random.Random(19_860_106)
    levels = [1.0 + 0.1 * i for i in range(len(TENORS))]
    values = 0
    with path.open("w", encoding="ascii") as file:
        file.write("date," + ",".join(f"JP.GOV.{tenor}" for tenor in TENORS) + "\n")
        day = FIRST
        while day <= LAST:
            if day.weekday() < 5:
                scale = 0.03 / (chance.gammavariate(2.0, 0.5) ** 0.5)
                common = chance.gauss(0.0, scale)
                for i in range(len(TENORS)):
                    levels[i] = min(max(levels[i] * 0.9995 + common + chance.gauss(0.0, scale / 3), -1.0), 15.0)
                file.write(f"{day.isoformat()},{','.join(f'{level:.3f}' for level in levels)}\n")
                values += len(TENORS)
            day += timedelta(1)
    return values


def seconds(core: int, *arguments: str) -> tuple[float, float]:
    """(CPU time, wall time) of one command of the stressd beside this Python."""
    stressd = Path(sys.executable).with_name("stressd")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    done = subprocess.run(
        [str(stressd), *arguments], env=environment, check=False, capture_output=True, timeout=600,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )  # fmt: skip
    took = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode or not done.stdout:
        sys.exit(f"stressd {arguments[0]} failed:\n{done.stderr.decode()[-2000:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, took


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ticks", type=int, default=3_000_000)
    options = parser.parse_args()
    core = max(os.sched_getaffinity(0))
    form = subprocess.run(
        [sys.executable, "-c", "from stressd.engine.form import FORM; print(FORM)"],
        env=os.environ | {"PYTHONSAFEPATH": "1"}, check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        ticks, days = Path(folder) / "ticks.csv", Path(folder) / "curve.csv"
        write_ticks(ticks, options.ticks)
        values = write_days(days)
        replays = [seconds(core, "replay", str(ticks), "--json") for _ in range(options.rounds)]
        backtests = [seconds(core, "backtest", "--daily", str(days), "--json") for _ in range(options.rounds)]
    (replay, replay_wall), (backtest, backtest_wall) = min(replays), min(backtests)
    rate = options.ticks / replay
    print(f"replay:   {options.ticks:,} ticks in {replay:.2f} s of CPU ({replay_wall:.2f} s): {rate:,.0f} a second")
    print(f"backtest: forty years, {values:,} fixings in {backtest:.2f} s of CPU ({backtest_wall:.2f} s)")
    wrong = []
    if form != "compiled":
        wrong.append(f"the engine is {form}")
    if rate < LEAST_RATE:
        wrong.append(f"replay is too slow: at least {LEAST_RATE:,} ticks a second")
    if backtest > MOST_SECONDS:
        wrong.append(f"backtest is too slow: at most {MOST_SECONDS:g} s")
    for what in wrong:
        print(f"NOT AS IT MUST BE: {what}")
    machine = {"python": platform.python_version(), "machine": platform.machine(), "cores": os.cpu_count()}
    RESULT.parent.mkdir(exist_ok=True)
    figures = {"machine": machine, "ticks": options.ticks, "replay_s": replays, "fixings": values, "wrong": wrong}
    RESULT.write_text(json.dumps(figures | {"backtest_s": backtests}, indent=1) + "\n", encoding="utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
