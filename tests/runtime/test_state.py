"""The page's document and a series' strip, of a real daemon."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.runtime.desk import LAST, Desk, desk_in, until
from tests.web.test_patch import merge
from tests.web.test_stream import events

NAME = "JP.GOV.30Y"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_in(tmp_path) as made:
        made.warm()
        yield made


async def get(port: int, path: str) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/api/v1/{path}") as answer:
        assert answer.status == 200, await answer.text()
        said: dict[str, Any] = await answer.json()
        return said


async def test_the_document_has_what_the_daemon_knows_and_the_stream_follows_a_breach(desk: Desk) -> None:
    async with desk.running() as daemon, aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{daemon.server.port}/api/v1/stream"
        async with session.get(url) as answer:
            coming = events(answer)
            name, _, document = await anext(coming)
            assert name == "state"
            assert document["episodes"] == {}
            assert set(document["series"]) == set(LAST)
            await desk.breach()
            async for name, _, said in coming:
                document = merge(document, said) if name == "patch" else document
                opened = [each for each in document["episodes"].values() if each["kind"] == "market"]
                if opened and document["series"][NAME].get("value", 0.0) > 3.61:
                    break
        whole = await get(daemon.server.port, "state")
        assert daemon.page.sent > 0
    [episode] = [each for each in whole["episodes"].values() if each["kind"] == "market"]
    assert episode["market"] == "JP"
    assert episode["direction"] == "up"
    assert NAME in episode["series"]
    assert episode["headline"].startswith("JP 30Y +")
    assert whole["origin"] == "live"
    assert whole["series"][NAME]["value"] == pytest.approx(LAST[NAME] + 0.0502)
    assert whole["series"][NAME]["breach"] is True
    assert whole["series"][NAME]["tenor"] == "30Y"
    assert whole["series"][NAME]["years"] == 30.0
    assert whole["markets"]["JP"]["phase"] == "open"
    assert whole["markets"]["US"]["order"] == 1
    assert whole["markets"]["JP"].get("summary") is None
    assert whole["feeds"]["desk"]["type"] == "mqtt"
    assert whole["sinks"]["hook"]["state"] == "ok"
    assert whole["v"] == 1
    json.dumps(whole, allow_nan=False)


async def test_a_strip_has_the_session_its_bands_and_its_breach(desk: Desk) -> None:
    async with desk.running() as daemon:
        await desk.breach()
        await until(daemon.pump.pipeline.episodes.open_episodes)
        said = await get(daemon.server.port, f"series/{NAME}/strip")
    times = [t for t, _ in said["points"]]
    assert times == sorted(set(times))
    assert said["points"][-1][1] == pytest.approx(LAST[NAME] + 0.0502)
    assert said["breaches"][-1]["value"] == pytest.approx(LAST[NAME] + 0.0502, abs=1e-3)
    assert said["sessions"][0]["kind"] == "open"
    assert said["halts"] == []
    for band in said["bands"]:
        assert band["lower"] < band["from"]["value"] < band["upper"]


async def test_what_was_over_for_a_day_is_not_shown_and_a_headline_is_that_of_the_last_event(desk: Desk) -> None:
    async with desk.running() as daemon:
        await desk.breach()
        await until(daemon.pump.pipeline.episodes.open_episodes)
        [open_one] = daemon.pump.pipeline.episodes.open_episodes()
        await until(lambda: daemon.store.events_of(open_one.id))
        shown = (await get(daemon.server.port, "state"))["episodes"]
        newest = daemon.store.events_of(open_one.id)[-1]
        assert shown[open_one.id]["headline"] == newest.headline
        open_one.closed_at = daemon.clock.now() - 25 * 3_600_000_000_000
        assert (await get(daemon.server.port, "state"))["episodes"] == {}
        open_one.closed_at = None
