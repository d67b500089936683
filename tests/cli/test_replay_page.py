"""A recording on the page: the same episodes as off line, at any speed, steered by whoever has its token."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from stressd.alerts.event import to_json
from stressd.cli.bundle_replay import playable
from stressd.cli.replay_page import Past, Staging, prepare
from stressd.cli.watched import of_series, on_page
from stressd.config.load import Loaded, load_text
from stressd.config.model import Listen
from stressd.lab.bundle.archive import unpacked
from stressd.lab.bundle.run import replayed
from stressd.lab.replay import replay
from stressd.market.tick import Tick
from stressd.market.times import iso
from stressd.runtime.registry import registry
from stressd.store import Delivery
from tests.lab.test_bundle import incident, made
from tests.lab.test_replay import SERIES, stormy
from tests.runtime.desk import until

FREE = Listen(host="127.0.0.1", port=0)
CONFIG = """
instance: rates-tokyo
page_url: https://stressd.bank.example/
heartbeat: {url: "http://127.0.0.1:9/beat"}
markets:
  JP: {tenors: [10Y, 30Y]}
  US: {tenors: [10Y]}
feeds: [{name: broker, type: mqtt, url: "mqtt://127.0.0.1:9", topics: "yields/{market}/{tenor}"}]
rules: [{name: moves, type: sigma, series: "*"}]
routes: [{match: {kind: [market, feed, self]}, sinks: [hook]}]
sinks: [{name: hook, type: webhook, url: "http://127.0.0.1:9/", unsigned: true}]
"""


def configured(tmp_path: Path) -> Loaded:
    return load_text(CONFIG, tmp_path / "stressd.yaml", registry(), environment=False)


@asynccontextmanager
async def shown(
    loaded: Loaded, ticks: list[Tick], speed: float, state: Path, past: Past | None = None
) -> AsyncIterator[Staging]:
    """The daemon at work on them, playing."""
    staging = await prepare(loaded, ticks, "stormy.csv", speed, FREE, state, past)
    async with asyncio.TaskGroup() as group:
        group.create_task(staging.daemon.run())
        await staging.daemon.ready.wait()
        playing = group.create_task(staging.play())
        try:
            yield staging
        finally:
            playing.cancel()
            staging.daemon.stop()


async def steer(staging: Staging, said: dict[str, Any], token: str | None = None) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token or staging.token}"}
    url = f"http://127.0.0.1:{staging.daemon.server.port}/api/v1/replay"
    async with aiohttp.ClientSession(headers=headers) as session, session.post(url, json=said) as answer:
        return answer.status, await answer.json()


@pytest.mark.parametrize("speed", [20_000.0, 100_000.0])
async def test_what_is_told_of_markets_is_what_replay_tells_byte_for_byte(tmp_path: Path, speed: float) -> None:
    ticks = stormy(11, hours=8)
    expected = [event for event in replay(of_series(SERIES), ticks) if event.kind == "market"]
    assert len(expected) > 3
    async with shown(on_page(SERIES), ticks, speed, tmp_path) as staging:
        await until(lambda: staging.playback.over, 60)
        store = staging.daemon.store
        await asyncio.wrap_future(store.flush())
        told = [event for each in store.episodes() for event in store.events_of(each.id) if event.kind == "market"]

    def key(event: Any) -> tuple[str, int]:
        return event.episode, event.seq

    assert [to_json(event) for event in sorted(told, key=key)] == [to_json(e) for e in sorted(expected, key=key)]


async def test_it_is_paused_made_slower_and_sent_on_and_a_time_that_is_over_is_refused(tmp_path: Path) -> None:
    ticks = stormy(7, hours=8)
    async with shown(on_page(SERIES), ticks, 10.0, tmp_path) as staging:
        clock = staging.playback.clock
        status, said = await steer(staging, {"paused": True})
        assert (status, said["replay"]["paused"], said["replay"]["file"]) == (200, True, "stormy.csv")
        stands = clock.now()
        await asyncio.sleep(0.1)
        assert clock.now() == stands
        to = ticks[0].received + 2 * 3_600 * 10**9
        status, said = await steer(staging, {"to": iso(to)})
        assert status == 200
        await until(lambda: clock.now() >= to, 30)
        await asyncio.sleep(0.1)
        assert to <= clock.now() < to + 10**9
        assert staging.daemon.pump.ticks <= sum(tick.received <= to for tick in ticks)
        status, said = await steer(staging, {"to": iso(ticks[0].received)})
        assert (status, "begin it again" in said["error"]) == (409, True)
        status, said = await steer(staging, {"paused": False, "speed": 0.2})
        assert (status, said["replay"]["speed"]) == (200, 0.2)
        await asyncio.sleep(0.2)
        assert to < clock.now() < to + 10**9
        for wrong in ({"speed": 0}, {"speed": 1e9}, {"speed": float("nan")}):
            assert (await steer(staging, wrong))[0] == 409
        for wrong in ({"speed": "2"}, {"paused": 1}, {"to": "noon"}, {"from": "x"}):  # type: ignore[assignment]
            assert (await steer(staging, wrong))[0] == 422
        assert (await steer(staging, {"paused": True}, token="guessed"))[0] == 401


async def test_nobody_is_told_and_nothing_of_the_configuration_is_reached(tmp_path: Path) -> None:
    ticks = stormy(11, hours=8)
    async with shown(configured(tmp_path), ticks, 100_000.0, tmp_path / "state") as staging:
        await until(lambda: staging.playback.over, 60)
        daemon = staging.daemon
        rows: list[Delivery] = []

        def told() -> bool:
            rows[:] = daemon.store.deliveries()
            return bool(rows) and not any(row.state in ("pending", "sending") for row in rows)

        await until(told, 60)  # what falls due after the last tick is told too, and may wait again
        assert {(row.sink, row.state) for row in rows} <= {("hook", "delivered"), ("hook", "superseded")}
        assert {event.origin for each in daemon.store.episodes() for event in daemon.store.events_of(each.id)} == {
            "replay"
        }
        assert list(daemon.feeds.feeds) == ["desk"]
        assert daemon.heart.report() == []
        reload = await daemon.reloader.carried_out()
        assert reload.outcome == "refused"
        said = (await daemon.exercises.test("hook", "page"))["detail"]
        assert said == "not sent: this is a replay"


async def test_a_bundle_plays_from_its_own_state_with_its_own_configuration(tmp_path: Path) -> None:
    world = await incident(tmp_path, 1, restarts=False)
    file = tmp_path / "incident.tar.gz"
    made(world, file, 1)
    with unpacked(file) as (manifest, folder):
        loaded, ticks, past = playable(manifest, folder)
        told = list(replayed(folder, manifest.segments, registry().detectors))
    expected = {(event.episode, event.headline) for event in told if event.kind == "market" and event.seq == 1}
    assert expected
    async with shown(loaded, ticks, 100_000.0, tmp_path / "page", past) as staging:
        await until(lambda: staging.playback.over, 60)
        store = staging.daemon.store
        await asyncio.wrap_future(store.flush())
        first = [store.events_of(each.id)[0] for each in store.episodes() if each.kind == "market"]
    assert {(event.episode, event.headline) for event in first if event.seq == 1} == expected
