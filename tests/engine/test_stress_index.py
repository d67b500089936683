"""The stress index: its identities, ranks and correlations by themselves, and what the engine makes of them."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressd.engine.engine import Engine
from stressd.engine.events import FeedNote
from stressd.engine.fixings import LONGEST_GAP
from stressd.engine.spec import DAY, HOUR, SECOND, EngineSpec
from stressd.engine.stress_index import DAYS, EVERY
from stressd.engine.stress_inputs import KEPT, NEEDED, TRUSTED, Ranked
from stressd.engine.stress_market import DIMENSIONS
from stressd.engine.stress_portfolio import DECAY, FORGOTTEN, USUAL, CrossCorrelations, squared, take_apart
from stressd.market.tick import FIXING, Tick
from stressd.market.times import day_of, parse_time
from stressd.testing.worlds import world

ORIGINAL = (0.15, 0.15, 0.25, 0.30, 0.15)
"""Weights of the ECB's first index: money, bonds, equity, intermediaries, exchange rates."""

START = parse_time("2024-01-08T00:00:00Z")
TENORS = ("2Y", "5Y", "10Y", "20Y", "30Y")
shares = st.floats(0.0, 1.0)


def triangle(matrix: np.ndarray[Any, Any]) -> list[list[float]]:
    return [[float(matrix[i, j]) for j in range(i + 1)] for i in range(len(matrix))]


@st.composite
def portfolios(draw: st.DrawFn) -> tuple[list[float], list[float], np.ndarray[Any, Any]]:
    """Weights that add up to one, stress, and correlations of which none is negative."""
    n = draw(st.integers(1, 7))
    weights = [draw(st.floats(0.01, 1.0)) for _ in range(n)]
    loads = np.array([[draw(shares) + 1e-3 for _ in range(3)] for _ in range(n)])
    c = loads @ loads.T
    c /= np.sqrt(np.outer(np.diag(c), np.diag(c)))
    return [w / sum(weights) for w in weights], [draw(shares) for _ in range(n)], np.minimum(c, 1.0)


# --- the aggregation -------------------------------------------------------------------------------------------------


def test_all_stressed_and_all_together_is_one_and_alone_is_the_sum_of_squared_weights() -> None:
    assert squared(ORIGINAL, triangle(np.ones((5, 5)))) == pytest.approx(1.0, abs=1e-15)
    assert squared(ORIGINAL, triangle(np.eye(5))) == pytest.approx(0.22, abs=1e-15)
    assert squared((), []) == 0.0


@given(portfolios())
def test_the_quadratic_form_is_that_of_numpy(portfolio: tuple[list[float], list[float], np.ndarray[Any, Any]]) -> None:
    weights, stress, c = portfolio
    u = np.array(weights) * stress
    assert squared(list(u), triangle(c)) == pytest.approx(float(u @ c @ u), abs=1e-14)


@given(portfolios(), st.data())
def test_more_stress_anywhere_never_makes_it_less(
    portfolio: tuple[list[float], list[float], np.ndarray[Any, Any]], data: st.DataObject
) -> None:
    weights, stress, c = portfolio
    k = data.draw(st.integers(0, len(stress) - 1))
    more = list(stress)
    more[k] = data.draw(st.floats(stress[k], 1.0))
    before, after = ([w * s for w, s in zip(weights, each, strict=True)] for each in (stress, more))
    assert squared(after, triangle(c)) >= squared(before, triangle(c)) - 1e-15


@given(portfolios())
def test_parts_and_correlation_add_up_to_a_value_from_nought_to_one(
    portfolio: tuple[list[float], list[float], np.ndarray[Any, Any]],
) -> None:
    weights, stress, c = portfolio
    u = [w * s for w, s in zip(weights, stress, strict=True)]
    found = take_apart(u, triangle(c))
    assert math.fsum([*found.parts, found.correlation]) == pytest.approx(found.value, abs=1e-15)
    assert math.fsum(x * x for x in u) - 1e-15 <= found.value <= min(math.fsum(u) ** 2, 1.0) + 1e-15
    assert found.correlation <= 1e-15
    assert all(part >= 0.0 for part in found.parts)
    together = take_apart(u, triangle(np.ones_like(c)))
    assert together.correlation == pytest.approx(0.0, abs=1e-15)


