"""The rate of the present: what it measures, what cannot disturb it, and the shape of the day beneath it."""

from __future__ import annotations

import json
import math
import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressd.engine.diurnal import BIN_SECONDS, BINS, LEAST_FACTOR, Diurnal
from stressd.engine.moments import KAPPA, Scale
from stressd.engine.overnight import HOLIDAY, NIGHT, WEEKEND, Overnight, kind_of
from stressd.engine.volatility import (
    Noise,
    Rate,
    Volatility,
    blended,
    gap_sigma,
    least_sigma,
    session_sigma,
    shrunk,
    sigma_of,
)

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
Path = list[tuple[int, float]]
START = 1_700_000_000 * SECOND


def walk(
    draw: random.Random, minutes: int, sigma: float, noise: float = 0.0, gap: int = MINUTE
) -> list[tuple[int, float]]:
    """(ns, percent) once every `gap`, with sigma bp per square root of a minute and noise of so many bp."""
    level = 300.0
    out = []
    for k in range(minutes):
        level += draw.gauss(0.0, sigma * math.sqrt(gap / MINUTE))
        out.append((START + k * gap, (level + draw.gauss(0.0, noise)) / 100.0))
    return out


def fed(path: Path, number: int = 100, jumps: dict[int, float] | None = None) -> Volatility:
    volatility = Volatility()
    shift = 0.0
    last = 0.0
    for k, (t, y) in enumerate(path):
        shift += (jumps or {}).get(k, 0.0) / 100.0
        volatility.noise.tick((y + shift - last) * 100.0, MINUTE // 10 if k else 10 * MINUTE)
        last = y + shift
        volatility.minute(y + shift, t, number, START - 1, True)
    return volatility


@pytest.mark.once
@settings(max_examples=12)
@given(st.integers(0, 1000), st.sampled_from([0.1, 0.5, 2.0]), st.sampled_from([MINUTE, 2 * MINUTE, 4 * MINUTE]))
def test_the_slow_rate_is_the_variance_a_second_whatever_the_distance_of_ticks(
    seed: int, sigma: float, gap: int
) -> None:
    volatility = fed(walk(random.Random(seed), 2_000, sigma, gap=gap))
    assert math.sqrt(volatility.slow * 60.0) == pytest.approx(sigma, rel=0.15)
    # faster, so it scatters more: by 5 % from seed to seed
    assert volatility.reference_sigma(60.0) == pytest.approx(sigma, rel=0.25)


def test_a_jump_moves_the_rate_by_no_more_than_its_clip() -> None:
    path = walk(random.Random(3), 1_200, 0.5)
    calm, shaken = fed(path), fed(path, jumps={1_000: 40.0})
    assert shaken.slow < 1.03 * calm.slow
    assert shaken.rate < 1.25 * calm.rate
    plain = sum(((b[1] - a[1]) * 100.0) ** 2 for a, b in pairwise(path)) / len(path)
    assert (plain * len(path) + 40.0**2) / len(path) > 3.0 * plain, "a plain variance would have trebled"


def test_the_noise_of_quotes_is_taken_off_the_rate_and_known_by_itself() -> None:
    draw = random.Random(5)
    volatility = Volatility()
    level = 300.0
    last = math.nan
    for k in range(12_000):
        t = START + k * 10 * SECOND
        level += draw.gauss(0.0, 0.3 * math.sqrt(10.0 / 60.0))
        y = (level + draw.gauss(0.0, 0.15)) / 100.0
        if last == last:
            volatility.noise.tick((y - last) * 100.0, 10 * SECOND)
        last = y
        if k % 6 == 5:
            volatility.minute(y, t, 100, START - 1, True)
    assert math.sqrt(volatility.noise.value) == pytest.approx(0.15, rel=0.2)
    assert math.sqrt(volatility.slow * 60.0) == pytest.approx(0.3, rel=0.15)


def test_a_grid_is_noise_of_a_twelfth_of_its_square() -> None:
    noise = Noise()
    for k in range(50):
        noise.tick(0.5 * (k % 2), 5 * SECOND)
    noise.fold(60.0)
    assert noise.grid == 0.5
    assert noise.value >= 0.25 / 12.0


@settings(max_examples=30)
@given(st.lists(st.tuples(st.floats(0.0, 5.0), st.floats(20.0, 300.0)), min_size=1, max_size=50), st.floats(60.0, 1e6))
def test_a_rate_is_the_ratio_of_decayed_sums(bars: list[tuple[float, float]], half_life: float) -> None:
    rate = Rate(half_life)
    for variance, seconds in bars:
        rate.learn(variance, seconds)
    over = under = passed = 0.0
    for variance, seconds in reversed(bars):
        weight = 2.0 ** (-passed / half_life)
        over += weight * variance
        under += weight * seconds
        passed += seconds
    assert rate.value(0.0) == pytest.approx(over / under, rel=1e-9, abs=1e-15)


def test_no_bar_reaches_over_a_long_gap_or_the_start_of_a_span() -> None:
    volatility = Volatility()
    for t, y in ((0, 3.0), (1, 3.001), (2, 3.002)):
        volatility.minute(y, START + t * MINUTE, 100, START - 1, True)
    assert volatility.bars == 1
    volatility.minute(4.0, START + 60 * MINUTE, 100, START - 1, True)
    volatility.minute(5.0, START + 61 * MINUTE, 100, START + 61 * MINUTE - 1, True)
    volatility.minute(5.001, START + 62 * MINUTE, 100, START + 61 * MINUTE - 1, True)
    assert volatility.bars == 1


@settings(max_examples=10)
@given(st.integers(0, 100))
def test_the_shape_of_the_day_is_found_and_has_a_mean_of_one(seed: int) -> None:
    draw = random.Random(seed)
    diurnal = Diurnal()
    true = {k: 4.0 if 100 <= k < 106 else 0.5 for k in range(90, 150)}
    level = sum(true.values()) / len(true)
    for _ in range(60):
        for k, variance in true.items():
            for _ in range(5):
                diurnal.learn(k, variance * draw.gammavariate(0.5, 2.0) * 60.0, 60.0, level)
        diurnal.close(level)
        diurnal.publish()
    seen = [diurnal.factors[k] for k in true]
    assert sum(seen) / len(seen) == pytest.approx(1.0, rel=1e-9)
    assert diurnal.factors[103] > 2.5
    assert diurnal.factors[130] < 0.8
    assert diurnal.factors[0] == 1.0, "a bin that never traded stays neutral"
    assert min(seen) >= LEAST_FACTOR * 0.5


def test_one_wild_day_does_not_bend_the_shape_of_the_day() -> None:
    diurnal = Diurnal()
    for day in range(20):
        for k in range(100, 160):
            diurnal.learn(k, (400.0 if day == 10 and k == 130 else 1.0) * BIN_SECONDS, float(BIN_SECONDS), 1.0)
        diurnal.close(1.0)
        diurnal.publish()
    assert diurnal.factors[130] < 1.8
    assert len(diurnal.factors) == BINS


@settings(max_examples=10)
@given(st.integers(0, 1000), st.integers(1, 400))
def test_a_restart_anywhere_changes_nothing(seed: int, cut: int) -> None:
    path = walk(random.Random(seed), 500, 0.5, noise=0.1)
    whole, first = Volatility(), Volatility()
    for k, (t, y) in enumerate(path):
        whole.minute(y, t, k // 5 % BINS, START - 1, k % 7 != 0)
        if k % 200 == 199:
            whole.day()
    for k, (t, y) in enumerate(path):
        if k == cut:
            kept = json.loads(json.dumps(first.state()))
            first = Volatility()
            first.load(kept)
        first.minute(y, t, k // 5 % BINS, START - 1, k % 7 != 0)
        if k % 200 == 199:
            first.day()
    assert first.state() == whole.state()


@settings(max_examples=50)
@given(st.floats(0.0, 1e-2), st.floats(0.0, 1e-2))
def test_the_rate_is_never_below_a_quarter_of_the_slow_one(fast: float, slow: float) -> None:
    assert blended(fast, slow) >= 0.25 * slow
    assert min(fast, slow) <= shrunk(fast, slow, 7.0) + 1e-18
    assert shrunk(fast, slow, 1e9) == pytest.approx(fast, rel=1e-6, abs=1e-9)
    assert shrunk(fast, slow, 0.0) == pytest.approx(slow)


def test_sigmas_add_rate_and_noise_and_have_a_floor() -> None:
    assert sigma_of(0.01, 1.0, 300.0, 0.0, 0.05) == pytest.approx(math.sqrt(3.0))
    assert sigma_of(0.01, 2.0, 300.0, 0.5, 0.05) == pytest.approx(math.sqrt(7.0))
    assert sigma_of(0.0, 1.0, 300.0, 0.0, 0.25) == 0.25
    assert least_sigma(0.0, 1.0, 0.5) == 0.25
    assert least_sigma(2.0, 0.25, math.inf) == pytest.approx(0.5)
    assert session_sigma(0.001, 0.0, 3600.0, 28_800.0, 0.0, 0.05) == pytest.approx(math.sqrt(3.6))
    assert session_sigma(0.0, 4.0, 7200.0, 28_800.0, 0.0, 0.05) == pytest.approx(2.0)
    assert gap_sigma(4.0, 0.35) == pytest.approx(math.sqrt(0.35 * KAPPA * 4.0))


def test_a_gap_is_of_a_night_a_weekend_or_a_holiday() -> None:
    monday = 738_886  # 2024-01-01
    assert (monday + 6) % 7 == 0
    assert kind_of(monday, monday + 1) == NIGHT
    assert kind_of(monday + 4, monday + 7) == WEEKEND
    assert kind_of(monday, monday + 2) == HOLIDAY
    assert kind_of(monday + 3, monday + 7) == HOLIDAY


def test_the_open_is_the_median_of_its_first_minute() -> None:
    gaps = Overnight(Scale(63.0), 63.0)
    gaps.close, gaps.close_time = 3.0, START
    gaps.begin(NIGHT, START)
    assert gaps.opening()
    for seconds, y in ((0, 9.0), (10, 3.1), (20, 3.12), (40, 3.11)):
        assert not gaps.tick(START + seconds * SECOND, y)
    assert gaps.tick(START + 61 * SECOND, 3.13)
    assert gaps.measure() == 3.12
    assert not gaps.opening()


def test_a_sparse_open_is_taken_after_five_minutes_and_none_without_a_close() -> None:
    gaps = Overnight(Scale(63.0), 63.0)
    gaps.begin(NIGHT, START)
    assert not gaps.opening()
    gaps.close, gaps.close_time = 3.0, START
    gaps.begin(WEEKEND, START)
    assert not gaps.tick(START, 3.1)
    assert not gaps.tick(START + 2 * MINUTE, 3.2)
    kept = json.loads(json.dumps(gaps.state()))
    again = Overnight(Scale(63.0), 63.0)
    again.load(kept)
    assert again.tick(START + 5 * MINUTE, 3.3)
    assert again.measure() == 3.2


def test_each_kind_of_gap_gets_a_scale_of_its_own_once_there_are_twenty() -> None:
    everything = Scale(63.0)
    gaps = Overnight(everything, 63.0)
    for k in range(30):
        for kind, size in ((NIGHT, 1.0), (WEEKEND, 3.0)):
            gaps.begin(kind, START)
            gaps.learn(size * (-1.0) ** k, k)
        if k == 10:
            assert gaps.scale() is everything
    assert gaps.known()
    gaps.begin(WEEKEND, START)
    assert gaps.scale().sigma == pytest.approx(3.0 * math.sqrt(KAPPA), rel=0.02)
    gaps.begin(HOLIDAY, START)
    assert gaps.scale() is everything
