"""What always holds of the engine: re-batching, restart, bad ticks, and that the compiled engine is the interpreted
one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressd.engine.engine import Engine, SnapshotError
from stressd.engine.form import FORM
from stressd.engine.gate import FLOOR
from stressd.engine.spec import MINUTE, SECOND, EngineSpec
from stressd.market.tick import Tick
from stressd.market.times import parse_time
from stressd.testing.worlds import facts, walk, world

START = parse_time("2026-01-13T00:00:00Z")
ALWAYS = {"AA": "always", "BB": "always"}
TRADED = {"JP": "JP", "US": "US"}
LEARNED = 0
SPREADS = {"AA": ("AA.GOV.10s30s", "AA-BB.GOV.10Y"), "JP": ("US.GOV.10s30s", "JP-US.GOV.30Y")}
"""By the first market of a world."""


def spread_world(calendars: dict[str, str], silence: int = 15 * MINUTE) -> EngineSpec:
    """With a slope, and a spread between the two markets."""
    return world(calendars, silence=silence, spreads=SPREADS[next(iter(calendars))])


def run(spec: EngineSpec, ticks: list[Tick], batches: list[int], advances: bool = False) -> list[dict[str, object]]:
    engine = Engine(spec, START)
    out = []
    done = 0
    k = 0
    while done < len(ticks):
        size = batches[k % len(batches)]
        out += engine.feed(ticks[done : done + size])
        done += size
        k += 1
        if advances and done < len(ticks):
            # As late as a live clock could stand before the next tick is there.
            out += engine.advance(ticks[done].received - 1)
    out += engine.advance(ticks[-1].received + 30 * MINUTE)
    return [facts(event) for event in out]


@settings(max_examples=15)
@given(
    st.integers(0, 2**32),
    st.lists(st.integers(1, 300), min_size=1, max_size=6),
    st.booleans(),
    st.sampled_from([ALWAYS, TRADED]),
    st.sampled_from([15 * MINUTE, LEARNED]),
)
def test_the_same_ticks_give_the_same_events_in_whatever_batches_they_come(
    seed: int, batches: list[int], advances: bool, calendars: dict[str, str], silence: int
) -> None:
    spec = spread_world(calendars, silence)
    ticks = walk(spec, seed, 4_000, START, jumps=0.004, dirt=0.05)
    assert run(spec, ticks, batches, advances) == run(spec, ticks, [len(ticks)])


def test_the_worlds_of_these_tests_are_not_empty() -> None:
    spec = spread_world(ALWAYS)
    events = [event for seed in range(5) for event in run(spec, walk(spec, seed, 4_000, START, jumps=0.004), [500])]
    kinds = {(event["event"], event.get("phase", event.get("wording"))) for event in events}
    assert {("Breach", "entered"), ("Breach", "left"), ("Breach", "raised"), ("LevelHit", None)} <= kinds
    assert {("Response", "did not respond")} <= kinds
    assert set(SPREADS["AA"]) <= {event.get("series") for event in events if event["event"] == "Breach"}


@settings(max_examples=15)
@given(
    st.integers(0, 2**32),
    st.integers(0, 3_999),
    st.sampled_from([ALWAYS, TRADED]),
    st.sampled_from([15 * MINUTE, LEARNED]),
)
def test_a_restart_anywhere_changes_nothing_that_follows(
    seed: int, cut: int, calendars: dict[str, str], silence: int
) -> None:
    spec = spread_world(calendars, silence)
    ticks = walk(spec, seed, 4_000, START, jumps=0.004, dirt=0.05)
    whole = Engine(spec, START)
    before = whole.feed(ticks[:cut])
    state = json.loads(json.dumps(whole.snapshot()))
    rest = whole.feed(ticks[cut:]) + whole.advance(ticks[-1].received + 30 * MINUTE)
    again = Engine(spec, START)
    again.restore(state)
    resumed = again.feed(ticks[cut:]) + again.advance(ticks[-1].received + 30 * MINUTE)
    assert [facts(event) for event in resumed] == [facts(event) for event in rest]
    assert json.dumps(again.snapshot()) == json.dumps(whole.snapshot())
    assert len(before) + len(rest) == len(run(spec, ticks, [100]))


@settings(max_examples=15)
@given(
    st.integers(0, 2**32),
    st.lists(
        st.tuples(st.integers(1, 48), st.sampled_from([-1.0, 1.0]), st.floats(0.5, 90.0), st.booleans()),
        min_size=1,
        max_size=20,
        unique_by=lambda row: row[0],
    ),
)
def test_isolated_bad_ticks_and_their_repeats_change_nothing(
    seed: int, places: list[tuple[int, float, float, bool]]
) -> None:
    spec = spread_world(ALWAYS)
    clean = walk(spec, seed, 3_000, START)
    dirty: list[Tick] = []
    bad = {60 * place + 5: (sign, size, twice) for place, sign, size, twice in places}
    for k, tick in enumerate(clean):
        if k in bad:
            sign, size, twice = bad[k]
            wrong = Tick(tick.series, tick.value + sign * (size + FLOOR), tick.time - 1, tick.received, tick.source)
            dirty += [wrong, wrong] if twice else [wrong]
        dirty.append(tick)
    engines = [Engine(spec, START), Engine(spec, START)]
    events = [[facts(e) for e in engine.feed(ticks)] for engine, ticks in zip(engines, (clean, dirty), strict=True)]
    for event in (*events[0], *events[1]):
        scene = event["scene"]
        if isinstance(scene, dict):
            del scene["rejected"]  # the one thing that bad ticks do change
    assert events[0] == events[1]
    for ours, theirs in zip(engines[0].status(), engines[1].status(), strict=True):
        for figure in ("value", "time", "ticks", "warm", "sigma_bp", "late", "active"):
            assert ours[figure] == theirs[figure]
    assert sum(row["rejected"] for row in engines[1].status()) - sum(
        row["rejected"] for row in engines[0].status()
    ) <= len(places)


SCRIPT = """
import json, sys
from dataclasses import replace
from stressd.engine.engine import Engine
from stressd.engine.form import FORM
from stressd.engine.spec import CurveRule, NoiseRung
from stressd.market.shape import SHAPES
from stressd.market.times import parse_time
from stressd.testing.worlds import facts, walk, world
start = parse_time("2026-01-13T00:00:00Z")
out = []
for seed in range(4):
    for calendars in ({"AA": "always", "BB": "always"}, {"JP": "JP", "US": "US", "UK": "UK", "DE": "DE"}):
        spreads = ("AA.GOV.10s30s", "AA-BB.GOV.10Y") if "AA" in calendars else ("US.GOV.10s30s", "DE-UK.GOV.30Y")
        spec = world(calendars, silence=0 if seed % 2 else 900_000_000_000, spreads=spreads)
        engine = Engine(spec, start)
        out += [facts(event) for event in engine.feed(walk(spec, seed, 6_000, start, jumps=0.004, dirt=0.05))]
        out.append(engine.snapshot())
