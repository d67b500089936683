"""`remind`, `escalate` and `maintenance`: what they become, and what is wrong with them."""

from __future__ import annotations

import pytest

from stressd.alerts.matching import Match
from stressd.alerts.people.escalation import EscalationStep
from stressd.market.times import iso, parse_time
from tests.config.test_faults import GOOD, Read, faults, only

MINUTE = 60_000_000_000
WINDOW = """maintenance:
  - name: broker-restart
    zone: Europe/London
    on: sunday
    from: "06:00"
    to: "08:00"
    reason: weekly restart
"""


def test_a_route_may_remind_and_escalate(read: Read) -> None:
    text = GOOD.replace(
        "    sinks: desk-slack\n",
        "    sinks: desk-slack\n    remind: 1h\n    escalate: [{after: 5m, sinks: mail}, "
        "{after: 15m, severity: critical, sinks: [mail, desk-slack]}]\n",
    )
    desk, ops = read(text).people.routes
    assert desk.remind == 60 * MINUTE
    assert desk.escalate == (
        EscalationStep(5 * MINUTE, ("high", "critical"), ("mail",)),
        EscalationStep(15 * MINUTE, ("critical",), ("mail", "desk-slack")),
    )
    assert (ops.remind, ops.escalate) == (None, ())


def test_a_window_is_of_feeds_and_of_stressd_itself_unless_it_says_otherwise(read: Read) -> None:
    (window,) = read(GOOD + WINDOW).maintenance
    assert (window.name, window.reason) == ("broker-restart", "weekly restart")
    assert window.match == Match(kinds=("feed", "self"))
    held = window.window_at(parse_time("2026-07-19T06:00Z"))
    assert held is not None
    assert [iso(end) for end in held] == ["2026-07-19T05:00:00Z", "2026-07-19T07:00:00Z"]
    other = WINDOW.replace("    reason", "    match: {kind: market, market: JP, severity: [info, warn]}\n    reason")
    (window,) = read(GOOD + other).maintenance
    assert window.match == Match(kinds=("market",), markets=("JP",), severities=("info", "warn"))


@pytest.mark.parametrize("on", ["daily", "weekdays", "{weekday: sunday, nth: 1}", "{day: last}"])
def test_the_days_are_said_in_the_words_of_events(read: Read, on: str) -> None:
    text = GOOD + WINDOW.replace("on: sunday", f"on: {on}")
    (window,) = read(text).maintenance
    assert window.next_end(parse_time("2026-01-01T00:00Z")) < parse_time("2026-02-02T00:00Z")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("zone: Europe/London", "zone: Europe/Londn", "unknown time zone `Europe/Londn`; did you mean"),
        ("on: sunday", "on: sonday", "did you mean `sunday`?"),
        ('to: "08:00"', 'to: "06:00"', "the window is empty: a whole day is from `00:00` to `24:00`"),
        ('to: "08:00"', 'to: "25:00"', "a time of day is written `15:00`"),
        ("    reason: weekly restart\n", "", "`reason`"),
        ("    reason: weekly", "    match: {kind: market, market: FR}\n    reason: weekly", "unknown market `FR`"),
        ("    reason: weekly", "    match: {kind: market, rule: sigma}\n    reason: weekly", "unknown rule `sigma`"),
        ("name: broker-restart", "nam: broker-restart", "did you mean `name`?"),
    ],
)
def test_a_window_that_is_wrong_is_told_with_its_place(read: Read, old: str, new: str, expected: str) -> None:
    assert old in WINDOW
    found = faults(read, GOOD + WINDOW.replace(old, new, 1))
    assert any(expected in str(fault) for fault in found), "\n".join(map(str, found))
    assert all(fault.line > GOOD.count("\n") for fault in found)


def test_two_windows_of_one_name_are_told(read: Read) -> None:
    (fault,) = faults(read, GOOD + WINDOW + WINDOW.partition("\n")[2])
    assert "broker-restart" in str(fault)


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ("escalate: [{after: 5m, sinks: pager}]", "unknown sink `pager`"),
        ("escalate: [{after: 0s, sinks: mail}]", "`after` must be longer than zero"),
        ("escalate: [{after: 5, sinks: mail}]", "a duration needs a unit: write `5s` or `5m`"),
        ("remind: 10s", "`remind` is a minute at least"),
    ],
)
def test_a_route_that_asks_for_what_cannot_be_is_told(read: Read, new: str, expected: str) -> None:
    assert expected in str(only(read, "    sinks: desk-slack\n", f"    sinks: desk-slack\n    {new}\n"))


def test_a_sink_that_only_hears_of_what_nobody_acknowledges_is_used(read: Read) -> None:
    pager = "  - {name: pager, type: email, from: a@b, to: [c@d]}\n"
    loaded = read(
        GOOD.replace("    sinks: desk-slack\n", "    sinks: desk-slack\n    escalate: [{after: 5m, sinks: pager}]\n")
        + pager
    )
    assert not [fault for fault in loaded.warnings if "pager" in str(fault)]
