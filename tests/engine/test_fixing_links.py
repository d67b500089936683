"""From fixing to fixing: who answers at which instant, with which p, what earlier moves like this one were followed by;
closed markets, early closes, ties, chains."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressd.engine.engine import Engine
from stressd.engine.events import ENTERED, Breach, Event
from stressd.engine.response import Response
from stressd.engine.spec import HOUR, PropagationSpec
from stressd.market.sessions import calendar
from stressd.market.tick import FIXING, Tick
from stressd.market.times import day_iso, day_of, iso, parse_day, parse_time
from stressd.testing.worlds import facts, world

Moves = dict[str, dict[str, float]]
"""bp by market and date of its fixing."""

FIRST = parse_day("2025-06-02")


def fixings(markets: Sequence[str], moves: Moves, last: str, seed: int = 3, first: int = FIRST) -> list[Tick]:
    """Every market's fixings of its trading days: noise of 2 bp, and the moves asked for instead."""
    out = []
    for number, market in enumerate(markets):
        rng = random.Random(seed * 100 + number)
        own = calendar(market)
        value = 3.0
        for day in range(first, parse_day(last) + 1):
            session = own.session_on(day)
            if session is not None:
                value += moves.get(market, {}).get(day_iso(day), rng.gauss(0.0, 2.0)) / 100.0
                t = own.fixing_on(day)
                out.append(Tick(f"{market}.GOV.10Y", round(value, 4), t, t, "file", FIXING))
    return sorted(out, key=lambda tick: tick.time)


def engine(markets: Sequence[str], start: int, **changes: Any) -> Engine:
    spec = world(
        {market: market for market in markets}, tenors=("10Y",), silence=None, levels=False, floor_bp=4.0,
        propagation=PropagationSpec(**changes),
    )  # fmt: skip
    return Engine(replace(spec, horizons={**spec.horizons, "1d": replace(spec.horizons["1d"], half_life=63.0)}), start)


def told(markets: Sequence[str], moves: Moves, last: str, **changes: Any) -> list[Response]:
    """Every answer about 2025's last and 2026's first months."""
    feed = fixings(markets, moves, last)
    of = engine(markets, feed[0].time - 1, **changes)
    events = of.feed(feed) + of.advance(feed[-1].time + 20 * 24 * HOUR)
    return [event for event in events if isinstance(event, Response)]


def about(responses: list[Response], source: str, follower: str, date: str) -> list[Response]:
    """Answers of one market to another's breach on a date."""
    return [r for r in responses if (r.market, r.follower, day_iso(day_of(r.breach_at))) == (source, follower, date)]


def words(responses: list[Response]) -> list[tuple[str, str | None, bool]]:
    return [(r.wording, r.reason, r.final) for r in responses]


def test_a_holiday_of_the_follower_is_named_at_once_and_its_next_fixing_answers() -> None:
    """The constellation of January 2026: Tokyo moves on Martin Luther King's day and on the day after."""
    moves = {"JP": {"2026-01-19": 8.0, "2026-01-20": 25.0}, "US": {"2026-01-20": 5.0}}
    responses = told(["JP", "US"], moves, "2026-01-23")
    first = about(responses, "JP", "US", "2026-01-19")
    assert words(first) == [("could not respond", "closed (holiday: Martin Luther King Jr. Day)", False)]
    assert (iso(first[0].at), iso(first[0].next_open or 0)) == ("2026-01-19T06:00:00Z", "2026-01-20T12:00:00Z")
    closed, answer = about(responses, "JP", "US", "2026-01-20")
    assert words([closed]) == [("could not respond", "closed (overnight)", False)]
    assert (answer.wording, answer.final, answer.resolution) == ("followed", True, "1d")
    assert (iso(answer.time), answer.lag, answer.open_lag) == (
        "2026-01-20T20:30:00Z",
        int(14.5 * HOUR),
        int(8.5 * HOUR),
    )
    assert answer.change_bp == pytest.approx(5.0)
    assert answer.beta == pytest.approx(5.0 / 33.0, rel=0.01), "over all that Tokyo moved since New York's last fixing"
    assert answer.p is not None
    assert 1 / 160 <= answer.p <= 0.05
    assert 100 <= answer.p_of <= 160


