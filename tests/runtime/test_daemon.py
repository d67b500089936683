"""The daemon in this process, with a broker, real feeds, the real store and a webhook at the end."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from mqtt5 import ConnAckReasonCode
from prometheus_client.parser import text_string_to_metric_families

from stressd.cli.ask import ask
from stressd.feeds.base import Frame
from stressd.runtime import graph
from stressd.runtime.snapshots import Snapshots
from stressd.store import Store, StoreError
from tests.runtime.desk import LAST, Desk, desk_in, until


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_in(tmp_path) as made:
        yield made


def opened(events: list[dict[str, Any]], rule: str = "sigma-breach") -> list[dict[str, Any]]:
    return [event for event in events if event["type"] == "opened" and event["rule"] == rule]


async def test_ticks_that_breach_reach_the_webhook_and_a_restart_does_not_tell_them_again(desk: Desk) -> None:
    desk.warm()
    async with desk.running():
        await desk.breach()
        await desk.receiver.until(lambda events: bool(opened(events)))
    first = opened(desk.receiver.events)
    assert len(first) == 1
    assert (first[0]["market"], first[0]["direction"], first[0]["origin"]) == ("JP", "up", "live")
    assert first[0]["series"][0]["series"] == "JP.GOV.30Y"
    store = Store.open(desk.state, create=False)
    assert Snapshots(store).load() is not None
    assert [row.state for row in store.deliveries(event_id=first[0]["id"])] == ["delivered"]
    store.close()
    told = len(desk.receiver.events)
    async with desk.running() as daemon:
        assert [e.id for e in daemon.pump.pipeline.episodes.open_episodes()] == [first[0]["episode"]]
        for step in range(5):
            await desk.tick("JP.GOV.30Y", LAST["JP.GOV.30Y"] + 0.05 + step * 1e-4)
        await desk.tick("US.GOV.10Y", 4.6)
        await desk.tick("US.GOV.10Y", 4.6001)
        await desk.receiver.until(lambda events: bool(opened(events, "four")))
    assert [event["type"] for event in desk.receiver.events[told:] if event["market"] == "JP"] == []


async def test_health_readiness_metrics_and_status_are_served(desk: Desk) -> None:
    async with desk.running() as daemon, aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{daemon.server.port}"
        async with session.get(f"{url}/healthz") as answer:
            assert answer.status == 200
        async with session.get(f"{url}/readyz") as answer:
            assert answer.status in (200, 503)
        await desk.calm()
        await until(lambda: daemon.pump.ticks >= 2 * len(LAST))
        async with session.get(f"{url}/metrics") as answer:
            metrics = await answer.text()
        assert f"stressd_ticks_total {float(daemon.pump.ticks)}" in metrics
        assert 'stressd_feed_connected{feed="desk"} 1.0' in metrics
        assert 'stressd_series_last_tick_age_seconds{series="JP.GOV.30Y"}' in metrics
        assert 'stressd_series_state{series="JP.GOV.30Y",state="' in metrics
        assert 'stressd_series_ticks_total{outcome="crossed",series="JP.GOV.30Y"} 0.0' in metrics
        async with session.get(f"{url}/api/v1/status") as answer:
            assert "sinks" not in await answer.json()
        status = await asyncio.to_thread(ask, desk.state, "/api/v1/status")
        assert status["feeds"][0]["state"] == "connected"
        assert status["alerting"]["series"] == len(LAST)
        assert status["sinks"][0]["name"] == "hook"
        async with session.get(f"{url}/api/v1/stress?days=5") as answer:
            stress = await answer.json()
        assert answer.status == 200
        assert {"value", "days"} <= set(stress)
        assert len(stress["days"]) <= 5
        async with session.get(f"{url}/api/v1/graph") as answer:
            links = await answer.json()
        assert [(each["market"], each["gauge"], each["open"]) for each in links["markets"]] == [
            ("JP", "JP.GOV.10Y", True),
            ("US", "US.GOV.10Y", True),
        ]
    store = Store.open(desk.state, create=False)
    saved = graph.kept(store)
    store.close()
    assert saved is not None
    assert saved["markets"] == links["markets"]


async def test_a_cold_daemon_says_that_it_cannot_alert_yet_and_a_warm_one_that_it_can(desk: Desk) -> None:
    desk.write(
        change=lambda text: text.replace(
            '  - {name: four, type: level, series: "US.*", above: [4.5%], severity: info}\n', ""
        )
    )
    async with desk.running() as daemon:
        assert daemon.reporter.status()["state"] == "blind"
        assert any("no series can alert" in reason for reason in daemon.reporter.unready())
        waiting = daemon.reporter.status()["alerting"]["detail"][0]["waiting"]
        assert [(w["horizon"], w["needs"]) for w in waiting] == [
            ("1m", "about 2 h 00 of trading"),
            ("1d", "about 20 fixings"),
        ]
    for file in (desk.state / "stressd.db", *desk.state.glob("engine.snapshot*")):
        file.unlink()
    desk.warm()
    async with desk.running() as daemon:
        status = daemon.reporter.status()
        assert (status["state"], status["reasons"]) == ("ok", [])
        assert status["alerting"]["detail"][0]["ready"] == ["1m"]


async def test_a_reload_changes_the_rules_and_keeps_connection_and_state(desk: Desk) -> None:
    async with desk.running() as daemon:
        await desk.calm()
        await until(lambda: daemon.pump.ticks >= 2 * len(LAST))
        desk.write(level="4.1")
        before = daemon.loaded
        assert (await daemon.reloader.carried_out()).outcome == "reloaded"
        assert desk.broker.connects == 1
        ticks = {row["series"]: row["ticks"] for row in daemon.pump.pipeline.engine.status()}
        assert ticks["JP.GOV.30Y"] == 1, "of the first two ticks one confirms the other"
        await desk.tick("US.GOV.10Y", 4.05)
        await desk.tick("US.GOV.10Y", 4.0501)
        await desk.tick("US.GOV.10Y", 4.15)
        await desk.tick("US.GOV.10Y", 4.1501)
        await desk.receiver.until(lambda events: bool(opened(events, "four")))
        assert opened(desk.receiver.events, "four")[0]["config"] == daemon.loaded.digest != before.digest


async def test_a_reload_of_a_bad_file_says_so_and_the_old_one_runs_on(desk: Desk) -> None:
    async with desk.running() as daemon:
        before = daemon.loaded
        desk.write(change=lambda text: text.replace("horizons: [1m, 1d]", "horizons: [1q]"))
        daemon.reload()
        await until(lambda: daemon.reloader.last is not None)
        assert daemon.loaded is before
        rejected = daemon.reporter.status()["config"]["rejected"]
        assert "1q" in rejected["faults"][0]
        assert "refused" in daemon.reporter.summary()
        desk.write()
        assert (await daemon.reloader.carried_out()).outcome == "unchanged"
        assert daemon.reporter.status()["config"]["rejected"] is None


async def test_a_second_daemon_on_the_same_state_is_refused(desk: Desk) -> None:
    async with desk.running():
        with pytest.raises(StoreError, match="already keeps its state here"):
            await desk.daemon().run()


async def test_a_feed_that_crashes_is_started_again_and_the_rest_goes_on(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stressd.runtime.supervise.FIRST", 0.0)
    async with desk.running() as daemon:
        feed = daemon.feeds.feeds["desk"]
        await daemon.feeds.stop()
        run, crashes = feed.run, iter([True, True])

        async def crashing(inbox: Any) -> None:
            if next(crashes, False):
                raise RuntimeError("a bug")
            await run(inbox)

        feed.run = crashing  # type: ignore[method-assign]
        await daemon.feeds.replace({"desk": feed})
        await asyncio.wait_for(desk.broker.until(lambda broker: broker.connects >= 2), 10)
        assert daemon.feeds.crashes["desk"] == 2
        await asyncio.wait_for(desk.broker.subscribed(), 10)
        await desk.calm()
        await until(lambda: daemon.pump.ticks >= 2 * len(LAST))


async def test_an_episode_that_nothing_watches_any_more_ends_and_says_why(desk: Desk) -> None:
    desk.warm()
    async with desk.running() as daemon:
        await desk.breach()
        await desk.receiver.until(lambda events: bool(opened(events)))
        desk.write(change=lambda text: text.replace("horizons: [1m, 1d]", "horizons: [5m, 1d]"))
        daemon.reload()
        await desk.receiver.until(lambda events: events[-1]["type"] == "resolved")
        assert "no longer watches it" in desk.receiver.events[-1]["note"]
        assert daemon.pump.pipeline.episodes.open_episodes() == []


async def test_a_feed_without_a_broker_is_told_once_as_a_feed_event_and_ends_with_the_connection(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stressd.runtime.feedwatch.PATIENCE", 0.2)
    async with desk.running() as daemon:
        desk.broker.refuse = ConnAckReasonCode.SERVER_UNAVAILABLE
        desk.broker.drop()
        await desk.receiver.until(bool, 30)
        told = desk.receiver.events[0]
        assert (told["type"], told["kind"], told["rule"]) == ("opened", "feed", "feed-down")
        assert "feed desk is not connected" in told["headline"] + (told["note"] or "")
        assert any("feed desk is" in reason for reason in daemon.reporter.unready())
        desk.broker.refuse = None
        await desk.receiver.until(lambda events: events[-1]["type"] == "resolved", 30)
        assert {event["episode"] for event in desk.receiver.events} == {told["episode"]}


async def test_a_disk_that_hangs_keeps_no_alert_from_people_and_nothing_is_told_twice(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stressd.runtime.outbox.PATIENCE", 0.1)
    async with desk.running() as daemon:
        await desk.calm()
        await until(lambda: daemon.pump.ticks >= 2 * len(LAST))
        disk = threading.Event()
        daemon.store._writer.submit(lambda connection: disk.wait(20))
        await desk.tick("US.GOV.10Y", 4.6)
        await desk.tick("US.GOV.10Y", 4.6001)
        await desk.receiver.until(lambda events: bool(opened(events, "four")))
        disk.set()
        await asyncio.wrap_future(daemon.store.flush())
        await until(lambda: not daemon.outbox._unwritten)
        event_id = opened(desk.receiver.events, "four")[0]["id"]
        await until(lambda: [d.state for d in daemon.store.deliveries(event_id=event_id)] == ["delivered"])
    assert len(opened(desk.receiver.events, "four")) == 1


async def test_an_overload_is_told_once_and_its_end_too_and_no_extreme_is_lost(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stressd.runtime.symptoms.OVERLOAD_FOR", 1_500_000_000)
    async with desk.running() as daemon:
        await desk.calm()
        await until(lambda: daemon.pump.ticks >= 2 * len(LAST))
        feed = daemon.feeds.feeds["desk"]
        daemon.mailbox.max_frames = 64
        now = daemon.clock.now()
        for step in range(500):
            value = 4.6 if step in (100, 101) else 4.23 + step * 1e-6
            payload = json.dumps({"value": value, "time": now + step}).encode()
            daemon.mailbox.put(Frame(feed, "yields/US/10Y", payload, now + step))
        assert daemon.mailbox.dropped > 400
        await desk.receiver.until(
            lambda events: any(e["rule"] == "overload" and e["type"] == "resolved" for e in events)
        )
    told = [(e["type"], e["kind"], e["market"]) for e in desk.receiver.events if e["rule"] == "overload"]
    assert told == [("opened", "self", ""), ("resolved", "self", "")]


async def test_metrics_are_what_prometheus_reads(desk: Desk) -> None:
    async with desk.running() as daemon:
        await desk.calm()
        families = list(text_string_to_metric_families((await daemon.reporter.metrics()).decode()))
    names = {family.name for family in families}
    assert all(name.startswith("stressd_") for name in names)
    assert {"stressd_ticks", "stressd_deliveries_pending", "stressd_pump_pass_seconds", "stressd_build_info"} <= names
    assert all(family.documentation.endswith(".") for family in families if not family.name.endswith("_created"))
