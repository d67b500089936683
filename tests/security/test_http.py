"""The daemon's HTTP server against whoever reaches its port: every route has its rule, and nothing holds it up."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from stressd.config.load import load_text
from stressd.runtime.registry import registry
from stressd.web import guard
from stressd.web.app import make_app
from stressd.web.attempts import ADDRESSES, ALLOWED, EACH, Attempts
from stressd.web.serve import SOCKET_NAME, Server
from tests.web.behind import OPEN, Behind
from tests.web.test_app import Told

OPEN_TO_ALL = {
    "/healthz",
    "/readyz",
    "/metrics",
    "/api/v1/status",
    "/api/v1/stress",
    "/api/v1/graph",
    "/act",
    "/",
    "/static/{name}",
}
"""What may be read without a token: whether it works, figures, and the page behind a link, which has a signature."""

BY_LINK = {"/act"}


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[tuple[Behind, int, Path]]:
    behind = Behind()
    server = Server(make_app(Told(), behind))
    await server.start(tmp_path / SOCKET_NAME)
    await server.listen("127.0.0.1", 0)
    yield behind, server.port, tmp_path / SOCKET_NAME
    await server.stop()


async def said(port: int, text: str | bytes, wait: float = 10.0) -> str:
    """What comes back to these bytes, until the server closes or `wait` seconds are over."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text if isinstance(text, bytes) else text.replace("\n", "\r\n").encode())
    came = b""
    try:
        async with asyncio.timeout(wait):
            while piece := await reader.read(65_536):
                came += piece
                if b"\r\n\r\n" in came and wait < 1.0:
                    break
    except (TimeoutError, ConnectionResetError):
        pass
    writer.transport.abort()
    return came.decode(errors="replace")


def routes() -> list[tuple[str, str]]:
    app = make_app(Told(), Behind())
    return sorted((route.method, route.resource.canonical) for route in app.router.routes() if route.resource)


ENDLESS = ("/api/v1/stream",)
PAGE = ("/",)


@pytest.mark.parametrize(("method", "path"), routes())
async def test_what_changes_anything_needs_a_token_the_socket_or_a_signature(
    served: tuple[Behind, int, Path], method: str, path: str
) -> None:
    """Every route of the application, so that none can be added without a rule."""
    behind, port, socket = served
    where = re.sub(r"\{[^}]*\}", OPEN.id, path)
    url = f"http://127.0.0.1:{port}{where}"
    async with aiohttp.ClientSession() as session:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic Z3JhZmFuYS10b2tlbg=="}):
            async with session.request(method, f"{url}?token=grafana-token", headers=headers, json=None) as answer:
                body = await answer.read()
            if method in ("GET", "HEAD"):
                assert path in OPEN_TO_ALL or answer.status in (401, 403)
            else:
                assert answer.status in ((403,) if path in BY_LINK else (401, 403)), path
            assert b"Traceback" not in body
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            allowed = "'self'" if path in PAGE and answer.status == 200 else "'none'"
            assert f"default-src {allowed}" in answer.headers["Content-Security-Policy"]
            assert answer.headers["Server"] == "stressd"
            assert "Access-Control-Allow-Origin" not in answer.headers
        assert behind.given == []
        if method in ("GET", "HEAD"):
            async with session.request(method, url, headers={"Authorization": "Bearer grafana-token"}) as answer:
                await (answer.content.readline() if path in ENDLESS else answer.read())
            assert behind.given == []
    assert socket.stat().st_mode & 0o007 == 0


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "FOO"])
@pytest.mark.parametrize("path", ["/healthz", "/act", "/api/v1/status", "/"])
async def test_other_methods_are_refused(served: tuple[Behind, int, Path], method: str, path: str) -> None:
    answer = await said(served[1], f"{method} {path} HTTP/1.1\nHost: localhost\nConnection: close\n\n")
    assert answer.split(" ")[1] in ("400", "404", "405")
    assert served[0].given == []


