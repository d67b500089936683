"""How curves are told: noise, shapes, moves that nobody confirms, breaks in the data."""

from __future__ import annotations

import math

from stressd.alerts.event import from_json, to_json
from stressd.alerts.notification import Telling
from stressd.alerts.render import render
from stressd.alerts.routing import RouteSpec
from stressd.engine.curve_events import CurveMove
from stressd.engine.curve_facts import CurveFacts
from stressd.engine.events import ONCE, FeedNote
from stressd.engine.spec import CRITICAL, HIGH, INFO, WARN
from tests.alerts.desks import assign, desk_of
from tests.alerts.facts import FIXING_20, HOUR, MINUTE, breach, types
from tests.alerts.scripts import run


def noise(at: int, phase: str, bp: float, z: float, severity: int = WARN) -> CurveMove:
    fact = CurveMove(at, at, "us-curve", "US", 0, phase, "noise", severity)
    fact.curve = CurveFacts(bp, 1.1, "US.GOV.20Y", 12.4, "US.GOV.30Y", -3.0)
    fact.z, fact.threshold, fact.series, fact.off_bp, fact.value, fact.source = z, 4.0, "US.GOV.20Y", 11.2, 4.91, "desk"
    return fact


def twist(at: int) -> CurveMove:
    fact = CurveMove(at, at, "us-curve", "US", 1, ONCE, "twist steepening", INFO)
    fact.moves = [("US.GOV.2Y", 3.586, 3.596, at - 24 * HOUR), ("US.GOV.10Y", 4.295, 4.227, at - 24 * HOUR)]
    fact.source = "desk"
    return fact


def test_noise_has_an_episode_that_names_the_dislocated_tenor() -> None:
    told = run(
        [
            noise(FIXING_20, "entered", 4.2, 6.3),
            noise(FIXING_20 + MINUTE, "raised", 5.9, 9.4, HIGH),
            noise(FIXING_20 + 12 * MINUTE, "left", 1.3, 0.4),
        ]
    )
    opened, escalated, resolved = told
    assert types(told) == ["opened", "escalated", "resolved"]
    assert opened.headline == "US curve noise 4.2bp, usually 1.1bp · 6.3σ · 20Y 11.2bp cheap to the other tenors"
    assert resolved.headline == "US curve noise back to 1.3bp after 12 min · peak 5.9bp"
    assert (opened.market, opened.direction, opened.shape, opened.kind) == ("US", None, None, "market")
    assert escalated.severity == "high"
    message = render(opened, Telling(first=True))
    assert message.subject.startswith("[stressd] US curve · 20 Jan 2026 · #")
    facts = dict(message.facts)
    assert facts["Curve"] == (
        "noise 4.2bp, usually 1.1bp; cheapest 20Y 12.4bp above, richest 30Y 3.0bp below the curve through the others"
    )
    assert facts["Off the curve"] == "+11.2bp from the smooth curve through the other tenors"
    assert from_json(to_json(opened)) == opened


def test_a_shape_is_told_once_and_its_end_is_for_the_record_only() -> None:
    told = run([twist(FIXING_20)])
    opened, over = told
    assert types(told) == ["opened", "resolved"]
    assert opened.headline == (
        "US twist steepening since the last fixing · 2Y -1.0bp, 10Y +6.8bp · 2s10s +7.8bp to 70.9bp"
    )
    assert opened.shape == "twist steepening"
    router = desk_of((RouteSpec(("desk",), updates=("opened", "resolved")),))
    assert assign(router, opened) == ("desk",)
    assert assign(router, over) == ()


def test_a_shape_does_not_end_an_episode_of_noise_of_the_same_rule() -> None:
    told = run(
        [noise(FIXING_20, "entered", 4.2, 6.3), twist(FIXING_20 + MINUTE), noise(FIXING_20 + HOUR, "left", 1.2, 0.1)]
    )
    assert types(told) == ["opened", "opened", "resolved", "resolved"]
    assert told[-1].episode == told[0].episode != told[1].episode


def test_what_no_neighbour_confirms_says_so_in_its_first_words() -> None:
    lone = breach(FIXING_20, bp=12.0, z=7.0, horizon="5m", value=3.682)
    lone.unconfirmed = "20Y and 40Y have not moved"
    lone.curve = CurveFacts(2.6, math.nan, "JP.GOV.30Y", 11.8, "", 0.0)
    sure = breach(FIXING_20 + MINUTE, phase="raised", severity=CRITICAL, bp=12.0, z=7.0, horizon="5m", value=3.682)
    opened, escalated = run([lone, sure])
    assert opened.headline.startswith(
        "JP 30Y +12.0bp over 5m to 3.682% · not confirmed: 20Y and 40Y have not moved · 7.0σ"
    )
    assert dict(render(opened, Telling(first=True)).facts)["Confirmed"] == "no: 20Y and 40Y have not moved"
    assert dict(render(opened, Telling(first=True)).facts)["Curve"] == (
        "noise 2.6bp; cheapest 30Y 11.8bp above the curve through the others"
    )
    assert opened.severity == "warn"
    assert escalated.type == "escalated"
    assert escalated.severity == "critical"
    assert "not confirmed" not in escalated.headline


def test_a_break_in_the_data_is_told_once_to_those_who_look_after_feeds() -> None:
    text = "JP 20Y -35.0bp while 10Y +1.6bp and 15Y +2.0bp: taken as a break in the data, not as a move"
    note = FeedNote(
        FIXING_20, FIXING_20, "data-break", "JP", ONCE, "data break", "JP.GOV.20Y", "mof-jgbcme", INFO, text
    )
    told = run([note, note])
    assert types(told) == ["opened", "resolved", "opened", "resolved"]
    assert {event.kind for event in told} == {"feed"}
    assert {event.headline for event in told} == {text}
    router = desk_of((RouteSpec(("ops",), kinds=("feed",)),))
    assert [assign(router, event) for event in told] == [("ops",), (), ("ops",), ()]
    message = render(told[0], Telling(first=True))
    assert message.subject.startswith("[stressd] JP feed: data-break · 20 Jan 2026")
    assert ("Series", "JP 20Y") in message.facts
