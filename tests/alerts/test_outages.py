"""The silences and fail-overs that an outage explains: part of its alert while it lasts, told for themselves after."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stressd.alerts.episodes import Episodes
from stressd.alerts.event import Event
from stressd.engine.events import ENTERED, LEFT, FeedNote, Silence
from stressd.engine.spec import HIGH, WARN
from stressd.market.times import parse_time
from tests.alerts.facts import MINUTE, SECOND, breach, spec

AT = parse_time("2026-01-20T01:00:00Z")  # Tokyo is open
CARRIERS = {"JP.GOV.30Y": ("desk",), "JP.GOV.10Y": ("desk", "second"), "JP.GOV.40Y": ("desk",)}
NONE: frozenset[str] = frozenset()
DESK = frozenset({"desk"})


def machine(**more: Any) -> Episodes:
    return Episodes(spec(carriers=CARRIERS, **more))


def silence(at: int, series: str = "JP.GOV.30Y", phase: str = ENTERED, **more: Any) -> Silence:
    given = {"source": "desk", "with_feed": ()} | more
    return Silence(at, at, "silence", "JP", phase, series, WARN, at - 10 * MINUTE, 10 * MINUTE, **given)


def down(at: int, phase: str = ENTERED) -> FeedNote:
    return FeedNote(at, at, "feed-down", "", phase, "feed down", "", "desk", HIGH, "feed desk is not connected")


def types(events: list[Event]) -> list[tuple[str, str]]:
    return [(event.type, event.rule) for event in events]


def test_a_silence_that_a_told_outage_explains_is_not_told_again() -> None:
    episodes = machine()
    assert types(episodes.apply(down(AT))) == [("opened", "feed-down")]
    assert episodes.cover(DESK, NONE, AT) == []
    assert episodes.apply(silence(AT + MINUTE)) == []
    assert episodes.apply(silence(AT + MINUTE, "JP.GOV.40Y")) == []
    assert types(episodes.apply(down(AT + 2 * MINUTE, LEFT))) == [("resolved", "feed-down")]
    assert episodes.cover(NONE, NONE, AT + 2 * MINUTE) == []
    assert episodes.apply(silence(AT + 2 * MINUTE + SECOND, phase=LEFT)) == []
    told = episodes.cover(NONE, NONE, AT + 5 * MINUTE)
    assert types(told) == [("opened", "silence")], "one that ticks again is forgotten, the other lasts"
    assert [each.affected for each in episodes.open_episodes()] == [["JP.GOV.40Y"]]


def test_a_series_that_another_feed_still_brings_is_silent_for_a_reason_of_its_own() -> None:
    episodes = machine()
    episodes.apply(down(AT))
    episodes.cover(DESK, NONE, AT)
    assert types(episodes.apply(silence(AT + MINUTE, "JP.GOV.10Y"))) == [("opened", "silence")]


def test_a_silence_that_was_told_first_is_closed_as_part_of_the_outage_and_ends_with_it() -> None:
    episodes = machine()
    whole = ("JP.GOV.30Y", "JP.GOV.40Y")
    assert types(episodes.apply(silence(AT, with_feed=whole))) == [("opened", "silence")]
    episodes.apply(down(AT + MINUTE))
    (closed,) = episodes.cover(DESK, NONE, AT + MINUTE)
    assert (closed.type, closed.note) == ("resolved", "part of an outage that has an alert of its own")
    assert "ticks again" not in closed.headline
    assert "silent for" in closed.headline
    assert [each.rule for each in episodes.open_episodes()] == ["feed-down"]
    episodes.apply(down(AT + 2 * MINUTE, LEFT))
    assert episodes.cover(NONE, NONE, AT + 2 * MINUTE) == []
    assert types(episodes.cover(NONE, NONE, AT + 5 * MINUTE)) == [("reopened", "silence")]


def test_what_may_be_told_soon_holds_back_new_silences_but_takes_none_back() -> None:
    episodes = machine()
    episodes.apply(silence(AT))
    assert episodes.cover(NONE, DESK, AT + SECOND) == []
    assert episodes.apply(silence(AT + 2 * SECOND, "JP.GOV.40Y")) == []
    assert types(episodes.cover(NONE, NONE, AT + MINUTE)) == []
    told = episodes.cover(NONE, NONE, AT + 4 * MINUTE) + episodes.advance(AT + 5 * MINUTE)
    assert types(told) == [("widened", "silence")]


def test_a_fail_over_is_part_of_the_outage_of_the_feed_that_was_left() -> None:
    episodes = machine()
    episodes.apply(down(AT))
    episodes.cover(DESK, NONE, AT)
    note = FeedNote(AT, AT, "failed-over", "JP", ENTERED, "failed over", "JP.GOV.10Y", "second", WARN, "from second")
    assert episodes.apply(note) == []
    episodes.apply(down(AT + MINUTE, LEFT))
    episodes.cover(NONE, NONE, AT + MINUTE)
    assert types(episodes.cover(NONE, NONE, AT + 4 * MINUTE)) == [("opened", "failed-over")]


def test_an_open_alert_about_the_market_is_never_held_back_and_says_that_it_cannot_be_seen() -> None:
    episodes = machine()
    assert types(episodes.apply(breach(AT)))[0][0] == "opened"
    episodes.apply(down(AT + MINUTE))
    assert [event.type for event in episodes.cover(DESK, NONE, AT + MINUTE)] == ["stale"]
    assert types(episodes.apply(breach(AT + 2 * MINUTE, "JP.GOV.10Y", direction=-1))) == [("opened", "sigma-breach")]
    episodes.apply(down(AT + 3 * MINUTE, LEFT))
    assert [event.type for event in episodes.cover(NONE, NONE, AT + 3 * MINUTE)] == ["resumed"]


@given(st.lists(st.sampled_from(["down", "up", "quiet", "ticks", "look"]), max_size=30))
def test_in_any_order_there_is_at_most_one_open_alert_for_the_feed_and_none_is_lost(steps: list[str]) -> None:
    episodes = machine(reopen=0)
    at, is_down, is_quiet = AT, False, False
    for step in steps:
        at += 10 * SECOND
        if step == "down" and not is_down:
            is_down = True
            episodes.apply(down(at))
        elif step == "up" and is_down:
            is_down = False
            episodes.apply(down(at, LEFT))
        elif step == "quiet" and not is_quiet:
            is_quiet = True
            episodes.apply(silence(at))
        elif step == "ticks" and is_quiet:
            is_quiet = False
            episodes.apply(silence(at, phase=LEFT))
        episodes.cover(DESK if is_down else NONE, NONE, at)
        active = [each.rule for each in episodes.open_episodes() if each.active]
        assert len(active) <= 1
        assert active == ["feed-down"] if is_down else "feed-down" not in active
    at += 10 * MINUTE
    for _ in range(2):
        episodes.cover(DESK if is_down else NONE, NONE, at)
        at += 10 * MINUTE
    left = [each.rule for each in episodes.open_episodes() if each.active]
    assert left == (["feed-down"] if is_down else ["silence"] if is_quiet else [])
