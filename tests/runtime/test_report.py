"""The daemon's report of a series: its state, what its ticks were worth, and its quotes."""

from __future__ import annotations

import pytest

from stressd.alerts.episodes import Episodes
from stressd.alerts.matching import Match
from stressd.alerts.people.maintenance import MaintenanceSpec
from stressd.engine.agenda import Recurrence
from stressd.engine.engine import Engine
from stressd.engine.spec import MINUTE, SECOND
from stressd.market.tick import MIDDLE, Tick
from stressd.market.times import parse_time
from stressd.runtime.alerting import alerting
from stressd.runtime.metrics.markets import answer_metrics
from stressd.runtime.metrics.series import series_metrics
from stressd.runtime.report import answers, episode_row, maintenance
from stressd.testing.worlds import walk, world
from tests.alerts import facts

START = parse_time("2026-01-13T00:00:00Z")


def test_a_series_is_told_with_its_state_its_dirt_and_its_quotes() -> None:
    spec = world({"AA": "always"}, tenors=("10Y", "30Y"))
    engine = Engine(spec, START)
    at = START
    for k in range(200):
        at += SECOND
        gap = -0.004 if k % 10 == 9 else 0.012
        engine.feed([Tick("AA.GOV.10Y", 2.0 + k % 3 * 0.0001, at, at, "desk", MIDDLE, gap)])
    ten, thirty = alerting(spec, engine.status(), at)["detail"]
    assert (ten["state"], thirty["state"]) == ("live", "never seen")
    assert (ten["counts"]["ticks"], ten["counts"]["crossed"]) == (179, 20)
    assert round(ten["quotes"]["bid_ask_bp"], 9) == round(ten["quotes"]["widest_decile_bp"], 9) == 1.2
    assert thirty["quotes"] is None
    deaf = alerting(spec, engine.status(), at, {"desk"})["detail"]
    assert deaf[0]["state"] == "unknown"
    engine.advance(at + 16 * MINUTE)
    assert alerting(spec, engine.status(), at)["detail"][0]["state"] == "silent"
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in series_metrics([ten, thirty])
        for sample in family.samples
    }
    assert found["stressd_series_state", "AA.GOV.10Y", "live"] == 1.0
    assert found["stressd_series_ticks_total", "AA.GOV.10Y", "crossed"] == 20.0
    assert round(found["stressd_series_bid_ask_mean_bp", "AA.GOV.10Y"], 9) == 1.2
    assert ("stressd_series_bid_ask_bp", "AA.GOV.30Y") not in found


def test_a_window_of_maintenance_is_named_while_it_is_on_and_before_it_begins() -> None:
    spec = MaintenanceSpec(
        "broker-restart", Match(kinds=("feed",)), Recurrence("Europe/London", 360, (6,)), 480, "weekly restart"
    )
    (before,) = maintenance([spec], parse_time("2026-07-18T12:00Z"))
    assert (before["on"], before["from"], before["until"]) == (False, "2026-07-19T05:00:00Z", "2026-07-19T07:00:00Z")
    (during,) = maintenance([spec], parse_time("2026-07-19T06:00Z"))
    assert (during["on"], during["match"], during["until"]) == (True, "kind feed", "2026-07-19T07:00:00Z")


def test_links_are_counted_by_pair_and_wording_and_open_episodes_name_them() -> None:
    machine = Episodes(facts.spec())
    at = facts.FIXING_20
    machine.apply(facts.breach(at, horizon="5m"))
    machine.apply(facts.by_ticks(at + 41 * SECOND))
    machine.apply(facts.by_ticks(at + 42 * SECOND, "UK", "did not respond"))
    machine.apply(facts.breach(at + 50 * SECOND, "US.GOV.10Y", horizon="5m"))
    assert [episode_row(each, machine, at)["links"] for each in machine.open_episodes()] == [
        ["followed by US 10Y +3.1bp"],
        ["followed JP"],
    ]
    machine.apply(facts.taken_back(at + 90 * SECOND))
    restarted = Episodes(facts.spec())
    restarted.restore(machine.snapshot())
    (family,) = answer_metrics(answers(restarted.answers()))
    assert {(s.name, *s.labels.values(), s.value) for s in family.samples} == {
        ("stressd_link_responses_total", "JP", "US", "followed", 1.0),
        ("stressd_link_responses_total", "JP", "US", "taken back", 1.0),
        ("stressd_link_responses_total", "JP", "UK", "did not respond", 1.0),
    }
    assert [episode_row(each, machine, at)["links"] for each in machine.open_episodes()] == [[], []]


@pytest.mark.parametrize("calendars", [{"AA": "always", "BB": "always"}, {"JP": "JP", "US": "US"}])
def test_the_short_count_of_what_can_alert_is_that_of_the_long_report(calendars: dict[str, str]) -> None:
    spec = world(calendars, tenors=("10Y", "30Y"))
    engine = Engine(spec, START)
    counts = set()
    for tick in walk(spec, 3, 4_000, START):
        engine.feed([tick])
        if engine.ready() not in counts or len(counts) < 2:
            counts.add(engine.ready())
            assert engine.ready() == alerting(spec, engine.status(), engine.now)["ready"]
    assert engine.ready() == alerting(spec, engine.status(), engine.now)["ready"]
    assert len(counts) > 1
