"""The dead man's switch: in virtual time, and with a real watcher over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from mqtt5 import ConnAckReasonCode
from structlog.testing import capture_logs

from stressd.config.doors import HealthConfig, HeartbeatConfig
from stressd.config.fields import SecretRef
from stressd.feeds.base import FeedHealth
from stressd.market.sessions import calendar
from stressd.market.times import parse_time
from stressd.runtime.build import BuildError
from stressd.runtime.health import feed_fault, sink_faults
from stressd.runtime.heart import Heart
from stressd.sinks.base import SinkError
from tests.runtime.desk import desk_in, until
from tests.runtime.virtual import VirtualTime

START = parse_time("2026-01-20T09:00:00Z")
SECOND = 1_000_000_000


class Watch:
    """A watcher: what it was told, when, in virtual seconds."""

    def __init__(self, time: VirtualTime) -> None:
        self.time = time
        self.status = 200
        self.heard: list[tuple[float, str, str, str]] = []

    async def take(self, request: web.Request) -> web.Response:
        self.heard.append((round(self.time.elapsed), request.method, request.path, await request.text()))
        return web.Response(status=self.status)


@pytest.fixture
async def watch() -> AsyncIterator[tuple[VirtualTime, Watch, str]]:
    time = VirtualTime(START)
    watch = Watch(time)
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", watch.take)
    async with TestServer(app, host="127.0.0.1") as server:
        yield time, watch, f"http://127.0.0.1:{server.port}"


async def passing(time: VirtualTime, seconds: int) -> None:
    """In steps, so that each request over real sockets ends before the clock moves on."""
    for _ in range(seconds // 5):
        await time.pass_(5)
        await asyncio.sleep(0.02)


def config(**more: Any) -> HeartbeatConfig:
    return HeartbeatConfig.model_validate(more)


async def test_it_beats_while_all_is_well_and_is_silent_with_the_reason_while_it_is_not(
    watch: tuple[VirtualTime, Watch, str],
) -> None:
    time, watcher, url = watch
    wrong: list[str] = []
    heart = Heart(lambda: wrong, list, time.timing())
    await heart.replace(heart.make([config(url=f"{url}/alive", every="30s")]))
    await passing(time, 95)
    assert [(at, method, path) for at, method, path, _ in watcher.heard] == [
        (at, "GET", "/alive") for at in (0, 30, 60, 90)
    ]
    wrong = ["feed desk is waiting"]
    with capture_logs() as logs:
        await passing(time, 300)
    assert len(watcher.heard) == 4
    assert [(each["event"], each["reasons"]) for each in logs if each["event"].startswith("heartbeat")] == [
        ("heartbeat.withheld", ["feed desk is waiting"])
    ], "told once, not at every beat"
    (row,) = heart.report()
    assert (row["withheld"], row["beats"], row["error"]) == (["feed desk is waiting"], 4, None)
    assert row["age_s"] >= 300
    wrong = []
    await passing(time, 30)
    assert len(watcher.heard) == 5
    assert heart.report()[0]["withheld"] == []
    await heart.stop()
    await passing(time, 60)
    assert len(watcher.heard) == 5


async def test_a_watcher_that_takes_it_is_told_why_there_is_no_beat(watch: tuple[VirtualTime, Watch, str]) -> None:
    time, watcher, url = watch
    heart = Heart(lambda: ["the disk is full", "no series can alert yet"], list, time.timing())
    await heart.replace(heart.make([config(url=f"{url}/a", fail_url=f"{url}/a/fail", every="30s", method="POST")]))
    await passing(time, 55)
    assert watcher.heard == [], "a restart or a reconnect is no news"
    await passing(time, 40)
    assert [each[1:] for each in watcher.heard] == [
        ("POST", "/a/fail", "the disk is full\nno series can alert yet")
    ] * 2
    await heart.stop()


async def test_a_watcher_that_refuses_or_is_away_is_told_in_the_log_once_and_asked_again(
    watch: tuple[VirtualTime, Watch, str],
) -> None:
    time, watcher, url = watch
    watcher.status = 503
    heart = Heart(list, list, time.timing())
    with capture_logs() as logs:
        await heart.replace(
            heart.make([config(url=f"{url}/key-1234567", every="10s"), config(url="http://127.0.0.1:1/x")])
        )
        await passing(time, 40)
    assert len(watcher.heard) == 5
    assert len([each for each in logs if each["event"] == "heartbeat.failed"]) == 2
    assert "key-1234567" not in repr(logs)
    assert heart.report()[0]["error"] == "127.0.0.1: HTTP 503"
    assert "cannot be reached" in heart.report()[1]["error"]
    watcher.status = 204
    await passing(time, 10)
    assert heart.report()[0]["error"] is None
    await heart.stop()


async def test_a_watcher_that_hangs_holds_up_no_other(watch: tuple[VirtualTime, Watch, str]) -> None:
    time, watcher, url = watch
    hanging = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hanging.wait()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    heart = Heart(list, list, time.timing())
    await heart.replace(
        heart.make([config(url=f"http://127.0.0.1:{port}/", every="10s"), config(url=f"{url}/b", every="10s")])
    )
    await passing(time, 30)
    assert len(watcher.heard) >= 4
    await heart.stop()
    hanging.set()
    server.close()


async def test_the_address_may_be_a_secret_and_a_bad_one_changes_nothing(
    watch: tuple[VirtualTime, Watch, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    time, watcher, url = watch
    monkeypatch.setenv("WATCHER", f"{url}/secret")
    heart = Heart(list, list, time.timing())
    await heart.replace(heart.make([config(url={"env": "WATCHER"}, every="30s")]))
    await passing(time, 5)
    assert watcher.heard[-1][2] == "/secret"
    monkeypatch.setenv("OTHER", "no url at all")
    for bad in ("OTHER", "MISSING"):
        with pytest.raises(BuildError, match="heartbeat"):
            await heart.replace(heart.make([config(url={"env": bad})]))
    await passing(time, 30)
    assert len(watcher.heard) == 2, "the former one goes on"
    assert config(url={"env": "WATCHER"}).url == SecretRef(env="WATCHER")
    await heart.stop()


async def test_the_daemon_beats_while_it_is_well_and_stops_when_its_feed_has_no_connection(
    watch: tuple[VirtualTime, Watch, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stressd.runtime.heart.FAIL_AFTER", 0.5)
    _, watcher, url = watch
    more = f"heartbeat: [{{url: '{url}/alive', every: 1s, fail_url: '{url}/dead'}}]\n"
    async with desk_in(tmp_path) as desk:
        desk.write(change=lambda text: text + more)
        desk.warm()
        async with desk.running() as daemon:
            await desk.calm()
            await until(lambda: sum(path == "/alive" for _, _, path, _ in watcher.heard) >= 2)
            assert daemon.reporter.unready() == []
            desk.broker.refuse = ConnAckReasonCode.SERVER_UNAVAILABLE
            desk.broker.drop()
            await until(lambda: any(path == "/dead" for _, _, path, _ in watcher.heard))
            reasons = next(text for _, _, path, text in watcher.heard if path == "/dead")
            assert reasons.startswith("feed desk is ")
            (row,) = daemon.reporter.status()["heartbeats"]
            assert row["withheld"][0].startswith("feed desk is ")
            assert daemon.reporter.unready()[0].startswith("feed desk is ")
            assert 'stressd_heartbeat_withheld{watcher="127.0.0.1"} 1.0' in (await daemon.reporter.metrics()).decode()
            desk.broker.refuse = None
            beats = row["beats"]
            await until(lambda: daemon.reporter.status()["heartbeats"][0]["beats"] > beats)
        heard = len(watcher.heard)
    await asyncio.sleep(1.1)
    assert len(watcher.heard) == heard, "a daemon that has stopped says nothing"


async def test_a_restart_of_the_broker_that_a_window_of_maintenance_expects_alarms_no_watcher(
    watch: tuple[VirtualTime, Watch, str], tmp_path: Path
) -> None:
    _, watcher, url = watch
    more = f"""heartbeat: [{{url: '{url}/alive', every: 1s}}]
