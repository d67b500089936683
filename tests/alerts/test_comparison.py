"""Two rule sets held against each other: by hand, and by properties of any two streams."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stressd.alerts.comparison import Comparison, summary
from stressd.alerts.desk import Routed
from stressd.alerts.event import Event
from stressd.market.times import iso

MINUTE = 60_000_000_000
START = 1_800_000_000_000_000_000


def told(episode: str, minute: int, type_: str = "opened", *sinks: str, **more: Any) -> Routed:
    base: dict[str, Any] = {
        "id": f"{episode}.{minute}", "episode": episode, "seq": minute, "type": type_, "kind": "market",
        "origin": "live", "time": iso(START + minute * MINUTE), "instance": "t", "rule": "sigma", "market": "JP",
        "direction": "up", "severity": "high", "headline": f"{episode} moved", "series": [], "version": "0",
        "method": "1", "config": "c",
    }  # fmt: skip
    return Routed(Event(**(base | more)), sinks)


def compared(old: Sequence[Routed], new: Sequence[Routed], minutes: int = 1_000) -> dict[str, Any]:
    comparison = Comparison(START)
    comparison.take("old", old)
    comparison.take("new", new)
    again = Comparison(0)
    again.restore(comparison.snapshot())
    now = START + minutes * MINUTE
    assert again.report(now) == comparison.report(now), "a snapshot holds all of it"
    return comparison.report(now)


def test_the_same_episode_is_neither_sides_and_its_messages_are_counted_by_the_week() -> None:
    both = [told("a", 1, "opened", "slack"), told("a", 5, "resolved", "slack", "mail")]
    found = compared(both, both, minutes=10_080)
    assert found["counts"] == {"same": 1, "other": 0, "only_old": 0, "only_new": 0}
    assert found["episodes"] == []
    assert found["sinks"] == [
        {"sink": "slack", "old": 2, "new": 2, "old_a_week": 2.0, "new_a_week": 2.0},
        {"sink": "mail", "old": 1, "new": 1, "old_a_week": 1.0, "new_a_week": 1.0},
    ]


def test_what_only_one_side_tells_is_listed_with_its_id_its_headline_and_its_times() -> None:
    found = compared([told("a", 1), told("a", 5, "resolved")], [told("b", 300)])
    assert found["counts"] == {"same": 0, "other": 0, "only_old": 1, "only_new": 1}
    only_old, only_new = found["episodes"]
    assert (only_old["verdict"], only_old["old"]["episode"], only_old["new"]) == ("only_old", "a", None)
    assert (only_old["old"]["headline"], only_old["old"]["ended"]) == ("a moved", iso(START + 5 * MINUTE))
    assert (only_new["verdict"], only_new["new"]["opened"]) == ("only_new", iso(START + 300 * MINUTE))
    assert "1 only now, 1 only in shadow" in summary(found)


def test_another_time_another_severity_another_end_are_said_in_words() -> None:
    old = [told("a", 10), told("a", 60, "resolved")]
    new = [told("b", 2, severity="warn"), told("b", 30, "escalated", severity="critical"), told("b", 90, "resolved")]
    (pair,) = compared(old, new)["episodes"]
    assert pair["how"] == "opened 8 min earlier, high, now critical, ended 30 min later"


def test_an_episode_of_another_market_or_direction_or_long_over_is_another_episode() -> None:
    for other in ({"market": "US"}, {"direction": "down"}):
        assert compared([told("a", 1)], [told("b", 1, **other)])["counts"]["only_new"] == 1
    assert compared([told("a", 1), told("a", 5, "resolved")], [told("b", 8)])["counts"]["only_new"] == 1


def test_of_two_at_once_the_one_of_the_same_rule_is_the_same() -> None:
    new = [told("x", 1, rule="other"), told("y", 3, rule="sigma")]
    found = compared([told("a", 1)], new)
    assert [(p["verdict"], (p["new"] or {}).get("episode")) for p in found["episodes"]] == [
        ("other", "y"),
        ("only_new", "x"),
    ]


def test_what_was_open_before_and_what_stressd_says_of_itself_is_not_compared() -> None:
    found = compared([told("a", 1, "escalated"), told("s", 1, kind="self")], [])
    assert found["counts"] == {"same": 0, "other": 0, "only_old": 0, "only_new": 0}


STEPS = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 400), st.sampled_from(["opened", "escalated", "resolved"])), max_size=30
)


@given(STEPS, STEPS)
def test_every_episode_of_either_side_is_in_exactly_one_pair_and_swapping_sides_swaps_the_verdicts(
    old: list[Any], new: list[Any]
) -> None:
    sides = [
        [told(f"{name}{n}", minute, kind_) for n, minute, kind_ in sorted(steps, key=lambda s: s[1])]
        for name, steps in (("o", old), ("n", new))
    ]
    found, swapped = compared(*sides)["counts"], compared(*reversed(sides))["counts"]
    opened = [len({r.event.episode for r in side if r.event.type == "opened"}) for side in sides]
    assert found["same"] + found["other"] + found["only_old"] == opened[0]
    assert found["same"] + found["other"] + found["only_new"] == opened[1]
    assert sum(found.values()) >= max(opened)
    alone = compared(sides[0], [])["counts"]
    assert alone["only_old"] == opened[0]
    assert sum(swapped.values()) >= max(opened)
