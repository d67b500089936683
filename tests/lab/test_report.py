"""The parts of the report: what a market's move is, in which order fixings come, what chance shows, and clean ticks."""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressd.config.builtin import default_spec
from stressd.lab.backtest import Daily, merged
from stressd.lab.publishers import read_daily
from stressd.lab.report.breadth import Breadth, breadth
from stressd.lab.report.flows import directions, flows
from stressd.lab.report.links import Links
from stressd.lab.report.panel import MarketMoves, common_days, component, market_moves, scores
from stressd.lab.report.paths import TickLags, clean
from stressd.lab.report.pictures import ring, stacked
from stressd.lab.report.stress_path import StressPath
from stressd.lab.report.svg import dates, svg, ticks, words
from stressd.lab.report.system import System
from stressd.market.tick import Tick
from stressd.market.times import DAY, SECOND, day_iso, parse_day

END = parse_day("2026-02-20")


@pytest.fixture(scope="module")
def history(shared: Path) -> dict[str, Daily]:
    """Ministry of Finance and Federal Reserve yields."""
    files = [shared / "data/jgb/jgbcme_all.csv", *sorted((shared / "data/ust").glob("DGS*.csv"))]
    return merged([read_daily(file) for file in files])


def moves_of(history: dict[str, Daily], *, gauges: bool = False) -> list[MarketMoves]:
    return market_moves(history, default_spec(list(history)), END, gauges=gauges)


# --- real days --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gauges", [False, True])
def test_new_york_goes_on_to_tokyo_more_than_tokyo_to_new_york(history: dict[str, Daily], gauges: bool) -> None:
    markets = moves_of(history, gauges=gauges)
    assert [each.name for each in markets] == ["JP", "US"]
    found = {(flow.source, flow.follower, flow.step): flow for flow in flows(markets)}
    east, west = found["US", "JP", 1], found["JP", "US", 1]
    assert 0.34 < east.r < 0.44
    assert 0.10 < west.r < 0.20
    assert east.low > west.high
    assert min(east.n, west.n) > 4900
    assert east.real
    assert west.real
    assert (east.lag_h, west.lag_h) == (9.5, 13.5)
    assert east.lag_h + east.overlap_h == pytest.approx(23.0, abs=1.0)
    assert not any(found[pair].real for pair in found if pair[2] == 3)
    verdict = directions(flows(markets))[0]
    assert (verdict.stronger.source, verdict.stronger.follower, verdict.told) == ("US", "JP", True)
    assert east.r > verdict.by_overlap > west.r


def test_a_date_orders_nothing_a_week_of_shift_removes_the_flow(history: dict[str, Daily]) -> None:
    jp, us = moves_of(history)
    away = MarketMoves(us.name, us.days[5:], us.at[5:], us.z[:-5], us.log_variance[5:], us.tenors, us.weights, 1.0)
    found = {(flow.source, flow.follower, flow.step): flow for flow in flows([jp, away])}
    assert abs(found["US", "JP", 1].r) < 0.06
    assert not directions(flows([jp, away]))[0].told


def test_a_common_move_of_two_markets_makes_no_direction() -> None:
    chance = np.random.default_rng(7)
    hours = chance.standard_normal(24 * 4000)
    days = np.arange(730_000, 734_000)
    markets = []
    for name, clock in (("JP", 6), ("US", 20), ("CA", 20)):
        own = np.concatenate((np.zeros(24 - clock), hours))[: 24 * 4000].reshape(-1, 24).sum(axis=1)
        z = (own + chance.standard_normal(4000) * 24**0.5) / 48**0.5
        at = (days - 719_163) * DAY + clock * 3600 * SECOND
        markets.append(MarketMoves(name, days, at, z, z, (), z, 1.0))
    found = flows(markets)
    by_pair = {(each.stronger.source, each.stronger.follower): each for each in directions(found)}
    assert by_pair["US", "JP"].low > 0.0
    assert not by_pair["US", "JP"].told
    (together,) = [flow for flow in found if flow.step == 0]
    assert (together.source, together.follower) == ("CA", "US")
    assert together.r == pytest.approx(0.5, abs=0.05)


def test_new_york_is_the_net_transmitter_of_moves_and_beyond_chance(history: dict[str, Daily]) -> None:
    system = System("moves", common_days(moves_of(history)))
    assert system.table is not None
    assert system.chance is not None
    assert system.sessions > 4900
    assert system.table.total > 2.0 * system.chance[1]
    assert [name for name, _ in system.transmitters()] == ["US"]
    assert len(system.path) == 1250
    assert system.path[-1][1] == pytest.approx(system.table.total, abs=1e-9)


