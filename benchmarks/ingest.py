"""CPU per tick from socket to decision: stressd beside a script of aiomqtt 2 + json + Python, and one with river.

usage: ingest.py [--rounds N] [--quick]

A fake broker on one core sends encoded messages as fast as they are taken; the contenders run one after the other on
another core, interleaved over several rounds, and what is compared is the median of their own CPU time (user and
system) per tick. What was sent and not judged is counted. The breaches of stressd are compared with those of the
uncompiled engine on the same ticks. Exit status 1 if stressd lost a tick, a breach differs, or the bar is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parent
RESULT: Final = HERE / "results" / "ingest.json"
BAR: Final = 25.0
"""How many times less CPU per tick than the plain script, at one tick a message."""

STRESSD: Final = "stressd"
RECORDING: Final = "stressd, recording every tick"
OURS: Final = (STRESSD, RECORDING)
PLAIN: Final = "aiomqtt 2 + json + Python"
SCRIPTS: Final = {
    STRESSD: ("daemon.py",),
    RECORDING: ("daemon.py", "--recording"),
    PLAIN: ("plain.py",),
    "aiomqtt 2 + json + river": ("with_river.py",),
}
TICKS: Final = {(STRESSD, 1): 400_000, (STRESSD, 100): 400_000, ("", 1): 30_000, ("", 100): 200_000}


@dataclass
class Figures:
    """All rounds of one contender at one batch size."""

    sent: int
    runs: list[dict[str, Any]] = field(default_factory=list)

    def cpu_us(self) -> float:
        """Median microseconds of CPU per tick that arrived."""
        return statistics.median(self._each())

    def spread(self) -> tuple[float, float]:
        """The least and the most of all rounds."""
        return min(self._each()), max(self._each())

    def _each(self) -> list[float]:
        return [float(run["cpu_s"]) / max(int(run["ticks"]), 1) * 1e6 for run in self.runs]

    def lost(self) -> int:
        """Ticks that were sent and never judged, over all rounds."""
        return sum(self.sent - int(run["ticks"]) for run in self.runs)


def cores() -> tuple[set[int], set[int]]:
    """One for the broker, one for the contender; the same where there is but one."""
    here = sorted(os.sched_getaffinity(0))
    return {here[0]}, {here[-1]}


def run(script: str, *arguments: object, core: set[int], pure: bool = False) -> dict[str, Any]:
    """A contender's own line of figures."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    if pure:
        environment["PYTHONPATH"] = str(ROOT)
    done = subprocess.run(
        [sys.executable, str(HERE / script), *map(str, arguments)],
        env=environment, check=False, text=True, capture_output=True, timeout=180,
        preexec_fn=lambda: os.sched_setaffinity(0, core),
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"{script} failed:\n{done.stdout}{done.stderr}")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def contest(rounds: int, quick: bool, core: set[int], port: int) -> dict[tuple[str, int], Figures]:
    found: dict[tuple[str, int], Figures] = {}
    for turn in range(rounds):
        for batch in (1, 100):
            for name, (script, *flags) in SCRIPTS.items():
                ours = name in OURS
                ticks = TICKS[(STRESSD if ours else "", batch)] // (5 if quick and not ours else 1)
                figures = found.setdefault((name, batch), Figures(ticks))
                figures.runs.append(run(script, port, ticks, batch, *flags, core=core))
                us = figures.runs[-1]["cpu_s"] / ticks * 1e6
                print(f"round {turn + 1}/{rounds} {batch:>4} a message  {name:<30}{us:8.2f} us", file=sys.stderr)
    return found


def table(found: dict[tuple[str, int], Figures]) -> list[str]:
    lines = [f"{'':<30}{'ticks/message':>14}{'CPU us/tick':>13}{'(least-most)':>18}{'x stressd':>11}{'lost':>9}"]
    for (name, batch), figures in sorted(found.items(), key=lambda item: (item[0][1], item[1].cpu_us())):
        low, high = figures.spread()
        times = figures.cpu_us() / found[(STRESSD, batch)].cpu_us()
        lines.append(
            f"{name:<30}{batch:>14}{figures.cpu_us():>13.3f}{f'({low:.2f}-{high:.2f})':>18}{times:>10.1f}x{figures.lost():>9}"
        )
    return lines


