"""What holds of every episode, whatever the engine says and however the calls are cut."""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import pairwise

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from stressd.alerts.answers import MOST
from stressd.alerts.episodes import Episodes
from stressd.alerts.event import Event, from_json, to_json
from stressd.alerts.headline import LIMIT
from stressd.alerts.notification import Telling
from stressd.alerts.render import render
from stressd.alerts.routing import RouteSpec
from stressd.alerts.words import is_spread
from stressd.engine.spec import SEVERITIES
from stressd.market.times import parse_time
from tests.alerts.desks import assign, desk_of
from tests.alerts.facts import FIXING_20, HOUR, MINUTE, SECOND, breach, spec
from tests.alerts.scripts import SCRIPTS, Fact, build, run

Script = list[tuple[int, Fact]]
PAUSES = st.lists(st.integers(0, 40 * 3600).map(lambda s: FIXING_20 + s * SECOND), max_size=20)
FORBIDDEN = re.compile(
    r"caus(ed?|ing)\b|because|due to|gaussian|normal distribution|one in [\d,]+|million years|odds"
    r"|\bbuy\b|\bsell\b|\bhedge\b|\bshould\b|recommend|advis",
    re.IGNORECASE,
)


def by_episode(events: list[Event]) -> dict[str, list[Event]]:
    lives: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        lives[event.episode].append(event)
    return lives


@given(SCRIPTS, PAUSES)
@settings(max_examples=200)
def test_the_same_facts_give_the_same_events_however_the_clock_is_looked_at(script: Script, pauses: list[int]) -> None:
    facts = build(script)
    each_deadline = [event.at + SECOND * step for event in facts for step in (1, 5)]
    assert run(facts) == run(facts, pauses=pauses) == run(facts, pauses=each_deadline)


@given(SCRIPTS, st.integers(0, 40))
@settings(max_examples=200)
def test_a_restart_anywhere_changes_nothing(script: Script, cut: int) -> None:
    facts = build(script)
    assert run(facts, restart_at=cut) == run(facts)


@given(SCRIPTS)
@settings(max_examples=300)
def test_every_life_is_in_order(script: Script) -> None:
    told = run(build(script))
    assert len({event.id for event in told}) == len(told)
    assert [event.time for event in told] == [event.time for event in sorted(told, key=lambda e: parse_time(e.time))]
    keys_open: set[tuple[str, str, bool, str | None]] = set()
    for event in [event for event in told if event.kind == "market"]:
        key = (event.rule, event.market, is_spread(event.series[0].series), event.direction)
        if event.type in ("opened", "reopened"):
            assert key not in keys_open
            keys_open.add(key)
        if event.type == "resolved":
            keys_open.remove(key)
    for name, life in by_episode(told).items():
        assert re.fullmatch(r"[A-Z]+-\d{6}-[0-9a-hjkmnp-tv-z]{4}", name)
        assert [event.seq for event in life] == list(range(1, len(life) + 1))
        assert [event.id for event in life] == [f"{name}.{event.seq}" for event in life]
        kinds = [event.type for event in life]
        assert kinds[0] == "opened"
        assert kinds.count("opened") == 1
        ends = [kind for kind in kinds if kind in ("resolved", "reopened")]
        assert ends == [("resolved", "reopened")[k % 2] for k in range(len(ends))]
        over = False
        for kind in kinds:
            assert not over or kind in ("propagated", "corrected", "reopened")
            over = kind == "resolved" or (over and kind != "reopened")
        severities = [SEVERITIES.index(event.severity) for event in life]
        assert severities == sorted(severities)
        raised = [later.type for earlier, later in pairwise(life) if later.severity != earlier.severity]
        assert set(raised) <= {"escalated", "reopened"}
        assert kinds.count("escalated") == raised.count("escalated")


@given(SCRIPTS)
@settings(max_examples=200)
def test_what_gathers_is_told_at_most_once_per_settle_window(script: Script) -> None:
    settle = spec().settle
    for life in by_episode(run(build(script))).values():
        gathered = [parse_time(event.time) for event in life if event.type in ("widened", "peaked")]
        answers = [parse_time(event.time) for event in life if event.type == "propagated"]
        for times in (gathered, answers):
            assert all(later - earlier >= settle for earlier, later in pairwise(times))


@given(SCRIPTS)
@settings(max_examples=200)
def test_episodes_name_their_source_and_never_in_a_circle(script: Script) -> None:
    told = run(build(script))
    begun = {event.episode: parse_time(event.time) for event in reversed(told)}
    source: dict[str, str] = {}
    for event in told:
        source.pop(event.episode, None)
        if event.source is None:
            continue
        name, source[event.episode] = event.episode, event.source.episode
        seen = [name]
        while seen[-1] in source:
            cause = source[seen[-1]]
            assert cause not in seen
            assert begun[cause] <= begun[seen[-1]]
            seen.append(cause)