def test_a_holiday_of_tokyo_is_named_and_tokyos_next_fixing_answers_new_york() -> None:
    moves = {"US": {"2026-01-09": 20.0}, "JP": {"2026-01-13": -9.0}}
    closed, answer = about(told(["JP", "US"], moves, "2026-01-16"), "US", "JP", "2026-01-09")
    assert (closed.wording, closed.reason) == ("could not respond", "closed (holiday: Coming of Age Day)")
    assert iso(closed.next_open or 0).startswith("2026-01-12T23:"), "Tuesday morning in Tokyo, the 12th is a holiday"
    assert (answer.wording, iso(answer.time)) == ("did not respond", "2026-01-13T06:00:00Z")
    assert answer.p is not None
    assert answer.p > 0.9, "it went the other way"
    assert (answer.z or 0.0) < -2.0


def test_an_early_close_shortens_the_open_time_of_the_answer() -> None:
    moves = {"JP": {"2025-11-28": 20.0}, "US": {"2025-11-28": 9.0}}
    answers = about(told(["JP", "US"], moves, "2025-12-02"), "JP", "US", "2025-11-28")
    assert answers[-1].wording == "followed"
    assert iso(answers[-1].time) == "2025-11-28T20:30:00Z"
    whole = about(told(["JP", "US"], {"JP": {"2025-12-03": 20.0}}, "2025-12-05"), "JP", "US", "2025-12-03")[-1]
    assert answers[-1].lag == whole.lag
    closes = calendar("US").next_close(answers[-1].breach_at)
    assert answers[-1].open_lag == calendar("US").open_between(answers[-1].breach_at, closes)
    assert (answers[-1].open_lag or 0) < (whole.open_lag or 0)


def test_a_breach_after_an_early_close_is_answered_on_the_next_trading_day() -> None:
    """London moves at 16:15 on Christmas Eve's last half day; New York's fixing of that date is still to come, Tokyo's
    is not."""
    moves = {"UK": {"2025-12-24": 20.0}}
    responses = told(["UK", "US", "JP"], moves, "2025-12-31")
    us = about(responses, "UK", "US", "2025-12-24")
    assert iso(us[-1].time) == "2025-12-24T20:30:00Z"
    jp = about(responses, "UK", "JP", "2025-12-24")
    assert words(jp[:1]) == [("could not respond", "closed (overnight)", False)]
    assert iso(jp[-1].time) == "2025-12-25T06:00:00Z"


def test_markets_that_fix_at_the_same_instant_moved_together_whichever_is_judged_first() -> None:
    moves = {"UK": {"2026-01-14": 20.0}, "DE": {"2026-01-14": 5.0}}
    for markets in (["UK", "DE"], ["DE", "UK"]):
        answers = about(told(markets, moves, "2026-01-20"), "UK", "DE", "2026-01-14")
        assert [(a.wording, a.final, a.lag, a.open_lag) for a in answers] == [("co-moved", True, 0, 0)]
        assert (answers[0].change_bp, answers[0].beta) == (pytest.approx(5.0), pytest.approx(0.25))
        assert answers[0].usual_beta is None
        assert answers[0].p is not None


def test_a_market_that_fixes_at_the_same_instant_and_stays_calm_answers_at_its_next_fixing() -> None:
    moves = {"UK": {"2026-01-14": 20.0}, "DE": {"2026-01-14": 0.5, "2026-01-15": 8.0}}
    for markets in (["UK", "DE"], ["DE", "UK"]):
        answers = about(told(markets, moves, "2026-01-20"), "UK", "DE", "2026-01-14")
        assert [(a.wording, a.lag) for a in answers] == [("followed", 24 * HOUR)]


