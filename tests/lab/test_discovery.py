"""Online control of false discoveries against the papers' formulas written out, and on simulated streams."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd.lab.discovery import ALPHA, KEPT, Discoveries, Lord, Saffron, lord_share, saffron_share

pytestmark = pytest.mark.once

PS = st.lists(st.one_of(st.floats(0.0, 1.0), st.floats(0.0, 0.01), st.just(0.0)), max_size=60)
LAGS = st.lists(st.integers(0, 8), min_size=60, max_size=60)


def levels_by_the_book(ps: list[float], lags: list[int], alpha: float, wealth: float, lam: float) -> list[float]:
    """Every level from the whole past: test i begins at time i and ends after its lag, before the next begins if 0."""
    levels: list[float] = []

    def share(age: int) -> float:
        if lam > 0.0:
            return 0.4374901658 * age**-1.6
        return 0.07720838 * math.log(max(age, 2)) / (age * math.exp(math.sqrt(math.log(age))))

    for t in range(1, len(ps) + 1):
        ended = [i for i in range(1, t) if i + lags[i - 1] < t]
        made = sorted(i + lags[i - 1] for i in ended if ps[i - 1] <= levels[i - 1])  # when each discovery was made
        candidates = [i for i in ended if ps[i - 1] <= lam]

        def age(since: int, t: int = t, candidates: list[int] = candidates) -> int:
            return t - since - sum(i > since for i in candidates)

        total = wealth * share(age(0))
        for k, when in enumerate(made):
            total += (alpha - wealth if k == 0 else alpha) * share(age(when))
        levels.append(min(lam, (1.0 - lam) * total) if lam > 0.0 else total)
    return levels


def run(control: Discoveries, ps: list[float], lags: list[int]) -> list[float]:
    """The levels of the streaming class for the same tests."""
    levels, open_tests = [], []
    for t, p in enumerate(ps, 1):
        for end, number, level, its_p in sorted(open_tests):
            if end < t:
                control.end(number, level, its_p)
        open_tests = [test for test in open_tests if test[0] >= t]
        assert control.level() == control.level()
        number, level = control.begin()
        levels.append(level)
        open_tests.append((t + lags[t - 1], number, level, p))
    return levels


def test_lord_gives_the_published_levels() -> None:
    lord = Lord(0.05, 0.005)
    levels, found = [], []
    for p in (1e-7, 0.1, 2.5e-4, 0.07):
        levels.append(lord.level())
        found.append(lord.test(p))
    assert found == [True, False, True, False]
    assert levels == pytest.approx([2.6758e-4, 2.46645e-3, 5.7328e-4, 3.16312e-3], rel=2e-5)


def test_saffron_gives_the_published_decisions() -> None:
    saffron = Saffron(0.05, 0.025, 0.5)
    assert [saffron.test(p) for p in (1e-7, 3e-4, 0.1, 6e-4)] == [True, True, False, True]


@given(PS, LAGS)
def test_every_level_is_the_papers_formula_also_where_tests_overlap(ps: list[float], lags: list[int]) -> None:
    for lam, control in ((0.0, Lord()), (0.5, Saffron())):
        expected = levels_by_the_book(ps, lags, ALPHA, control.wealth, lam)
        assert run(control, ps, lags) == pytest.approx(expected, rel=1e-12)


@given(PS)
def test_a_test_at_once_is_one_that_ends_before_the_next_begins(ps: list[float]) -> None:
    for one, other in ((Lord(), Lord()), (Saffron(), Saffron())):
        for p in ps:
            number, level = other.begin()
            assert one.level() != 0.0
            assert one.test(p) == other.end(number, level, p)
        assert one.level() == other.level()


@given(PS, st.integers(0, 59))
def test_a_smaller_p_never_lowers_a_later_level(ps: list[float], which: int) -> None:
    """What the proofs of both procedures ask for."""
    for make in (Lord, Saffron):
        one, other = make(), make()
        for k, p in enumerate(ps):
            assert other.level() >= one.level() * (1.0 - 1e-12)
            one.test(p)
            other.test(p / 100.0 if k == which else p)


def test_the_shares_of_an_earning_add_up_to_no_more_than_it() -> None:
    saffron = math.fsum(saffron_share(age) for age in range(1, 100_001)) + 0.4374901658 / 0.6 * 100_000.5**-0.6
    assert saffron == pytest.approx(1.0, abs=1e-6)
    v = math.sqrt(math.log(100_000.5))  # what is left of LORD++'s, the integral of u exp(-sqrt u) over u = ln(age)
    rest = 0.07720838 * 2.0 * math.exp(-v) * (v**3 + 3 * v**2 + 6 * v + 6)
    assert math.fsum(lord_share(age) for age in range(1, 100_001)) + rest == pytest.approx(0.976, abs=5e-4)
    for share in (saffron_share, lord_share):
        assert all(share(age) > share(age + 1) for age in range(1, 1000))


def test_old_discoveries_stop_earning_and_levels_only_fall_by_it() -> None:
    for lam, control in ((0.0, Lord()), (0.5, Saffron())):
        ps = [1e-12 if k % 2 else 0.9 for k in range(2 * KEPT + 300)]
        lags = [0] * len(ps)
        bounded = run(control, ps, lags)
        full = levels_by_the_book(ps, lags, ALPHA, control.wealth, lam)
        assert bounded[: 2 * KEPT] == pytest.approx(full[: 2 * KEPT], rel=1e-12)
        assert all(b <= f * (1.0 + 1e-12) for b, f in zip(bounded, full, strict=True))
        assert bounded[-1] > 0.9 * full[-1]


@pytest.mark.parametrize("overlap", [0, 12])
@pytest.mark.parametrize("make", [Lord, Saffron])
@pytest.mark.parametrize("share_true", [0.0, 0.1, 0.5])
def test_false_discoveries_stay_below_their_share(
    make: type[Lord] | type[Saffron], share_true: float, overlap: int
) -> None:
    """400 streams of 200 tests; a true effect's p is that of a normal three deviations off."""
    rng = random.Random(7)
    false_share, found_true, true_count = 0.0, 0, 0
    for _ in range(400):
        control = make()
        false = right = 0
        pending: list[tuple[int, int, float, float, bool]] = []
        for t in range(200 + overlap + 1):
            for test in [test for test in pending if test[0] <= t]:
                if control.end(test[1], test[2], test[3]):
                    false, right = false + (not test[4]), right + test[4]
                pending.remove(test)
            if t < 200:
                is_true = rng.random() < share_true
                p = 0.5 * math.erfc(rng.gauss(3.0 if is_true else 0.0, 1.0) / math.sqrt(2.0))
                number, level = control.begin()
                pending.append((t + 1 + rng.randint(0, overlap), number, level, p, is_true))
                true_count += is_true
        false_share += false / max(false + right, 1)
        found_true += right
    assert false_share / 400 <= ALPHA + 0.015  # 1.4 standard errors where every stream has one or none
    if share_true == 0.5:
        assert found_true / true_count > (0.4 if make is Lord else 0.6)


def test_settings_that_control_nothing_are_refused() -> None:
    for alpha, wealth, promising in ((0.05, 0.06, 0.0), (0.05, 0.0, 0.0), (1.0, 0.5, 0.0), (0.05, 0.01, 1.0)):
        with pytest.raises(ValueError, match="wealth"):
            Discoveries(alpha, wealth, promising)
