"""The whole daemon when a sink fails: the desk hears elsewhere, and ops by another sink than the one in trouble."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from stressd.store import Store
from tests.runtime.desk import Desk, desk_in, until


class Spare:
    """A second receiver. gone: whether the first one says that it is."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        self.events.append((await request.json())["data"])
        return web.Response()


@asynccontextmanager
async def listening(path: str, handle: Any) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post(path, handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}{path}"
    await runner.cleanup()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_in(tmp_path) as made:
        yield made


async def test_a_sink_that_is_gone_is_spoken_of_by_another_and_its_alerts_are_told_there(desk: Desk) -> None:
    async def gone(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=410)

    spare = Spare()
    async with listening("/spare", spare.take) as url, listening("/gone", gone) as dead:
        named = f'  - {{name: hook, type: webhook, url: "{dead}", unsigned: true, fallback: spare}}\n'
        named += f'  - {{name: spare, type: webhook, url: "{url}", unsigned: true}}\n'
        desk.write(change=lambda text: text[: text.index("  - {name: hook")] + named)
        desk.warm()
        async with desk.running() as daemon:
            await desk.breach()
            await until(lambda: {e["kind"] for e in spare.events} >= {"market", "self"})
            told = {e["rule"]: e for e in spare.events if e["kind"] == "self"}
            assert set(told) <= {"sink-failing", "delivery-lost"}
            assert all(e["data"]["sources"] == ["hook"] for e in told.values())
            assert "spare is told instead" in next(iter(told.values()))["headline"] or "delivery-lost" in told
            report = {sink["name"]: sink for sink in daemon.deliverer.report()}
            assert report["hook"]["disabled"] is not None
            assert report["spare"]["outcomes"]["dead"] == 0
    store = Store.open(desk.state, create=False)
    rows = store.deliveries()
    store.close()
    assert {row.state for row in rows if row.sink == "hook"} == {"dead"}
    assert {row.fallback_for for row in rows if row.sink == "spare"} == {"hook"}
    assert {row.event_id for row in rows if row.sink == "spare"} == {row.event_id for row in rows if row.sink == "hook"}


async def test_an_outage_of_the_receiver_ends_with_everything_told_at_both_and_a_log_of_it(desk: Desk) -> None:
    down = asyncio.Event()
    first = Spare()

    async def flaky(request: web.Request) -> web.Response:
        return await first.take(request) if down.is_set() else web.Response(status=503, text="maintenance")

    spare = Spare()
    async with listening("/spare", spare.take) as url, listening("/flaky", flaky) as at:
        named = f'  - {{name: hook, type: webhook, url: "{at}", unsigned: true, fallback: spare, fallback_after: 1s}}\n'
        named += f'  - {{name: spare, type: webhook, url: "{url}", unsigned: true}}\n'
        desk.write(change=lambda text: text[: text.index("  - {name: hook")] + named)
        desk.warm()
        async with desk.running():
            await desk.breach()
            await until(lambda: any(e["kind"] == "market" for e in spare.events))
            down.set()
            await until(lambda: any(e["kind"] == "market" for e in first.events))
    opened = next(e for e in first.events if e["kind"] == "market")
    assert [e["id"] for e in spare.events if e["episode"] == opened["episode"]][0] == opened["id"], (
        "one name everywhere"
    )
    store = Store.open(desk.state, create=False)
    log = store.attempts(opened["id"], "hook")
    store.close()
    assert [a.outcome for a in log][-1] == "delivered"
    assert {a.response for a in log[:-1]} == {"HTTP 503: maintenance"}