def test_what_is_known_late_is_answered_by_what_was_fixed_in_between() -> None:
    """Tokyo's official fixing is published after New York has fixed."""
    feed = fixings(["JP", "US"], {"JP": {"2026-01-14": 25.0}, "US": {"2026-01-14": 5.0}}, "2026-01-14")
    late = [replace_received(t, parse_time("2026-01-14T22:00:00Z")) if is_last(t) else t for t in feed]
    of = engine(["JP", "US"], feed[0].time - 1)
    events = of.feed(sorted(late, key=lambda tick: tick.received))
    events += of.advance(parse_time("2026-01-14T23:00:00Z"))
    answers = about([e for e in events if isinstance(e, Response)], "JP", "US", "2026-01-14")
    assert [(a.wording, iso(a.time)) for a in answers] == [("followed", "2026-01-14T20:30:00Z")]
    assert answers[0].at >= parse_time("2026-01-14T22:00:00Z")


def replace_received(tick: Tick, received: int) -> Tick:
    return Tick(tick.series, tick.value, tick.time, received, tick.source, tick.flags)


def is_last(tick: Tick) -> bool:
    return tick.series == "JP.GOV.10Y" and day_iso(day_of(tick.time)) == "2026-01-14"


def test_too_short_a_history_is_said_to_be_that() -> None:
    feed = fixings(["JP", "US"], {"JP": {"2025-06-09": 40.0}, "US": {"2025-06-09": 20.0}}, "2025-06-10")
    of = engine(["JP", "US"], feed[0].time - 1)
    answers = [e for e in of.feed(feed) + of.advance(feed[-1].time + HOUR) if isinstance(e, Response) and e.final]
    assert answers
    assert {a.wording for a in answers} == {"could not respond"}
    assert {a.reason for a in answers} <= {
        f"only {n} of its days are known to compare with" for n in range(9)
    } | {"its volatility is not known yet"}  # fmt: skip


def test_a_fixing_that_never_comes_is_given_up_after_a_fortnight() -> None:
    feed = [
        tick
        for tick in fixings(["JP", "US"], {"JP": {"2026-01-14": 25.0}}, "2026-02-20")
        if tick.series.startswith("JP") or tick.time < parse_time("2026-01-14T00:00:00Z")
    ]
    of = engine(["JP", "US"], feed[0].time - 1)
    answers = about([e for e in of.feed(feed) if isinstance(e, Response)], "JP", "US", "2026-01-14")
    assert words(answers[-1:]) == [("could not respond", "no fixing came", True)]
    assert iso(answers[-1].at) == "2026-01-28T06:00:00Z"


def test_the_market_that_fixed_first_is_the_source_and_no_chain_runs_in_a_circle() -> None:
    """New York moves on the 13th, Tokyo on the 14th and again on the 15th, New York again on the 15th."""
    moves = {
        "US": {"2026-01-13": 20.0, "2026-01-14": 1.0, "2026-01-15": 12.0},
        "JP": {"2026-01-14": 20.0, "2026-01-15": 25.0},
    }
    links = [
        (r.market, r.follower)
        for r in told(["JP", "US"], moves, "2026-01-20")
        if r.wording == "followed" and r.direction > 0 and r.breach_at >= parse_time("2026-01-13T00:00:00Z")
    ]
    assert ("US", "JP") in links
    assert ("JP", "US") not in links, "New York's own breach came first, though it is over by the time Tokyo's grows"


def test_tokyo_leads_new_york_and_its_own_next_day_is_no_following() -> None:
    moves = {"JP": {"2026-01-14": 20.0, "2026-01-15": 25.0}, "US": {"2026-01-14": 15.0, "2026-01-15": 1.0}}
    told_ = [r for r in told(["JP", "US"], moves, "2026-01-20") if r.breach_at >= parse_time("2026-01-14T00:00:00Z")]
    assert [(r.market, r.follower) for r in told_ if r.wording == "followed"] == [("JP", "US")]
    assert not [r for r in told_ if r.market == "US" and r.direction > 0]


