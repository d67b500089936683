"""Levels: crossed once, told once, never across sources; against a model that looks at everything each time."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd.engine.events import LevelHit
from stressd.engine.extremes import ENOUGH, WindowExtreme
from stressd.engine.levels import LIVE, LevelWatch
from stressd.engine.spec import DAY, LevelRule
from stressd.market.times import day_of, parse_time

START = parse_time("2026-01-20T00:00Z")
Step = tuple[float, str, bool, int]

# Half a basis point, so that values fall on levels and on re-arming distances exactly.
values = st.integers(min_value=380, max_value=450).map(lambda half: half / 100.0 + (0.005 if half % 3 == 0 else 0.0))
steps = st.tuples(values, st.sampled_from([LIVE, LIVE, LIVE, "mof"]), st.sampled_from([True, True, True, False]),
                  st.sampled_from([0, 0, 0, 1, 1, 3, 40]))  # fmt: skip
walks = st.lists(steps, max_size=80)
level_lists = st.lists(
    st.integers(min_value=385, max_value=445).map(lambda cent: cent / 100.0), max_size=3, unique=True
)
rules = st.builds(
    LevelRule,
    name=st.just("levels"),
    series=st.just(("US.GOV.10Y",)),
    severity=st.just(0),
    above=level_lists.map(tuple),
    below=level_lists.map(tuple),
    round_bp=st.sampled_from([None, 5.0, 10.0, 25.0]),
    highest_since=st.sampled_from([None, 5 * DAY, 30 * DAY, 90 * DAY]),
    lowest_since=st.sampled_from([None, 5 * DAY, 90 * DAY]),
    rearm_bp=st.sampled_from([1.0, 5.0, 12.0]),
)


def rule(**how: object) -> LevelRule:
    return LevelRule("levels", ("US.GOV.10Y",), 0, **how)  # type: ignore[arg-type]


def watch(of: LevelRule) -> LevelWatch:
    return LevelWatch(of, "US.GOV.10Y", "US")


def facts(hit: LevelHit) -> tuple[object, ...]:
    return (hit.at, hit.time, hit.direction, hit.what, hit.level, hit.value, hit.previous, hit.since, hit.source)


def walk(over: LevelWatch, path: list[Step], first: int = 0) -> list[tuple[object, ...]]:
    at = START + first
    day = day_of(START)
    said = []
    for n, (value, source, fresh, days) in enumerate(path):
        day += days
        said += [facts(hit) for hit in over.update(at + n, at + n, value, source, fresh, day)]
    return said


def go(over: LevelWatch, *path: float, source: str = LIVE, fresh: bool = True, day: int = 0) -> list[tuple[str, float]]:
    today = day_of(START) + day
    return [(hit.what, hit.level) for value in path for hit in over.update(START, START, value, source, fresh, today)]


@given(rules, walks)
def test_values_passed_over_as_quiet_would_have_told_nothing(of: LevelRule, path: list[Step]) -> None:
    quick, slow = watch(of), watch(of)
    day = day_of(START)
    for n, (value, source, fresh, days) in enumerate(path):
        day += days
        for side in slow._sides.values():
            side.quiet_low, side.quiet_high = 1e300, -1e300
        ours = [facts(hit) for hit in quick.update(n, n, value, source, fresh, day)]
        assert ours == [facts(hit) for hit in slow.update(n, n, value, source, fresh, day)]


@given(rules, walks)
def test_crossings_are_what_a_plain_reading_of_the_rule_finds(of: LevelRule, path: list[Step]) -> None:
    """Configured levels only, one source, in whole tenths of a basis point."""
    over = watch(LevelRule(of.name, of.series, 0, above=of.above, below=of.below, rearm_bp=of.rearm_bp))
    told: set[tuple[str, int]] = set()
    before: int | None = None
    for n, (value, _, fresh, _) in enumerate(path):
        now = round(value * 1000)
        expected = []
        if before is not None and fresh:
            up = [("above", round(x * 1000)) for x in sorted(of.above) if before < round(x * 1000) <= now]
            down = [
                ("below", round(x * 1000)) for x in sorted(of.below, reverse=True) if before > round(x * 1000) >= now
            ]
            expected = [each for each in up + down if each not in told]
            told.update(expected)
        told = {each for each in told if abs(each[1] - now) < of.rearm_bp * 10}
        said = over.update(n, n, value, LIVE, fresh, day_of(START))
        assert [(hit.what, round(hit.level * 1000)) for hit in said] == expected
        before = now


@given(rules, walks)
def test_a_hit_is_fresh_lies_between_two_values_of_one_source_and_points_the_way_it_went(
    of: LevelRule, path: list[Step]
) -> None:
    over = watch(of)
    day = day_of(START)
    last: dict[str, float] = {}
    for n, (value, source, fresh, days) in enumerate(path):
        day += days
        hits = over.update(n, n, value, source, fresh, day)
        assert fresh or not hits
        assert sum(1 for hit in hits if hit.what == "round") <= 1
        for hit in hits:
            assert hit.source == source
            assert hit.value == value
            assert hit.previous == last[source]
            assert hit.direction * (value - hit.previous) > 0 or hit.what in ("highest", "lowest")
            assert hit.direction * (value - hit.level) >= -1e-9
            if hit.what in ("above", "below", "round"):
                assert min(hit.previous, value) - 1e-9 <= hit.level <= max(hit.previous, value) + 1e-9
                assert hit.since is None
            else:
                assert hit.since is not None
                assert hit.since <= day
        last[source] = value


@given(rules, walks)
def test_sources_do_not_see_each_other(of: LevelRule, path: list[Step]) -> None:
    together = watch(of)
    alone = {name: watch(of) for name in (LIVE, "mof")}
    day = day_of(START)
    for n, (value, source, fresh, days) in enumerate(path):
        day += days
        said = [facts(hit) for hit in together.update(n, n, value, source, fresh, day)]
        assert said == [facts(hit) for hit in alone[source].update(n, n, value, source, fresh, day)]


@given(rules, walks, walks)
def test_a_restart_changes_nothing(of: LevelRule, before: list[Step], after: list[Step]) -> None:
    kept, restored = watch(of), watch(of)
    walk(kept, before)
    restored.load(json.loads(json.dumps(kept.state())))
    assert walk(restored, after, 1000) == walk(kept, after, 1000)
    assert restored.state() == kept.state()


@given(rules, walks, walks, st.sampled_from([-0.5, -0.02, 0.01, 0.25]))
def test_a_constant_offset_between_two_feeds_is_no_extreme(
    of: LevelRule, before: list[Step], after: list[Step], offset: float
) -> None:
    window = LevelRule(of.name, of.series, 0, highest_since=of.highest_since, lowest_since=of.lowest_since)
    one, moved = watch(window), watch(window)
    before, after = ([step for step in path if step[1] == LIVE] for path in (before, after))
    assert walk(one, before) == walk(moved, before)
    moved.rebase(offset)
    expected = walk(one, after, 1000)
    said = walk(moved, [(value + offset, source, fresh, days) for value, source, fresh, days in after], 1000)
    assert [each[:4] + each[7:] for each in said] == [each[:4] + each[7:] for each in expected]


def test_the_first_value_only_sets_the_side() -> None:
    over = watch(rule(above=(4.3,), below=(4.3,), round_bp=10.0))
    assert go(over, 4.35) == []
    assert go(over, 4.29) == [("below", 4.3)]


def test_a_level_is_told_once_until_the_yield_has_moved_away() -> None:
    over = watch(rule(above=(4.3,), rearm_bp=5.0))
    assert go(over, 4.28, 4.30) == [("above", 4.3)]
    assert go(over, 4.29, 4.31, 4.26, 4.34, 4.29, 4.30) == []
    assert go(over, 4.25, 4.31) == [("above", 4.3)]
    assert go(over, 4.35, 4.29, 4.30) == [("above", 4.3)]


def test_a_gap_tells_each_configured_level_and_one_round_number() -> None:
    over = watch(rule(above=(4.2, 4.1, 4.3), below=(4.15,), round_bp=25.0))
    assert go(over, 3.9, 4.6) == [("above", 4.1), ("above", 4.2), ("above", 4.3), ("round", 4.5)]
    assert go(over, 3.9) == [("below", 4.15), ("round", 4.0)]


def test_a_round_number_is_told_in_both_directions_with_its_own_distance() -> None:
    over = watch(rule(round_bp=25.0, rearm_bp=5.0))
    assert go(over, 4.24, 4.25) == [("round", 4.25)]
    assert go(over, 4.24, 4.26, 4.25, 4.24) == []
    assert go(over, 4.31, 4.24) == [("round", 4.25)]


def test_a_level_that_is_also_round_is_told_once() -> None:
    over = watch(rule(above=(4.25,), round_bp=25.0))
    assert go(over, 4.2, 4.26) == [("above", 4.25)]


def test_a_stale_value_moves_the_side_and_tells_nothing() -> None:
    over = watch(rule(above=(4.3,)))
    assert go(over, 4.2) == []
    assert go(over, 4.4, fresh=False) == []
    assert go(over, 4.41) == []
    assert go(over, 4.2, 4.3) == [("above", 4.3)]


def test_fail_over_to_a_feed_with_an_offset_crosses_nothing() -> None:
    over = watch(rule(above=(4.3,), round_bp=25.0))
    assert go(over, 4.29) == []
    over.rebase(0.02)
    assert go(over, 4.31) == []
    assert go(over, 4.28, 4.32) == [("above", 4.3)]
    over.rebase(-0.09)
    assert go(over, 4.23, 4.25) == [("round", 4.25)]


def test_after_a_restart_the_next_value_only_sets_the_side() -> None:
    over = watch(rule(above=(4.3,)))
    assert go(over, 4.2) == []
    over.restart()
    assert go(over, 4.4) == []
    over.restart("nobody")
    assert go(over, 4.2, 4.3) == [("above", 4.3)]


def test_a_new_high_is_told_once_with_the_day_it_beat() -> None:
    over = watch(rule(highest_since=90 * DAY, rearm_bp=5.0))
    for day in range(30):
        assert go(over, 4.0 - day * 0.01, day=day) == []
    hits = over.update(1, 1, 4.01, LIVE, True, day_of(START) + 30)
    assert [facts(hit) for hit in hits] == [(1, 1, 1, "highest", 4.0, 4.01, 3.71, day_of(START), LIVE)]
    assert go(over, 4.02, 4.05, 4.01, 4.06, day=30) == []
    assert go(over, 4.03, 4.07, day=31) == []
    assert go(over, 4.02, 4.08, day=31) == [("highest", 4.07)]


def test_a_new_low_is_told_likewise() -> None:
    over = watch(rule(lowest_since=30 * DAY))
    for day in range(30):
        go(over, 4.0, day=day)
    assert go(over, 3.99, 3.98, day=30) == [("lowest", 4.0)]


@pytest.mark.parametrize(("days", "told"), [(ENOUGH - 1, []), (ENOUGH, [("highest", 4.0)])])
def test_a_window_is_spoken_of_only_when_it_is_covered(days: int, told: list[tuple[str, float]]) -> None:
    over = watch(rule(highest_since=90 * DAY))
    for day in range(days):
        go(over, 4.0, day=day)
    assert go(over, 4.2, day=days) == told


def test_a_gap_longer_than_the_window_starts_it_anew() -> None:
    over = watch(rule(highest_since=30 * DAY))
    for day in range(40):
        go(over, 4.0, day=day)
    assert go(over, 4.1, 4.2, day=100) == []


ticks = st.lists(
    st.tuples(st.integers(min_value=0, max_value=4), st.integers(min_value=0, max_value=60), st.booleans()),
    max_size=120,
)


@given(ticks, st.integers(min_value=1, max_value=12), st.sampled_from([1, -1]), st.integers(min_value=1, max_value=9))
def test_extremes_are_what_brute_force_finds(
    path: list[tuple[int, int, bool]], length: int, sign: int, rearm: int
) -> None:
    window = WindowExtreme(sign, length, float(rearm))
    seen: list[tuple[int, int]] = []
    told: int | None = None
    day = 1000
    for step, value, fresh in path:
        day += step
        key = value * sign
        inside = [(d, k) for d, k in seen if day - d <= length]
        if not inside:
            seen = []
        if told is not None:
            told = max(told, key)
            if key <= told - rearm:
                told = None
        days = {d for d, _ in seen} | {day}
        covered = len(days) > ENOUGH or day - min(days) >= length
        best = max((k for _, k in inside), default=None)
        news = best is not None and key > best and told is None and fresh and covered
        said = window.update(day, float(value), fresh)
        assert (said is not None) == news
        if said is not None and best is not None:
            assert said[0] == best * sign
            assert said[1] == max(d for d, k in inside if k == best)
        if news:
            told = key
        seen.append((day, key))
