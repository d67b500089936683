"""The demo: the scenario through a broker and the daemon in one process, and what it says where something lacks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stressd.alerts.event import Event, Follower
from stressd.cli.main import main
from stressd.config.load import load_text
from stressd.lab.bridges import Bridges
from stressd.lab.demo import calendars, config_text, milestones, missing
from stressd.lab.scenario import load_scenario
from stressd.market.times import parse_time
from stressd.runtime.registry import registry

FAST = "5000"
"""Times real time: 23 hours in 17 seconds."""


def test_the_demo_does_the_main_job(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["demo", "--once", "--json", "--speed", FAST, "--listen", "127.0.0.1:0"])
    said = capsys.readouterr()
    events = [json.loads(line) for line in said.out.splitlines()]
    assert status == 0, said.err
    assert {event["origin"] for event in events} == {"simulated"}
    up = [event for event in events if event["market"] == "JP" and event["direction"] == "up"]
    assert len({event["episode"] for event in up}) == 1
    assert [event["seq"] for event in up] == list(range(1, len(up) + 1))
    assert up[0]["type"] == "opened"
    critical = [event for event in up if event["severity"] == "critical"]
    assert critical[0]["time"] < "2026-01-20T06:00:00Z", "critical while Tokyo sells off, not at the fixing"
    closed = next(each for event in up for each in event["followers"] if each["market"] == "US")
    assert closed["wording"] == "could not respond"
    answer = next(each for each in up[-1]["followers"] if each["market"] == "US")
    assert answer["wording"] == "followed"
    assert answer["series"] == "US.GOV.10Y"
    assert "Tue 20 Jan 08:30 Tokyo: JP trades" in said.err
    assert "US is closed (holiday: Martin Luther King Jr. Day)" in said.err


def test_its_configuration_is_one_that_check_accepts() -> None:
    scenario = load_scenario()
    for console in (True, False):
        loaded = load_text(config_text(scenario, "mqtt://127.0.0.1:1883", console), Path("demo.yaml"), registry())
        assert sorted(series.id for series in loaded.engine.series) == sorted(scenario.series())
        assert [fault.message for fault in loaded.warnings] == (
            [] if console else ["there are no routes: nobody would be told"]
        )


def test_milestones_tell_openings_breaks_and_hours_in_order() -> None:
    scenario = load_scenario()
    found = milestones(scenario, Bridges(scenario, calendars(scenario)))
    texts = [milestone.text for milestone in found]
    assert [milestone.time for milestone in found] == sorted(milestone.time for milestone in found)
    assert "Tue 20 Jan 11:02 Tokyo: JP is closed (lunch)" in texts
    assert "Tue 20 Jan 13:00 Tokyo" in texts
    assert next(m.time for m in found if m.text.endswith("US trades")) == parse_time("2026-01-20T12:00:00Z")


def event(severity: str, followers: list[Follower]) -> Event:
    return Event(
        id="JP-260120-aaaa.1", episode="JP-260120-aaaa", seq=1, type="opened", kind="market", origin="simulated",
        time="2026-01-20T05:00:00Z", instance="demo", rule="sigma-breach", market="JP", direction="up",
        severity=severity, headline="x", series=[], followers=followers, version="0", method="1", config="x",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("events", "lacks"),
    [
        ([], ["JP did not become critical", "US is not among its followers (nothing was said of it)"]),
        ([event("high", [Follower(market="US", wording="co-moved")])], ["JP did not become critical"]),
        (
            [event("critical", [Follower(market="US", wording="could not respond")])],
            ["US is not among its followers (could not respond)"],
        ),
        ([event("critical", []), event("critical", [Follower(market="US", wording="spilled over")])], []),
    ],
)
def test_it_says_what_is_missing(events: list[Event], lacks: list[str]) -> None:
    assert missing(events) == lacks