@pytest.mark.once
@settings(max_examples=12)
@given(st.integers(0, 10_000))
def test_followers_never_form_a_circle_within_a_wave(seed: int) -> None:
    """Storms in four markets: where A's episode has B as a follower, no episode that was already on at A's start is
    B's."""
    rng = random.Random(seed)
    days = [day_iso(day) for day in range(parse_day("2025-09-01"), parse_day("2025-12-20"))]
    markets = ["JP", "DE", "UK", "US"]
    moves = {m: {d: rng.choice((-1, 1)) * rng.uniform(8, 30) for d in days if rng.random() < 0.3} for m in markets}
    feed = fixings(markets, moves, "2025-12-23", seed)
    events = engine(markets, feed[0].time - 1).feed(feed)
    started: dict[tuple[str, int], int] = {}
    over: set[tuple[str, int]] = set()
    leaders: dict[tuple[str, int], set[str]] = {}
    on: dict[tuple[str, int], int] = {}
    count = 0
    for event in events:
        if isinstance(event, Breach):
            key = (event.market, event.direction)
            if event.phase == ENTERED:
                if on.get(key, 0) == 0:
                    leaders[key] = {
                        m for (m, d), n in on.items() if d == event.direction and n > 0 and m != event.market
                    }
                    started[key] = event.time
                on[key] = on.get(key, 0) + 1
            elif event.phase == "left":
                on[key] = max(on.get(key, 0) - 1, 0)
                over.add(key)
        elif isinstance(event, Response) and event.wording in ("followed", "co-moved"):
            count += 1
            key = (event.market, event.direction)
            if on.get(key, 0) > 0:
                assert event.follower not in leaders[key]
            assert event.time >= event.breach_at
    assert count > 0


def test_the_base_rate_counts_what_was_fed_whether_live_or_imported() -> None:
    """Ten rises of 20 bp in the history, of which New York answers seven the same way."""
    dates = [day_iso(FIRST - 173 + 28 * k) for k in range(10)]
    moves = {"JP": dict.fromkeys(dates, 20.0), "US": {d: 4.0 if k < 7 else -4.0 for k, d in enumerate(dates)}}
    live = parse_time("2025-12-01T00:00:00Z")
    moves["JP"]["2025-12-02"] = 22.0
    feed = fixings(["JP", "US"], moves, "2025-12-05", first=FIRST - 365)
    of = engine(["JP", "US"], live)
    of.warm([tick for tick in feed if tick.time < live])
    events: list[Event] = of.feed([tick for tick in feed if tick.time >= live])
    closed, answer = about([e for e in events if isinstance(e, Response)], "JP", "US", "2025-12-02")
    base = answer.base
    assert base is not None
    assert closed.base is not None, "said at once, with what to expect"
    assert (base.source, base.series, base.times, base.same_sign) == ("JP.GOV.10Y", "US.GOV.10Y", 10, 7)
    assert base.bar in (3.0, 4.0, 5.0)
    assert 0.0 < base.mean < 2.0
    assert FIRST - 365 <= base.since <= FIRST - 358
    rate = of.propagation.fixings.base_rate("JP.GOV.10Y", "US", -30.0)
    assert rate is None or rate.bar < 0.0
    assert of.propagation.fixings.base_rate("JP.GOV.10Y", "US", 1.0) is None
    assert of.propagation.fixings.base_rate("XX.GOV.10Y", "US", 9.0) is None
    after = of.propagation.fixings.base_rate("JP.GOV.10Y", "US", 9.0)
    assert after is not None
    assert after.times == 11, "the day itself counts from now on"


def test_the_graph_tells_every_pair_that_moved_or_is_hinted() -> None:
    dates = [day_iso(FIRST - 173 + 28 * k) for k in range(12)]
    moves = {"JP": dict.fromkeys(dates, 15.0), "US": dict.fromkeys(dates, 6.0)}
    feed = fixings(["JP", "US", "UK"], moves, "2025-12-19", first=FIRST - 365)
    of = engine(["JP", "US", "UK"], feed[0].time - 1, pairs=(("JP", "US"), ("US", "CA")))
    of.feed(feed)
    edges = {(row["source"], row["follower"]): row for row in of.propagation.fixings.edges()}
    row = edges["JP", "US"]
    assert (row["layer"], row["hinted"], row["spilled_over"]) == ("fixings", True, False)
    assert row["sources"] >= 12
    assert row["followed"] >= 10
    assert row["rate"] == row["followed"] / row["sources"]
    assert row["beta"] == pytest.approx(0.4, abs=0.1)
    assert 8.0 * 3600 <= row["lag_low_s"] <= row["lag_s"] <= row["lag_high_s"] <= 9.0 * 3600
    assert iso(row["last"]) >= dates[-1]
    assert row["p"] is None or 0.0 < row["p"] < 1.0
    assert edges["US", "CA"]["sources"] == 0, "hinted, though nothing is known of it"
    assert edges["US", "CA"]["rate"] is None
    assert set(row) == {
        "source", "follower", "layer", "sources", "followed", "rate", "beta", "usual_beta", "lag_s", "lag_low_s",
        "lag_high_s", "p", "forward", "backward", "spilled_over", "hinted", "last",
    }  # fmt: skip
    json.dumps(list(edges.values()))


