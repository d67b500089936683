"""Notifications, and servers on loopback that behave as the real ones do."""

from __future__ import annotations

import asyncio
import json
import re
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


class SlackFake(Receiver):
    """An incoming webhook with Slack's documented limits and words. script: what to answer instead, by attempt."""

    def __init__(self) -> None:
        super().__init__()
        self.script: list[Any] = []
        self.messages: list[dict[str, Any]] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.seen.append(Seen(request.method, request.path_qs, dict(request.headers), body))
        step = self.script.pop(0) if self.script else None
        if step == "drop":
            self.messages.append(json.loads(body))
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if isinstance(step, web.Response):
            return step
        if isinstance(step, tuple):
            return web.Response(status=step[0], text=step[1], headers=step[2] if len(step) > 2 else {})
        try:
            message = json.loads(body)
        except ValueError:
            return web.Response(status=400, text="invalid_payload")
        fault = slack_fault(message)
        if fault:
            return web.Response(status=400, text=fault)
        self.messages.append(message)
        return web.Response(text="ok", content_type="text/plain")


def slack_fault(message: dict[str, Any]) -> str | None:
    """Why Slack would refuse the message."""
    blocks = message.get("blocks", [])
    if not message.get("text") and not blocks:
        return "no_text"
    if not message.get("text"):
        return "invalid_payload"
    if len(message["text"]) > 40_000:
        return "msg_too_long"
    if len(blocks) > 50:
        return "invalid_blocks"
    if len(json.dumps(blocks, ensure_ascii=False)) > 13_200:
        return "msg_blocks_too_long"
    for n, block in enumerate(blocks):
        if (fault := _block_fault(block)) is not None:
            return f"invalid_blocks: {fault} [json-pointer:/blocks/{n}]"
    return None


def _block_fault(block: dict[str, Any]) -> str | None:
    kind = block.get("type")
    if kind == "header":
        text = block["text"]
        return None if text["type"] == "plain_text" and 1 <= len(text["text"]) <= 150 else "header"
    if kind == "context":
        elements = block["elements"]
        good = 1 <= len(elements) <= 10 and all(1 <= len(e["text"]) <= 3_000 for e in elements)
        return None if good and not any(_markup(e["text"]) for e in elements) else "context"
    if kind == "section" and "fields" in block:
        fields = block["fields"]
        good = 1 <= len(fields) <= 10 and all(1 <= len(f["text"]) <= 2_000 and not _markup(f["text"]) for f in fields)
        return None if good else "fields"
    if kind == "section":
        text = block["text"]["text"]
        return None if 1 <= len(text) <= 3_000 and not _markup(text) else "text"
    return "unknown type"


def _markup(text: str) -> bool:
    """A mention, or a stray bracket or ampersand."""
    rest = re.sub(r"<https?://[^<>|]+\|[^<>]+>", "", text)
    return bool(re.search(r"[<>]|&(?!amp;|lt;|gt;)", rest))


@pytest.fixture
async def slack() -> AsyncIterator[SlackFake]:
    fake = SlackFake()
    server = await serve(fake)
    yield fake
    await server.close()


@pytest.fixture
def fault_of_slack() -> Callable[[dict[str, Any]], str | None]:
    return slack_fault
