"""Governance: what a release decides is listed, and a change of it is a change of the method."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd import METHOD, __version__
from stressd.alerts.canned import canned
from stressd.alerts.event import Event
from stressd.cli.decisions import now
from stressd.engine.form import FORM
from stressd.lab.decisions.decide import differences, line, recorded
from stressd.lab.decisions.history import fixings, ticks
from stressd.lab.offline import drive
from stressd.lab.replay import pipeline
from stressd.lab.ruleset import Setup
from stressd.testing.worlds import walk, world


@pytest.mark.skipif(FORM != "compiled", reason="six weeks of ticks take too long with the interpreted engine")
@pytest.mark.once
def test_what_is_decided_on_the_bundled_history_is_what_the_method_stands_for() -> None:
    method, before = recorded()
    found = differences(before, now())
    assert (method, found) == (METHOD, []), (
        "decisions differ from the list: raise METHOD in stressd/__init__.py and run `make decisions`, which lists the "
        "differences in docs/methods.md"
    )


def test_the_bundled_history_is_the_same_each_time_and_has_what_it_says() -> None:
    days, first, second = fixings(), ticks(), ticks()
    as_rows = [(t.series, t.value, t.time, t.received) for t in first]
    assert as_rows == [(t.series, t.value, t.time, t.received) for t in second]
    assert (len(days), len(first)) == (4_903, 196_401)
    assert all(a.received <= b.received for a, b in pairwise(first))
    assert days[-1].time < first[0].time


def test_the_list_holds_decisions_of_every_kind_of_rule() -> None:
    _, listed = recorded()
    rules = {each.split(" ")[2] for each in listed}
    assert {"stated", "on-budget", "levels", "shapes", "quiet"} <= rules
    words = " ".join(listed)
    for word in ("opened", "escalated", "widened", "peaked", "reopened", "resolved", "critical", "followed"):
        assert word in words, word


def test_the_documents_tell_of_the_present_method(root: Path) -> None:
    assert f"## Method {METHOD}\n" in (root / "docs" / "methods.md").read_text(encoding="utf-8")


@given(st.lists(st.sampled_from("abcd")), st.lists(st.sampled_from("abcd")))
def test_lists_differ_by_exactly_what_is_gone_and_what_is_new(before: list[str], after: list[str]) -> None:
    found = differences(before, after)
    assert (found == []) == (before == after)
    gone = sum(each[0] == "-" for each in found)
    assert len(before) - gone + (len(found) - gone) == len(after)


def stamped(event: Event) -> bool:
    return event.version == __version__ and event.method == METHOD and event.config.startswith(("sha256:", "builtin"))


def test_every_event_carries_version_method_and_the_hash_of_the_configuration() -> None:
    spec = world({"JP": "JP", "US": "US"})
    told = walk(spec, 4, 6_000, 1_767_571_200_000_000_000, dirt=0.01)
    events = list(drive(pipeline(Setup(spec, config="sha256:" + "0" * 64), told), told))
    assert {event.type for event in events} > {"opened", "resolved"}
    assert all(stamped(event) for event in events)
    assert all(event.version and event.method and event.config for event in canned())


def test_a_decision_names_what_was_told_when_of_whom_and_how_loudly() -> None:
    event = canned()[0]
    words = line(event)
    for part in (event.time[:19], event.type, event.rule, event.market, event.severity, event.series[0].series):
        assert part in words
