"""Who answered: followed, moved together, did not respond, could not respond; each in the follower's own open time."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from stressd.engine.clock import MarketClock
from stressd.engine.engine import Engine
from stressd.engine.events import ENTERED, LEFT, Breach, Event
from stressd.engine.response import Response
from stressd.engine.spec import HOUR, MINUTE, SECOND, EngineSpec
from stressd.market.calendar import Calendar
from stressd.market.sessions import calendar
from stressd.market.tick import FIXING, Tick
from stressd.market.times import parse_time
from stressd.testing.worlds import world

Path = Callable[[int], float]
"""Percent above the start, by ns."""


def flat(_: int) -> float:
    return 0.0


def step(at: int, size: float) -> Path:
    return lambda t: size if t >= at else 0.0


def ticks(spec: EngineSpec, start: int, end: int, paths: dict[str, Path], every: int = 5 * SECOND) -> list[Tick]:
    """Every series ticks every few seconds while its market is open: a random walk of 0.1 bp a minute, and its
    market's path."""
    rng = random.Random(11)
    calendars: dict[str, Calendar] = {market.name: market.calendar for market in spec.markets}
    levels = {s.id: 2.0 + k for k, s in enumerate(spec.series)}
    out = []
    for t in range(start, end, every):
        for k, s in enumerate(spec.series):
            if calendars[s.market].span_at(t).is_open:
                levels[s.id] += rng.gauss(0.0, 0.0003)
                value = levels[s.id] + paths.get(s.market, flat)(t)
                out.append(Tick(s.id, round(value, 4), t + k, t + k, "desk"))
    return out


def run(spec: EngineSpec, feed: list[Tick], until: int | None = None) -> list[Event]:
    engine = Engine(spec, feed[0].received - 1)
    out = engine.feed(feed)
    return out + engine.advance(until if until is not None else feed[-1].received + 1)


def answers(events: list[Event], direction: int | None = None) -> list[Response]:
    """Each answer once, in its last form: what is said at once is refined when the move has settled."""
    said: dict[tuple[str, str, int, str], Response] = {}
    for e in events:
        if isinstance(e, Response) and (direction is None or e.direction == direction):
            said[e.market, e.follower, e.direction, f"{e.breach_at} {e.wording}"] = e
    return list(said.values())


def first_breach(events: list[Event], market: str) -> Breach:
    return next(e for e in events if isinstance(e, Breach) and e.market == market and e.phase == ENTERED)


START = parse_time("2026-01-13T00:00:00Z")
SHOCK = START + 6 * HOUR


def always(**paths: Path) -> list[Event]:
    spec = world({"AA": "always", "BB": "always"}, silence=None, levels=False, floor_bp=3.0)
    return run(spec, ticks(spec, START, SHOCK + 40 * MINUTE, paths), SHOCK + HOUR)


def test_a_market_that_moves_two_minutes_later_followed_with_its_lag() -> None:
    events = always(AA=step(SHOCK, 0.2), BB=step(SHOCK + 2 * MINUTE, 0.1))
    told = [a for a in answers(events) if a.market == "AA"]
    assert [(a.follower, a.wording, a.final) for a in told] == [("BB", "followed", True)]
    answer = told[0]
    assert answer.lag is not None
    assert answer.open_lag == answer.lag
    assert abs(answer.lag - 2 * MINUTE) <= 15 * SECOND
    assert answer.change_bp is not None
    assert abs(answer.change_bp - 10.0) < 1.0
    assert answer.beta is not None
    assert abs(answer.beta - 0.5) < 0.05
    assert answer.excess is not None
    assert answer.excess > 2.0
    assert answer.resolution == "tick"


def test_a_follower_need_not_breach_by_itself() -> None:
    events = always(AA=step(SHOCK, 0.2), BB=step(SHOCK + MINUTE, 0.008))
    assert not [e for e in events if isinstance(e, Breach) and e.market == "BB" and e.horizon != "session"]
    assert [(a.follower, a.wording) for a in answers(events)] == [("BB", "followed")]


