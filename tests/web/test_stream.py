"""The stream of the page: whole first, then what changes; nobody holds up anybody."""

from __future__ import annotations

import asyncio
import copy
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from stressd.web import stream as stream_of
from stressd.web.app import make_app
from stressd.web.guard import guarded
from stressd.web.serve import SOCKET_NAME, Server
from stressd.web.stream import STREAM, Stream
from tests.web.behind import Behind
from tests.web.test_app import Told
from tests.web.test_patch import merge


class Desk(Told):
    """A document that a test changes. made: how often it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.document: dict[str, Any] = {"time": "2026-01-20T05:31:00Z", "series": {"JP.GOV.30Y": {"value": 3.562}}}
        self.made = 0
        self.wrong: Exception | None = None

    async def state(self) -> dict[str, Any]:
        self.made += 1
        if self.wrong is not None:
            raise self.wrong
        return copy.deepcopy(self.document)


class Served:
    def __init__(self, desk: Desk, behind: Behind, stream: Stream, server: Server) -> None:
        self.desk = desk
        self.behind = behind
        self.stream = stream
        self.server = server
        self.url = f"http://127.0.0.1:{server.port}"


@pytest.fixture
async def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    monkeypatch.setattr(stream_of, "EVERY", 0.01)
    monkeypatch.setattr(stream_of, "BEAT", 0.2)
    desk, behind = Desk(), Behind()
    behind.open = True
    app = make_app(desk, behind)
    server = Server(app)
    await server.start(tmp_path / SOCKET_NAME)
    await server.listen("127.0.0.1", 0)
    yield Served(desk, behind, app[STREAM], server)
    await server.stop()


async def events(answer: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, int, Any]]:
    name, number = "", 0
    while line := (await answer.content.readline()).decode():
        key, _, value = line.rstrip("\n").partition(": ")
        if key == "event":
            name = value
        elif key == "id":
            number = int(value)
        elif key == "data":
            yield name, number, json.loads(value)


async def test_the_whole_comes_first_and_then_only_what_has_changed(served: Served) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{served.url}/api/v1/stream") as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert answer.headers["Cache-Control"] == "no-store"
        coming = events(answer)
        name, first, document = await anext(coming)
        assert (name, document) == ("state", served.desk.document)
        served.desk.document["series"]["JP.GOV.30Y"]["value"] = 3.765
        served.desk.document["series"]["US.GOV.10Y"] = {"value": 4.23, "sigma": None}
        while "US.GOV.10Y" not in document["series"]:
            name, number, patch = await anext(coming)
            if name == "patch":
                assert number > first
                document = merge(document, patch)
        assert patch == {"series": {"JP.GOV.30Y": {"value": 3.765}, "US.GOV.10Y": {"value": 4.23}}}


async def test_it_beats_and_tells_the_time_though_nothing_else_changes(served: Served) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{served.url}/api/v1/stream") as answer:
        seen = set()
        async for name, _, said in events(answer):
            seen.add((name, tuple(said)))
            if ("beat", ("time",)) in seen:
                break
        assert served.stream.clients == 1


async def test_nothing_is_made_while_nobody_reads(served: Served) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{served.url}/api/v1/stream") as answer:
            await anext(events(answer))
        async with asyncio.timeout(10):
            while served.stream.clients:
                await asyncio.sleep(0.01)
        made = served.desk.made
        await asyncio.sleep(0.1)
        assert served.desk.made == made
        async with session.get(f"{served.url}/api/v1/stream") as answer:
            name, _, document = await anext(events(answer))
            assert (name, document) == ("state", served.desk.document)


async def test_two_readers_are_told_the_same_of_one_making(served: Served) -> None:
    async def change(coming: AsyncIterator[tuple[str, int, Any]]) -> tuple[int, Any]:
        async for name, number, patch in coming:
            if name == "patch" and "series" in patch:
                return number, patch
        raise AssertionError

    url = f"{served.url}/api/v1/stream"
    async with aiohttp.ClientSession() as session, session.get(url) as one, session.get(url) as two:
        first, second = events(one), events(two)
        await anext(first)
        await anext(second)
        served.desk.document["series"]["JP.GOV.30Y"]["value"] = 3.7
        assert await change(first) == await change(second)


async def test_one_that_never_reads_is_let_go_and_the_others_go_on(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_of, "LARGEST", 200_000)
    stuck = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stuck.connect(("127.0.0.1", served.server.port))
    stuck.sendall(b"GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
    try:
        async with (
            aiohttp.ClientSession(read_bufsize=1 << 22) as session,
            session.get(f"{served.url}/api/v1/stream") as answer,
        ):
            coming, turn = events(answer), 0
            async with asyncio.timeout(60):
                while served.stream.dropped == 0:
                    turn += 1
                    served.desk.document["series"] = {f"S{n}.GOV.10Y": {"value": turn + n} for n in range(4_000)}
                    await anext(coming)
            assert served.stream.clients == 1
            name, _, _ = await anext(coming)
            assert name in ("patch", "beat")
    finally:
        stuck.close()


async def test_a_stream_ends_once_its_reader_may_not_read_any_more(served: Served) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{served.url}/api/v1/stream") as answer:
        coming = events(answer)
        await anext(coming)
        served.behind.open = False
        async with asyncio.timeout(20):
            async for _ in coming:
                pass
        async with session.get(f"{served.url}/api/v1/stream") as refused:
            assert refused.status == 401


async def test_where_the_document_cannot_be_made_the_stream_ends_and_works_again_later(served: Served) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{served.url}/api/v1/stream") as answer:
            coming = events(answer)
            await anext(coming)
            served.desk.wrong = ValueError("a fault of ours")
            async with asyncio.timeout(20):
                async for _ in coming:
                    pass
        served.desk.wrong = None
        async with session.get(f"{served.url}/api/v1/stream") as answer:
            assert (await anext(events(answer)))[0] == "state"


async def test_a_stop_of_the_daemon_ends_every_stream(served: Served) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{served.url}/api/v1/stream") as answer:
        coming = events(answer)
        await anext(coming)
        async with asyncio.timeout(20):
            await served.server.stop()
            async for _ in coming:
                pass
    assert served.stream.clients == 0


async def test_a_stream_outlives_the_bound_of_a_request() -> None:
    from aiohttp import web

    desk, behind = Desk(), Behind()
    behind.open = True
    whole = make_app(desk, behind)
    app = web.Application(middlewares=[guarded(whole=0.3)])
    app._state.update(whole._state)

    async def slow(request: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    app.router.add_get("/slow", slow)
    app.router.add_get("/stream", stream_of._serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{url}/slow") as answer:
                assert answer.status == 408
            async with session.get(f"{url}/stream") as answer:
                coming = events(answer)
                await anext(coming)
                await asyncio.sleep(0.6)
                desk.document["series"]["JP.GOV.30Y"]["value"] = 3.9
                async with asyncio.timeout(20):
                    async for name, _, said in coming:
                        if name == "patch" and "series" in said:
                            break
                    else:
                        raise AssertionError("it was cut")
    finally:
        await runner.cleanup()


async def test_the_whole_and_a_series_session_are_had_by_themselves(served: Served) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{served.url}/api/v1/state") as answer:
            assert await answer.json() == served.desk.document
        async with session.get(f"{served.url}/api/v1/series/JP.GOV.30Y/strip") as answer:
            assert (await answer.json())["points"] == [[1_768_899_600_000, 3.765]]
        async with session.get(f"{served.url}/api/v1/series/XX.GOV.1Y/strip") as answer:
            assert answer.status == 404
            assert (await answer.json())["error"] == "no series is called `XX.GOV.1Y`"