@pytest.mark.parametrize(
    "path",
    ["/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/api/v1/../../../etc/passwd", "//etc/passwd", "/act/..;/x"],
)
async def test_no_path_leads_out(served: tuple[Behind, int, Path], path: str) -> None:
    answer = await said(served[1], f"GET {path} HTTP/1.1\nHost: localhost\nConnection: close\n\n")
    assert answer.split(" ")[1] in ("400", "404")
    assert "root:" not in answer


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", "200"), ("localhost:8433", "200"), ("[::1]:80", "200"), ("10.1.2.3", "200"),
        ("stressd.bank.example", "200"), ("evil.example", "421"), ("127.0.0.1.evil.example", "421"),
        ("a@b:c", "400|421"),
    ],
)  # fmt: skip
async def test_over_loopback_the_server_is_called_by_a_name_of_its_own(
    served: tuple[Behind, int, Path], host: str, status: str
) -> None:
    """A page whose name was changed to lead here (DNS rebinding) still sends that name."""
    answer = await said(served[1], f"GET /api/v1/status HTTP/1.1\nHost: {host}\nConnection: close\n\n")
    assert re.fullmatch(status, answer.split(" ")[1])


async def test_wrong_tokens_are_not_looked_at_for_ever(served: tuple[Behind, int, Path]) -> None:
    url = f"http://127.0.0.1:{served[1]}/api/v1/silences"
    statuses = []
    async with aiohttp.ClientSession() as session:
        for token in [*(f"guess-{k}" for k in range(ALLOWED + 5)), "grafana-token"]:
            async with session.get(url, headers={"Authorization": f"Bearer {token}"}) as answer:
                statuses.append(answer.status)
    assert statuses[:ALLOWED] == [401] * ALLOWED
    assert statuses[ALLOWED:] == [429] * 6


def test_a_wrong_token_is_forgiven_in_time_and_addresses_do_not_fill_the_memory() -> None:
    now = 0.0
    attempts = Attempts(lambda: now)
    for _ in range(ALLOWED):
        assert attempts.wait("a") == 0.0
        attempts.failed("a")
    assert 0.0 < attempts.wait("a") <= EACH
    assert attempts.wait("b") == 0.0
    now += EACH
    assert attempts.wait("a") == 0.0
    for k in range(3 * ADDRESSES):
        attempts.failed(str(k))
    assert len(attempts._full) == ADDRESSES


async def test_headers_that_come_too_slowly_end_the_connection_and_others_are_served_meanwhile() -> None:
    runner = web.AppRunner(make_app(Told(), Behind()))
    await runner.setup()
    server = await guard.listen(runner, "127.0.0.1", 0, head=0.5)
    port = guard.port_of(server)

    async def slow() -> bytes:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /api/v1/silences HTTP/1.1\r\nHost: localhost\r\n")
        try:
            for k in range(200):
                writer.write(b"X-%d: y\r\n" % k)
                await writer.drain()
                await asyncio.sleep(0.1)
        except ConnectionError:
            return b"closed"
        finally:
            writer.transport.abort()
        return b"held"

    slow_ones = [asyncio.create_task(slow()) for _ in range(50)]
    await asyncio.sleep(0.1)
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/healthz") as answer:
        assert answer.status == 200
    assert set(await asyncio.wait_for(asyncio.gather(*slow_ones), 15)) == {b"closed"}
    idle = await said(port, "GET /healthz HTTP/1.1\nHost: localhost\n\n", wait=10.0)
    assert idle.count("HTTP/1.1 200") == 1
    server.close()
    await runner.cleanup()


async def test_a_body_that_does_not_come_is_given_up() -> None:
    app = web.Application(middlewares=[guard.guarded(whole=0.5)])

    async def take(request: web.Request) -> web.Response:
        return web.Response(text=str(len(await request.read())))

    app.router.add_post("/", take)
    runner = web.AppRunner(app)
    await runner.setup()
    server = await guard.listen(runner, "127.0.0.1", 0)
    answer = await said(guard.port_of(server), "POST / HTTP/1.1\nHost: localhost\nContent-Length: 1000\n\nabc")
    assert answer.startswith("HTTP/1.1 408")
    server.close()
    await runner.cleanup()


