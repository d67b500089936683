"""HTTP: what every status and every broken connection means, through proxies and private CAs."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from stressd.alerts.notification import Notification
from stressd.config.fields import HttpOptions
from stressd.sinks.base import SinkError
from stressd.sinks.exchange import listening
from stressd.sinks.http import BODY_LIMIT, Endpoint, failure, retry_after
from stressd.sinks.webhook import WebhookSink

Note = Callable[..., Notification]
Options = Callable[..., HttpOptions]


def sink_for(url: str, options: HttpOptions) -> WebhookSink:
    return WebhookSink("hook", url, options, [], {}, {"Authorization": "Bearer token-secret"})


async def outcome(url: str, options: HttpOptions, n: Notification) -> str:
    """ok, or the fault; no secret may be in its text."""
    sink = sink_for(url, options)
    try:
        await sink.send(n)
        return "ok"
    except SinkError as error:
        leaked = [secret for secret in ("very-secret", "also-secret", "token-secret") if secret in str(error)]
        return f"leaked {leaked}" if leaked else error.fault
    finally:
        await sink.close()


def expected(status: int) -> str:
    if 200 <= status < 300:
        return "ok"
    if status == 410:
        return "disable"
    if status == 429:
        return "rate_limited"
    return "permanent" if 400 <= status < 500 and status not in (408, 425) else "retry"


STATUSES = [*range(200, 231), *range(300, 309), *range(400, 452), *range(500, 512), 226, 299, 399, 499, 599]


async def test_every_status_has_its_meaning(receiver: Any, note: Note, http_options: Options) -> None:
    sink = sink_for(receiver.url, http_options())
    for status in STATUSES:
        receiver.answers = [status]
        try:
            await sink.send(note())
            got = "ok"
        except SinkError as error:
            got = error.fault
        assert got == expected(status), status
    await sink.close()
    assert all(seen.method == "POST" for seen in receiver.seen), "redirects are not followed"
    assert len(receiver.seen) == len(STATUSES), "nothing is repeated here"


@pytest.mark.parametrize("status", [100, 101, 103, 199])
async def test_an_informational_status_is_no_success(note: Note, http_options: Options, status: int) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status} Odd\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    got = await outcome(f"http://127.0.0.1:{port}/very-secret", http_options(timeout="1s"), note())
    assert got in ("ambiguous", "retry")
    server.close()
    await server.wait_closed()


async def test_a_body_is_read_only_so_far(receiver: Any, note: Note, http_options: Options) -> None:
    receiver.answers = [web.Response(status=400, text="x" * 1_000_000)]
    endpoint = Endpoint(receiver.url, http_options())
    answer = await endpoint.post(b"{}", {})
    assert len(answer.body) == BODY_LIMIT
    assert len(str(failure(endpoint, answer))) < 300
    await endpoint.close()


async def test_an_echo_of_the_url_is_redacted(receiver: Any, http_options: Options) -> None:
    receiver.answers = [
        lambda request, body: web.Response(status=400, text=f"bad {request.url} {request.path}\x1b[31m")
    ]
    endpoint = Endpoint(receiver.url, http_options())
    text = str(failure(endpoint, await endpoint.post(b"{}", {})))
    assert "secret-path" not in text
    assert "also-secret" not in text
    assert "\x1b" not in text
    assert "HTTP 400: bad" in text
    await endpoint.close()


async def test_the_log_of_an_exchange_tells_what_went_over_the_wire_and_no_secret(
    receiver: Any, note: Note, http_options: Options, unused_tcp_port: int
) -> None:
    receiver.answers = [lambda request, body: web.Response(status=503, text=f"no {request.path} token-secret"), 200]
    with listening() as heard:
        assert await outcome(receiver.url, http_options(), note()) == "retry"
        assert await outcome(receiver.url, http_options(), note()) == "ok"
        assert await outcome(f"http://localhost:{unused_tcp_port}/very-secret", http_options(), note()) == "retry"
    port = receiver.url.split(":")[2].split("/")[0]
    body = receiver.seen[0].body
    asked = f"POST http://localhost:{port}, {len(body)} B, sha256:{hashlib.sha256(body).hexdigest()[:16]}"
    assert [(each.request, each.response) for each in heard[:2]] == [
        (asked, "HTTP 503: no <secret> <secret>"),
        (asked, "HTTP 200: status 200"),
    ]
    assert heard[2].response == ""
    assert "secret" not in heard[2].request
    assert await outcome(receiver.url, http_options(), note()) == "ok", "nobody has to listen"


async def test_drops_and_hangs_after_the_request_are_ambiguous(
    receiver: Any, note: Note, http_options: Options
) -> None:
    receiver.answers = ["drop"]
    assert await outcome(receiver.url, http_options(), note()) == "ambiguous"
    receiver.answers = ["hang"]
    assert await outcome(receiver.url, http_options(timeout="200ms"), note()) == "ambiguous"


async def test_a_status_counts_though_its_body_breaks_off(receiver: Any, note: Note, http_options: Options) -> None:
    async def broken(request: web.Request, body: bytes) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"half")
        assert request.transport is not None
        request.transport.abort()
        return response

    receiver.answers = [broken]
    assert await outcome(receiver.url, http_options(), note()) == "ok"


async def test_what_never_left_may_be_tried_again(note: Note, http_options: Options, unused_tcp_port: int) -> None:
    assert await outcome(f"http://127.0.0.1:{unused_tcp_port}/very-secret", http_options(), note()) == "retry"
    assert await outcome("http://no-such-host.invalid/very-secret", http_options(), note()) == "retry"


async def test_slow_headers_end_with_the_timeout(note: Note, http_options: Options) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not writer.is_closing():
                writer.write(b"H")
                await writer.drain()
                await asyncio.sleep(0.05)
        except ConnectionError:
            return
        finally:
            writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert await outcome(f"http://127.0.0.1:{port}/", http_options(timeout="300ms"), note()) in ("ambiguous", "retry")
    server.close()


async def test_a_private_ca_is_trusted_and_only_where_configured(
    tls_receiver: Any, ca_file: Path, note: Note, http_options: Options
) -> None:
    assert await outcome(tls_receiver.url, http_options(ca_file=str(ca_file)), note()) == "ok"
    assert await outcome(tls_receiver.url, http_options(), note()) == "retry"
    wrong_host = tls_receiver.url.replace("localhost", "127.0.0.1")
    sink = sink_for(wrong_host, http_options(ca_file=str(ca_file)))
    with pytest.raises(SinkError, match="certificate is refused"):
        await sink.send(note())
    await sink.close()
    assert len(tls_receiver.seen) == 1


def test_a_missing_ca_is_found_when_the_sink_is_built(http_options: Options, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        Endpoint("https://a.example/", http_options(ca_file=str(tmp_path / "none.pem")))


class Proxy:
    """A forward proxy: CONNECT tunnels and absolute URIs. refuse: a status to answer with instead."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.credentials: list[str | None] = []
        self.refuse: int | None = None
        self.url = ""
        self._tasks: set[asyncio.Task[None]] = set()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        line, *headers = head.split("\r\n")
        self.lines.append(line)
        given = [h.partition(": ")[2] for h in headers if h.lower().startswith("proxy-authorization")]
        self.credentials.append(base64.b64decode(given[0].removeprefix("Basic ")).decode() if given else None)
        if self.refuse is not None:
            writer.write(f"HTTP/1.1 {self.refuse} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            await writer.drain()
            writer.close()
            return
        method, target, _ = line.split(" ")
        host, _, port = target.removeprefix("http://").partition("/")[0].partition(":")
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            far_writer.write(head.encode())
        await asyncio.gather(self._pipe(reader, far_writer), self._pipe(far_reader, writer))

    async def _pipe(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65_536):
                target.write(data)
                await target.drain()
        except ConnectionError:
            return
        finally:
            target.close()


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    one = Proxy()
    server = await asyncio.start_server(one.handle, "127.0.0.1", 0)
    one.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield one
    server.close()


async def test_a_proxy_carries_tls_end_to_end_with_its_own_credentials(
    proxy: Proxy, tls_receiver: Any, ca_file: Path, note: Note, http_options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROXY_PASSWORD", "proxy-secret")
    options = http_options(
        proxy=proxy.url, proxy_username="stressd", proxy_password={"env": "PROXY_PASSWORD"}, ca_file=str(ca_file)
    )
    assert await outcome(tls_receiver.url, options, note()) == "ok"
    assert proxy.lines[0].startswith("CONNECT localhost:")
    assert proxy.credentials == ["stressd:proxy-secret"]
    assert "Proxy-Authorization" not in tls_receiver.seen[0].headers


async def test_a_proxy_carries_plain_http(proxy: Proxy, receiver: Any, note: Note, http_options: Options) -> None:
    assert await outcome(receiver.url, http_options(proxy=proxy.url), note()) == "ok"
    assert proxy.lines[0].startswith("POST http://localhost:")


@pytest.mark.parametrize("status", [403, 407, 502, 503])
async def test_a_proxy_that_refuses_is_tried_again(
    proxy: Proxy, tls_receiver: Any, note: Note, http_options: Options, status: int
) -> None:
    proxy.refuse = status
    sink = sink_for(tls_receiver.url, http_options(proxy=proxy.url))
    with pytest.raises(SinkError, match=f"the proxy answered HTTP {status}") as caught:
        await sink.send(note())
    await sink.close()
    assert caught.value.fault == "retry"


async def test_an_unreachable_proxy_is_named(note: Note, http_options: Options, unused_tcp_port: int) -> None:
    sink = sink_for("https://a.example/very-secret", http_options(proxy=f"http://127.0.0.1:{unused_tcp_port}"))
    with pytest.raises(SinkError, match="the proxy cannot be reached") as caught:
        await sink.send(note())
    await sink.close()
    assert caught.value.fault == "retry"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("99999999999999", 999999999999.0),
        (formatdate(1_000_090, usegmt=True), 90.0),
        (formatdate(999_000, usegmt=True), 0.0),
        ("soon", None),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("Mon, 99 Foo 2026 25:61:61 GMT", None),
    ],
)
def test_retry_after_is_read_in_both_forms_and_garbage_is_none(value: str, seconds: float | None) -> None:
    assert retry_after({"Retry-After": value}, now=1_000_000.0) == seconds


def test_a_date_is_compared_with_the_servers_own_clock() -> None:
    headers = {"Retry-After": formatdate(5_030, usegmt=True), "Date": formatdate(5_000, usegmt=True)}
    assert retry_after(headers, now=9_999_999.0) == 30.0


@given(st.text(max_size=60))
def test_no_retry_after_can_hurt(value: str) -> None:
    wait = retry_after({"Retry-After": value}, now=1_000_000.0)
    assert wait is None or wait >= 0.0


async def test_waits_come_along_with_the_fault(receiver: Any, http_options: Options) -> None:
    endpoint = Endpoint(receiver.url, http_options())
    for status, fault in ((429, "rate_limited"), (503, "retry")):
        receiver.answers = [web.Response(status=status, headers={"Retry-After": "11"})]
        error = failure(endpoint, await endpoint.post(b"{}", {}))
        assert (error.fault, error.retry_after) == (fault, 11.0)
    await endpoint.close()