# --- correlations ----------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(shares, shares, shares), min_size=1, max_size=60))
def test_streaming_correlations_are_those_of_the_whole_history(rows: list[tuple[float, float, float]]) -> None:
    streaming = CrossCorrelations(3)
    for row in rows:
        streaming.learn(row)
    off = np.array(rows) - 0.5
    weights = (1.0 - DECAY) * DECAY ** np.arange(len(rows) - 1, -1, -1)
    batch = USUAL * DECAY ** len(rows) * np.eye(3) + (off * weights[:, None]).T @ off
    scale = np.sqrt(np.outer(np.diag(batch), np.diag(batch)))
    expected = np.clip(batch / scale, 0.0, 1.0)
    for i, row in enumerate(streaming.among([0, 1, 2])):
        assert row == pytest.approx([expected[i, j] if j < i else 1.0 for j in range(i + 1)], abs=1e-12)


@given(st.lists(st.tuples(*[st.one_of(shares, st.just(math.nan)) for _ in range(4)]), max_size=80))
def test_whatever_is_missing_correlations_stay_between_nought_and_one(rows: list[tuple[float, ...]]) -> None:
    streaming = CrossCorrelations(4)
    for row in rows:
        streaming.learn(row)
    for row in streaming.among([0, 1, 2, 3]):
        assert row[-1] == 1.0
        assert all(0.0 <= rho <= 1.0 for rho in row)
    twin = CrossCorrelations(4)
    days, absent, sums = json.loads(json.dumps(streaming.state()))
    twin.load(days, absent, sums, [0, 1, 2, 3])
    assert twin.state() == streaming.state()


def test_calm_in_one_market_takes_nothing_from_stress_in_another() -> None:
    streaming = CrossCorrelations(2)
    for k in range(60):
        streaming.learn([0.9, 0.1] if k % 2 else [0.1, 0.9])
    assert streaming.among([0, 1])[1][0] == 0.0


def test_what_comes_back_after_long_absence_starts_uncorrelated() -> None:
    streaming = CrossCorrelations(2)
    for k in range(60):
        streaming.learn([0.9, 0.9] if k % 2 else [0.1, 0.1])
    assert streaming.among([0, 1])[1][0] > 0.95
    for _ in range(FORGOTTEN):
        streaming.learn([0.9, math.nan])
    assert streaming.among([0, 1])[1][0] == 0.0
    streaming.learn([0.9, 0.9])
    assert 0.0 < streaming.among([0, 1])[1][0] < 0.5


# --- ranks -----------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 30), min_size=NEEDED, max_size=400), st.integers(-2, 32))
def test_stress_is_the_share_of_past_sessions_below_and_half_of_the_equal_ones(past: list[int], now: int) -> None:
    ranked = Ranked()
    for k, value in enumerate(past):
        ranked.close(value / 10.0, k)
    share = (sum(x < now for x in past) + 0.5 * sum(x == now for x in past)) / len(past)
    trust = min(len(past) / TRUSTED, 1.0)
    assert ranked.stress(now / 10.0) == pytest.approx(0.5 + trust * (share - 0.5), abs=1e-12)


def test_only_the_last_five_years_count_and_too_few_sessions_say_nothing() -> None:
    ranked = Ranked()
    for k in range(NEEDED - 1):
        ranked.close(9.0, k)
    assert math.isnan(ranked.stress(1.0))
    for k in range(KEPT):
        ranked.close(1.0 + k / KEPT, k)
    assert ranked.past.n == KEPT
    assert ranked.stress(5.0) == 1.0, "the nines of before are forgotten"
    assert ranked.stress(0.0) == 0.0
    ranked.close(math.nan, 7)
    assert ranked.past.n == KEPT


# --- the engine ------------------------------------------------------------------------------------------------------


