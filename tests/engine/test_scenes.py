"""What stands around a move: the session so far and its path, spreads beside it, and what the feeds say."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from stressd.engine.engine import Engine
from stressd.engine.events import Breach, Event, LevelHit
from stressd.engine.scene import Beside, Scene
from stressd.engine.spec import MINUTE, SECOND, EngineSpec, LevelRule
from stressd.engine.today import FIRST_STEP, FIXINGS, STEPS, Today
from stressd.market.tick import FIXING, Tick
from stressd.market.times import parse_time
from stressd.testing.worlds import walk, world

OPEN = parse_time("2026-01-13T00:00:00Z")
HOUR = 60 * MINUTE
SLOTS = st.lists(
    st.tuples(st.integers(1, 400), st.floats(-0.5, 0.5), st.floats(0.0, 0.2), st.floats(0.0, 0.2)),
    min_size=1,
    max_size=300,
)


def walked(slots: list[tuple[int, float, float, float]]) -> tuple[Today, list[tuple[int, float, float, float]]]:
    """Slots that ended so many five seconds after each other, with what each saw: (t, y, low, high)."""
    today = Today()
    today.begin(OPEN, 2.0, (1.9, OPEN - HOUR), 3)
    told, t, y = [], OPEN, 2.0
    for passed, step, down, up in slots:
        t += passed * 5 * SECOND
        y += step
        today.take(y - down, y + up, y, t)
        told.append((t, y, y - down, y + up))
    return today, told


@given(SLOTS)
def test_a_path_is_short_keeps_its_extremes_and_ends_where_the_series_stands(
    slots: list[tuple[int, float, float, float]],
) -> None:
    today, told = walked(slots)
    t, y, low, high = told[-1]
    start, step, lasts, lows, highs = today.path(y, t, low, high)
    assert len(lasts) == len(lows) == len(highs) <= STEPS
    assert start <= OPEN < start + FIRST_STEP
    assert step % FIRST_STEP == 0
    assert start + (len(lasts) - 1) * step <= t < start + len(lasts) * step
    assert lasts[-1] == y
    assert min(x for x in lows if x is not None) == min(each[2] for each in told) == today.low
    assert max(x for x in highs if x is not None) == max(each[3] for each in told) == today.high
    for k, (last, lowest, highest) in enumerate(zip(lasts, lows, highs, strict=True)):
        mine = [each for each in told if start + k * step <= each[0] < start + (k + 1) * step]
        assert last == (mine[-1][1] if mine else None)
        assert lowest == (min(each[2] for each in mine) if mine else None)
        assert highest == (max(each[3] for each in mine) if mine else None)
    assert today.path(y, t, low, high) == (start, step, lasts, lows, highs), "asking changes nothing"


@given(SLOTS, st.integers(0, 300), st.floats(-1.0, 1.0))
def test_a_restart_changes_nothing_and_another_source_shifts_the_whole_day(
    slots: list[tuple[int, float, float, float]], cut: int, offset: float
) -> None:
    whole, told = walked(slots)
    first, _ = walked(slots[: cut % len(slots)])
    again = Today()
    again.load(json.loads(json.dumps(first.state())))
    for t, y, low, high in told[cut % len(slots) :]:
        again.take(low, high, y, t)
    assert again.state() == whole.state()
    before = whole.path(*told[-1][1::-1], *told[-1][2:])
    whole.shift(offset)
    t, y, low, high = told[-1]
    after = whole.path(y + offset, t, low + offset, high + offset)
    for old, new in zip((*before[2], *before[3]), (*after[2], *after[3]), strict=True):
        assert (old is None) == (new is None)
        assert old is None or new is None or abs(new - old - offset) < 1e-9
    whole.forget()
    assert (whole.open_time, whole.close_time) == (0, 0)


def scenes(events: list[Event], series: str) -> list[tuple[Breach, Scene]]:
    return [
        (event, event.scene)
        for event in events
        if isinstance(event, Breach) and event.series == series and event.scene is not None
    ]


def two_days(spec: EngineSpec, seed: int = 4) -> list[Tick]:
    return walk(spec, seed, 20_000, OPEN, gap=9 * SECOND, jumps=0.001)


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**32))
def test_a_scene_is_what_the_ticks_of_the_session_were(seed: int) -> None:
    spec = world({"JP": "JP"}, ("10Y", "30Y"))
    ticks = two_days(spec, seed)
    events = Engine(spec, OPEN).feed(ticks)
    for breach, scene in scenes(events, "JP.GOV.30Y"):
        if scene.open is None or scene.low is None or scene.high is None:
            continue
        mine = [
            tick.value
            for tick in ticks
            if tick.series == breach.series and scene.open[1] <= tick.time <= breach.time and not tick.flags
        ]
        assert scene.open[0] == mine[0]
        assert scene.low[0] >= min(mine)
        assert scene.high[0] <= max(mine)
        assert scene.low[0] <= breach.value <= scene.high[0]
        assert scene.open[1] <= scene.low[1] <= breach.time
        if scene.close is not None:
            assert scene.close[1] < scene.open[1]


def test_every_breach_and_level_of_a_live_series_has_its_day_and_path() -> None:
    spec = world({"JP": "JP"}, ("10Y", "30Y"))
    events = Engine(spec, OPEN).feed(two_days(spec))
    told = [event for event in events if isinstance(event, (Breach, LevelHit))]
    assert len(told) > 20
    for event in told:
        assert event.scene is not None
        assert event.scene.path is not None or event.scene.fixings
    lived = [event.scene for event in told if event.scene and event.scene.path]
    assert lived
    assert any(scene.close is not None for scene in lived), "a second day knows how the first one ended"


def test_the_prior_close_is_the_fixing_of_the_day_before() -> None:
    spec = world({"JP": "JP"}, ("10Y", "30Y"))
    engine = Engine(spec, OPEN)
    ticks = two_days(spec)
    events = engine.feed(ticks)
    fixed = parse_time("2026-01-13T06:00:00Z")
    closes = {
        scene.close
        for breach, scene in scenes(events, "JP.GOV.30Y")
        if OPEN + 24 * HOUR < breach.time < OPEN + 47 * HOUR and scene.close
    }
    before = [tick.value for tick in ticks if tick.series == "JP.GOV.30Y" and tick.received <= fixed]
    assert closes == {(before[-1], fixed)}


def around(rows: list[tuple[int, str, float]], spec: EngineSpec, at: int) -> dict[str, Beside]:
    """The spreads beside a level that JP.GOV.30Y passes with a last tick at `at` seconds after the open."""
    engine = Engine(spec, OPEN)
    ticks = [Tick(name, value, OPEN + s * SECOND, OPEN + s * SECOND, "desk") for s, name, value in rows]
    ticks.append(Tick("JP.GOV.30Y", 3.51, OPEN + at * SECOND, OPEN + at * SECOND, "desk"))
    (hit,) = [event for event in engine.feed(ticks) if isinstance(event, LevelHit)]
    assert hit.scene is not None
    assert hit.scene.levels == [(3.505, "own")]
    return {each.series: each for each in hit.scene.beside}


def level_world(spreads: tuple[str, ...] = ()) -> EngineSpec:
    spec = world({"JP": "always", "US": "always"}, ("2Y", "10Y", "30Y"), silence=None, spreads=spreads)
    return replace(spec, sigma_rules=(), level_rules=(LevelRule("own", ("JP.GOV.30Y",), 0, above=(3.505,)),))


def test_a_spread_that_is_not_watched_is_told_as_of_the_last_moment_of_which_all_legs_told() -> None:
    rows = [(s, f"{m}.GOV.{t}", v) for s in range(0, 60, 10)
            for m, t, v in (("JP", "2Y", 1.0), ("JP", "10Y", 2.3), ("JP", "30Y", 3.5), ("US", "10Y", 4.2))]  # fmt: skip
    spec = level_world()
    beside = around(rows, spec, 70)
    assert round(beside["JP.GOV.10s30s"].value_bp, 6) == 120.0, "the 10Y has not ticked since the 30Y rose"
    assert round(beside["JP.GOV.2s10s"].value_bp, 6) == 130.0
    assert round(beside["US-JP.GOV.10Y"].value_bp, 6) == 190.0
    assert "JP.GOV.5s30s" not in beside
    assert beside["JP.GOV.2s10s"].change_bp is None, "there was no day before"
    assert beside["JP.GOV.2s10s"].rank_of == 0
    late = around(rows, spec, 600)
    assert late == {}, "legs of ten minutes ago say nothing of now"


def test_a_watched_spread_is_told_with_its_own_value() -> None:
    rows = [(s, f"JP.GOV.{t}", v) for s in range(0, 60, 10) for t, v in (("2Y", 1.0), ("10Y", 2.3), ("30Y", 3.5))]
    beside = around(rows, level_world(("JP.GOV.10s30s",)), 70)
    assert round(beside["JP.GOV.10s30s"].value_bp, 6) == 120.0
    assert [name for name in beside if name.endswith("10s30s")] == ["JP.GOV.10s30s"], "told once"


def test_feeds_that_agree_disagree_or_are_not_heard_are_told_apart() -> None:
    spec = level_world()
    spec = replace(spec, series=tuple(replace(each, sources=("desk", "backup", "third")) for each in spec.series))
    engine = Engine(spec, OPEN)
    ticks = []
    for s in range(0, 120, 2):
        t = OPEN + s * SECOND
        third = [Tick("JP.GOV.30Y", 3.5, t, t, "third")] if s < 40 else []
        ticks += [Tick("JP.GOV.30Y", 3.5 + 1e-6 * s, t, t, "desk"), Tick("JP.GOV.30Y", 3.501, t, t, "backup"), *third]
    end = OPEN + 121 * SECOND
    ticks += [Tick("JP.GOV.30Y", 3.506, end, end, "desk")]
    (hit,) = [event for event in engine.feed(ticks) if isinstance(event, LevelHit)]
    assert hit.scene is not None
    assert hit.scene.agree == ["backup"]
    assert hit.scene.disagree == []
    assert hit.scene.rejected == 0


def test_bad_ticks_of_the_session_are_counted() -> None:
    engine = Engine(level_world(), OPEN)
    ticks = []
    for s in range(0, 120, 2):
        t = OPEN + s * SECOND
        ticks.append(Tick("JP.GOV.30Y", 3.5 + 1e-6 * s, t, t, "desk"))
        if s in (40, 80):
            ticks.append(Tick("JP.GOV.30Y", 4.1, t + SECOND, t + SECOND, "desk"))
    end = OPEN + 121 * SECOND
    ticks.append(Tick("JP.GOV.30Y", 3.506, end, end, "desk"))
    (hit,) = [event for event in engine.feed(ticks) if isinstance(event, LevelHit)]
    assert hit.scene is not None
    assert hit.scene.rejected == 2


def test_a_series_of_fixings_alone_has_the_last_ones_as_its_path() -> None:
    spec = replace(world({"JP": "JP"}, ("2Y", "10Y", "30Y")), silence_rules=())
    engine = Engine(spec, OPEN)
    out: list[Event] = []
    day, value = 0, {"2Y": 1.0, "10Y": 2.0, "30Y": 3.0}
    for day in range(80):
        at = OPEN + day * 24 * HOUR + 6 * HOUR
        for tenor in value:
            value[tenor] += 0.01 * (1 if day % 2 else -1) + (0.3 if day == 79 and tenor == "30Y" else 0.0)
        out += engine.feed([Tick(f"JP.GOV.{t}", v, at, at, "mof", FIXING) for t, v in value.items()])
    out += engine.advance(OPEN + 81 * 24 * HOUR)
    breach, scene = scenes(out, "JP.GOV.30Y")[-1]
    assert breach.fixing
    assert scene.path is None
    assert len(scene.fixings) == FIXINGS
    assert scene.fixings[-1] == (breach.value, breach.time)
    assert scene.close == (breach.reference_value, breach.reference_time)
    beside = {each.series: each for each in scene.beside}
    assert round(beside["JP.GOV.10s30s"].value_bp, 4) == round((value["30Y"] - value["10Y"]) * 100.0, 4)
    change = beside["JP.GOV.10s30s"].change_bp
    assert change is not None
    assert round(change, 4) == 30.0
    assert beside["JP.GOV.10s30s"].since == breach.reference_time