maintenance:
  - {{name: all-day, on: daily, zone: UTC, from: "00:00", to: "24:00", match: {{kind: feed}}, reason: a new broker}}
"""
    async with desk_in(tmp_path) as desk:
        desk.write(change=lambda text: text + more)
        desk.warm()
        async with desk.running() as daemon:
            await desk.calm()
            desk.broker.refuse = ConnAckReasonCode.SERVER_UNAVAILABLE
            desk.broker.drop()
            await until(daemon.reporter.unready)
            beats = len(watcher.heard)
            await until(lambda: len(watcher.heard) >= beats + 2)
            assert daemon.reporter.unready()[0].startswith("feed desk is ")
            assert daemon.reporter.alarming() == []


class BeatingSink:
    """As Alertmanager's: it keeps an alert alive whose end is the alarm."""

    name = "am"

    def __init__(self) -> None:
        self.beats = 0
        self.fails = False

    async def beat(self) -> None:
        if self.fails:
            raise SinkError("retry", "cannot be reached")
        self.beats += 1


async def test_sinks_that_pass_the_beat_on_are_beaten_too_with_and_without_a_watcher() -> None:
    time = VirtualTime(START)
    sink, wrong = BeatingSink(), list[str]()
    heart = Heart(lambda: wrong, lambda: [sink, object()], time.timing())
    await heart.replace(heart.make([]))
    await passing(time, 65)
    assert sink.beats == 3
    sink.fails = True
    await passing(time, 30)
    sink.fails, wrong = False, ["blind"]
    await passing(time, 60)
    assert sink.beats == 3
    wrong = []
    await passing(time, 30)
    assert sink.beats == 4
    await heart.stop()


