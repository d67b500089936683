"""Notifications, and servers on loopback that behave as the real ones do."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web
from aiohttp.test_utils import TestServer

from stressd.alerts.notification import Notification, Row
from stressd.config.fields import HttpOptions
from stressd.testing.slack import FakeSlack

BODY = b'{"id":"JP-260120-7q2f.3","episode":"JP-260120-7q2f","seq":3,"type":"escalated"}'


def make(**more: Any) -> Notification:
    base: dict[str, Any] = {
        "event_id": "JP-260120-7q2f.3",
        "thread": "JP-260120-7q2f",
        "first": True,
        "type": "escalated",
        "kind": "market",
        "origin": "live",
        "severity": "critical",
        "time": "2026-01-20T06:00:00Z",
        "subject": "[stressd] JP yields up · 20 Jan 2026 · #7q2f",
        "title": "JP 30Y +20.3bp to 3.765% · 6.9σ of 2.9bp",
        "text": "JP 30Y +20.3bp to 3.765% · 6.9σ of 2.9bp\n\nStatus: escalated to critical",
        "facts": (("Status", "escalated to critical"), ("Rank", "largest rise of 4 706 sessions")),
        "table_header": ("Series", "Now", "Move"),
        "table": (Row(("JP 30Y", "3.765%", "+20.3bp")), Row(("JP 40Y", "3.901%", "+18.0bp"))),
        "body": BODY,
        "link": "https://stressd.bank.example/#JP-260120-7q2f",
    }
    return Notification(**(base | more))


@pytest.fixture
def note() -> Callable[..., Notification]:
    return make


Answer = Callable[[web.Request, bytes], Any]


@dataclass
class Seen:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """Answers as told, in order; the last answer for ever."""

    answers: list[Any] = field(default_factory=lambda: [200])
    seen: list[Seen] = field(default_factory=list)
    url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.seen.append(Seen(request.method, request.path_qs, dict(request.headers), body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if callable(answer):
            answer = answer(request, body)
            if asyncio.iscoroutine(answer):
                answer = await answer
        if answer == "drop":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if answer == "hang":
            await asyncio.sleep(3600)
        if isinstance(answer, int):
            return web.Response(status=answer, text=f"status {answer}")
        assert isinstance(answer, web.StreamResponse)
        return answer


async def serve(receiver: Receiver, tls: ssl.SSLContext | None = None) -> TestServer:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", receiver.handle)
    server = TestServer(app, scheme="https" if tls else "http", host="127.0.0.1")
    await server.start_server(ssl=tls, shutdown_timeout=0.1)
    receiver.url = f"{server.scheme}://localhost:{server.port}/hook/T000/B000/very-secret-path?sig=also-secret"
    return server


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    one = Receiver()
    server = await serve(one)
    yield one
    await server.close()


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    return file


@pytest.fixture
async def tls_receiver(authority: trustme.CA) -> AsyncIterator[Receiver]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    one = Receiver()
    server = await serve(one, context)
    yield one
    await server.close()


@pytest.fixture
def http_options() -> Callable[..., HttpOptions]:
    def options(**more: Any) -> HttpOptions:
        return HttpOptions.model_validate({"timeout": "2s", **more})

    return options


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    """In its own time, which stands still: a channel takes BURST messages and then none."""
    async with FakeSlack(lambda: 1_768_887_000.0) as fake:
        yield fake
