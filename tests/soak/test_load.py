"""Days of load in minutes: memory stays flat and nothing stands still for long; a morning of it always."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stressd.engine.form import FORM

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(FORM != "compiled", reason="days of ticks take too long with the interpreted engine"),
]


def long_run(root: Path, hours: float, series: int, rate: int) -> dict[str, Any]:
    """Figures of benchmarks/long_run.py: in a process of its own, whose memory is nobody else's."""
    command = [sys.executable, str(root / "benchmarks" / "long_run.py"), "--json"]
    command += ["--hours", str(hours), "--series", str(series), "--rate", str(rate)]
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONSAFEPATH", "PYTHONPATH")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2_000:]
    figures: dict[str, Any] = json.loads(done.stdout)
    assert figures["form"] == "compiled"
    assert figures["judged"] >= 0.999 * figures["ticks"] == 0.999 * hours * 3_600 * rate
    return figures


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else 0.0


def test_a_morning_of_two_hundred_series_is_judged_without_a_pause(root: Path) -> None:
    figures = long_run(root, 4.0, 200, 200)
    assert quantile(figures["collections"], 1.0) < 500.0
    assert max(figures["memory"]) < 400.0
    assert figures["events"] > 0


@pytest.mark.soak
def test_seventy_two_hours_at_a_thousand_ticks_a_second_leave_memory_flat(root: Path) -> None:
    figures = long_run(root, 72.0, 1_000, 1_000)
    print(f"slope {figures['slope_mb_a_day']:+.2f} MB a day, {figures['memory'][-1]:.0f} MB at last")
    assert figures["slope_mb_a_day"] < 0.05 * figures["memory"][-1]
    assert quantile(figures["collections"], 1.0) < 1_000.0


@pytest.mark.soak
def test_ten_thousand_series_at_ten_thousand_ticks_a_second_take_less_than_a_core(root: Path) -> None:
    figures = long_run(root, 3.0, 10_000, 10_000)
    busy = figures["cpu"] / (3.0 * 3_600.0)
    print(f"{busy:.1%} of a core, {figures['memory'][-1]:.0f} MB at last")
    assert busy < 0.5
    assert figures["memory"][-1] < 6_000.0