async def test_connections_without_end_are_not_taken_and_the_unix_socket_stays_open(
    served: tuple[Behind, int, Path],
) -> None:
    _, port, path = served
    held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(guard.MOST)]
    await asyncio.sleep(0.2)
    assert await said(port, "GET /healthz HTTP/1.1\nHost: localhost\n\n", wait=2.0) == ""
    by_socket = aiohttp.UnixConnector(str(path))
    async with (
        aiohttp.ClientSession(connector=by_socket) as session,
        session.get("http://stressd/healthz") as answer,
    ):
        assert answer.status == 200
    for _, writer in held:
        writer.transport.abort()


@pytest.mark.parametrize(
    "head",
    [
        "GET /" + "x" * 20_000 + " HTTP/1.1\nHost: localhost\n\n",
        "GET / HTTP/1.1\nHost: localhost\nX: " + "y" * 20_000 + "\n\n",
        "GET / HTTP/1.1\nHost: localhost\n" + "".join(f"X-{k}: y\n" for k in range(400)) + "\n",
        "POST /api/v1/silences HTTP/1.1\nHost: localhost\nAuthorization: Bearer grafana-token\n"
        "Content-Type: application/json\nContent-Length: 99999999\n\n" + "x" * 20_000,
        "POST /act HTTP/1.1\nHost: localhost\nTransfer-Encoding: chunked\nContent-Length: 3\n\n0\n\n",
        "GET / HTTP/1.1\nHost: localhost\nExpect: \xff\n\n",
    ],
    ids=["address", "header", "headers", "body", "two lengths", "expectation"],
)  # fmt: skip
async def test_what_is_too_large_or_ambiguous_is_refused(served: tuple[Behind, int, Path], head: str) -> None:
    answer = await said(served[1], head.replace("\n", "\r\n").encode("latin-1"), wait=0.9)
    assert answer.split(" ")[1] in ("400", "413", "414", "417", "431")
    assert served[0].given == []


async def test_a_small_body_that_unpacks_to_a_large_one_is_refused(served: tuple[Behind, int, Path]) -> None:
    import gzip

    body = gzip.compress(b" " * 50_000_000)
    headers = {"Authorization": "Bearer grafana-token", "Content-Type": "application/json", "Content-Encoding": "gzip"}
    url = f"http://127.0.0.1:{served[1]}/api/v1/silences"
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as answer:
        assert answer.status in (400, 413)
    assert served[0].given == []


def test_it_listens_on_loopback_by_default_and_check_warns_of_every_other_address(tmp_path: Path) -> None:
    text = "instance: a\nmarkets: {JP: {tenors: [10Y]}}\n"
    more = "feeds: [{name: pushed, type: push, listen: '0.0.0.0:8730', token: {env: X}}]\n"

    def warned(text: str) -> str:
        loaded = load_text(text, tmp_path / "c.yaml", registry(), environment=False)
        return "\n".join(map(str, loaded.warnings))

    loaded = load_text(text, tmp_path / "c.yaml", registry(), environment=False)
    assert loaded.listen is not None
    assert loaded.listen.host == "127.0.0.1"
    assert "beyond this machine" not in warned(text)
    for address in ("0.0.0.0:8433", "'[::]:8433'", "10.0.0.1:8433", "stressd.bank.example:8433"):
        assert "beyond this machine" in warned(f"{text}listen: {address}\n")
    for address in ("127.0.0.1:1", "localhost:1", "'[::1]:1'", "127.9.9.9:1"):
        assert "beyond this machine" not in warned(f"{text}listen: {address}\n")
    assert "beyond this machine" in warned(text + more)
    assert "beyond this machine" not in warned(text + more.replace("0.0.0.0", "127.0.0.1"))