def test_markets_that_move_in_the_same_seconds_co_moved_told_once_by_the_first() -> None:
    events = always(AA=step(SHOCK, 0.2), BB=step(SHOCK, 0.2))
    assert [(a.market, a.follower, a.wording) for a in answers(events)] == [("AA", "BB", "co-moved")]


def test_the_market_that_moved_first_is_never_said_to_have_followed() -> None:
    events = always(AA=step(SHOCK, 0.2), BB=step(SHOCK + 3 * MINUTE, 0.2))
    assert [(a.market, a.follower, a.wording) for a in answers(events)] == [("AA", "BB", "followed")]


def test_absence_is_said_when_the_window_of_its_own_open_time_is_over() -> None:
    events = always(AA=step(SHOCK, 0.2))
    breach = first_breach(events, "AA")
    told = answers(events)
    assert [(a.follower, a.wording, a.final) for a in told] == [("BB", "did not respond", True)]
    assert told[0].at == breach.time + 10 * MINUTE
    assert told[0].change_bp is not None
    assert abs(told[0].change_bp) < 0.5


def test_a_move_the_other_way_is_no_following() -> None:
    events = always(AA=step(SHOCK, 0.2), BB=step(SHOCK + MINUTE, -0.1))
    assert [(a.follower, a.wording) for a in answers(events, 1)] == [("BB", "did not respond")]


def test_a_market_without_ticks_could_not_respond() -> None:
    spec = world({"AA": "always", "BB": "always"}, silence=None, levels=False, floor_bp=3.0)
    feed = ticks(spec, START, SHOCK + 40 * MINUTE, {"AA": step(SHOCK, 0.2)})
    mute = [t for t in feed if not t.series.startswith("BB") or t.time < SHOCK]
    told = answers(run(spec, mute, SHOCK + HOUR))
    assert [(a.wording, a.reason, a.final) for a in told] == [
        ("could not respond", "no tick came in its open time", True)
    ]
    never = [t for t in feed if not t.series.startswith("BB")]
    told = answers(run(spec, never, SHOCK + HOUR))
    assert [(a.wording, a.reason) for a in told] == [("could not respond", "no tick of it has been seen")]


def tokyo(us: Path) -> tuple[list[Event], int]:
    """Three days of Tokyo and New York; Tokyo jumps on the third at 13:00, before New York opens."""
    spec = world({"JP": "JP", "US": "US"}, tenors=("10Y",), silence=None, levels=False, floor_bp=3.0)
    start = parse_time("2026-01-12T00:00:00Z")
    shock = parse_time("2026-01-15T04:00:00Z")
    feed = ticks(spec, start, parse_time("2026-01-15T23:00:00Z"), {"JP": step(shock, 0.2), "US": us}, every=20 * SECOND)
    return run(spec, feed, parse_time("2026-01-16T00:00:00Z")), shock


def test_a_closed_market_is_named_at_once_and_answers_when_it_opens() -> None:
    opens = parse_time("2026-01-15T12:00:00Z")
    events, shock = tokyo(step(opens, 0.08))
    told = [a for a in answers(events, 1) if a.market == "JP"]
    assert [(a.wording, a.final) for a in told] == [("could not respond", False), ("followed", True)]
    assert told[0].reason == "closed (overnight)"
    assert told[0].next_open == opens
    assert told[0].at < shock + MINUTE
    followed = told[1]
    assert followed.open_lag is not None
    assert followed.lag is not None
    assert followed.open_lag < 2 * MINUTE
    assert abs(followed.lag - 8 * HOUR) < 2 * MINUTE


def test_another_episode_asks_anew_though_the_last_question_is_still_open() -> None:
    spec = world({"JP": "JP", "US": "US"}, tenors=("10Y",), silence=None, levels=False, floor_bp=3.0)
    start = parse_time("2026-01-12T00:00:00Z")
    first, second = parse_time("2026-01-15T00:30:00Z"), parse_time("2026-01-15T05:00:00Z")

    def jp(t: int) -> float:
        return (0.04 if t >= first else 0.0) + (0.2 if t >= second else 0.0)

    feed = ticks(spec, start, parse_time("2026-01-15T08:00:00Z"), {"JP": jp}, every=20 * SECOND)
    rules = tuple(replace(rule, horizons=("1m", "5m")) for rule in spec.sigma_rules)
    told = [a for a in answers(run(replace(spec, sigma_rules=rules), feed), 1) if a.market == "JP"]
    assert [a.wording for a in told] == ["could not respond", "could not respond"]
    assert told[0].time < second <= told[1].time