def days_of(
    spec: EngineSpec, count: int, seed: int = 1, wild: Sequence[tuple[str, int]] = (), since: int = START
) -> list[Tick]:
    """Fixings of every fed series on `count` days; moves of a market are ten times as large from its wild day on."""
    rng = random.Random(seed)
    from_day = dict(wild)
    levels = {series.id: 2.0 + 0.1 * k for k, series in enumerate(spec.series) if not series.legs}
    calendars = {market.name: market.calendar for market in spec.markets}
    ticks = []
    for n in range(count):
        day = day_of(since) + n
        for market, calendar in calendars.items():
            at = calendar.fixing_on(day)
            if calendar.session_at(at - 1).day != day or "-" in market:
                continue
            common = rng.gauss(0.0, 0.02)
            size = 10.0 if n >= from_day.get(market, count) else 1.0
            for name in levels:
                if name.startswith(f"{market}."):
                    levels[name] += size * (common + rng.gauss(0.0, 0.01))
                    ticks.append(Tick(name, round(levels[name], 3), at, at, "official", FIXING))
    return sorted(ticks, key=lambda tick: tick.received)


def daily_world(**markets: str) -> EngineSpec:
    return world(markets, TENORS, silence=None, levels=False)


def run(spec: EngineSpec, ticks: Sequence[Tick]) -> Engine:
    engine = Engine(spec, ticks[0].received - 1)
    engine.feed(ticks)
    engine.advance(ticks[-1].received + DAY)
    return engine


def adds_up(reading: dict[str, Any]) -> None:
    inside = reading["correlation"]
    assert math.fsum([*reading["markets"].values(), inside]) == pytest.approx(reading["value"], abs=1e-12)
    assert math.fsum([*reading["dimensions"].values(), inside]) == pytest.approx(reading["value"], abs=1e-12)
    assert 0.0 <= reading["value"] <= 1.0
    if "inputs" in reading:
        rows = reading["inputs"]
        assert math.fsum(row["weight"] for row in rows) == pytest.approx(1.0, abs=1e-12)
        for key, of in (("market", reading["markets"]), ("dimension", reading["dimensions"])):
            for name, part in of.items():
                assert math.fsum(row["contribution"] for row in rows if row[key] == name) == pytest.approx(
                    part, abs=1e-12
                )


@settings(max_examples=8)
@given(
    st.integers(0, 2**32),
    st.sampled_from([{"JP": "JP"}, {"JP": "JP", "US": "US"}, {"JP": "JP", "UK": "UK", "US": "US"}]),
)
def test_contributions_by_market_and_by_dimension_add_up_on_every_day(seed: int, markets: dict[str, str]) -> None:
    engine = run(daily_world(**markets), days_of(daily_world(**markets), 120, seed))
    assert len(engine.stress.days) > 40
    for day in engine.stress.days:
        adds_up(day)
    assert engine.stress.reading is not None
    adds_up(engine.stress.reading)


def test_a_market_that_turns_wild_raises_its_own_contribution_and_the_index() -> None:
    spec = daily_world(JP="JP", US="US")
    engine = run(spec, days_of(spec, 420, wild=[("JP", 400)]))
    calm, wild = engine.stress.days[-17], engine.stress.days[-1]
    assert calm["date"] < "2025-02-11" < wild["date"]
    assert wild["markets"]["JP"] > 2.0 * calm["markets"]["JP"]
    assert wild["markets"]["JP"] > 1.5 * wild["markets"]["US"]
    assert wild["value"] > calm["value"]
    ranks = {row["dimension"]: row["stress"] for row in engine.stress.reading["inputs"] if row["market"] == "JP"}  # type: ignore[index]
    assert ranks["volatility"] > 0.95
    assert ranks["curve noise"] > 0.95
    assert ranks["spreads"] > 0.9


def test_stress_in_both_markets_is_more_than_the_sum_of_stress_in_each() -> None:
    spec = daily_world(JP="JP", US="US")
    alone = [run(spec, days_of(spec, 440, wild=[(name, 400)])).stress.days[-1]["value"] for name in ("JP", "US")]
    both = run(spec, days_of(spec, 440, wild=[("JP", 400), ("US", 400)])).stress.days[-1]
    assert both["value"] > sum(alone)
    assert both["correlation"] > -0.1


def test_what_was_told_of_a_day_is_never_revised() -> None:
    spec = daily_world(JP="JP", US="US")
    ticks = days_of(spec, 150, wild=[("US", 100)])
    whole = run(spec, ticks).stress.days
    for cut in (60, 99, 101, 130):
        until = START + cut * DAY + 22 * HOUR
        part = run(spec, [tick for tick in ticks if tick.received <= until]).stress.days
        assert part == whole[: len(part)]
        assert part


