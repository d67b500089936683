"""One root cause, one alert: whatever is wrong and in whatever order it came, every symptom has exactly one cause."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from stressd.alerts.causes import Symptom, above, causes

THINGS = [f"t{n}" for n in range(8)]
needs = st.dictionaries(st.sampled_from(THINGS), st.lists(st.sampled_from(THINGS), max_size=3), max_size=8)
sets = st.frozensets(st.sampled_from(THINGS), max_size=3)
symptoms = st.lists(
    st.builds(Symptom, st.tuples(st.sampled_from("abcdef"), st.sampled_from("xyz")), st.integers(0, 3), sets, sets),
    unique_by=lambda each: each.key, max_size=10,
)  # fmt: skip


def layered(graph: dict[str, list[str]]) -> dict[str, list[str]]:
    """Without rings: each thing needs only later ones."""
    return {thing: [other for other in others if other > thing] for thing, others in graph.items()}


@given(symptoms, needs)
def test_every_symptom_is_a_cause_or_belongs_to_exactly_one(found: list[Symptom], graph: dict[str, list[str]]) -> None:
    told = causes(found, graph)
    everything = [each.symptom.key for each in told] + [part.key for each in told for part in each.explains]
    assert sorted(everything) == sorted(each.key for each in found)


@given(symptoms, needs, st.randoms(use_true_random=False))
def test_the_order_in_which_they_came_changes_nothing(
    found: list[Symptom], graph: dict[str, list[str]], rng: random.Random
) -> None:
    shuffled = list(found)
    rng.shuffle(shuffled)
    assert causes(shuffled, graph) == causes(found, graph)


@given(symptoms, needs)
def test_the_severity_is_the_highest_of_cause_and_symptoms(found: list[Symptom], graph: dict[str, list[str]]) -> None:
    for each in causes(found, graph):
        assert each.severity == max([each.symptom.severity, *(part.severity for part in each.explains)])


@given(symptoms, needs)
def test_nothing_is_explained_that_needs_nothing_broken(found: list[Symptom], graph: dict[str, list[str]]) -> None:
    for each in causes(found, graph):
        family = [each.symptom, *each.explains]
        for part in each.explains:
            wanted = above(part.needs, graph) | (above(part.breaks, graph) - part.breaks)
            assert any(other.breaks & wanted for other in family if other.key != part.key)


@given(symptoms, needs)
def test_a_cause_is_explained_by_nothing_where_things_do_not_need_each_other_in_a_ring(
    found: list[Symptom], graph: dict[str, list[str]]
) -> None:
    lined = layered(graph)
    plain = [
        Symptom(
            each.key, each.severity, frozenset(sorted(each.breaks)[:1]),
            frozenset(need for need in each.needs if all(need > thing for thing in each.breaks)),
        )
        for each in found
    ]  # fmt: skip
    for cause in causes(plain, lined):
        root = cause.symptom
        wanted = above(root.needs, lined) | (above(root.breaks, lined) - root.breaks)
        assert not any(other.breaks & wanted for other in plain if other.key != root.key)


@given(symptoms, needs, st.integers(0, 9))
def test_when_a_cause_ends_each_of_its_symptoms_that_lasts_is_told_or_has_another_cause(
    found: list[Symptom], graph: dict[str, list[str]], number: int
) -> None:
    told = causes(found, graph)
    if not told:
        return
    gone = told[number % len(told)]
    left = [each for each in found if each.key != gone.symptom.key]
    after = causes(left, graph)
    now = {each.symptom.key for each in after} | {part.key for each in after for part in each.explains}
    assert {part.key for part in gone.explains} <= now


def test_a_server_explains_its_feeds_their_series_and_what_they_make_mute() -> None:
    graph = {"feed a": ["server b"], "feed c": ["server b"], "server b": ["network"]}
    server = Symptom(("server-down", "b"), 2, frozenset({"server b"}))
    feeds = [Symptom(("feed-down", name), 2, frozenset({f"feed {name}"})) for name in "ac"]
    mute = Symptom(("feed-mute", "a"), 3, frozenset({"data a"}), frozenset({"feed a"}))
    sink = Symptom(("sink-failing", "mail"), 2, frozenset({"sink mail"}))
    told = causes([mute, *feeds, sink, server], graph)
    assert [each.symptom for each in told] == [server, sink]
    assert sorted(each.key for each in told[0].explains) == sorted(each.key for each in [mute, *feeds])
    assert told[0].severity == 3