def test_a_day_is_not_judged_by_a_market_whose_days_are_not_known() -> None:
    events, _ = tokyo(flat)
    told = [a for a in events if isinstance(a, Response) and a.direction == 1 and a.market == "JP"]
    assert [(a.wording, a.final) for a in told] == [("could not respond", False), ("could not respond", True)]
    assert told[1].reason is not None
    assert told[1].reason.endswith("of its days are known to compare with")
    assert told[1].at == parse_time("2026-01-15T22:30:00Z")


def known_days(engine: Engine, until: int) -> None:
    """Four hundred fixings of both markets before the ticks: noise of 3 bp a day."""
    rng = random.Random(4)
    fixings = []
    for series, hour in (("JP.GOV.10Y", 6), ("US.GOV.10Y", 20)):
        level = 2.0 if series.startswith("JP") else 3.0
        for day in range(400, 0, -1):
            at = until - day * 24 * HOUR
            at = at - at % (24 * HOUR) + hour * HOUR
            level += rng.gauss(0.0, 0.03)
            fixings.append(Tick(series, round(level, 3), at, at, "ministry", FIXING))
    engine.warm(sorted(fixings, key=lambda tick: tick.received))


def judged_at_the_close(us: Path) -> Response:
    spec = world({"JP": "JP", "US": "US"}, tenors=("10Y",), silence=None, levels=False, floor_bp=3.0)
    spec = replace(spec, propagation=replace(spec.propagation, pairs=(("JP", "US"),)))
    start = parse_time("2026-01-12T00:00:00Z")
    shock = parse_time("2026-01-15T04:00:00Z")
    engine = Engine(spec, start - HOUR)
    known_days(engine, start)
    feed = ticks(spec, start, parse_time("2026-01-15T23:00:00Z"), {"JP": step(shock, 0.2), "US": us}, every=20 * SECOND)
    events = engine.feed(feed) + engine.advance(parse_time("2026-01-16T00:00:00Z"))
    return next(a for a in answers(events, 1) if a.market == "JP" and a.final)


def test_a_slow_answer_over_the_day_is_found_at_the_close() -> None:
    opens = parse_time("2026-01-15T12:00:00Z")
    slow = judged_at_the_close(lambda t: max(0.0, min((t - opens) / (9 * HOUR), 1.0)) * 0.08)
    assert (slow.wording, slow.resolution) == ("followed", "1d")
    assert slow.p is not None
    assert slow.p < 0.1
    calm = judged_at_the_close(flat)
    assert (calm.wording, calm.resolution) == ("did not respond", "1d")
    assert calm.at == parse_time("2026-01-15T22:30:00Z")


def daily(moves: dict[str, dict[int, float]], days: int = 60) -> list[Event]:
    """Fixings of Tokyo and New York on business days from 1 October 2025; moves in bp by day, else noise of 2 bp."""
    spec = world({"JP": "JP", "US": "US"}, tenors=("10Y",), silence=None, levels=False, floor_bp=3.0)
    rng = random.Random(3)
    feed = []
    for market in spec.markets:
        value = 3.0
        first = parse_time("2025-10-01T00:00:00Z")
        t = first
        for k in range(days):
            t = market.calendar.next_fixing(t)
            value += moves.get(market.name, {}).get(k, rng.choice((-2.0, 2.0))) / 100.0
            feed.append(Tick(f"{market.name}.GOV.10Y", round(value, 4), t, t, "file", FIXING))
    return run(spec, sorted(feed, key=lambda tick: tick.time))


