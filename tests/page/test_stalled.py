"""A tab that stops reading in a real Chromium is let go, the others go on, and it comes back to the whole state."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from stressd.web.app import make_app
from stressd.web.serve import SOCKET_NAME, Server
from stressd.web.stream import STREAM
from tests.page.test_charts import STRIP, told
from tests.runtime.desk import until
from tests.web.behind import Behind
from tests.web.test_app import Told

pytestmark = pytest.mark.asyncio(loop_scope="module")

BALLAST = 400_000
"""Bytes that change each time, in a section that the page does not draw: what a day of a large desk is in seconds."""


class Moving(Told):
    """One yield that changes with every look."""

    def __init__(self) -> None:
        super().__init__()
        self.turn = 0

    async def state(self) -> dict[str, Any]:
        self.turn += 1
        said = told()
        said["series"]["JP.GOV.30Y"] |= {"value": self.value(), "change_bp": float(self.turn)}
        ballast = f"{random.getrandbits(4 * BALLAST):x}"
        return said | {"conditions": {"ballast": {"text": ballast, "step": 0}}}

    def strip(self, series: str) -> dict[str, Any]:
        return {**STRIP, "series": series}

    def value(self) -> float:
        return 3.5 + self.turn / 1000.0


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[tuple[Server, Moving, Any]]:
    behind, provider = Behind(), Moving()
    behind.open = True
    app = make_app(provider, behind)
    server = Server(app)
    await server.start(folder / SOCKET_NAME)
    await server.listen("127.0.0.1", 0)
    try:
        yield server, provider, app[STREAM]
    finally:
        await server.stop()


async def shown(page: Any) -> int:
    """The turn that its heat map shows."""
    return round(float(await page.inner_text("[data-series='JP.GOV.30Y'] .change")))


async def test_a_tab_that_stops_reading_is_let_go_and_comes_back_to_the_whole_state(
    tmp_path: Path, browser: Any
) -> None:
    async with served(tmp_path) as (server, provider, stream):
        pages = []
        for _ in range(2):
            context = await browser.new_context()
            page = await context.new_page()
            await page.goto(f"http://127.0.0.1:{server.port}/")
            await page.wait_for_selector("html[data-ready]", state="attached")
            pages.append(page)
        other, stalled = pages
        events: list[float] = []
        watching = await other.context.new_cdp_session(other)
        watching.on(
            "Network.eventSourceMessageReceived",
            lambda said: events.append(said["timestamp"]) if said["eventName"] == "patch" else None,
        )
        await watching.send("Network.enable")
        control = await stalled.context.new_cdp_session(stalled)
        await control.send("Debugger.enable")
        paused = asyncio.get_running_loop().create_future()
        control.on("Debugger.paused", lambda _: None if paused.done() else paused.set_result(None))
        # its scripts stand still at their next line, and with them what reads the stream
        await control.send("Debugger.pause")
        await paused
        assert stream.clients == 2
        await until(lambda: stream.dropped == 1, 40)
        assert stream.clients == 1
        before = provider.turn
        count = len(events)
        await until(lambda: provider.turn >= before + 8)
        assert len(events) >= count + 5
        assert max(b - a for a, b in pairwise(events)) < 3.0
        assert provider.turn - await shown(other) <= 4
        await control.send("Debugger.disable")
        await until(lambda: stream.clients == 2, 30)
        # from the whole state: it had missed what changed meanwhile
        async with asyncio.timeout(20):
            while await shown(stalled) < before:
                await asyncio.sleep(0.05)
        await stalled.wait_for_selector("html:not([data-stale])", state="attached")
        assert stream.dropped == 1
        for page in pages:
            await page.context.close()
