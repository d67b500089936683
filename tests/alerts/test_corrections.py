"""Links that were told and do not hold are taken back, where they were told, and nothing else is."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from stressd.alerts.claims import claims, strength
from stressd.alerts.event import Event
from stressd.alerts.headline import LIMIT
from stressd.alerts.notification import Telling
from stressd.alerts.render import render
from stressd.alerts.routing import RouteSpec
from stressd.engine import events as engine
from stressd.engine.response import Response
from tests.alerts.desks import assign, desk_of
from tests.alerts.facts import FIXING_20, HOUR, MINUTE, SECOND, breach, by_ticks, closed, taken_back, types
from tests.alerts.scripts import run

LATE = "late ticks show that it moved 40 s earlier"
OPENED = breach(FIXING_20, horizon="5m")
US_OWN = breach(FIXING_20 + 50 * SECOND, "US.GOV.10Y", horizon="5m", value=4.295, bp=3.1)
FOLLOWED = by_ticks(FIXING_20 + 41 * SECOND)


def test_a_follower_that_led_is_taken_back_on_both_episodes_and_says_why() -> None:
    told = run([OPENED, FOLLOWED, US_OWN, taken_back(FIXING_20 + 90 * SECOND, reason=LATE)])
    assert types(told) == ["opened", "propagated", "opened", "corrected", "corrected"]
    ours, theirs = told[3], told[4]
    assert (ours.market, theirs.market) == ("JP", "US")
    for event in (ours, theirs):
        assert event.note == f"US did not follow JP: {LATE} (told before: US followed JP)"
        assert event.headline.startswith(f"corrected: US did not follow JP: {LATE} · ")
    us = ours.followers[0]
    assert (us.wording, us.was, us.reason, us.episode) == ("did not respond", "followed", LATE, None)
    assert told[2].source is not None
    assert theirs.source is None
    text = render(ours, Telling(first=False)).text
    assert f"US 10Y: did not follow JP: {LATE}" in text
    assert "told before as: US followed JP" in text
    assert ("Status", "corrected, warn") in render(ours, Telling(first=False)).facts


def test_without_a_reason_the_engine_gives_the_lag_or_the_wording_does() -> None:
    for changes, words in (
        ({"lag": -40}, "US did not follow JP: late ticks show that it moved 40 s earlier"),
        (
            {"wording": "co-moved", "lag": 1},
            "US moved together with JP and did not follow it: both moved at once, as far as their ticks can tell",
        ),
        ({"wording": "could not respond"}, "US did not follow JP: what came later does not bear it out"),
    ):
        told = run([OPENED, FOLLOWED, taken_back(FIXING_20 + 90 * SECOND, **changes)])
        assert told[-1].type == "corrected"
        assert told[-1].headline.startswith(f"corrected: {words}")
    back = taken_back(FIXING_20 + 90 * SECOND, wording="followed", was="spilled over")
    told = run([OPENED, by_ticks(FIXING_20 + 41 * SECOND, wording="spilled over"), back])
    assert told[-1].note is not None
    assert told[-1].note.startswith("JP did not spill over into US, which followed it: ")


def test_a_link_that_no_event_told_is_dropped_in_silence() -> None:
    first, second = by_ticks(FIXING_20 + 41 * SECOND, "UK"), by_ticks(FIXING_20 + 42 * SECOND, "US")
    told = run([OPENED, first, second, taken_back(FIXING_20 + 43 * SECOND)])
    assert types(told) == ["opened", "propagated"], "US was waiting for the end of the settle window"
    assert run([OPENED, taken_back(FIXING_20 + 43 * SECOND)]) == run([OPENED])


def test_what_had_been_awaited_is_told_though_its_link_is_not() -> None:
    facts = [OPENED, closed(FIXING_20), by_ticks(FIXING_20 + HOUR, "UK"), by_ticks(FIXING_20 + HOUR + SECOND)]
    told = run([*facts, taken_back(FIXING_20 + HOUR + 2 * SECOND)])
    assert types(told) == ["opened", "propagated", "propagated"]
    assert told[-1].note == "US 10Y did not respond, +3.1bp"


def test_a_link_that_holds_again_before_the_end_of_the_window_is_not_taken_back() -> None:
    at = FIXING_20 + 90 * SECOND
    told = run([OPENED, FOLLOWED, taken_back(at), by_ticks(at + 2 * SECOND)])
    assert types(told) == ["opened", "propagated"]


def test_corrections_of_one_moment_are_one_event() -> None:
    answers = [by_ticks(FIXING_20 + (41 + i) * SECOND, name) for i, name in enumerate(("US", "UK", "DE"))]
    back = [taken_back(FIXING_20 + (90 + i) * SECOND, name, lag=-40) for i, name in enumerate(("US", "UK", "DE"))]
    told = run([OPENED, *answers, *back])
    assert types(told) == ["opened", "propagated", "propagated", "corrected"]
    assert told[-1].note is not None
    assert told[-1].note.count("did not follow JP: late ticks") == 3
    assert len(told[-1].headline) <= LIMIT


def test_a_chain_is_told_as_one_and_the_last_market_follows_the_middle_one() -> None:
    uk_own = breach(FIXING_20 + 70 * SECOND, "UK.GOV.10Y", horizon="5m", value=4.41, bp=3.1)
    by_us = by_ticks(FIXING_20 + 90 * SECOND, "UK", market="US", breach_at=FIXING_20 + 50 * SECOND)
    facts: list[engine.Event] = [OPENED, FOLLOWED, US_OWN, by_ticks(FIXING_20 + 61 * SECOND, "UK"), uk_own, by_us]
    told = run([*facts, taken_back(FIXING_20 + 91 * SECOND, "UK", "followed", via="US")])
    jp, uk = (next(e for e in reversed(told) if e.market == name) for name in ("JP", "UK"))
    us = next(e for e in told if e.market == "US")
    words = "UK did not follow JP: its move is put down to US, which followed JP"
    assert (jp.type, uk.type) == ("corrected", "corrected")
    assert jp.note == f"{words} (told before: UK followed JP)"
    assert uk.note == f"{words}; UK followed US ({us.episode}) (told before: UK followed JP)"
    assert uk.source is not None
    assert (uk.source.episode, uk.source.was) == (us.episode, jp.episode)
    third = next(each for each in jp.followers if each.market == "UK")
    assert (third.wording, third.via, third.was) == ("did not respond", "US", "followed")
    assert "UK 10Y: its move is put down to US, which followed JP" in render(jp, Telling(first=False)).text


def test_what_is_put_down_to_another_market_is_nobodys_follower_in_the_headline() -> None:
    via = by_ticks(FIXING_20 + 61 * SECOND, "UK")
    via.via = "US"
    told = run([OPENED, via, FOLLOWED, breach(FIXING_20 + HOUR, horizon="5m", phase="left")])
    assert types(told) == ["opened", "propagated", "resolved"]
    assert all("UK" not in event.headline for event in told)
    text = render(told[-1], Telling(first=False)).text
    assert "UK 10Y: its move is put down to US, which followed JP · " in text
    assert "UK 10Y: did not respond" not in text


def test_a_closer_link_is_told_with_what_comes_next_and_a_looser_answer_never_replaces_it() -> None:
    closer = by_ticks(FIXING_20 + 2 * MINUTE, wording="spilled over")
    looser = by_ticks(FIXING_20 + 3 * MINUTE, wording="did not respond")
    told = run([OPENED, FOLLOWED, closer, looser, breach(FIXING_20 + HOUR, horizon="5m", phase="left")])
    assert types(told) == ["opened", "propagated", "resolved"]
    assert told[-1].headline.endswith(" · spilled over into US 10Y +3.1bp")
    assert "JP spilled over into it after 41 s" in render(told[-1], Telling(first=False)).text


def test_a_closer_link_that_was_never_told_leaves_the_followers_episode_too() -> None:
    closer = by_ticks(FIXING_20 + MINUTE, wording="spilled over")
    back = taken_back(FIXING_20 + 2 * MINUTE, wording="followed", was="spilled over")
    grown = breach(FIXING_20 + HOUR, "US.GOV.10Y", horizon="5m", phase="raised", severity=2)
    told = run([OPENED, FOLLOWED, US_OWN, closer, back, grown])
    assert types(told) == ["opened", "propagated", "opened", "escalated"]
    assert told[-1].source is not None
    assert told[-1].source.wording == "followed"


def test_a_later_breach_that_was_not_answered_does_not_hide_the_one_that_was() -> None:
    later = by_ticks(FIXING_20 + HOUR, wording="did not respond", breach_at=FIXING_20 + 50 * MINUTE)
    end = breach(FIXING_20 + 2 * HOUR, horizon="5m", phase="left")
    told = run([OPENED, FOLLOWED, later, end])
    assert types(told) == ["opened", "propagated", "resolved"]
    us = told[-1].followers[0]
    assert (us.wording, us.earlier, us.was) == ("did not respond", "followed", None)
    assert "after an earlier breach US followed JP" in render(told[-1], Telling(first=False)).text
    told = run([OPENED, FOLLOWED, later, taken_back(FIXING_20 + HOUR + MINUTE), end])
    assert types(told) == ["opened", "propagated", "corrected", "resolved"]
    assert (told[-1].followers[0].earlier, told[-1].followers[0].was) == (None, "followed")


def test_it_is_taken_back_where_it_was_told_and_only_there() -> None:
    router = desk_of(
        (
            RouteSpec(sinks=("slack",)),
            RouteSpec(sinks=("links",), updates=("opened", "propagated")),
            RouteSpec(sinks=("first",), updates=("opened",)),
            RouteSpec(sinks=("corrections",), markets=("US",), updates=("opened", "corrected")),
        )
    )
    told = run([OPENED, FOLLOWED, US_OWN, taken_back(FIXING_20 + 90 * SECOND)])
    routed = [(event.market, event.type, assign(router, event)) for event in told]
    assert routed[3] == ("JP", "corrected", ("slack", "links"))
    assert routed[2] == ("US", "opened", ("corrections",)), "the others have it in the messages about JP"
    assert (routed[4][1], set(routed[4][2])) == ("corrected", {"slack", "links", "first", "corrections"})


def test_a_link_that_a_correction_showed_first_is_taken_back_too() -> None:
    at = FIXING_20 + MINUTE
    half = SECOND // 2
    facts = [
        OPENED,
        by_ticks(at - 10 * SECOND),
        by_ticks(at, "DE"),
        taken_back(at + half),
        by_ticks(at + 4 * SECOND, "UK"),
        by_ticks(at + 5 * SECOND, "CA"),
    ]
    facts += [by_ticks(at + 5 * SECOND + half - 1, "AU"), taken_back(at + 6 * SECOND, "AU")]
    told = run(facts)
    shown = next(event for event in told if event.type == "corrected")
    assert claims(shown)[">AU"] == 2
    assert told[-1].note == "AU did not follow JP: what came later does not bear it out (told before: AU followed JP)"


def test_two_episodes_do_not_name_each_other_while_a_correction_waits() -> None:
    us_own = breach(FIXING_20, "US.GOV.10Y", horizon="5m")
    at = FIXING_20 + MINUTE
    other_way = by_ticks(at + SECOND, "JP", market="US")
    raised = breach(at + 2 * SECOND, horizon="5m", phase="raised", severity=2)
    again = breach(at + HOUR, horizon="5m", phase="raised", severity=3)
    grown = breach(FIXING_20 + 50 * SECOND, "US.GOV.10Y", horizon="5m", phase="raised", severity=2)
    told = run([OPENED, us_own, FOLLOWED, grown, taken_back(at), other_way, raised, again])
    by_type = [(event.market, event.type, event.source and event.source.market) for event in told]
    assert ("US", "escalated", "JP") in by_type
    assert by_type.index(("JP", "escalated", None)) < by_type.index(("US", "corrected", None))
    assert by_type[-1] == ("JP", "escalated", "US")


# --- what always holds ------------------------------------------------------------------------------------------------

ORDER = ("JP", "US", "UK")
OPENS = {name: FIXING_20 + place * SECOND for place, name in enumerate(ORDER)}
STEPS = st.lists(
    st.tuples(
        st.sampled_from([0, SECOND, 3 * SECOND, 5 * SECOND, 8 * SECOND, HOUR]),
        st.sampled_from([("JP", "US"), ("JP", "UK"), ("US", "UK"), ("US", "JP"), ("UK", "US")]),
        st.sampled_from(["followed", "followed", "co-moved", "spilled over", "did not respond", "could not respond"]),
        st.sampled_from(["", "", "co-moved", "followed", "spilled over"]),
        st.booleans(),
        st.sampled_from(["answer", "answer", "answer", "raised", "left"]),
    ),
    max_size=25,
)
Steps = list[tuple[int, tuple[str, str], str, str, bool, str]]


def facts_of(steps: Steps) -> list[engine.Event]:
    """Three markets breach at once, and answer each other in any way."""
    made: list[engine.Event] = [breach(OPENS[name], f"{name}.GOV.10Y", horizon="5m") for name in ORDER]
    at, severity = FIXING_20 + 2 * SECOND, 1
    for gap, (source, follower), wording, was, third, what in steps:
        at += gap
        if what == "raised" and severity < 3:
            severity += 1
            made.append(breach(at, f"{source}.GOV.10Y", horizon="5m", phase="raised", severity=severity))
        elif what == "left":
            made.append(breach(at, f"{source}.GOV.10Y", horizon="5m", phase="left"))
        else:
            via = next(name for name in ORDER if name not in (source, follower)) if third else ""
            place = {"market": source, "breach_at": OPENS[source]}
            made.append(taken_back(at, follower, wording, was=was, via=via, **place))
    return made


def truth(facts: Sequence[engine.Event]) -> dict[tuple[str, str], int]:
    """How close a link the engine holds in the end, by source and follower, from its own words alone."""
    links: dict[tuple[str, str], int] = defaultdict(int)
    for fact in facts:
        if isinstance(fact, Response):
            pair = (fact.market, fact.follower)
            now = 0 if fact.via else strength(fact.wording)
            links[pair] = now if fact.was or fact.via else max(links[pair], now)
    return links


@given(STEPS)
@settings(max_examples=250)
def test_every_link_that_was_told_is_true_or_has_been_corrected(steps: Steps) -> None:
    facts = facts_of(steps)
    told, true = run(facts), truth(facts)
    for number, event in enumerate(told):
        later = [each for each in told[number + 1 :] if each.episode == event.episode and each.type == "corrected"]
        for link, size in claims(event).items():
            if any(claims(each).get(link, 0) < size for each in later):
                continue
            if link.startswith(">"):
                assert true[event.market, link[1:]] >= size
            else:
                assert event.source is not None
                assert true[event.source.market, event.market] >= size
        if event.type == "corrected":
            before = [claims(each) for each in told[:number] if each.episode == event.episode]
            now = claims(event)
            assert any(size > now.get(link, 0) for made in before for link, size in made.items())


UPDATES = st.sets(st.sampled_from(["opened", "escalated", "propagated", "resolved", "corrected"])).map(tuple)


@given(
    STEPS, st.lists(st.tuples(UPDATES, st.sampled_from(["warn", "high"])), min_size=1, max_size=3), st.integers(0, 25)
)
@settings(max_examples=250)
def test_every_sink_that_was_told_a_wrong_link_hears_of_it_and_no_other(
    steps: Steps, routes: list[tuple[tuple[str, ...], str]], restart: int
) -> None:
    facts = facts_of(steps)
    wanted = tuple(
        RouteSpec(sinks=(f"s{n}",), updates=updates, severities=("warn", "high", "critical")[least == "high" :])
        for n, (updates, least) in enumerate(routes)
    )
    router = desk_of(wanted)
    heard: dict[tuple[str, str], list[Event]] = defaultdict(list)
    folded: set[tuple[str, str]] = set()
    for number, event in enumerate(run(facts)):
        if number == restart:
            state = json.loads(json.dumps(router.snapshot()))
            router = desk_of(wanted)
            router.restore(state)
        (routed,) = router.take(event)
        folded |= {(sink, event.episode) for sink in routed.kept_back}
        for sink in routed.sinks:
            life = heard[sink, event.episode]
            if event.type == "corrected" and not life:
                # Kept from it as a follower's, which it is not
                assert (sink, event.episode) in folded
            elif event.type == "corrected":
                now = claims(event)
                assert any(size > now.get(link, 0) for each in life for link, size in claims(each).items())
            life.append(event)
    true = truth(facts)
    for (_, _), life in heard.items():
        for number, event in enumerate(life):
            later = [claims(each) for each in life[number + 1 :] if each.type == "corrected"]
            for link, size in claims(event).items():
                if not any(each.get(link, 0) < size for each in later) and link.startswith(">"):
                    assert true[event.market, link[1:]] >= size


@given(STEPS, st.integers(0, 28), st.lists(st.integers(0, 7200).map(lambda s: FIXING_20 + s * SECOND), max_size=10))
@settings(max_examples=250)
def test_corrections_survive_restarts_and_do_not_depend_on_when_the_clock_is_looked_at(
    steps: Steps, cut: int, pauses: list[int]
) -> None:
    facts = facts_of(steps)
    whole = run(facts)
    assert run(facts, restart_at=cut) == whole
    assert run(facts, pauses=pauses) == whole
    assert [msgspec.json.decode(msgspec.json.encode(event), type=Event) for event in whole] == whole


@given(STEPS)
@settings(max_examples=250)
def test_no_message_of_a_link_says_more_than_its_layer(steps: Steps) -> None:
    for event in run(facts_of(steps)):
        message = render(event, Telling(first=False))
        assert len(message.title) <= LIMIT
        wordings = {each.wording for each in event.followers} | {each.was for each in event.followers}
        wordings |= {each.earlier for each in event.followers} | ({event.source.wording} if event.source else set())
        if "spilled over" not in wordings and event.type != "corrected":
            assert "spill" not in message.text
        shown = {label for label, _ in message.answers}
        assert {f"{each.market} 10Y" for each in event.followers} == shown
