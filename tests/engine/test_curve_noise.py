"""Curve noise against numpy: least squares, and exact refits without each tenor."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressd.engine.curve_fit import fit
from stressd.engine.curve_noise import EXACTLY, FRESH, LEAST_FREE, CurveNoise
from stressd.engine.spec import DECAYS, MINUTE, SECOND

YEARS = [2.0, 3.0, 5.0, 7.0, 10.0, 20.0, 30.0]
START = 1_768_000_000 * SECOND
SETS = [
    YEARS,
    [2.0, 5.0, 10.0, 20.0, 30.0, 40.0],
    [1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 20.0, 30.0],
    [0.25, *map(float, range(1, 15))],
]
Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]


def design(years: list[float], decays: tuple[float, float]) -> Matrix:
    """As Svensson writes it."""
    m = np.array(years)
    columns = [np.ones_like(m)]
    for k, decay in enumerate(decays if len(years) >= 6 else decays[:1]):
        x = m / decay
        slope = (1 - np.exp(-x)) / x
        columns += [slope, slope - np.exp(-x)] if k == 0 else [slope - np.exp(-x)]
    return np.column_stack(columns)


def residuals(years: list[float], decays: tuple[float, float], values: list[float]) -> Matrix:
    x = design(years, decays)
    y = np.array(values)
    return y - x @ np.linalg.lstsq(x, y, rcond=None)[0]


def curve(years: list[float], decays: tuple[float, float] = DECAYS) -> CurveNoise:
    return CurveNoise([f"US.GOV.{year:g}Y" for year in years], years, decays)


def told(noise: CurveNoise, values_bp: list[float], t: int = START) -> None:
    for k, value in enumerate(values_bp):
        noise.on_tick(k, t, value / 100.0, True)


@pytest.mark.parametrize("years", SETS)
@pytest.mark.parametrize("decays", [DECAYS, (1.0, 8.0), (0.5, 20.0), (3.0, 4.0)])
def test_the_fit_is_least_squares(years: list[float], decays: tuple[float, float]) -> None:
    found = fit(years, decays)
    assert found is not None
    x = design(years, decays)
    expected = np.eye(len(years)) - x @ np.linalg.pinv(x)
    assert np.allclose(np.array(found.rows), expected, atol=1e-10)
    assert found.parameters == x.shape[1]


def test_with_few_tenors_it_is_nelson_siegel_and_with_fewer_nothing() -> None:
    five = fit([2.0, 5.0, 10.0, 20.0, 30.0], DECAYS)
    assert five is not None
    assert five.parameters == 3
    assert fit([2.0, 5.0, 10.0, 30.0], DECAYS) is None
    noise = curve([2.0, 5.0, 10.0, 30.0])
    told(noise, [400.0, 410.0, 420.0, 430.0])
    assert math.isnan(noise.bp)
    assert noise.residuals() == []
    assert noise.dislocated() == ("", 0.0)


@settings(max_examples=60)
@given(
    st.sampled_from(SETS),
    st.lists(st.tuples(st.integers(0, 40), st.floats(-60.0, 60.0), st.integers(0, 4 * 60)), min_size=1, max_size=120),
)
def test_after_any_ticks_the_noise_is_that_of_a_fit_through_the_fresh_tenors(
    years: list[float], ticks: list[tuple[int, float, int]]
) -> None:
    noise = curve(years)
    values = [400.0 + 10.0 * math.log(year) for year in years]
    times = [START] * len(years)
    told(noise, values)
    now = START
    for place, change, seconds in ticks:
        k = place % len(years)
        now += seconds * SECOND
        values[k] += change
        times[k] = now
        noise.on_tick(k, now, values[k] / 100.0, True)
        fresh = [i for i in range(len(years)) if now - times[i] <= FRESH]
        assert noise.used == fresh
        if len(fresh) < 5:
            assert math.isnan(noise.bp)
            continue
        expected = residuals([years[i] for i in fresh], DECAYS, [values[i] for i in fresh])
        assert noise.bp == pytest.approx(float(np.sqrt(np.mean(expected**2))), abs=1e-8)


@pytest.mark.parametrize("years", SETS[:3])
def test_what_is_told_of_a_tenor_is_its_distance_from_an_exact_fit_without_it(years: list[float]) -> None:
    rng = np.random.default_rng(7)
    values = [float(v) for v in 380.0 + 20.0 * np.log(years) + rng.normal(0.0, 3.0, len(years))]
    noise = curve(years)
    told(noise, values)
    x = design(years, DECAYS)
    off = {}
    for k in range(len(years)):
        keep = [i for i in range(len(years)) if i != k]
        beta = np.linalg.lstsq(x[keep], np.array(values)[keep], rcond=None)[0]
        off[f"US.GOV.{years[k]:g}Y"] = (values[k] - float(x[k] @ beta), keep, beta)
    found = noise.residuals()
    assert len(found) >= len(years) - 1
    for series, bp, student in found:
        expected, keep, beta = off[series]
        assert bp == pytest.approx(expected, abs=1e-7)
        k = next(i for i in range(len(years)) if i not in keep)
        rest = np.array(values)[keep] - x[keep] @ beta
        s2 = float(rest @ rest) / (len(keep) - x.shape[1])
        leverage = float(x[k] @ np.linalg.inv(x[keep].T @ x[keep]) @ x[k])
        assert student == pytest.approx(expected / math.sqrt(s2 * (1.0 + leverage)), rel=1e-6)


def rms(values: list[float], years: list[float] = YEARS, decays: tuple[float, float] = DECAYS) -> float:
    noise = curve(years, decays)
    told(noise, values)
    return noise.bp


def alone(year: float, bp: float = 10.0, years: list[float] = YEARS) -> list[float]:
    return [bp if each == year else 0.0 for each in years]


def test_a_dislocated_tenor_is_noise_and_a_moving_curve_is_none() -> None:
    assert rms(alone(20.0)) == pytest.approx(2.57, abs=0.01)
    assert rms([10.0] * 7) == pytest.approx(0.0, abs=1e-12)
    assert rms([25.0 * (1.0 - math.exp(-year / 5.0)) for year in YEARS]) < 0.05
    assert rms([25.0 * (1.0 - math.exp(-year / 10.0)) / (1.0 - math.exp(-3.0)) for year in YEARS]) < 0.2


def test_with_decays_of_one_and_eight_years_it_has_the_published_figures() -> None:
    """A lone +10 bp in 20Y is about 3 bp of noise, in 30Y, whose leverage is .92, only 1.1; a smooth 25 bp bear
    steepening .16."""
    years, decays = [2.0, 3.0, 5.0, 10.0, 20.0, 30.0], (1.0, 8.0)
    assert rms(alone(20.0, years=years), years, decays) == pytest.approx(3.0, abs=0.05)
    assert rms(alone(30.0, years=years), years, decays) == pytest.approx(1.15, abs=0.05)
    found = fit(years, decays)
    assert found is not None
    assert 1.0 - found.free[-1] == pytest.approx(0.92, abs=0.005)
    steeper = [25.0 * (1.0 - math.exp(-year / 5.0)) for year in YEARS]
    assert rms(steeper, YEARS, decays) == pytest.approx(0.16, abs=0.01)


def test_an_end_of_the_curve_is_named_although_the_fit_follows_it() -> None:
    noise = curve(YEARS)
    told(noise, alone(30.0))
    assert noise.bp < 1.2
    cheap, bp, rich, _ = noise.extremes()
    assert (cheap, bp) == ("US.GOV.30Y", pytest.approx(10.0))
    assert rich


def test_of_two_tenors_that_explain_a_dislocation_equally_the_one_that_moved_is_named() -> None:
    """Beyond 10Y there are only 20Y and 30Y: one cheap and the other rich look the same to the fit."""
    for year, bp in ((30.0, 10.0), (20.0, -5.0)):
        noise = curve(YEARS)
        t = minutes(noise, 200, START)
        k = YEARS.index(year)
        noise.on_tick(k, t + MINUTE, noise._values[k] / 100.0 + bp / 100.0, True)
        series, off = noise.dislocated()
        assert (series, off) == (f"US.GOV.{year:g}Y", pytest.approx(bp, abs=2.0))


def test_nothing_is_told_of_a_tenor_that_the_others_do_not_place() -> None:
    years = [2.0, 5.0, 10.0, 20.0, 30.0, 40.0]
    found = fit(years, DECAYS)
    assert found is not None
    assert found.free[0] < LEAST_FREE
    noise = curve(years)
    told(noise, alone(2.0, 50.0, years))
    assert "US.GOV.2Y" not in [series for series, _, _ in noise.residuals()]


def test_rounding_does_not_add_up() -> None:
    noise = curve(YEARS)
    rng = np.random.default_rng(3)
    values = [400.0 + year for year in YEARS]
    told(noise, values)
    for n in range(20 * EXACTLY):
        k = n % len(YEARS)
        values[k] += float(rng.normal(0.0, 2.0))
        noise.on_tick(k, START + n * SECOND // 10, values[k] / 100.0, False)
    expected = residuals(YEARS, DECAYS, values)
    assert noise.bp == pytest.approx(float(np.sqrt(np.mean(expected**2))), abs=1e-9)


def minutes(noise: CurveNoise, count: int, start: int, twenty: float = 0.0, seed: int = 1) -> int:
    rng = np.random.default_rng(seed)
    t = start
    for _ in range(count):
        t += MINUTE
        for k, year in enumerate(YEARS):
            off = twenty if year == 20.0 else 0.0
            noise.on_tick(k, t + k, (400.0 + 10.0 * math.log(year) + off + float(rng.normal(0.0, 0.2))) / 100.0, True)
    return t


def test_what_is_usual_is_learned_and_a_dislocation_is_far_from_it() -> None:
    noise = curve(YEARS)
    t = minutes(noise, 100, START)
    assert math.isnan(noise.z())
    t = minutes(noise, 400, t, seed=2)
    assert noise.usual == pytest.approx(0.2, abs=0.03)  # of which .15 is the bend that the fit does not follow
    assert abs(noise.z()) < 5.0
    minutes(noise, 5, t, twenty=8.0, seed=3)
    assert noise.z() > 10.0
    series, off = noise.dislocated()
    assert series == "US.GOV.20Y"
    assert off == pytest.approx(8.0, abs=1.0)


def test_a_tenor_that_is_always_off_is_usual() -> None:
    noise = curve(YEARS)
    t = minutes(noise, 400, START, twenty=8.0)
    assert noise.usual == pytest.approx(rms(alone(20.0, 8.0)), rel=0.1)
    assert abs(noise.z()) < 5.0
    minutes(noise, 5, t, twenty=12.0, seed=5)
    series, off = noise.dislocated()
    assert (series, round(off)) == ("US.GOV.20Y", 4)


def test_another_set_of_tenors_is_not_held_against_the_usual_one() -> None:
    noise = curve(YEARS)
    t = minutes(noise, 300, START)
    assert noise.known()
    for n in range(1, 20):
        for k in range(6):
            noise.on_tick(k, t + n * MINUTE, 4.0 + 0.1 * math.log(YEARS[k]), True)
    assert len(noise.used) == 6
    assert not noise.known()
    assert math.isnan(noise.z())
    minutes(noise, 2, t + 20 * MINUTE)
    assert noise.known()


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.integers(1, 250))
def test_a_restart_changes_nothing(seed: int, cut: int) -> None:
    rng = np.random.default_rng(seed)
    ticks = []
    t = START
    for _ in range(300):
        t += int(rng.exponential(20.0)) * SECOND
        k = int(rng.integers(0, len(YEARS)))
        ticks.append((k, t, round(4.0 + 0.1 * math.log(YEARS[k]) + float(rng.normal(0.0, 0.02)), 4)))
    whole, again = curve(YEARS), curve(YEARS)
    for k, t, value in ticks[:cut]:
        whole.on_tick(k, t, value, True)
    again.load(json.loads(json.dumps(whole.state())))
    for k, t, value in ticks[cut:]:
        whole.on_tick(k, t, value, True)
        again.on_tick(k, t, value, True)
    assert again.state() == whole.state()
    assert again.bp == whole.bp or (math.isnan(again.bp) and math.isnan(whole.bp))