def test_days_beyond_both_tails_are_more_than_chance_most_of_all_new_york_first(history: dict[str, Daily]) -> None:
    found = {(each.order, each.side): each for each in breadth(moves_of(history), 0, END)}
    for side in (1, -1):
        dated, next_day = found[("JP", "US"), side].counts[2], found[("US", "JP"), side].counts[2]
        assert dated.low > dated.expected
        assert next_day.low > 3.0 * next_day.expected
        assert next_day.days > dated.days
        assert next_day.p < 1e-12
    for each in found.values():
        assert sum(count.days for count in each.counts) == each.days
        assert sum(count.expected for count in each.counts) == pytest.approx(each.days)


def test_one_component_carries_most_of_a_curve_and_lifts_all_tenors(history: dict[str, Daily]) -> None:
    for each in moves_of(history):
        assert each.explained > 0.5
        assert (each.weights > 0.0).all()
        assert 0.9 < each.z.std() < 1.3
        assert (np.diff(each.days) > 0).all()
        assert (np.diff(each.at) > 0).all()


# --- what holds for any -----------------------------------------------------------------------------------------------


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), gone=st.floats(0.0, 0.6))
def test_a_market_s_move_has_unit_scale_whatever_tenors_are_there(seed: int, gone: float) -> None:
    chance = np.random.default_rng(seed)
    level = chance.standard_normal((4000, 1))
    z = 0.8 * level + 0.6 * chance.standard_normal((4000, 4))
    z[chance.random(z.shape) < gone] = math.nan
    z = z[~np.isnan(z).all(axis=1)]
    weights, correlation, explained = component(z)
    found = scores(z, weights, correlation)
    assert 0.9 < found.std() < 1.1
    assert 0.5 < explained < 0.9
    assert np.corrcoef(found, np.nanmean(z, axis=1))[0, 1] > 0.97


def test_what_was_expected_of_independent_markets_is_the_sum_over_every_case() -> None:
    chance = np.random.default_rng(3)
    beyond = {
        day: {name: bool(chance.random() < 0.2) for name in ("A", "B", "C")[: 2 + int(day % 2)]}
        for day in range(1, 401)
    }
    found = Breadth(("A", "B", "C"), 1, beyond)
    expected = [0.0] * 4
    for there in beyond.values():
        rates = [found.rates[name] for name in there]
        for marks in product((0, 1), repeat=len(rates)):
            p = math.prod(rate if mark else 1.0 - rate for rate, mark in zip(rates, marks, strict=True))
            expected[sum(marks)] += p
    assert [count.expected for count in found.counts] == pytest.approx(expected)
    assert found.counts[3].expected_at_least == pytest.approx(expected[3])


def test_a_friday_in_new_york_comes_before_the_monday_in_tokyo() -> None:
    friday, monday = parse_day("2026-01-16"), parse_day("2026-01-19")
    days = np.arange(friday - 699, friday + 1)
    days = np.append(days[(days - 1) % 7 < 5], monday)
    z = np.sin(np.arange(len(days)) * 1.7)
    jump = np.where(np.isin(days, (friday, monday)), 9.0, z)
    markets = [
        MarketMoves(
            "JP", days, days * 86_400 * SECOND + 6 * 3600 * SECOND, np.where(days == friday, 0.0, jump), z, (), z, 1.0
        ),
        MarketMoves(
            "US", days, days * 86_400 * SECOND + 20 * 3600 * SECOND, np.where(days == monday, 0.0, jump), z, (), z, 1.0
        ),
    ]
    found = {(each.order, each.side): each for each in breadth(markets, friday, monday)}
    assert found[("US", "JP"), 1].counts[2].days == 1
    assert found[("JP", "US"), 1].counts[2].days == 0


# --- ticks ------------------------------------------------------------------------------------------------------------


def walk(seed: int, n: int = 4000) -> list[tuple[int, float]]:
    chance = np.random.default_rng(seed)
    at = np.cumsum(chance.integers(1, 8, n)) * SECOND
    return list(zip(at.tolist(), np.round(2.0 + np.cumsum(chance.standard_normal(n)) * 0.001, 4).tolist(), strict=True))


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), where=st.lists(st.integers(50, 3900), min_size=1, max_size=5, unique=True))
def test_ticks_that_jump_away_and_back_leave_no_trace(seed: int, where: list[int]) -> None:
    rows = walk(seed)
    dirty = list(rows)
    for k in sorted(where, reverse=True):
        at = rows[k][0] + SECOND // 2
        dirty[k + 1 : k + 1] = [(at, rows[k][1] + 0.5), (at + 1, rows[k][1] + 0.5)]
    for one, other in zip(clean(rows), clean(dirty), strict=True):
        np.testing.assert_allclose(one, other)


