"""The page's document and a series' strip, of a real daemon."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from stressd.alerts.episode import HALT, Episode
from stressd.alerts.matching import Match
from stressd.alerts.people.commands import AddSilence, EndSilence
from stressd.market.times import parse_time
from stressd.runtime.state.health import Rates
from stressd.runtime.state.hush import Hush
from stressd.runtime.state.strip import strip
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


async def test_a_halt_that_is_over_lasts_from_the_last_tick_before_it_to_the_first_after_it(desk: Desk) -> None:
    async with desk.running() as daemon:
        await desk.breach()
        await until(daemon.pump.pipeline.episodes.open_episodes)
        state = next(each for each in daemon.pump.pipeline.engine.states() if each.id == NAME)
        now = daemon.clock.now()
        plain = strip(state, [], now)["points"]
        times = [int(t) for t, _ in plain]
        at = next(k for k in range(len(times) - 1) if times[k + 1] - times[k] > 1)
        start = state.horizons.today.open_time

        def halt(name: str, opened: int, closed: int | None) -> Episode:
            return Episode(
                id="JP-260120-h9sm", kind="market", rule="quiet", scope="halt:JP", market="JP", direction=0,
                opened_at=opened, began=opened, severity=2, what=HALT, affected=[name], closed_at=closed,
            )  # fmt: skip

        begun = max(times[at] * 1_000_000, start) + 1_000_000
        for closed in (begun + 3_600 * 10**9, None):
            [said] = strip(state, [halt(NAME, begun, closed)], now)["halts"]
            assert parse_time(said["to"]) // 1_000_000 == times[at + 1]
            assert parse_time(said["from"]) <= begun
        assert strip(state, [halt("JP.GOV.10Y", begun, None)], now)["halts"] == []
        assert strip(state, [halt(NAME, start - 1, begun)], now)["halts"] == []


async def test_whom_nobody_is_told_of_is_said_with_the_reason_and_the_end(desk: Desk) -> None:
    async with desk.running() as daemon:
        now = daemon.clock.now()
        ends = now + 3_600 * 10**9
        match = Match(markets=("JP",))
        await daemon.command(
            AddSilence(at=now, author="anna", via="cli", match=match, starts=now, ends=ends, reason="auction")
        )
        await desk.breach()
        await until(daemon.pump.pipeline.episodes.open_episodes)
        [episode] = [each for each in (await get(daemon.server.port, "state"))["episodes"].values() if each["market"]]
        assert episode["silenced"]["why"].startswith("silenced by anna until ")
        assert episode["silenced"]["why"].endswith("(auction)")
        assert parse_time(episode["silenced"]["until"]) == ends
        await daemon.command(EndSilence(at=daemon.clock.now(), author="anna", via="cli", id="s1"))
        [episode] = [each for each in (await get(daemon.server.port, "state"))["episodes"].values() if each["market"]]
        assert "silenced" not in episode


async def test_how_ordinary_a_feeds_silence_is_follows_from_its_busiest_open_series(desk: Desk) -> None:
    rule = "  - {name: quiet, type: silence, series: '*', severity: warn}\nroutes:"
    desk.write(change=lambda text: text.replace("routes:", rule, 1))
    async with desk.running() as daemon:
        await desk.calm()
        await until(lambda: daemon.pump.ticks >= 6)
        now = daemon.clock.now()

        def said(later: int) -> dict[str, Any]:
            hush = Hush(now + later)
            for state in daemon.pump.pipeline.engine.states():
                hush.see(state)
            return hush.of("desk")

        assert said(0)["habits"] == "known"
        shares = [said(seconds * 10**9)["p"] for seconds in (0, 5, 30, 120, 3600)]
        assert shares == sorted(shares, reverse=True)
        assert shares[0] > 0.1
        assert shares[-1] < 0.001
        assert Hush(now).of("desk") == {"p": None, "habits": None}


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


def test_a_rate_is_of_the_clock_that_the_messages_came_by() -> None:
    rates = Rates()
    assert rates.of("desk", 0, 0.0) is None
    assert rates.of("desk", 5, 0.5) == 10.0
    # a replay a thousand times as fast is looked at every five minutes of its own
    for look in range(1, 5):
        assert rates.of("fast", 60 * look, 300.0 * look) == (None if look == 1 else 0.2)
    # and where it stands still, its rate is that of before
    for _ in range(1_000):
        assert rates.of("fast", 240, 1_200.0) == 0.2
    assert rates.of("fast", 240, 1_500.0) == 0.0
    # a daemon that counts anew, and a scenario that begins again
    assert rates.of("fast", 3, 1_900.0) is None
    assert rates.of("fast", 9, 100.0) is None
