"""What several failures have in common is told once: a server, names, the network, the clock; and nothing is blamed
that still works for somebody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from mqtt5 import ConnAckReasonCode

from stressd.config.load import load
from stressd.engine.spec import HIGH
from stressd.runtime.notes import CLOCK_DOUBTFUL, FEED, NAMES, NETWORK, SERVER, SINK, STALE, Condition, Conditions
from stressd.runtime.outages import clock, outages, upstream
from stressd.runtime.registry import registry
from tests.runtime.desk import Desk, desk_in, until

SECOND = 1_000_000_000
NEEDS = {
    "feed a": ("server one",), "feed b": ("server one",), "feed c": ("server two",), "sink mail": ("server post",),
    "server one": ("network", "names"), "server two": ("network", "names"), "server post": ("network", "names"),
}  # fmt: skip


def feed(name: str, why: str = "nobody listens there (connection refused)") -> Condition:
    text = f"feed {name} is not connected: {why}"
    return Condition(FEED, "no connection", text, "feed", name, HIGH, breaks=(f"feed {name}",), stops=(name,))


def sink(name: str, why: str = "cannot be reached") -> Condition:
    return Condition(
        SINK, "sink failing", f"{name} fails ({why})", source=name, severity=HIGH, breaks=(f"sink {name}",)
    )


def told(found: list[Condition], working: tuple[str, ...] = ()) -> list[str]:
    """The rules of what is told of these, with what they have in common."""
    conditions = Conditions()
    conditions.upstream = NEEDS
    conditions.observe(1, [*found, *outages(found, NEEDS, working)])
    return [each.rule for each in conditions.lasting()]


def test_one_feed_that_is_down_is_that_feed() -> None:
    assert told([feed("a")]) == [FEED]


def test_all_feeds_of_one_server_are_the_server_unless_it_answers_one_of_them() -> None:
    assert told([feed("a"), feed("b")], ("feed c",)) == [SERVER]
    assert told([feed("a")], ("feed b", "feed c")) == [FEED]


def test_feeds_and_sinks_of_different_servers_are_the_network_unless_anything_outside_works() -> None:
    assert told([feed("a"), feed("b"), feed("c"), sink("mail")]) == [NETWORK]
    assert told([feed("a"), feed("c")], ("sink mail",)) == [FEED, FEED]


def test_names_that_cannot_be_resolved_are_told_as_that() -> None:
    why = "the host name cannot be resolved: Name or service not known"
    assert told([feed("a", why), feed("c", why), sink("mail", "post: its name cannot be resolved")]) == [NAMES]
    assert told([feed("a", why), feed("c", why)], ("sink mail",)) == [FEED, FEED]


def test_a_sink_that_answers_with_an_error_is_no_lost_network() -> None:
    assert told([feed("a"), sink("mail", "HTTP 503")]) == [FEED, SINK]


def test_what_is_too_early_to_tell_is_too_early_for_what_it_has_in_common_too() -> None:
    early = [replace(feed("a"), brewing=True), replace(feed("b"), brewing=True)]
    assert told(early) == []
    assert told([early[0], feed("b")]) == [SERVER]


def test_feeds_that_are_all_late_by_the_same_are_this_machines_clock() -> None:
    stale = [Condition(STALE, "old", "", "feed", name, needs=("clock",)) for name in "ab"]
    (found,) = clock(stale, {"a": 3600 * SECOND, "b": 3603 * SECOND}, 2)
    assert (found.rule, found.breaks) == (CLOCK_DOUBTFUL, ("clock",))
    conditions = Conditions()
    conditions.observe(1, [*stale, found])
    assert [each.rule for each in conditions.lasting()] == [CLOCK_DOUBTFUL]
    assert clock(stale, {"a": 3600 * SECOND, "b": 600 * SECOND}, 2) == []
    assert clock(stale, {"a": 3600 * SECOND, "b": 3600 * SECOND}, 3) == [], "a third feed brings ticks in time"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_in(tmp_path) as made:
        yield made


def three(text: str) -> str:
    """Three feeds on one broker."""
    first = text[text.index("  - name: desk") : text.index("rules:")]
    more = "".join(first.replace("name: desk", f"name: {name}") for name in ("eu", "us"))
    return text.replace("rules:", f"{more}rules:", 1)


async def test_a_broker_that_three_feeds_share_is_one_alert_that_ends_with_what_it_took_along(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stressd.runtime.feedwatch.PATIENCE", 0.5)
    monkeypatch.setattr("stressd.runtime.vigil.LOOK_EVERY", 0.1)
    desk.write(change=three)
    async with desk.running() as daemon:
        await until(lambda: all(each.health.state == "connected" for each in daemon.feeds.feeds.values()))
        desk.broker.refuse = ConnAckReasonCode.SERVER_UNAVAILABLE
        desk.broker.drop()
        await desk.receiver.until(lambda events: any(event["rule"] == SERVER for event in events), 30)
        await asyncio.sleep(1.0)
        opened = [event["rule"] for event in desk.receiver.events if event["type"] == "opened"]
        over = [event["rule"] for event in desk.receiver.events if event["type"] == "resolved"]
        assert [rule for rule in opened if rule not in over] == [SERVER]
        assert len(daemon.pump.conditions.explained[SERVER, daemon.pump.conditions.lasting()[0].source]) == 3
        desk.broker.refuse = None
        await desk.receiver.until(lambda events: events[-1]["rule"] == SERVER and events[-1]["type"] == "resolved", 60)
        assert (
            "with it: not connected (desk), not connected (eu), not connected (us)" in desk.receiver.events[-1]["note"]
        )
        assert "Over after" in desk.receiver.events[-1]["headline"]


def test_what_a_configuration_needs_is_read_from_it(desk: Desk) -> None:
    found = upstream(load(desk.file, registry()))
    (server,) = found["feed desk"]
    assert server.startswith("server 127.0.0.1:")
    assert found[server] == (), "what is on this machine needs no network"
    assert set(found["sink hook"]) <= set(found)