# --- what counts as well ----------------------------------------------------------------------------------------------

BOUNDS = HealthConfig()
JP = calendar("JP")
US = calendar("US")


def fault(at: str, *, state: str = "connected", last: str = "2026-01-20T00:00Z", silent: bool = False) -> str:
    health = FeedHealth(state=state, detail="refused", last_received=parse_time(last))
    return feed_fault("desk", health, [JP], parse_time(at), parse_time("2026-01-01T00:00Z"), BOUNDS, silent)


def test_a_feed_that_brings_nothing_matters_by_the_open_time_of_its_markets() -> None:
    assert fault("2026-01-20T00:29Z") == ""
    assert "nothing has come for 31 min" in fault("2026-01-20T00:31Z")
    night = "2026-01-20T09:25Z"
    assert fault("2026-01-20T23:00Z", last=night) == "", "Tokyo is closed from 18:30 to 08:30"
    assert fault("2026-01-20T23:45Z", last=night) == "", "five minutes of the evening and a quarter of an hour"
    assert "open time" in fault("2026-01-21T00:05Z", last=night)
    assert fault("2026-01-20T00:31Z", state="stopped") == "", "a file that has ended"
    never = feed_fault(
        "d", FeedHealth("connected"), [JP], START, START, HealthConfig.model_validate({"silent": "none"})
    )
    assert never == ""


def test_a_feed_without_a_connection_matters_only_while_a_market_of_its_own_is_open_or_about_to() -> None:
    saturday = "2026-01-24T03:00Z"
    assert fault(saturday, state="waiting", last=saturday) == ""
    assert fault("2026-01-25T23:15Z", state="waiting") == ""
    assert fault("2026-01-25T23:25Z", state="waiting") == "feed desk is waiting: refused"
    assert fault("2026-01-20T01:00Z", state="refused") == "feed desk is refused: refused"
    assert fault("2026-01-20T00:01Z", silent=True) == "feed desk is silent"


def test_a_market_that_is_open_elsewhere_keeps_a_feed_awake() -> None:
    health = FeedHealth("connected", last_received=parse_time("2026-01-20T14:00Z"))
    now, started = parse_time("2026-01-20T14:40Z"), parse_time("2026-01-01T00:00Z")
    assert feed_fault("d", health, [JP], now, started, BOUNDS) == ""
    assert "nothing has come for 40 min" in feed_fault("d", health, [JP, US], now, started, BOUNDS)


def test_a_sink_that_is_off_or_behind_is_a_fault_and_one_that_waits_a_little_is_not() -> None:
    row = {"name": "mail", "disabled": None, "oldest_age_s": None, "last_error": None}
    assert sink_faults([row, row | {"oldest_age_s": 800.0}], BOUNDS.undelivered) == []
    assert sink_faults([row | {"oldest_age_s": 1_000.0, "last_error": "HTTP 503"}], BOUNDS.undelivered) == [
        "sink mail: its oldest message has waited for 16 min 40 s: HTTP 503"
    ]
    assert sink_faults([row | {"disabled": "HTTP 410"}], BOUNDS.undelivered) == ["sink mail is disabled: HTTP 410"]
