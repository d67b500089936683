"""The probe: in virtual time around a real pump, and through the whole daemon to a real webhook."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from stressd.config.doors import ProbeConfig
from stressd.engine.events import LevelHit
from stressd.feeds.base import Frame
from stressd.market.times import parse_time
from stressd.runtime.mailbox import Mailbox, settle
from stressd.runtime.probe import SERIES, TEXT, Probe, ProbeFeed
from stressd.store import Delivery
from tests.runtime.desk import LAST, desk_in, until
from tests.runtime.virtual import VirtualTime

START = parse_time("2026-01-20T09:00:00Z")
SECOND = 1_000_000_000
HOUR = 3_600


class Machine:
    """Takes what is in the mailbox as the pump does, and delivers as it is told to. took: seconds from the telling to
    the receipt by sink, None for never."""

    def __init__(self, time: VirtualTime) -> None:
        self.time = time
        self.mailbox = Mailbox(time.timing().now)
        self.stuck = False
        self.took: dict[str, float | None] = {"slack": 2.0, "mail": 5.0}
        self.told: list[tuple[float, list[str]]] = []
        self.probe = Probe(self.mailbox, self.tell, self.deliveries, time.timing())

    def put(self, frame: Frame) -> None:
        self.mailbox.put(frame)

    async def pump(self) -> None:
        while True:
            await asyncio.sleep(0)
            if not self.stuck:
                batch = self.mailbox.take(100)
                assert batch.ticks(lambda frame, error: None) == [], "no tick reaches the daemon's engine"
                settle(batch.frames)

    async def tell(self, sinks: Any) -> str:
        self.told.append((self.time.elapsed, list(sinks)))
        return str(len(self.told) - 1)

    async def deliveries(self, episode: str) -> list[Delivery]:
        at, sinks = self.told[int(episode)]
        rows = []
        for sink in sinks:
            took = self.took[sink]
            arrived = took is not None and self.time.elapsed >= at + took
            rows.append(row(sink, "delivered" if arrived else "pending", None if arrived else "HTTP 503"))
        return rows


def row(sink: str, state: Any, error: str | None) -> Delivery:
    return Delivery(
        n=1, event_id="SELF-260120-7q2f.1", episode="SELF-260120-7q2f", seq=1, sink=sink, state=state, created_at=START,
        attempts=1, first_at=None, next_at=None, fault=None, last_error=error, delivered_at=None, remote_ref=None,
        detail=None, merged_into=None, merged=0, type="opened", kind="self", fallback_for=None,
    )  # fmt: skip


@pytest.fixture
async def machine() -> Any:
    made = Machine(VirtualTime(START))
    made.probe.replace(ProbeConfig.model_validate({"every": "6h", "sinks": ["slack", "mail"], "within": "60s"}))
    tasks = [asyncio.create_task(made.pump()), asyncio.create_task(made.probe.run())]
    yield made
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_it_goes_out_at_whole_multiples_of_its_time_and_each_receipt_is_timed(machine: Machine) -> None:
    await machine.time.pass_(3 * HOUR - 1)
    assert machine.told == [], "at 12:00 and not at the start: a restart sends none of its own"
    await machine.time.pass_(30)
    assert [sinks for _, sinks in machine.told] == [["slack", "mail"]]
    assert machine.told[0][0] == pytest.approx(3 * HOUR, abs=1)
    report = machine.probe.report()
    assert report is not None
    assert [(each["sink"], each["seconds"], each["error"]) for each in report["sinks"]] == [
        ("slack", pytest.approx(2.0, abs=0.3), None),
        ("mail", pytest.approx(5.0, abs=0.3), None),
    ]
    assert machine.probe.conditions() == []
    await machine.time.pass_(6 * HOUR)
    assert len(machine.told) == 2


async def test_a_sink_that_does_not_confirm_in_time_is_a_condition_until_a_probe_comes_through(
    machine: Machine,
) -> None:
    machine.took["mail"] = None
    await machine.time.pass_(3 * HOUR + 120)
    (condition,) = machine.probe.conditions()
    assert (condition.rule, condition.source, condition.kind) == ("probe-failed", "mail", "self")
    assert condition.text == "the probe through mail did not arrive within 60 s: HTTP 503"
    await machine.time.pass_(2 * HOUR)
    assert len(machine.told) == 1, "no second probe piles up behind one that is still owed"
    machine.took["mail"] = 3 * HOUR
    await machine.time.pass_(2 * HOUR)
    machine.took["mail"] = 1.0
    await machine.time.pass_(1_300)
    assert machine.told[-1][1] == ["mail"], "only what had failed is asked again"
    assert machine.probe.conditions() == []


async def test_a_pump_that_takes_nothing_fails_every_sink(machine: Machine) -> None:
    machine.stuck = True
    await machine.time.pass_(3 * HOUR + 120)
    assert machine.told == []
    assert [c.text.rpartition(": ")[2] for c in machine.probe.conditions()] == [
        "the pump has not taken its tick yet"
    ] * 2
    machine.stuck = False
    await machine.time.pass_(700)
    assert machine.probe.conditions() == []


async def test_without_a_probe_in_the_configuration_nothing_is_sent_and_a_reload_begins_it(machine: Machine) -> None:
    machine.probe.replace(None)
    await machine.time.pass_(24 * HOUR)
    assert machine.told == []
    assert machine.probe.report() is None
    machine.probe.replace(ProbeConfig.model_validate({"every": "1h", "sinks": "slack"}))
    await machine.time.pass_(HOUR + 30)
    assert [sinks for _, sinks in machine.told] == [["slack"]]


async def test_its_tick_is_decoded_and_judged_as_a_feeds_is_and_two_ticks_must_agree() -> None:
    mailbox = Mailbox(lambda: START)
    feed = ProbeFeed(START)
    await feed.run(mailbox)
    batch = mailbox.take(10)
    for frame in batch.frames[:3]:
        assert feed.decode(frame) == ()
        assert feed.hits == []
    feed.decode(batch.frames[3])
    (hit,) = feed.hits
    assert isinstance(hit, LevelHit)
    assert (hit.series, hit.what, hit.level) == (SERIES, "above", 1.05)
    settle(batch.frames)
    assert feed.done.is_set()


async def test_through_the_daemon_it_reaches_the_sink_as_a_self_event_and_leaves_no_trace_in_the_engine(
    tmp_path: Path,
) -> None:
    async with desk_in(tmp_path) as desk:
        desk.write(change=lambda text: text + "probe: {every: 1h, sinks: [hook], within: 20s}\n")
        async with desk.running() as daemon:
            await desk.calm()
            await until(lambda: daemon.pump.ticks >= 2 * len(LAST))
            before = daemon.pump.pipeline.engine.snapshot() | {"now": 0}
            config = daemon.loaded.model.probe
            assert config is not None
            await daemon.probe.once(config)
            assert daemon.pump.pipeline.engine.snapshot() | {"now": 0} == before
            assert daemon.pump.pipeline.engine.unknown == 0
            assert SERIES not in repr(daemon.reporter.status())
            (event,) = [event for event in desk.receiver.events if event["rule"] == "probe"]
            assert (event["type"], event["kind"], event["severity"], event["market"]) == ("opened", "self", "info", "")
            assert event["headline"].startswith("Probe: this channel works")
            assert event["headline"] in TEXT + "."
            assert [each.rule for each in daemon.pump.pipeline.episodes.open_episodes()] == []
            report = daemon.reporter.status()["probe"]
            assert report["sinks"][0]["seconds"] < 20
            assert 'stressd_probe_seconds{sink="hook"}' in (await daemon.reporter.metrics()).decode()
            assert 'stressd_probe_failed{sink="hook"} 0.0' in (await daemon.reporter.metrics()).decode()


async def test_a_probe_that_no_sink_takes_is_an_alert_and_the_daemon_is_not_ready(tmp_path: Path) -> None:
    async with desk_in(tmp_path) as desk:
        down = f'  - {{name: down, type: webhook, url: "{desk.receiver.url}/nowhere", unsigned: true}}\n'
        desk.write(change=lambda text: text + down + "probe: {every: 1h, sinks: [hook, down], within: 1s}\n")
        async with desk.running() as daemon:
            config = daemon.loaded.model.probe
            assert config is not None
            await daemon.probe.once(config)
            await desk.receiver.until(lambda events: any(event["rule"] == "probe-failed" for event in events))
            told = next(event for event in desk.receiver.events if event["rule"] == "probe-failed")
            assert told["kind"] == "self"
            assert "the probe through down did not arrive within 1 s" in told["headline"]
            assert any("the probe through down" in reason for reason in daemon.reporter.unready())
            sinks = daemon.reporter.status()["probe"]["sinks"]
            assert [each["error"] is None for each in sinks] == [True, False]
            assert 'stressd_probe_failed{sink="down"} 1.0' in (await daemon.reporter.metrics()).decode()
