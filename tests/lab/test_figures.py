"""The figures of `benchmarks/figures.py` in small: what the statistics of propagation find where the truth is known."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.once

BENCHMARKS = str(Path(__file__).parents[2] / "benchmarks")


@pytest.fixture(scope="module")
def figures() -> Iterator[ModuleType]:
    sys.path.insert(0, BENCHMARKS)
    import figures

    yield figures
    sys.path.remove(BENCHMARKS)
    del sys.modules["figures"]


@pytest.mark.parametrize(
    ("rates", "deviation", "previous"),
    [((0.2, 0.2), 0.0272, 0.4616), ((0.1, 0.033), 0.0560, 0.3153), ((0.033, 0.01), 0.1034, 0.1593)],
)
def test_ticks_that_never_come_together_keep_their_covariance(
    figures: ModuleType, rates: tuple[float, float], deviation: float, previous: float
) -> None:
    mean, spread, _, sparse = figures.hayashi_yoshida(rates, 120)
    assert abs(mean - 0.5) < 3.0 * deviation / 120**0.5
    assert spread == pytest.approx(deviation, rel=0.2)
    assert sparse == pytest.approx(previous, abs=0.025)


@pytest.mark.parametrize(
    ("rho", "rate", "least"),
    [(0.75, 0.2, 1.0), (0.25, 0.2, 1.0), (0.1, 0.2, 0.75), (0.5, 0.05, 0.9), (0.25, 0.05, 0.6)],
)
def test_the_lag_is_found_within_a_step(figures: ModuleType, rho: float, rate: float, least: float) -> None:
    close, ahead, told = figures.lead_lag(rho, rate, 20)
    assert close >= least
    assert ahead >= min(least, 0.9)
    assert told >= (0.8 if rho >= 0.25 else 0.2)


def test_no_lag_is_told_where_there_is_none(figures: ModuleType) -> None:
    assert figures.lead_lag(0.0, 0.05, 200, grid=figures.GRID)[2] <= 0.03


def test_few_ticks_do_where_the_tie_is_close(figures: ModuleType) -> None:
    close, deviation = figures.few_ticks(0.75, 40)
    assert close == 1.0
    assert deviation < 0.001


def test_volatility_alone_is_an_alarm_only_before_the_adjustment(figures: ModuleType) -> None:
    plain, fair, late, at_usual = figures.contagion(600)
    assert plain == pytest.approx(0.989, abs=0.015)
    assert fair == pytest.approx(0.001, abs=0.01)
    assert late == pytest.approx(0.7828, abs=0.01)
    assert at_usual == pytest.approx(0.3, abs=0.01)


def test_a_fit_recovers_the_process_that_made_the_events(figures: ModuleType) -> None:
    count, errors, ps, fit_ps = figures.hawkes(10_000)
    assert count > 9_500
    assert max(abs(error) for error in errors) < 0.10
    assert ps[0] > 0.01
    assert ps[1] < 1e-50
    assert min(fit_ps) > 0.01


def test_wealth_holds_its_promise_however_often_one_looks_and_a_p_value_does_not(figures: ModuleType) -> None:
    ever, at_worst, at_end, found, events = figures.gate("wealth, e-BH", 40)
    assert ever <= 0.02
    assert max(at_worst, at_end) <= 0.05
    assert found == 1.0
    assert events <= 25
    plain, plain_at_worst, plain_at_end, _, _ = figures.gate("binomial, p at most .05", 40)
    assert plain > 0.15
    assert plain_at_worst > 0.25
    assert plain_at_end > 0.05


def test_control_of_a_stream_finds_a_direction_later_than_wealth(figures: ModuleType) -> None:
    events = figures.gate("wealth, e-BH", 15)[4]
    for name in (
        "LORD++, every event",
        "SAFFRON, every event",
        "LORD++, fresh half-years",
        "SAFFRON, fresh half-years",
    ):
        found = figures.gate(name, 15)
        assert found[2] <= 0.05
        assert found[4] > events
