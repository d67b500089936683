"""Links between fixings on real JGB and Treasury yields: calibrated where there is nothing to find, and what is found.

The whole study, sixty shifts of each kind, is benchmarks/links.py.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from itertools import pairwise

import pytest

from stressd.engine.engine import Engine
from stressd.engine.response import Response
from stressd.lab.backtest import Daily, merged
from stressd.lab.publishers import DailyFile
from stressd.lab.shifts import matched, regimes, run, shares, shifted
from stressd.market.series import market_of
from stressd.market.times import day_iso, day_of, iso, parse_day

pytestmark = pytest.mark.once

SERIES = ("JP.GOV.10Y", "JP.GOV.30Y", "US.GOV.10Y", "US.GOV.30Y")


@pytest.fixture(scope="module")
def daily(official_files: list[DailyFile]) -> dict[str, Daily]:
    """Twenty years of both markets, as far back as both files reach."""
    table = merged(official_files)
    since = parse_day("2005-01-01")
    return {
        name: Daily(table[name].source, [row for row in table[name].rows if row[0] >= since]) for name in SERIES
    }  # fmt: skip


@pytest.fixture(scope="module")
def true(daily: dict[str, Daily]) -> tuple[Engine, list[Response]]:
    """The engine over the true alignment, and its ranked answers."""
    return run(daily)


def since(daily: dict[str, Daily], date: str) -> dict[str, Daily]:
    return {n: Daily(d.source, [row for row in d.rows if row[0] >= parse_day(date)]) for n, d in daily.items()}


def below(responses: Iterable[Response]) -> tuple[float, float, int]:
    """Share with p < .05, share that followed, how many."""
    own = list(responses)
    return (
        sum(r.p is not None and r.p < 0.05 for r in own) / len(own),
        sum(r.wording == "followed" for r in own) / len(own),
        len(own),
    )


@pytest.mark.parametrize("kind", ["random", "matched"])
def test_of_answers_to_a_shifted_market_a_twentieth_has_p_below_a_twentieth(
    daily: dict[str, Daily], kind: str
) -> None:  # fmt: skip
    rng = random.Random(20_100_104)
    table = since(daily, "2010-01-01")
    answers: list[Response] = []
    for _ in range(3):
        moved = shifted(table, "JP", rng) if kind == "random" else matched(table, "JP", "US.GOV.10Y", rng)
        assert moved["US.GOV.10Y"] is table["US.GOV.10Y"]
        answers += run(moved)[1]
    share, followed, n = below(answers)
    assert n > 1200
    assert share == pytest.approx(0.05, abs=0.015)
    assert followed <= 0.125


def test_the_daily_flow_from_new_york_to_tokyo_is_the_stronger_one(true: tuple[Engine, list[Response]]) -> None:
    engine, responses = true
    found = shares(responses)
    for size, least in ((2.0, 0.10), (3.0, 0.17)):
        there, back = found["US", "JP", size], found["JP", "US", size]
        assert there.below / there.n > back.below / back.n > least, "both beyond chance, at every size"
    links = engine.propagation.fixings
    assert links.usual_slope("US.GOV.10Y", "JP") > 1.5 * links.usual_slope("JP.GOV.10Y", "US") > 0.1
    rates = {(row["source"], row["follower"]): row["rate"] for row in links.edges()}
    assert rates["US", "JP"] > rates["JP", "US"] > 0.15
    assert not any(row["spilled_over"] for row in links.edges())


def test_the_twentieth_of_january_has_the_p_that_it_has(true: tuple[Engine, list[Response]]) -> None:
    answers = [
        r for r in true[1]
        if (r.market, r.rule, r.direction) == ("JP", "beyond-3", 1) and day_iso(day_of(r.time)) == "2026-01-20"
    ]  # fmt: skip
    assert [(r.follower, r.wording, iso(r.time)) for r in answers] == [("US", "followed", "2026-01-20T20:30:00Z")]
    answer = answers[0]
    assert answer.p == pytest.approx(0.06, abs=0.01)
    assert answer.p_of >= 100
    assert answer.z == pytest.approx(1.4, abs=0.05)
    assert answer.usual_beta is not None
    assert 0.05 < answer.usual_beta < 0.2
    base = answer.base
    assert base is not None
    assert (base.source, base.series, base.bar) == ("JP.GOV.30Y", "US.GOV.10Y", 5.0)
    assert (base.times, base.same_sign) == (8, 8)
    assert base.mean == pytest.approx(1.6, abs=0.1)


def plain_sigma(rows: list[tuple[int, float]], keep: float) -> dict[int, float]:
    """Each move over the root of the plain exponentially weighted mean square before it, after sixty moves."""
    square, out = 0.0, {}
    for k, ((_, a), (day, b)) in enumerate(pairwise(rows)):
        move = (b - a) * 100.0
        if k >= 60:
            out[day] = move / square**0.5
        square = move * move if k == 0 else keep * square + (1.0 - keep) * move * move
    return out


def test_the_base_rate_of_large_japanese_rises_is_the_published_one_under_the_same_sigma(
    official: dict[str, dict[int, float]], official_files: list[DailyFile]
) -> None:
    """Published: JP 30Y beyond +4 sigma 8 times up to July 2024, US 30Y then the same way in 75 %, mean +1.2 sigma. A
    plain sigma (.99 a day) gives that: 8 times, 75 %, +1.3. The engine's robust sigma is not raised by the jumps it has
    seen, so three more days are beyond 4 sigma, and the share is higher."""
    until = parse_day("2024-07-31")
    japan, america = (sorted(official[name].items()) for name in ("JP.GOV.30Y", "US.GOV.30Y"))
    source, answer = plain_sigma(japan, 0.99), plain_sigma(america, 0.99)
    first = min(answer)
    plain = {day: answer[day] for day, z in source.items() if z > 4.0 and first <= day <= until and day in answer}
    assert (len(plain), sum(z > 0.0 for z in plain.values())) == (8, 6)
    assert sum(plain.values()) / 8 == pytest.approx(1.25, abs=0.1)

    table = {
        name: Daily(given.source, [row for row in given.rows if row[0] <= until])
        for name, given in merged(official_files).items()
        if name in ("JP.GOV.30Y", "US.GOV.30Y")
    }
    links = run(table)[0].propagation.fixings
    base = links.base_rate("JP.GOV.30Y", "US", 4.5)
    assert base is not None
    assert (base.bar, base.times, base.same_sign) == (4.0, 11, 9)
    assert base.mean == pytest.approx(1.15, abs=0.05)
    assert day_iso(base.since)[:4] == "2005", "as far back as the Treasury file reaches"
    falls = links.base_rate("JP.GOV.30Y", "US", -4.5)
    assert falls is not None
    assert (falls.bar, falls.times, falls.same_sign) == (-4.0, 14, 8), "falls were not followed that way"


def test_a_shift_keeps_every_move_and_a_matched_one_keeps_the_regime(daily: dict[str, Daily]) -> None:
    rng = random.Random(3)
    turned = shifted(daily, "JP", rng)
    for name in SERIES:
        moves, again = (sorted(round(b - a, 6) for (_, a), (_, b) in pairwise(t[name].rows)) for t in (daily, turned))
        if market_of(name) == "US":
            assert moves == again
        else:
            assert len(again) <= len(moves)
            assert abs(sum(map(abs, again)) - sum(map(abs, moves))) < 0.02 * sum(map(abs, moves))
    wild = regimes(daily["US.GOV.10Y"].rows)
    assert set(wild.values()) == {0.0, 1.0, 2.0}
    assert 0.3 < sum(r == 1.0 for r in wild.values()) / len(wild) < 0.9