def test_a_change_of_unit_half_way_does_not_hide_who_moves_first() -> None:
    chance = np.random.default_rng(9)
    at = np.arange(1, 12_001) * SECOND
    path = 2.0 + np.cumsum(chance.standard_normal(12_000)) * 0.001
    late = 3.0 + np.concatenate((np.zeros(30), path[:-30] - 2.0))
    late[6000:6400] /= 100.0
    given_ticks = [Tick("US.GOV.10Y", float(y), int(t), int(t), "desk") for t, y in zip(at, path, strict=True)]
    given_ticks += [Tick("UK.GOV.10Y", float(y), int(t), int(t), "desk") for t, y in zip(at, late, strict=True)]
    found = TickLags(given_ticks, default_spec(["US.GOV.10Y", "UK.GOV.10Y"]))
    assert [(row.first, row.second, row.lag_s, row.significant) for row in found.rows] == [
        ("US.GOV.10Y", "UK.GOV.10Y", 30.0, True)
    ]
    assert found.rows[0].correlation > 0.9
    assert found.plain()["pairs"][0]["n"] > 11_000


def test_markets_that_never_tick_at_the_same_hours_have_no_lag() -> None:
    one = [Tick("JP.GOV.10Y", y, t, t, "desk") for t, y in walk(1, 300)]
    other = [Tick("US.GOV.10Y", y, t + 86_400 * SECOND, t + 86_400 * SECOND, "desk") for t, y in walk(2, 300)]
    found = TickLags(one + other, default_spec(["JP.GOV.10Y", "US.GOV.10Y"]))
    assert found.rows == []
    assert len(found.apart) == 1


# --- pictures ---------------------------------------------------------------------------------------------------------


@given(low=st.floats(-1e3, 1e3), span=st.floats(1e-3, 1e4))
def test_axes_have_round_numbers_within_their_ends(low: float, span: float) -> None:
    found = ticks(low, low + span)
    assert len(found) <= 7
    assert all(low - 1e-6 * span <= value <= low + span * 1.000001 for value in found)


@given(first=st.integers(700_000, 740_000), length=st.integers(1, 20_000))
def test_dates_of_an_axis_lie_within_it_and_are_few(first: int, length: int) -> None:
    found = dates(first, first + length)
    assert len(found) <= 12
    assert all(first <= day <= first + length for day, _ in found)


def test_names_in_pictures_are_escaped() -> None:
    text = str(svg(10.0, 'a"b<c>', [words(0.0, 0.0, "<script>&")]))
    assert "<script>" not in text
    assert "&lt;script&gt;&amp;" in text
    assert 'aria-label="a&quot;b&lt;c&gt;"' in text


# --- links and the stress index ---------------------------------------------------------------------------------------


def edge(source: str, follower: str, layer: str, followed: float, sources: float, p: float | None) -> dict[str, Any]:
    """As `Engine.graph()` gives it."""
    return {
        "source": source, "follower": follower, "layer": layer, "sources": sources, "followed": followed,
        "rate": followed / sources if sources else None, "beta": 0.5, "usual_beta": None, "lag_s": 95.0,
        "lag_low_s": None, "lag_high_s": None, "p": p, "forward": None, "backward": None, "spilled_over": False,
        "hinted": False, "last": 0,
    }  # fmt: skip


def test_a_link_has_the_bounds_of_its_rate_and_the_surest_comes_first() -> None:
    found = Links(
        [
            edge("JP", "US", "fixings", 3, 10, 0.2),
            edge("US", "UK", "ticks", 7.6, 9.2, 0.001),
            edge("UK", "JP", "ticks", 0, 0, None),
        ],
        "ticks",
        {("JP", "DE"): 2},
    )
    plain = found.plain()
    assert [(row["source"], row["follower"]) for row in plain["edges"]] == [("US", "UK"), ("JP", "US")]
    surest, other = plain["edges"]
    assert (surest["rate_low"], surest["rate_high"]) == pytest.approx((0.5175, 0.9972), abs=1e-4)
    assert other["rate_low"] == pytest.approx(0.0667, abs=1e-4)
    assert plain["could_not_respond"] == [["JP", "DE", 2]]
    assert set(found.markets()) == {"JP", "US", "UK", "DE"}
    drawn = str(ring(found))
    assert drawn.count("marker-end") == 2
    assert drawn.count("dotted") == 1
    assert drawn.count("95 s") == 2


def test_the_stress_index_is_placed_in_its_past_and_drawn_by_market() -> None:
    first = parse_day("2026-01-01")
    days = [
        {
            "date": day_iso(first + k),
            "value": 0.1 + 0.01 * k,
            "correlation": -0.05,
            "markets": {"JP": 0.1 + 0.01 * k, "US": 0.05},
            "dimensions": {"volatility": 0.15 + 0.01 * k},
            "high": 0.5,
        }
        for k in range(20)
    ]
    path = StressPath(days, first + 10, first + 14)
    assert [len(path.days), len(path.of_period())] == [15, 5]
    assert path.percentile() == 1.0
    assert path.highest()["date"] == "2026-01-15"
    assert path.markets() == ["JP", "US"]
    plain = path.plain()
    for day in plain["days"]:
        assert sum(day["markets"].values()) + day["correlation"] == pytest.approx(day["value"])
    assert str(stacked(path)).count("<polygon") == 2