def test_between_fixings_the_next_fixing_answers() -> None:
    told = [a for a in answers(daily({"JP": {50: 20.0}, "US": {50: 9.0}}), 1) if a.market == "JP" and a.final]
    assert [(a.follower, a.wording, a.resolution) for a in told] == [("US", "followed", "1d")]
    assert told[0].open_lag is not None
    assert told[0].lag is not None
    assert told[0].lag > told[0].open_lag > 6 * HOUR


def test_a_daily_breach_ends_at_the_next_quiet_fixing() -> None:
    events = daily({"JP": {50: 20.0, 51: 18.0, 52: 1.0}})
    told = [e for e in events if isinstance(e, Breach) and e.market == "JP"]
    assert [e.phase for e in told][0] == ENTERED
    assert [e.phase for e in told][-1] == LEFT
    assert len({e.time for e in told}) >= 2
    assert all(e.fixing and e.horizon == "1d" for e in told)


def test_a_restart_in_the_middle_of_a_question_changes_no_answer() -> None:
    spec = world({"AA": "always", "BB": "always"}, silence=None, levels=False, floor_bp=3.0)
    feed = ticks(spec, START, SHOCK + 40 * MINUTE, {"AA": step(SHOCK, 0.2), "BB": step(SHOCK + 2 * MINUTE, 0.1)})
    whole = answers(run(spec, feed))
    cut = next(k for k, tick in enumerate(feed) if tick.time > SHOCK + MINUTE)
    first = Engine(spec, feed[0].received - 1)
    first.feed(feed[:cut])
    second = Engine(spec, feed[0].received - 1)
    second.restore(first.snapshot())
    rest = answers(second.feed(feed[cut:]))
    assert [(a.follower, a.wording, a.lag) for a in rest] == [(a.follower, a.wording, a.lag) for a in whole]


def test_after_a_restart_what_was_told_stays_told_and_the_rest_is_told_again() -> None:
    spec = world({"AA": "always", "BB": "always"}, silence=None, levels=False, floor_bp=3.0)
    feed = ticks(spec, START, SHOCK + 30 * SECOND, {"AA": step(SHOCK, 0.2)})
    more = ticks(spec, START, SHOCK + 90 * MINUTE, {"AA": step(SHOCK, 0.2)})[len(feed) :]
    engine = Engine(spec, feed[0].received - 1)
    events = [e for e in engine.feed(feed) if isinstance(e, Breach) and e.phase == ENTERED]
    assert len(events) >= 2
    active = [(e.rule, e.market, e.direction, e.series, e.horizon, e.severity) for e in events]
    older = Engine(spec, feed[0].received - 1)
    saved = next(k for k, tick in enumerate(feed) if tick.time > SHOCK - 5 * MINUTE)
    older.feed(feed[:saved])
    older.reconcile(active, [], [])
    said = [e for e in older.feed(feed[saved:] + more) if isinstance(e, Breach)]
    told = {(e.series, e.horizon) for e in events}
    assert not [e for e in said if e.phase == ENTERED and (e.series, e.horizon) in told and e.time < SHOCK + HOUR]
    left = {(e.series, e.horizon) for e in said if e.phase == LEFT}
    assert {(name, horizon) for name, horizon in told if horizon in ("1m", "5m", "30m")} <= left
    engine.reconcile([], [], [])
    again = [e for e in engine.feed(more[:200]) if isinstance(e, Breach) and e.phase == ENTERED]
    assert {(e.series, e.horizon) for e in again} & told


def test_a_closure_with_a_holiday_in_it_is_named_by_the_holiday() -> None:
    clock = MarketClock(calendar("US"))
    sunday_evening = parse_time("2026-01-19T04:30:00Z")
    clock.move(sunday_evening)
    assert clock.reason == "weekend"
    assert clock.why_closed(sunday_evening).startswith("holiday: Martin Luther King")
    assert clock.why_closed(parse_time("2026-01-17T12:00:00Z")).startswith("holiday: Martin Luther King")
    assert clock.why_closed(parse_time("2026-01-24T12:00:00Z")) == "weekend"
    assert clock.why_closed(parse_time("2026-01-21T03:00:00Z")) == "overnight"
