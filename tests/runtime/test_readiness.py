"""/healthz and /readyz over real HTTP, while each thing they speak of is broken for real: who says what, and when."""

from __future__ import annotations

import asyncio
import sqlite3
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from mqtt5 import ConnAckReasonCode

from stressd.feeds.base import Frame
from stressd.runtime import health
from stressd.runtime.daemon import Daemon
from stressd.runtime.mailbox import Mailbox
from tests.runtime.desk import Desk, desk_in, until

BOUNDS = "health: {undelivered: 1s, lag: 1s}\nlisten:"
PATIENCE = 30.0


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_in(tmp_path) as made:
        made.write(change=lambda text: text.replace("listen:", BOUNDS, 1))
        made.warm()
        yield made


async def asked(daemon: Daemon, path: str) -> tuple[int, list[str]]:
    url = f"http://127.0.0.1:{daemon.server.port}/{path}"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        said: dict[str, Any] = await answer.json()
        assert (answer.status == 200) == (said["reasons"] == [])
        return answer.status, said["reasons"]


async def says(daemon: Daemon, path: str, words: str) -> list[str]:
    """Waits until a reason holds these words ("": until there is none)."""
    async with asyncio.timeout(PATIENCE):
        while True:
            _, reasons = await asked(daemon, path)
            if any(words in reason for reason in reasons) if words else not reasons:
                return reasons
            await asyncio.sleep(0.1)


@asynccontextmanager
async def refusing() -> AsyncIterator[str]:
    """The address of a server that is always down."""

    async def no(request: web.Request) -> web.Response:
        return web.Response(status=503)

    app = web.Application()
    app.router.add_post("/hook", no)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    finally:
        await runner.cleanup()


async def test_a_feed_that_is_gone_makes_it_unready_and_not_unhealthy(desk: Desk) -> None:
    async with desk.running() as daemon:
        await desk.calm()
        await says(daemon, "readyz", "")
        desk.broker.refuse = ConnAckReasonCode.SERVER_UNAVAILABLE
        desk.broker.drop()
        (reason,) = await says(daemon, "readyz", "desk")
        assert "feed desk" in reason
        assert await asked(daemon, "healthz") == (200, [])
        desk.broker.refuse = None
        await says(daemon, "readyz", "")


async def test_a_sink_that_takes_nothing_is_named_with_its_error_once_a_message_has_waited(desk: Desk) -> None:
    async with refusing() as url:
        desk.write(change=lambda text: text.replace("listen:", BOUNDS, 1).replace(desk.receiver.url, url))
        async with desk.running() as daemon:
            await desk.breach()
            (reason,) = await says(daemon, "readyz", "its oldest message has waited")
            assert reason.startswith("sink hook: ")
            assert "503" in reason
            assert await asked(daemon, "healthz") == (200, [])


async def test_a_store_that_cannot_be_written_is_told_and_does_not_hold_up_the_answer(desk: Desk) -> None:
    async with desk.running() as daemon:
        await desk.calm()
        await says(daemon, "readyz", "")
        other = sqlite3.connect(next(desk.state.glob("*.db")), isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        try:
            await desk.breach()
            await until(lambda: daemon.store.queued > 0 or daemon.store.trouble is not None)
            began = time.monotonic()
            assert (await asked(daemon, "healthz"))[0] == 200
            assert time.monotonic() - began < 2.0
            await says(daemon, "readyz", "locked")
        finally:
            other.execute("ROLLBACK")
            other.close()
        await says(daemon, "readyz", "")


class Standing:
    """A mailbox on which the pump waits for ever. (That of the daemon is compiled, and cannot be changed.)"""

    def __init__(self, mailbox: Mailbox, released: asyncio.Event) -> None:
        self._mailbox, self._released = mailbox, released

    def __getattr__(self, name: str) -> Any:
        return getattr(self._mailbox, name)

    def __len__(self) -> int:
        return len(self._mailbox)

    async def wait(self, seconds: float) -> None:
        await self._released.wait()


async def test_a_pump_that_stands_still_makes_it_unhealthy_and_the_waiting_ticks_unready(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk.running() as daemon:
        await desk.calm()
        await says(daemon, "readyz", "")
        monkeypatch.setattr(health, "STUCK_AFTER", 1.0)
        released = asyncio.Event()
        monkeypatch.setattr(daemon.pump, "_mailbox", Standing(daemon.mailbox, released))
        await says(daemon, "healthz", "the pump has not passed for")
        now = daemon.clock.now()
        daemon.mailbox.put(Frame(daemon.feeds.feeds["desk"], "yields/US/10Y", b'{"value": 4.23}', now))
        await says(daemon, "readyz", "ticks wait for")
        monkeypatch.undo()
        released.set()
        await says(daemon, "healthz", "")


def in_a_thread(port: int, seconds: float) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=seconds) as answer:
            return str(answer.status)
    except (TimeoutError, urllib.error.URLError) as error:
        return type(error).__name__


async def test_a_loop_that_is_blocked_does_not_answer_at_all(desk: Desk) -> None:
    async with desk.running() as daemon:
        port = daemon.server.port
        assert await asyncio.to_thread(in_a_thread, port, 5.0) == "200"
        asking = asyncio.get_running_loop().run_in_executor(None, in_a_thread, port, 0.5)
        time.sleep(1.5)
        assert await asking in ("TimeoutError", "URLError")
        assert await asyncio.to_thread(in_a_thread, port, 5.0) == "200"


async def test_both_answer_while_ten_thousand_ticks_wait_for_the_pump(desk: Desk) -> None:
    async with desk.running() as daemon:
        await desk.calm()
        feed, now = daemon.feeds.feeds["desk"], daemon.clock.now()
        for step in range(10_000):
            payload = f'{{"value": {4.23 + step % 2 * 0.0001}, "time": {now + step}}}'.encode()
            daemon.mailbox.put(Frame(feed, "yields/US/10Y", payload, now + step))
        began = time.monotonic()
        for path in ("healthz", "readyz"):
            await asked(daemon, path)
        assert time.monotonic() - began < 5.0
