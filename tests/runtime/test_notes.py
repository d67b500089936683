"""What is told of conditions: one open alert a cause, its symptoms in it, and none of them lost when it ends."""

from __future__ import annotations

from dataclasses import replace

import hypothesis.strategies as st
from hypothesis import given

from stressd.engine.events import ENTERED, LEFT
from stressd.engine.spec import CRITICAL, HIGH, WARN
from stressd.runtime.notes import FEED, MUTE, NETWORK, PROBE_FAILED, SERVER, SINK, Condition, Conditions

UPSTREAM = {
    "feed a": ("server one",),
    "feed b": ("server one",),
    "feed c": ("server two",),
    "server one": ("network",),
    "server two": ("network",),
    "sink mail": ("server post",),
    "server post": ("network",),
}
FEEDS = [
    Condition(FEED, "no connection", f"feed {n} is not connected", "feed", n, HIGH, breaks=(f"feed {n}",), stops=(n,))
    for n in "abc"
]
MUTES = [Condition(MUTE, "mute", f"feed {n} is mute", "feed", n, HIGH, needs=(f"feed {n}",), stops=(n,)) for n in "abc"]
REST = [
    Condition(SERVER, "server down", "server one is down", "feed", "one", HIGH, breaks=("server one",)),
    Condition(NETWORK, "no network", "nothing can be reached", "self", "", CRITICAL, breaks=("network",)),
    Condition(SINK, "sink failing", "mail fails", "self", "mail", HIGH, breaks=("sink mail",)),
    Condition(PROBE_FAILED, "probe failed", "no probe", "self", "mail", WARN, needs=("sink mail",)),
]
ALL = [*FEEDS, *MUTES, *REST]
looks = st.lists(st.lists(st.sampled_from(ALL), unique_by=lambda c: c.key), min_size=1, max_size=12)


def conditions() -> Conditions:
    made = Conditions()
    made.upstream = UPSTREAM
    return made


@given(looks)
def test_what_is_open_are_the_causes_and_every_other_is_inside_one_of_them(seen: list[list[Condition]]) -> None:
    told = conditions()
    open_: set[tuple[str, str]] = set()
    for at, now in enumerate(seen):
        for note in told.observe(at, now):
            key = (note.rule, note.source)
            if note.phase == LEFT:
                open_.remove(key)
            else:
                open_.add(key)
        assert open_ == {each.key for each in told.lasting()}
        inside = {part.key for parts in told.explained.values() for part in parts}
        assert open_ | inside == {each.key for each in now}
        assert not open_ & inside
        for each in told.lasting():
            parts = told.explained[each.key]
            itself = next(condition for condition in now if condition.key == each.key)
            assert each.severity == max(part.severity for part in [itself, *parts])


@given(st.permutations(ALL))
def test_whatever_comes_first_in_the_end_there_is_one_alert_for_the_network(order: list[Condition]) -> None:
    told = conditions()
    for at in range(1, len(order) + 1):
        told.observe(at, order[:at])
    assert [(each.rule, each.severity) for each in told.lasting()] == [(NETWORK, CRITICAL)]
    assert {part.key for part in told.explained[NETWORK, ""]} == {each.key for each in ALL if each.rule != NETWORK}


def test_a_symptom_that_outlives_its_cause_is_told_then_and_the_end_says_what_it_was() -> None:
    told = conditions()
    (begun,) = told.observe(1, [REST[1], FEEDS[0], REST[2]])
    assert (begun.phase, begun.rule, begun.more) == (
        ENTERED,
        NETWORK,
        "with it: no connection (a), sink failing (mail)",
    )
    (grown,) = told.observe(2, [REST[1], FEEDS[0], REST[2], FEEDS[2]])
    assert (grown.phase, grown.rule) == (ENTERED, NETWORK)
    over, mail = told.observe(3, [REST[2]])
    assert (over.phase, over.rule) == (LEFT, NETWORK)
    assert over.more == "with it: no connection (a), sink failing (mail), no connection (c)"
    assert (mail.phase, mail.rule, mail.source) == (ENTERED, SINK, "mail")


def test_what_a_cause_explains_that_may_be_told_soon_waits_with_it_and_is_told_when_nothing_came_of_it() -> None:
    told = conditions()
    brewing = replace(FEEDS[0], brewing=True)
    assert told.observe(1, [brewing, MUTES[0]]) == []
    assert told.stopped() == (frozenset(), frozenset("a"))
    (mute,) = told.observe(2, [MUTES[0]])
    assert mute.rule == MUTE
    assert told.stopped() == (frozenset("a"), frozenset())
    assert told.observe(3, [brewing, MUTES[0]]) == [], "what people know is not over because its cause may be coming"
    notes = told.observe(4, [FEEDS[0], MUTES[0]])
    assert [(note.phase, note.rule) for note in notes] == [(LEFT, MUTE), (ENTERED, FEED)]


def test_what_was_told_before_a_restart_goes_on_while_it_may_still_be_so() -> None:
    told = conditions()
    told.resume([(FEED, "a"), ("failed-over", "JP")])
    assert told.observe(1, [replace(FEEDS[0], brewing=True)]) == []
    assert [note.phase for note in told.observe(2, [])] == [LEFT]


def test_what_has_an_alert_of_its_own_elsewhere_explains_and_is_not_told_again() -> None:
    told = conditions()
    silence = Condition("silence", "feed silent", "", "feed", "a", breaks=("feed a",), elsewhere=True)
    assert told.observe(1, [silence, MUTES[0]]) == []
    assert [note.rule for note in told.observe(2, [MUTES[0]])] == [MUTE]