noise = (NoiseRung(1, 1.0, None), NoiseRung(2, 2.0, None))
ends = (("JP.GOV.2Y", "JP.GOV.10Y"),)
rule = CurveRule("curve", ("JP",), noise, shapes=SHAPES, ends=ends, move_bp=3.0, rearm_bp=2.0)
six = world({"JP": "always"}, ("2Y", "5Y", "10Y", "20Y", "30Y", "40Y"), spreads=("JP.GOV.2s10s", "JP.GOV.2s5s10s"))
engine = Engine(replace(six, curve_rules=(rule,)), start)
ticks = walk(six, 5, 12_000, start + 70_000_000_000_000, gap=4_000_000_000, jumps=0.003, dirt=0.03)
out += [facts(event) for event in engine.feed(ticks)]
out.append(engine.snapshot())
out.append(engine.curves.status())
print(json.dumps([FORM, out]))
"""


def test_the_compiled_engine_says_what_the_interpreted_one_says(root: Path) -> None:
    if FORM != "compiled":
        pytest.skip("this run tests the interpreted engine; the compiled run makes the comparison")
    said = {}
    for path in ("", str(root)):
        environment = {**os.environ, "PYTHONPATH": path}
        environment.pop("PYTHONSAFEPATH", None)
        answer = subprocess.run(
            [sys.executable, "-P", "-c", SCRIPT],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=150,
        )
        form, events = json.loads(answer.stdout)
        said[form] = events
    assert set(said) == {"compiled", "interpreted"}
    assert len(said["compiled"]) > 50
    assert said["compiled"] == said["interpreted"]


def test_a_snapshot_of_another_version_is_refused() -> None:
    engine = Engine(world(ALWAYS), START)
    with pytest.raises(SnapshotError, match="version 99"):
        engine.restore({**engine.snapshot(), "version": 99})


def test_a_snapshot_survives_a_change_of_what_is_watched() -> None:
    wide = spread_world({"AA": "always", "BB": "always"})
    ticks = walk(wide, 3, 3_000, START)
    engine = Engine(wide, START)
    engine.feed(ticks)
    narrow = world({"BB": "always", "CC": "always"}, tenors=("10Y",), silence=None)
    other = Engine(narrow, START)
    other.restore(engine.snapshot())
    rows = {row["series"]: row for row in other.status()}
    assert rows["BB.GOV.10Y"]["warm"]["1m"] == 1.0
    assert rows["CC.GOV.10Y"]["value"] is None
    other.feed(walk(narrow, 4, 500, ticks[-1].received + SECOND))
