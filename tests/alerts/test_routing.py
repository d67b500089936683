"""Routes: who hears of an event, and that the end is told where something was told, and only there."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from stressd.alerts.event import DataQuality, Event, Follower, SeriesMove
from stressd.alerts.routing import KEEP_NS, MOST_ONCE, RouteSpec
from stressd.market.times import iso
from tests.alerts.desks import assign, desk_of

START = 1_768_900_000_000_000_000
TYPES = ("opened", "escalated", "widened", "peaked", "propagated", "resolved")


def event(
    type: str = "opened", episode: str = "JP-260120-7q2f", at: int = START, seq: int = 1, **changes: Any
) -> Event:
    settings: dict[str, Any] = {
        "id": f"{episode}.{seq}", "episode": episode, "seq": seq, "type": type, "kind": "market", "origin": "live",
        "time": iso(at), "instance": "desk", "rule": "sigma-breach", "market": "JP", "direction": "up",
        "severity": "warn", "headline": "JP 30Y", "version": "0", "method": "1", "config": "sha256:0",
        "series": [SeriesMove(series="JP.GOV.30Y", value=3.7, horizon="1d")],
    }  # fmt: skip
    return Event(**(settings | changes))


def test_a_route_matches_on_every_attribute_and_by_default_only_markets() -> None:
    e = event()
    assert RouteSpec(sinks=("a",)).matches(e)
    assert not RouteSpec(sinks=("a",)).matches(event(kind="feed"))
    assert RouteSpec(sinks=("a",), kinds=("feed", "self")).matches(event(kind="self"))
    assert RouteSpec(sinks=("a",), series=("JP.*.30Y", "US.*")).matches(e)
    for mismatch in (
        {"markets": ("US",)}, {"series": ("*.10Y",)}, {"rules": ("other",)}, {"severities": ("high", "critical")},
        {"directions": ("down",)}, {"origins": ("drill",)},
    ):  # fmt: skip
        assert not RouteSpec(sinks=("a",), **mismatch).matches(e), mismatch  # type: ignore[arg-type]


def test_a_feed_event_matches_by_the_series_that_it_is_about() -> None:
    silent = event(kind="feed", series=[], data=DataQuality(affected=["JP.GOV.10Y"]))
    assert RouteSpec(sinks=("a",), kinds=("feed",), series=("JP.*",)).matches(silent)
    assert not RouteSpec(sinks=("a",), kinds=("feed",), series=("US.*",)).matches(silent)


def test_a_sink_in_several_matching_routes_gets_one_message() -> None:
    router = desk_of((RouteSpec(sinks=("slack", "mail")), RouteSpec(sinks=("mail", "slack", "hook"))))
    assert assign(router, event()) == ("slack", "mail", "hook")


def test_widened_and_peaked_go_only_where_they_are_asked_for() -> None:
    router = desk_of((RouteSpec(sinks=("mail",)), RouteSpec(sinks=("hook",), updates=TYPES)))
    assert assign(router, event()) == ("mail", "hook")
    assert assign(router, event("widened", seq=2)) == ("hook",)
    assert assign(router, event("peaked", seq=3)) == ("hook",)
    assert assign(router, event("escalated", seq=4)) == ("mail", "hook")


def test_resolved_goes_where_something_was_told_and_only_there() -> None:
    router = desk_of(
        (RouteSpec(sinks=("mail",), markets=("JP",)), RouteSpec(sinks=("hook",), severities=("critical",)))
    )
    assert assign(router, event()) == ("mail",)
    assert assign(router, event("resolved", seq=2, severity="critical", market="US")) == ("mail",)
    assert assign(router, event("resolved", episode="JP-260120-zzzz")) == ()


def test_a_sink_whose_route_matches_only_now_is_told_by_whatever_comes() -> None:
    router = desk_of(
        (RouteSpec(sinks=("pager",), severities=("critical",)), RouteSpec(sinks=("ten",), series=("*.10Y",)))
    )
    assert assign(router, event()) == ()
    assert assign(router, event("escalated", seq=2, severity="critical")) == ("pager",)
    ten = SeriesMove(series="JP.GOV.10Y", value=2.3, horizon="1d")
    assert assign(router, event("widened", seq=3, severity="critical", series=[ten])) == ("ten",)
    assert assign(router, event("resolved", seq=4)) == ("pager", "ten")


def test_a_route_without_opened_is_nobodys_first_word() -> None:
    router = desk_of((RouteSpec(sinks=("log",), updates=("escalated", "resolved")),))
    assert assign(router, event()) == ()
    assert assign(router, event("widened", seq=2)) == ()
    assert assign(router, event("escalated", seq=3)) == ("log",)
    assert assign(router, event("resolved", seq=4)) == ("log",)


def test_the_end_of_a_level_episode_is_for_the_record_only() -> None:
    router = desk_of((RouteSpec(sinks=("mail",)),))
    level = [SeriesMove(series="US.GOV.10Y", value=4.26, horizon="level", level=4.25)]
    assert assign(router, event(series=level)) == ("mail",)
    assert assign(router, event("resolved", seq=2, series=level)) == ()
    wrong = event("corrected", seq=3, series=level, withdrawn="bad data")
    assert assign(router, wrong) == ("mail",), "but that it was wrong is told to whoever was told of it"
    for n in range(300):
        assign(router, event(episode=f"US-260121-{n:04d}", series=level))
        assign(router, event("resolved", seq=2, episode=f"US-260121-{n:04d}", series=level))
    assert len(router.snapshot()["told"]) <= MOST_ONCE + 1


def test_an_answer_after_the_end_goes_only_to_those_who_were_told_and_is_forgotten_in_time() -> None:
    mail, hook = RouteSpec(sinks=("mail",)), RouteSpec(sinks=("hook",), severities=("critical",))
    router = desk_of((mail, hook))
    assign(router, event())
    assign(router, event("resolved", seq=2))
    us = [Follower(market="US", wording="followed")]
    late = event("propagated", seq=3, at=START + KEEP_NS, severity="critical", followers=us)
    assert assign(router, late) == ("mail",)
    assign(router, event(episode="JP-260124-aaaa", at=START + KEEP_NS + 1))
    assert list(router.snapshot()["told"]) == ["JP-260124-aaaa"]


SINKS = ("a", "b", "c")
ROUTES = st.builds(
    RouteSpec,
    sinks=st.lists(st.sampled_from(SINKS), min_size=1, max_size=3).map(tuple),
    markets=st.sampled_from([(), ("JP",), ("US",)]),
    severities=st.sampled_from([(), ("warn",), ("high", "critical")]),
    updates=st.sampled_from([TYPES, ("opened", "escalated", "resolved"), ("escalated",)]),
)
STEPS = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(TYPES), st.sampled_from(["warn", "high", "critical"])), max_size=30
)


@given(st.lists(ROUTES, max_size=4), STEPS, st.integers(0, 30))
def test_told_once_each_resolved_to_exactly_the_told_and_a_restart_changes_nothing(
    routes: list[RouteSpec], steps: list[tuple[int, str, str]], cut: int
) -> None:
    router, twin = desk_of(tuple(routes)), desk_of(tuple(routes))
    told: dict[str, set[str]] = {}
    over: set[str] = set()
    for seq, (number, type, severity) in enumerate(steps):
        name = f"JP-260120-{number}"
        if name in over:
            continue
        e = event(type, episode=name, seq=seq, severity=severity, at=START + seq)
        sinks = assign(router, e)
        if seq == cut:
            state = json.loads(msgspec.json.encode(twin.snapshot()))
            twin = desk_of(tuple(routes))
            twin.restore(state)
        assert assign(twin, e) == sinks
        assert len(set(sinks)) == len(sinks)
        if type == "resolved":
            over.add(name)
            assert set(sinks) == told.get(name, set())
        told.setdefault(name, set()).update(sinks)


def test_once_a_mild_episode_is_over_only_a_new_link_is_news() -> None:
    absent = Follower(market="JP", wording="did not respond")
    followed = Follower(market="US", wording="followed")
    for severity, heard in (("warn", ()), ("high", ("mail",))):
        router = desk_of((RouteSpec(sinks=("mail",), propagated="all"),))
        assign(router, event(severity=severity))
        assign(router, event("resolved", seq=2, severity=severity))
        assert assign(router, event("propagated", seq=3, severity=severity, followers=[absent])) == heard
        both = [absent, followed]
        assert assign(router, event("propagated", seq=4, severity=severity, followers=both)) == ("mail",)
        assert assign(router, event("propagated", seq=5, severity=severity, followers=both)) == heard
    router = desk_of((RouteSpec(sinks=("mail",), propagated="all"),))
    assign(router, event())
    assert assign(router, event("propagated", seq=2, followers=[absent])) == ("mail",), "it is not over yet"