@settings(max_examples=6)
@given(st.lists(st.integers(1, 90), min_size=1, max_size=5), st.booleans())
def test_batches_change_nothing(batches: list[int], advances: bool) -> None:
    spec = daily_world(JP="JP", US="US")
    ticks = days_of(spec, 60)
    engine = Engine(spec, ticks[0].received - 1)
    done = k = 0
    while done < len(ticks):
        size = batches[k % len(batches)]
        engine.feed(ticks[done : done + size])
        done, k = done + size, k + 1
        if advances and done < len(ticks):
            engine.advance(ticks[done].received - 1)
    engine.advance(ticks[-1].received + DAY)
    assert json.dumps(engine.stress.state()) == json.dumps(run(spec, ticks).stress.state())


def test_history_warms_it_as_if_it_had_been_live() -> None:
    spec = daily_world(JP="JP", US="US")
    ticks = days_of(spec, 90)
    now = ticks[-1].received + 4 * HOUR
    warmed = Engine(spec, now)
    warmed.warm(ticks)
    live = run(spec, ticks)
    assert warmed.stress.days == live.stress.days
    assert warmed.stress.days


@settings(max_examples=2)
@given(st.integers(1, 8_000))
def test_a_restart_changes_nothing(cut: int) -> None:
    spec, ticks = ticking()
    whole = Engine(spec, START)
    whole.feed(ticks[:cut])
    again = Engine(spec, START)
    again.restore(json.loads(json.dumps(whole.snapshot())))
    for engine in (whole, again):
        engine.feed(ticks[cut:])
        engine.advance(ticks[-1].received + DAY)
    assert json.dumps(again.stress.state()) == json.dumps(whole.stress.state())
    assert whole.stress.days


def ticking() -> tuple[EngineSpec, list[Tick]]:
    """Two markets that tick for fourteen weeks, every two hours and before their fixing; one of them with quotes."""
    spec = world({"AA": "always", "JP": "JP"}, TENORS, silence=None, levels=False)
    calendars = {market.name: market.calendar for market in spec.markets}
    rng = random.Random(7)
    values = {series.id: 2.0 + 0.1 * k for k, series in enumerate(spec.series)}
    ticks = []
    for hour in range(98 * 24):
        at = START + hour * HOUR
        for k, name in enumerate(values):
            market = name[:2]
            time = at + k * SECOND if hour % 2 else at + HOUR - (20 - k) * SECOND
            if not calendars[market].span_at(time).is_open or (hour % 2 == 0 and hour % 24 != 4):
                continue
            values[name] += rng.gauss(0.0, 0.005)
            width = 0.005 + 0.00002 * (hour % 500) if market == "AA" else math.nan
            ticks.append(Tick(name, round(values[name], 4), time, time, "desk", 0, -width))
    return spec, sorted(ticks, key=lambda tick: tick.received)


def test_ticks_move_it_every_five_minutes_and_a_closed_market_keeps_its_last_session() -> None:
    spec, ticks = ticking()
    engine = Engine(spec, START)
    times = set()
    for first in range(0, len(ticks), 50):
        engine.feed(ticks[first : first + 50])
        if engine.stress.reading is not None:
            times.add(engine.stress.reading["time"])
            if engine.stress.reading["value"] is not None:
                adds_up(engine.stress.reading)
    ordered = sorted(map(parse_time, times))
    assert all(b - a >= EVERY for a, b in pairwise(ordered))
    # on a Saturday only the market that never closes ticks
    saturday = parse_time("2024-03-23T12:00:00Z")
    engine = Engine(spec, START)
    engine.feed([tick for tick in ticks if tick.received < saturday])
    engine.advance(saturday)
    reading = engine.stress.reading
    assert reading is not None
    assert saturday - parse_time(reading["time"]) < 2 * HOUR
    states = {(row["market"], row["dimension"]): (row["state"], row["age_s"]) for row in reading["inputs"]}
    assert states["AA", "volatility"][0] in ("live", "stale")
    assert states["AA", "bid-ask"][1] < 7200.0
    assert states["JP", "volatility"][0] == "closed"
    assert states["JP", "volatility"][1] > 24 * 3600.0
    out = {(each["market"], each["dimension"]): each["reason"] for each in reading["left_out"]}
    assert out["JP", "bid-ask"] == "no quotes"
    adds_up(reading)


