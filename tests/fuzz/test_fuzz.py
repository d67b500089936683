"""Each harness on its own seeds, on what once broke it, and on bytes that hypothesis makes of them."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.harness import NAMES, load

ROOT = Path(__file__).resolve().parent.parent.parent
SLOW = ("api", "push", "config", "ruletests", "templates", "snapshot")
SOAK_SECONDS = 120

# The MQTT codec panics on text that is no UTF-8: we take it for what it is, and the interpreter tells it once more
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.mark.parametrize("name", NAMES)
def test_the_seeds_break_no_promise(name: str) -> None:
    harness = load(name)
    for seed in harness.SEEDS:
        harness.one(seed)
    assert len(harness.SEEDS) >= 4


@pytest.mark.parametrize("name", NAMES)
def test_no_bytes_break_a_promise(name: str) -> None:
    harness = load(name)
    seeds = harness.SEEDS

    def damaged(draw: st.DrawFn) -> bytes:
        data = bytearray(draw(st.sampled_from(seeds)))
        for _ in range(draw(st.integers(0, 4))):
            at = draw(st.integers(0, len(data)))
            data[at : at + draw(st.integers(0, 6))] = draw(st.binary(max_size=6))
        return bytes(data)

    @settings(max_examples=30 if name in SLOW else 150, suppress_health_check=list(HealthCheck))
    @given(st.binary(max_size=300) | st.composite(damaged)())
    def holds(data: bytes) -> None:
        harness.one(data)

    holds()


@pytest.mark.parametrize("name", NAMES)
def test_parts_of_different_seeds_break_no_promise(name: str) -> None:
    harness, rng = load(name), random.Random(name)
    for _ in range(30 if name in SLOW else 300):
        one, other = rng.choice(harness.SEEDS), rng.choice(harness.SEEDS)
        harness.one(one[: rng.randrange(len(one) + 1)] + other[rng.randrange(len(other) + 1) :])
    assert harness.SEEDS


@pytest.mark.soak
@pytest.mark.parametrize("name", NAMES)
def test_looking_for_new_paths_finds_nothing(name: str) -> None:
    pytest.importorskip("atheris", reason="atheris is not installed here: no fuzzing by coverage")
    own = [sys.executable, str(ROOT / "tests/fuzz/run.py"), name, "--seconds", str(SOAK_SECONDS)]
    done = subprocess.run(own, cwd=ROOT, capture_output=True, text=True)
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-3_000:]