@pytest.mark.once
@settings(max_examples=10)
@given(st.integers(0, 10_000), st.floats(0.05, 0.95))
def test_a_restart_at_any_fixing_changes_no_answer(seed: int, part: float) -> None:
    rng = random.Random(seed)
    days = [day_iso(day) for day in range(parse_day("2025-08-01"), parse_day("2025-12-20"))]
    markets = ["JP", "DE", "UK", "US"]
    moves = {m: {d: rng.choice((-1, 1)) * rng.uniform(8, 30) for d in days if rng.random() < 0.15} for m in markets}
    feed = fixings(markets, moves, "2025-12-23", seed)
    cut = int(part * len(feed))
    whole = engine(markets, feed[0].time - 1)
    whole.feed(feed[:cut])
    saved = json.loads(json.dumps(whole.snapshot()))
    other = engine(markets, feed[0].time - 1)
    other.restore(saved)
    rest, again = whole.feed(feed[cut:]), other.feed(feed[cut:])
    assert [facts(e) for e in again] == [facts(e) for e in rest]
    assert json.dumps(other.snapshot()) == json.dumps(whole.snapshot())
    assert other.propagation.fixings.edges() == whole.propagation.fixings.edges()


def test_what_is_gone_from_the_configuration_is_dropped_from_a_snapshot() -> None:
    feed = fixings(["JP", "US", "UK"], {"JP": {"2025-12-18": 25.0}}, "2025-12-18")
    whole = engine(["JP", "US", "UK"], feed[0].time - 1)
    whole.feed(feed)
    whole.advance(feed[-1].time + HOUR)
    saved = json.loads(json.dumps(whole.snapshot()))
    fewer = engine(["JP", "UK"], feed[0].time - 1)
    fewer.restore(saved)
    state = fewer.propagation.fixings.state()
    assert set(state["days"]) == {"JP", "UK"}
    assert all("US" not in key for key in [*state["pairs"], *state["trails"], *state["edges"]])


@pytest.mark.once
def test_of_days_that_have_nothing_to_do_with_it_a_tenth_is_taken_for_an_answer() -> None:
    """Independent markets over twelve years: p is uniform, and the level is what it says."""
    feed = fixings(["JP", "US"], {}, "2025-12-19", seed=11, first=parse_day("2014-01-06"))
    spec = world({"JP": "JP", "US": "US"}, tenors=("10Y",), silence=None, levels=False, floor_bp=0.0)
    rung = replace(spec.sigma_rules[0].rungs[0], enter=1.5, exit=1.5)
    rules = (replace(spec.sigma_rules[0], rungs=(rung,), horizons=("1d",)),)
    horizons = {**spec.horizons, "1d": replace(spec.horizons["1d"], half_life=63.0, min_samples=20.0)}
    of = Engine(replace(spec, sigma_rules=rules, horizons=horizons), feed[0].time - 1)
    answers = [e for e in of.feed(feed) if isinstance(e, Response) and e.p is not None]
    assert len(answers) > 500
    low = sum(a.p is not None and a.p < 0.05 for a in answers) / len(answers)
    followed = sum(a.wording == "followed" for a in answers) / len(answers)
    assert 0.02 < low < 0.08
    assert 0.06 < followed < 0.14
    for a in answers:
        assert (a.wording == "followed") == (
            a.p is not None and a.p <= 0.10 and (a.change_bp or 0.0) * a.direction >= 0.5
        )