def oracle(ticks: int, core: set[int]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the compiled and the uncompiled engine decide on the same ticks from memory."""
    return run("breaches.py", ticks, core=core), run("breaches.py", ticks, core=core, pure=True)


def judge(found: dict[tuple[str, int], Figures], compiled: dict[str, Any], plain: dict[str, Any]) -> list[str]:
    """Everything that is not as it must be."""
    wrong = []
    runs = [each for (name, _), figures in found.items() if name in OURS for each in figures.runs]
    if any(each["form"] != "compiled" for each in [*runs, compiled]):
        wrong.append("the engine is not compiled")
    if plain["form"] != "interpreted":
        wrong.append("the oracle is not the uncompiled engine")
    if compiled["breaches"] != plain["breaches"]:
        wrong.append("the breaches of the compiled engine are not those of the uncompiled one")
    if any(each["told"] != plain["told"] for each in runs):
        wrong.append("what was told from the socket is not what the uncompiled engine tells of the same ticks")
    if not plain["entered"]:
        wrong.append("no breach in the whole stream: nothing was compared")
    if any(found[(name, batch)].lost() for name in OURS for batch in (1, 100)):
        wrong.append("ticks were lost by stressd")
    if any(each["unrecorded"] for each in runs):
        wrong.append("ticks were judged and not recorded")
    ratio = found[(PLAIN, 1)].cpu_us() / found[(STRESSD, 1)].cpu_us()
    if ratio < BAR:
        wrong.append(f"{ratio:.1f}x less CPU than the plain script at one tick a message, the bar is {BAR:g}x")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--quick", action="store_true", help="a fifth of the ticks for the others: a look, not a figure"
    )
    options = parser.parse_args()
    broker_core, core = cores()
    broker = subprocess.Popen(
        [sys.executable, str(HERE / "blaster.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, broker_core),
    )  # fmt: skip
    assert broker.stdout is not None
    try:
        found = contest(options.rounds, options.quick, core, int(broker.stdout.readline()))
    finally:
        broker.kill()
        broker.wait()
    compiled, plain = oracle(found[(STRESSD, 1)].sent, core)
    wrong = judge(found, compiled, plain)
    lines = table(found)
    per_tick = {each["form"]: each["cpu_s"] / each["ticks"] * 1e6 for each in (compiled, plain)}
    lines.append(
        f"engine alone, from memory:   {', '.join(f'{form} {us:.3f} us' for form, us in per_tick.items())} a tick"
    )
    same = "the same from socket and memory, in both forms"
    lines.append(f"breaches: {plain['entered']} entered, {plain['opened']} episodes, {same}")
    print("\n".join(lines if not wrong else [*lines[:-1], *(f"NOT AS IT MUST BE: {what}" for what in wrong)]))
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(record(found, per_tick, plain, wrong), indent=1) + "\n", encoding="utf-8")
    print(f"written to {RESULT.relative_to(ROOT)}")
    return 1 if wrong else 0


def record(
    found: dict[tuple[str, int], Figures], per_tick: dict[str, float], plain: dict[str, Any], wrong: list[str]
) -> dict[str, Any]:
    """All figures, for the next run to be compared with."""
    rows = [
        {
            "contender": name,
            "batch": batch,
            "cpu_us_per_tick": figures.cpu_us(),
            "sent": figures.sent,
            "lost": figures.lost(),
            "runs": figures.runs,
        }
        for (name, batch), figures in found.items()
    ]
    machine = {"python": platform.python_version(), "machine": platform.machine(), "cores": os.cpu_count()}
    ratios = {
        f"{name} at {batch}": figures.cpu_us() / found[(STRESSD, batch)].cpu_us()
        for (name, batch), figures in found.items()
        if name != STRESSD
    }
    return {
        "machine": machine, "rows": rows, "ratios": ratios, "engine_us_per_tick": per_tick,
        "breaches": plain["entered"], "episodes": plain["opened"], "wrong": wrong,
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
