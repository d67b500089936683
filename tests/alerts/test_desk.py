"""The desk: what is muted, gathered or kept for a digest, and that nothing is lost on the way."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from stressd.alerts.desk import Desk, DeskSpec, Routed
from stressd.alerts.digest import DigestSpec, LocalTime, MarketClose, next_time
from stressd.alerts.event import Event, SeriesMove, Source
from stressd.alerts.inhibition import InhibitSpec
from stressd.alerts.matching import Match
from stressd.alerts.routing import Hours, RouteSpec
from stressd.alerts.storm import StormSpec
from stressd.engine.spec import SEVERITIES
from stressd.market.sessions import calendar
from stressd.market.times import iso, parse_time
from tests.alerts.facts import spec
from tests.alerts.test_routing import START, event

SECOND = 1_000_000_000
MARKETS = ("JP", "US", "UK", "DE", "CA", "FR", "IT", "AU", "NZ", "SE")


def at(text: str) -> int:
    return parse_time(text)


def one(market: str, type: str = "opened", t: float = 0.0, severity: str = "warn", **changes: Any) -> Event:
    """An event of the one episode of a market, so many seconds after START."""
    when = START + int(t * SECOND)
    move = SeriesMove(series=f"{market}.GOV.10Y", value=3.7, horizon="1d", change_bp=6.0, sigma=3.2)
    given: dict[str, Any] = {
        "market": market, "severity": severity, "series": [move], "headline": f"{market} 10Y",
        "episode": f"{market}-260120-aaaa", "seq": int(t * 1000) + 1,
    }  # fmt: skip
    return event(type, at=when, **(given | changes))


def follows(market: str, source: str, t: float, severity: str = "warn", type: str = "opened") -> Event:
    of = Source(episode=f"{source}-260120-aaaa", market=source, wording="followed", lag_s=40.0)
    return one(market, type, t, severity, source=of)


def desk(*routes: RouteSpec, storm: StormSpec | None = None, **more: Any) -> Desk:
    made = Desk(DeskSpec(routes, storm=storm, **more), spec())
    made.start(START)
    return made


def feed(made: Desk, events: list[Event], until: float | None = None) -> list[Routed]:
    """Each event at its time, what is due before it first, as the pipeline does."""
    routed: list[Routed] = []
    for each in events:
        routed += made.advance(parse_time(each.time)) + made.take(each)
    return routed + (made.advance(START + int(until * SECOND)) if until is not None else [])


def messages(routed: list[Routed], sink: str) -> list[Event]:
    return [each.event for each in routed if sink in each.sinks]


# -- routes


def test_hours_are_of_the_zone_and_go_past_midnight() -> None:
    tokyo = Hours("Asia/Tokyo", 8 * 60, 18 * 60, (0, 1, 2, 3, 4))
    assert tokyo.hold(at("2026-01-20T00:00:00Z"))
    assert not tokyo.hold(at("2026-01-20T09:00:00Z"))
    assert not tokyo.hold(at("2026-01-18T00:00:00Z")), "it is Sunday"
    night = Hours("Europe/London", 22 * 60, 6 * 60, (4,))
    assert night.hold(at("2026-01-24T05:59:00Z")), "of Friday's night"
    assert not night.hold(at("2026-01-25T05:59:00Z"))


def test_hours_follow_the_clock_through_both_changes_of_the_year() -> None:
    london = Hours("Europe/London", 8 * 60, 18 * 60)
    assert not london.hold(at("2026-03-28T07:30:00Z"))
    assert london.hold(at("2026-03-30T07:30:00Z")), "it is 08:30 there since the clocks went forward"
    assert london.hold(at("2026-10-24T07:30:00Z"))
    assert not london.hold(at("2026-10-26T07:30:00Z"))
    repeated = Hours("Europe/London", 60, 120)
    assert repeated.hold(at("2026-10-25T00:30:00Z"))
    assert repeated.hold(at("2026-10-25T01:30:00Z"))
    skipped = Hours("Europe/London", 60, 120, (6,))
    assert not any(skipped.hold(at("2026-03-29T00:00:00Z") + k * 60 * SECOND) for k in range(180))


def test_a_route_may_ask_for_a_state_of_the_market() -> None:
    voice = replace(spec(), calendars={"JP": calendar("JP"), "US": calendar("US")})

    def told(sessions: tuple[str, ...], market: str, when: str) -> bool:
        made = Desk(DeskSpec((RouteSpec(("desk",), sessions=sessions),)), voice)
        return bool(made.take(one(market, t=(at(when) - START) / SECOND))[0].sinks)

    assert told(("open",), "JP", "2026-01-20T05:00:00Z")
    assert not told(("open",), "JP", "2026-01-20T15:00:00Z")
    assert told(("closed",), "JP", "2026-01-20T15:00:00Z")
    assert told(("holiday",), "US", "2026-01-19T16:00:00Z")
    assert not told(("overnight",), "US", "2026-01-19T16:00:00Z")
    assert told(("open",), "XX", "2026-01-20T15:00:00Z"), "what has no calendar is always open"


def test_reopened_goes_on_where_it_was_and_its_end_is_told_again() -> None:
    made = desk(RouteSpec(("desk",)), RouteSpec(("quiet",), updates=("opened", "resolved")))
    steps = [one("JP"), one("JP", "resolved", 60), one("JP", "reopened", 120), one("JP", "resolved", 180)]
    assert [each.sinks for each in feed(made, steps)] == [
        ("desk", "quiet"), ("desk", "quiet"), ("desk",), ("desk",),
    ], "who was not told that it goes on has heard its end already"  # fmt: skip


def test_neither_feeds_nor_stressd_itself_are_for_a_desk_unless_it_asks() -> None:
    made = desk(RouteSpec(("desk",), severities=SEVERITIES), RouteSpec(("ops",), kinds=("feed", "self")))
    for kind in ("feed", "self"):
        assert made.take(event(kind=kind, episode=f"X-260120-{kind}", series=[]))[0].sinks == ("ops",)


# -- muting


def test_a_mild_follower_is_listed_in_its_sources_messages_and_a_severe_one_is_told() -> None:
    made = desk(RouteSpec(("desk",)))
    steps = [one("JP"), follows("US", "JP", 60), follows("UK", "JP", 61, "high"), one("JP", "escalated", 70, "high")]
    first, us, uk, up = feed(made, steps)
    assert (first.sinks, us.sinks, uk.sinks) == (("desk",), (), ("desk",))
    assert us.kept_back == {"desk": "followed JP"}
    assert uk.withheld == {}, "it is said where its source is told of"
    assert up.withheld == {"desk": ("US 10Y warn (followed JP)",)}
    (over,) = feed(made, [one("JP", "resolved", 90)])
    assert over.withheld == {}, "listed once"


def test_a_follower_that_becomes_severe_is_told_in_full() -> None:
    made = desk(RouteSpec(("desk",)))
    feed(made, [one("JP"), follows("US", "JP", 60)])
    assert feed(made, [follows("US", "JP", 70, "high", "escalated")])[0].sinks == ("desk",)
    assert feed(made, [one("US", "resolved", 80)])[0].sinks == ("desk",)


def test_nothing_mutes_for_those_who_do_not_know_of_it() -> None:
    made = desk(RouteSpec(("us",), markets=("US",)), RouteSpec(("all",)), RouteSpec(("raw",), inhibit=False))
    assert [each.sinks for each in feed(made, [one("JP"), follows("US", "JP", 60)])] == [
        ("all", "raw"), ("us", "raw"),
    ]  # fmt: skip


def test_a_rule_mutes_while_all_of_its_sources_are_open() -> None:
    mute = InhibitSpec(
        Match(markets=("UK",), severities=("info", "warn")),
        (Match(markets=("JP",), severities=("high", "critical")), Match(markets=("US",))),
    )
    made = desk(RouteSpec(("desk",)), inhibit=(mute,))
    sinks = [
        each.sinks
        for each in feed(
            made,
            [
                one("JP", severity="high"), one("UK", t=1), one("UK", "resolved", 2),
                one("US", t=3), one("UK", t=4, episode="UK-260120-bbbb"), one("UK", "escalated", 5, "high"),
            ],
        )
    ]  # fmt: skip
    assert sinks[1] == ("desk",), "the US are not open"
    assert sinks[4] == ()
    assert made.ledger.waiting()["desk"][0].why == "muted while JP and US are open"
    feed(made, [one("US", "resolved", 6)])
    assert feed(made, [one("UK", "peaked", 7, episode="UK-260120-bbbb")])[0].sinks == ("desk",), "one of them is over"


def test_what_was_muted_for_a_link_is_told_when_the_link_is_taken_back() -> None:
    made = desk(RouteSpec(("desk",)))
    feed(made, [one("JP"), follows("US", "JP", 60)])
    assert feed(made, [one("US", "corrected", 70)])[0].sinks == ("desk",)
    assert feed(made, [one("US", "resolved", 80)])[0].sinks == ("desk",)


# -- storms


def burst(markets: int, series: int = 4, over: float = 10.0, severity: str = "high") -> list[Event]:
    """Every market opens, and grows, within `over` seconds."""
    steps = []
    for k in range(markets * series):
        market, turn = f"M{k % markets}", k // markets
        moves = [
            SeriesMove(series=f"{market}.GOV.{n + 1}Y", value=3.0, change_bp=9.0 + n, sigma=4.0)
            for n in range(turn + 1)
        ]
        type = "opened" if turn == 0 else "widened"
        steps.append(one(market, type, over * k / (markets * series), severity, series=moves))
    return steps


def test_forty_series_in_ten_seconds_give_three_messages() -> None:
    for markets in (1, 2, 3, 5, 10, 20, 40):
        steps = burst(markets, 40 // markets)
        made = desk(RouteSpec(("desk",)), storm=StormSpec())
        told = messages(feed(made, steps, until=300), "desk")
        assert len(told) <= 3, markets
        named = {item.episode for each in told for item in each.digest or [each]}
        assert named == {each.episode for each in steps}
    summary = told[-1]
    assert summary.type == "digest"
    assert summary.headline.startswith("storm: 38 markets, 38 series beyond their bars in 9.")


def test_the_first_that_is_critical_waits_for_nothing() -> None:
    made = desk(RouteSpec(("desk",)), storm=StormSpec())
    feed(made, burst(4, 1, 1.0))
    (routed, summary) = made.take(one("JP", t=2, severity="critical"))
    assert routed.sinks == ()
    assert (summary.event.type, summary.event.severity) == ("digest", "critical")
    assert summary.event.digest[0].market == "JP"
    assert summary.event.time == iso(START + 2 * SECOND)
    later = feed(made, [one("US", t=3, severity="critical"), one("UK", t=4)], until=200)
    assert [len(each.digest) for each in messages(later, "desk")] == [2], "one more, a minute later"


def test_a_single_event_that_was_held_is_told_as_itself() -> None:
    made = desk(RouteSpec(("desk",)), storm=StormSpec())
    steps = [one("JP"), one("US", t=1), one("UK", t=2)]
    told = feed(made, steps, until=60)
    assert [each.event for each in told if each.sinks] == steps
    assert [each.again for each in told if each.sinks] == [False, False, True]
    assert feed(made, [one("UK", "resolved", 90)])[0].sinks == ("desk",)


def test_the_ends_of_a_storm_are_told_together_and_own_messages_end_by_themselves() -> None:
    made = desk(RouteSpec(("desk",)), storm=StormSpec())
    markets = [f"M{n}" for n in range(12)]
    told = feed(made, [one(market, t=n / 4) for n, market in enumerate(markets)], until=60)
    assert len(messages(told, "desk")) == 3
    up = feed(made, [one("M7", "escalated", 100, "critical")])
    assert up[0].sinks == ("desk",)
    ends = feed(made, [one(market, "resolved", 200 + n) for n, market in enumerate(markets)], until=2_000)
    heard = messages(ends, "desk")
    assert [each.market for each in heard] == ["M0", "M1", "M7", ""]
    assert heard[-1].headline.startswith("storm: 9 episodes over: M10, M11, M2")
    assert heard[-1].time == iso(START + 221 * SECOND), "ten seconds after the last"


def test_a_route_without_storms_hears_everything() -> None:
    made = desk(RouteSpec(("machine",), storm=False), storm=StormSpec())
    steps = burst(12, 1)
    assert messages(feed(made, steps), "machine") == steps


STEPS = st.lists(
    st.tuples(
        st.integers(0, 7),
        st.sampled_from(["opened", "opened", "escalated", "widened", "resolved", "reopened", "propagated"]),
        st.sampled_from(SEVERITIES),
        st.sampled_from([0, 100, 900, 4_000, 11_000, 70_000, 3_600_000]),
        st.sampled_from([None, None, 0, 1]),
    ),
    max_size=40,
)
CONFIGS = st.tuples(
    st.sampled_from([None, StormSpec(), StormSpec(messages=1, within=5 * SECOND, longest=20 * SECOND)]),
    st.sampled_from([(), (InhibitSpec(Match(markets=("UK",)), (Match(markets=("JP",)),)),)]),
)
ROUTES = (
    RouteSpec(("a", "b"), severities=("high", "critical")),
    RouteSpec(("b",), severities=("info", "warn"), digest="close"),
    RouteSpec(("c",), markets=("JP", "US", "UK"), storm=False),
    RouteSpec(("d",), updates=("opened", "resolved", "widened")),
)
DIGEST = DigestSpec("close", (LocalTime("Europe/London", 17 * 60 + 30, (0, 1, 2, 3, 4, 5, 6)),), ("d",))


def story(steps: list[tuple[int, str, str, int, int | None]]) -> list[Event]:
    """Events of valid lives: opened first, nothing but reopened after the end, severity only up."""
    told: list[Event] = []
    state: dict[int, tuple[str, int]] = {}
    now = START
    for seq, (number, type, severity, gap, source) in enumerate(steps):
        now += gap * 1_000_000
        life, worst = state.get(number, ("new", 0))
        if life == "new":
            type = "opened"
        elif life == "over":
            type = "reopened"
        elif type in ("opened", "reopened"):
            type = "escalated"
        worst = max(worst, SEVERITIES.index(severity))
        state[number] = ("over" if type == "resolved" else "open", worst)
        market = MARKETS[number]
        changes: dict[str, Any] = {}
        if source is not None and source != number:
            other = MARKETS[source]
            changes["source"] = Source(episode=f"{other}-260120-aaaa", market=other, wording="followed")
        told.append(one(market, type, (now - START) / SECOND, SEVERITIES[worst], seq=seq, id=f"x.{seq}", **changes))
    return told


@given(STEPS, CONFIGS, st.integers(0, 40))
@settings(max_examples=300, deadline=None)
def test_nothing_is_lost_ends_go_where_beginnings_went_and_a_restart_changes_nothing(
    steps: list[tuple[int, str, str, int, int | None]], config: tuple[Any, Any], cut: int
) -> None:
    storm, inhibit = config
    events = story(steps)
    wanted = DeskSpec(ROUTES, inhibit, storm, (DIGEST,))
    made, twin = Desk(wanted, spec()), Desk(wanted, spec())
    made.start(START)
    twin.start(START)
    heard: dict[tuple[str, str], list[str]] = {}
    owed: set[tuple[str, str]] = set()
    last = START
    routed: list[Routed] = []
    for number, each in enumerate(events):
        if number == cut:
            state = json.loads(msgspec.json.encode(twin.snapshot()))
            twin = Desk(wanted, spec())
            twin.start(START)
            twin.restore(state)
        last = parse_time(each.time)
        now = made.advance(last) + made.take(each)
        assert twin.advance(last) + twin.take(each) == now
        routed += now
    end = made.advance(last + 4 * 86_400 * SECOND)
    assert twin.advance(last + 4 * 86_400 * SECOND) == end
    routed += end
    waiting = {(sink, item.episode) for sink, items in made.ledger.waiting().items() for item in items}
    for one_routed in routed:
        said = one_routed.event
        assert len(set(one_routed.sinks)) == len(one_routed.sinks)
        assert not set(one_routed.sinks) & one_routed.kept_back.keys()
        for sink in one_routed.sinks:
            items = said.digest or [said]
            for item in items:
                ended = item.type == "resolved" if isinstance(item, Event) else item.state == "over"
                heard.setdefault((sink, item.episode), []).append("over" if ended else "open")
                owed.discard((sink, item.episode))
            for line in one_routed.withheld.get(sink, ()):
                more = line.startswith("and ")
                owed -= {(to, name) for to, name in owed if to == sink and (more or line[:2] == name[:2])}
        owed |= {(sink, said.episode) for sink in one_routed.kept_back}
    assert owed <= waiting
    for (sink, episode), life in heard.items():
        over = next(each for each in reversed(events) if each.episode == episode).type == "resolved"
        if over:
            assert life[-1] == "over" or (sink, episode) in waiting, (sink, episode, life)
        again = any(each.type == "reopened" for each in events if each.episode == episode)
        twice = any(a == b == "over" for a, b in pairwise(life))
        assert again or not twice or sink in ("b", "d"), "a digest lists once more what was withheld"


@given(st.integers(1, 40), st.sampled_from(["warn", "high"]), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_however_forty_breaches_fall_into_ten_seconds_a_sink_gets_three_messages_in_the_next_minute(
    markets: int, severity: str, random: Any
) -> None:
    steps = [
        one(f"M{n % markets}", "opened" if n < markets else "widened", t, severity)
        for n, t in enumerate(sorted(random.uniform(0.0, 10.0) for _ in range(40)))
    ]
    critical = random.random() < 0.5
    if critical:
        steps[random.randrange(40)] = one("JP", t=0.0, severity="critical")
        steps.sort(key=lambda each: parse_time(each.time))
    made = desk(RouteSpec(("desk",)), storm=StormSpec())
    told = messages(feed(made, steps, until=59.0), "desk")
    assert len(told) <= 3


def test_ten_thousand_breaches_in_a_minute_are_a_handful_of_messages_in_bounded_memory() -> None:
    made = desk(RouteSpec(("desk",)), RouteSpec(("digest",), digest="close"), storm=StormSpec(), digests=(DIGEST,))
    told: list[Routed] = []
    largest = 0
    for n in range(10_000):
        level = [SeriesMove(series=f"M{n % 40}.GOV.{n % 30 + 1}Y", value=3.0, horizon="level", level=3.0)]
        name = f"M{n % 40}-260120-{n:05d}"
        t = 60.0 * n / 10_000
        severity = SEVERITIES[n % 4]
        opened = one(f"M{n % 40}", "opened", t, severity, series=level, episode=name, id=f"{name}.1")
        told += feed(made, [opened, one(f"M{n % 40}", "resolved", t, severity, series=level, episode=name)])
        if n % 1_000 == 999:
            largest = max(largest, len(msgspec.json.encode(made.snapshot())))
    told += made.advance(START + 300 * SECOND)
    assert len(messages(told, "desk")) <= 5
    assert largest < 600_000
    counted = sum(len(each.digest) for each in messages(told, "desk"))
    assert counted >= 300
    assert any(each.note and "more did not fit" in each.note for each in messages(told, "desk"))


# -- digests


def test_a_close_is_that_of_the_markets_own_calendar_early_ones_too() -> None:
    calendars = {"US": calendar("US", early={at_day("2026-11-27"): 14 * 60}), "JP": calendar("JP")}
    us = (MarketClose("US"),)
    assert iso(next_time(us, at("2026-03-06T12:00:00Z"), calendars) or 0) == "2026-03-06T22:30:00Z"
    assert iso(next_time(us, at("2026-03-06T22:30:00Z"), calendars) or 0) == "2026-03-09T21:30:00Z", "summer time"
    assert iso(next_time(us, at("2026-11-27T12:00:00Z"), calendars) or 0) == "2026-11-27T19:00:00Z"
    both = (*us, MarketClose("JP"), LocalTime("Europe/London", 17 * 60 + 30))
    assert iso(next_time(both, at("2026-01-20T12:00:00Z"), calendars) or 0) == "2026-01-20T17:30:00Z"


def at_day(text: str) -> int:
    from stressd.market.times import parse_day

    return parse_day(text)


def test_a_local_time_holds_through_the_changes_of_the_clock() -> None:
    london = (LocalTime("Europe/London", 90, (5, 6)),)
    assert iso(next_time(london, at("2026-03-28T12:00:00Z"), {}) or 0) == "2026-03-29T01:30:00Z", (
        "left out: 02:30 there"
    )
    assert iso(next_time(london, at("2026-10-24T12:00:00Z"), {}) or 0) == "2026-10-25T00:30:00Z", "the first of the two"
    assert iso(next_time(london, at("2026-10-25T00:30:00Z"), {}) or 0) == "2026-10-31T01:30:00Z"


def test_what_a_route_asks_for_in_a_digest_is_told_there_once() -> None:
    made = desk(
        RouteSpec(("desk",), severities=("high", "critical")),
        RouteSpec(("desk",), severities=("info", "warn"), digest="close"),
        digests=(DIGEST,),
    )
    day = 86_400
    steps = [one("JP"), one("US", t=10), one("US", "peaked", 20), one("UK", t=30, severity="info")]
    assert not messages(feed(made, steps), "desk")
    assert feed(made, [one("UK", "escalated", 40, "high")])[0].sinks == ("desk",), "told by itself now"
    (told,) = messages(feed(made, [], until=day), "desk")
    assert told.headline == "digest close: 2 not told one by one · largest JP 10Y +6.0bp 3.2σ warn"
    assert [(item.market, item.state, item.events) for item in told.digest] == [("JP", "open", 1), ("US", "open", 2)]
    assert not messages(feed(made, [one("JP", "peaked", day + 10)], until=2 * day), "desk"), "no news of it"
    feed(made, [one("JP", "resolved", 2 * day + 10)])
    (over,) = messages(feed(made, [], until=3 * day), "desk")
    assert [(item.market, item.state) for item in over.digest] == [("JP", "over")]


def test_a_digest_says_what_was_withheld_and_why_and_an_empty_one_is_not_sent() -> None:
    class Silenced:
        def withhold(self, event: Event, sinks: Any, told: Any) -> dict[str, str]:
            return {sink: "silenced by anna until 18:00" for sink in sinks if event.market == "JP"}

        def heard(self, event: Event, sinks: tuple[str, ...]) -> None:
            assert "desk" not in sinks or event.market != "JP"

    made = Desk(DeskSpec((RouteSpec(("desk",)),), digests=(replace(DIGEST, sinks=("desk",)),)), spec(), Silenced())
    made.start(START)
    feed(made, [one("JP"), one("US", t=30), follows("UK", "US", 60), one("US", "resolved", 70)])
    (told,) = messages(feed(made, [], until=86_400), "desk")
    assert {item.market: item.why for item in told.digest} == {
        "JP": "silenced by anna until 18:00", "UK": "followed US",
    }  # fmt: skip
    assert feed(made, [], until=10 * 86_400) == []


def test_what_waits_for_a_digest_that_is_gone_is_listed_in_the_next_message() -> None:
    made = desk(RouteSpec(("desk",), digest="close"), digests=(DIGEST,))
    feed(made, [one("JP")])
    state = json.loads(msgspec.json.encode(made.snapshot()))
    after = desk(RouteSpec(("desk",)))
    after.restore(state)
    (told,) = feed(after, [one("US", t=10)])
    assert told.withheld == {"desk": ("JP 10Y warn (the digest that it was for is not configured any more)",)}


def test_the_state_of_a_router_without_a_desk_is_taken_over() -> None:
    made = desk(RouteSpec(("desk",)))
    made.restore({
        "told": {"JP-260120-aaaa": ["desk"], "US-260120-aaaa": ["desk"]},
        "closed": {"US-260120-aaaa": START},
        "claims": {"JP-260120-aaaa": {"desk": {">US": 2}}},
    })  # fmt: skip
    assert made.told("JP-260120-aaaa") == ("desk",)
    assert feed(made, [one("JP", "corrected", 5)])[0].sinks == ("desk",)
    assert feed(made, [one("JP", "resolved", 10)])[0].sinks == ("desk",)