def test_a_large_move_within_the_day_is_stress_before_any_fixing() -> None:
    spec, ticks = ticking()
    noon = parse_time("2024-04-09T03:30:00Z")
    before = [tick for tick in ticks if tick.received < noon]
    last = {tick.series: tick.value for tick in before if tick.series.startswith("JP")}
    found = []
    for jump in (0.0, 0.25):
        path = []
        for k in range(40):
            for name, value in last.items():
                at = noon + k * 20 * SECOND
                moved = value + (jump if name == "JP.GOV.30Y" else 0.0) + 0.0001 * (k % 2)
                path.append(Tick(name, moved, at, at, "desk"))
        engine = Engine(spec, START)
        engine.feed([*before, *path])
        assert engine.stress.reading is not None
        found.append(engine.stress.reading)
    calm, wild = ({row["dimension"]: row for row in each["inputs"] if row["market"] == "JP"} for each in found)
    for dimension in ("volatility", "spreads"):
        assert wild[dimension]["stress"] > calm[dimension]["stress"]
    assert found[1]["value"] > found[0]["value"]
    assert found[1]["markets"]["JP"] > found[0]["markets"]["JP"]


def test_a_market_that_is_no_longer_heard_of_is_left_out_and_its_weight_goes_to_the_others() -> None:
    spec = daily_world(JP="JP", US="US")
    ticks = days_of(spec, 120)
    last = START + 80 * DAY
    engine = run(spec, [tick for tick in ticks if tick.received < last or tick.series.startswith("JP")])
    reading = engine.stress.reading
    assert reading is not None
    assert list(reading["markets"]) == ["JP"]
    assert {each["market"] for each in reading["left_out"] if "two sessions" in each["reason"]} == {"US", "JP"}
    assert {each["dimension"] for each in reading["left_out"] if each["market"] == "JP"} == {"bid-ask", "co-movement"}
    adds_up(reading)


def test_while_young_it_says_so_and_before_that_nothing() -> None:
    spec = daily_world(JP="JP")
    first = run(spec, days_of(spec, 20))
    assert first.stress.reading is not None
    assert first.stress.reading["value"] is None
    assert first.stress.days == []
    assert {each["dimension"] for each in first.stress.reading["left_out"]} == set(DIMENSIONS)
    later = run(spec, days_of(spec, 120)).stress.reading
    assert later is not None
    assert later["young"]
    assert NEEDED <= later["sessions"] < TRUSTED


def test_another_publisher_is_no_stress() -> None:
    spec = daily_world(JP="JP", US="US")
    ticks = days_of(spec, 150)
    change = START + 100 * DAY
    moved = [
        Tick(t.series, t.value + 0.35, t.time, t.received, "other", FIXING)
        if t.received > change and t.series.startswith("JP")
        else t
        for t in ticks
    ]
    same, other = run(spec, ticks).stress, run(spec, moved).stress
    for dimension in ("volatility", "spreads"):
        ranks = [
            next(r for r in each.reading["inputs"] if (r["market"], r["dimension"]) == ("JP", dimension))  # type: ignore[index]
            for each in (same, other)
        ]
        assert ranks[1]["value"] == pytest.approx(ranks[0]["value"], rel=0.25)


def test_history_is_bounded_and_a_gap_of_a_year_costs_nothing() -> None:
    spec = daily_world(JP="JP")
    ticks = days_of(spec, 40)
    ticks += days_of(spec, (DAYS + 90) * 7 // 5, seed=2, since=START + (400 + LONGEST_GAP) * DAY)
    engine = run(spec, ticks)
    assert len(engine.stress.days) == DAYS
    assert engine.stress.days[0]["date"] > "2025-02-01"


def test_the_index_alerts_nobody() -> None:
    spec = daily_world(JP="JP", US="US")
    loud = Engine(EngineSpec(spec.markets, spec.series), START)
    said = loud.feed(days_of(spec, 300, wild=[("JP", 250), ("US", 250)]))
    assert [event for event in said if not isinstance(event, FeedNote)] == []
    assert loud.stress.days[-1]["value"] > 0.5