@given(SCRIPTS, st.booleans(), st.sampled_from([None, 0.0, 840.0]), st.integers(0, 3), st.booleans())
@settings(max_examples=300)
def test_every_message_is_whole_and_says_nothing_that_it_must_not(
    script: Script, first: bool, late_s: float | None, merged: int, repeat: bool
) -> None:
    subjects: dict[str, str] = {}
    for event in run(build(script)):
        assert 0 < len(event.headline) <= LIMIT
        assert from_json(to_json(event)) == event
        message = render(event, Telling(first=first, late_s=late_s, merged=merged, possible_repeat=repeat))
        if event.kind == "market":
            assert not FORBIDDEN.search(message.text), message.text
        assert subjects.setdefault(event.episode, message.subject) == message.subject
        assert event.headline in message.text
        assert event.episode in message.text
        assert len(message.title) <= LIMIT
        assert all(len(row.cells) == len(message.table_header) for row in message.table)
        assert all(label and value.strip() for label, value in message.facts)
        assert "None" not in message.text or event.kind != "market"
        assert from_json(message.body) == event


@given(
    st.permutations([f"JP.GOV.{n}Y" for n in (1, 2, 3, 5, 7, 10, 20, 30, 40)]),
    st.lists(st.integers(0, 4), min_size=8, max_size=8),
)
def test_a_curve_wide_storm_of_one_severity_opens_once_and_widens_once_a_window(
    series: list[str], gaps: list[int]
) -> None:
    at = FIXING_20
    facts = [breach(at, series[0])]
    for name, gap in zip(series[1:], gaps, strict=True):
        at += gap * SECOND
        facts.append(breach(at, name))
    told = run(facts)
    assert told[0].type == "opened"
    assert {event.type for event in told[1:]} == {"widened"}
    assert len(told) - 1 <= 1 + (at - FIXING_20) // spec().settle
    assert {move.series for move in told[-1].series} == set(series)


@given(SCRIPTS)
@settings(max_examples=100)
def test_the_record_and_the_routes_agree_on_who_hears_the_end(script: Script) -> None:
    router = desk_of(
        (
            RouteSpec(sinks=("desk",), severities=("high", "critical")),
            RouteSpec(sinks=("ops",), kinds=("feed", "self")),
            RouteSpec(sinks=("all",), kinds=("market", "feed", "self"), updates=("opened", "widened", "peaked")),
        )
    )
    told: dict[str, set[str]] = defaultdict(set)
    for event in run(build(script)):
        sinks = assign(router, event)
        one_shot = all(move.horizon == "level" for move in event.series) and event.series
        if event.type == "resolved":
            assert set(sinks) == (set() if one_shot else told[event.episode])
            told[event.episode].clear()
            continue
        told[event.episode].update(sinks)


@given(SCRIPTS)
@settings(max_examples=100)
def test_what_is_written_with_every_transition_is_the_state_and_a_daemon_goes_on_from_it(script: Script) -> None:
    machine = Episodes(spec())
    written = machine.snapshot()
    for fact in build(script):
        machine.advance(fact.at)
        machine.apply(fact)
        written = msgspec.json.decode(machine.encoded())
        assert written == machine.snapshot()
    again = Episodes(spec())
    again.restore(written)
    assert again.snapshot() == written
    assert msgspec.json.decode(again.encoded()) == written


def test_on_the_third_day_of_a_storm_no_more_closed_episodes_are_kept_than_can_be_written_quickly() -> None:
    machine = Episodes(spec(reopen=0))
    ids = set()
    for turn in range(3 * MOST):
        at = FIXING_20 + turn * 10 * MINUTE
        ids |= {event.episode for event in machine.apply(breach(at, horizon="5m"))}
        machine.apply(breach(at + MINUTE, horizon="5m", phase="left"))
    kept = machine.snapshot()["closed"]
    assert len(ids) == 3 * MOST
    assert MOST <= len(kept) <= MOST + 2
    assert kept[-1]["opened_at"] == FIXING_20 + (3 * MOST - 1) * 10 * MINUTE


def test_memory_is_bounded_closed_episodes_are_forgotten() -> None:
    facts = []
    for day in range(40):
        at = FIXING_20 + day * 24 * HOUR
        facts += [breach(at), breach(at + HOUR, phase="left")]
    machine = Episodes(spec())
    sizes = []
    for fact in facts:
        machine.apply(fact)
        sizes.append(len(machine.snapshot()["closed"]))
    assert max(sizes) <= 4
