"""The other sides, on loopback: what arrived at each, whatever its wire; the sender may die before it hears so."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

from aiohttp import web
from aiosmtpd.smtp import SMTP

from stressd.testing.broker import LoopbackBroker
from stressd.testing.pagerduty import KEY, FakePagerDuty
from stressd.testing.service import Service
from stressd.testing.slack import TOKEN, FakeSlack
from stressd.testing.teams import PATH, FakeTeams
from tests.killing.zygote import LIFE, SPEED

EPISODE = re.compile(r"[A-Z]{2}-\d{6}-[a-z]{4}")
TOLD = re.compile(r"told:([A-Z]{2}-\d{6}-[a-z]{4}\.\d+)")


@dataclass
class Arrivals:
    """What came, as (sink, event id, text). kill_next: the next one ends the child `pid`, before that hears of it.
    refuse: so many answers are errors of the server first, without keeping the message."""

    came: list[tuple[str, str, str]] = field(default_factory=list)
    pid: int | None = None
    kill_next: bool = False
    refuse: int = 0

    def take(self, sink: str, text: str, end: str = "") -> bool:
        """Whether the sender lives to hear of it. end: of an event that only names its episode."""
        found = TOLD.findall(text)
        if not found and end and f'"{end}"' in text:
            found = [f"{episode}.{len(LIFE)}" for episode in EPISODE.findall(text)]
        if not found:
            return True
        self.came.append((sink, found[0], text))
        if self.kill_next and self.pid is not None:
            self.kill_next = False
            os.kill(self.pid, signal.SIGKILL)
            return False
        return True

    def refused(self) -> bool:
        self.refuse -= 1
        return self.refuse >= 0


Answer = Callable[[web.Request], web.Response]


@dataclass(frozen=True)
class Wire:
    """How one type of sink is set up and served. config: with `{url}` and `{host}` of its server filled in. server:
    http, smtp, mqtt or file, or the class of a service. answer: of an HTTP server. path: of a service's requests that
    tell something; end: how one says that the episode is over which it names, but no event. repeats: whether a possible
    repeat is said in the text."""

    config: dict[str, Any]
    server: str | type[Service] = "http"
    answer: Answer = lambda request: web.Response()
    path: str = ""
    end: str = ""
    repeats: bool = False
    environment: dict[str, str] = field(default_factory=dict)


WIRES: dict[str, Wire] = {
    "webhook": Wire({"type": "webhook", "url": "{url}/hook", "unsigned": True}),
    "slack": Wire(
        {"type": "slack", "webhook_url": {"env": "KILL_SLACK"}},
        answer=lambda request: web.Response(text="ok"),
        repeats=True,
        environment={"KILL_SLACK": "{url}/services/T0/B0/x"},
    ),
    "email": Wire(
        {"type": "email", "smtp": "smtp://{host}", "tls": "none", "from": "s@b.example", "to": "r@b.example"}, "smtp"
    ),
    "console": Wire({"type": "console", "colour": "never"}, "file", repeats=True),
    "alertmanager": Wire({"type": "alertmanager", "urls": "{url}"}),
    "slack bot": Wire(
        {"type": "slack", "bot_token": {"env": "KILL_BOT"}, "channel": "C0DESK0001", "api_url": "{url}/api/"},
        FakeSlack,
        path="/api/chat.postMessage",
        repeats=True,
        environment={"KILL_BOT": TOKEN},
    ),
    "teams": Wire(
        {"type": "teams", "url": {"env": "KILL_TEAMS"}, "updates": [*LIFE]},
        FakeTeams,
        repeats=True,
        environment={"KILL_TEAMS": "{url}" + PATH + "?sig=x"},
    ),
    "pagerduty": Wire(
        {"type": "pagerduty", "routing_key": {"env": "KILL_PAGER"}, "url": "{url}/v2/enqueue"},
        FakePagerDuty,
        end="resolve",
        environment={"KILL_PAGER": KEY},
    ),
    "mqtt": Wire({"type": "mqtt", "url": "mqtt://{host}", "retained": None, "status": None}, "mqtt"),
}
"""One row a type of sink: a new type needs one here, and all points are tried on it."""


def filled(value: Any, url: str) -> Any:
    """The configuration with the server's address in it."""
    if isinstance(value, str):
        return value.replace("{url}", url).replace("{host}", url.partition("//")[2])
    if isinstance(value, dict):
        return {key: filled(each, url) for key, each in value.items()}
    return value


@asynccontextmanager
async def serving(wire: Wire, arrivals: Arrivals, sink: str, output: Path) -> AsyncIterator[str]:
    """The server of a wire, its address as a URL."""
    named = {"http": _http, "smtp": _smtp, "mqtt": _mqtt, "file": _file}
    serve = named[wire.server] if isinstance(wire.server, str) else _service
    async with serve(wire, arrivals, sink, output) as url:
        yield url


@asynccontextmanager
async def _http(wire: Wire, arrivals: Arrivals, sink: str, output: Path) -> AsyncIterator[str]:
    async def handle(request: web.Request) -> web.Response:
        body = await request.text()
        if arrivals.refuse > 0 and sink == "out" and arrivals.refused():
            return web.Response(status=503)
        if not arrivals.take(sink, body):
            await asyncio.sleep(0.2)
        return wire.answer(request)

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _service(wire: Wire, arrivals: Arrivals, sink: str, output: Path) -> AsyncIterator[str]:
    assert not isinstance(wire.server, str)
    async with wire.server(lambda: time.time() * SPEED) as service:
        answer = service.answer

        async def heard(request: web.Request, body: bytes) -> web.StreamResponse:
            if arrivals.refuse > 0 and sink == "out" and arrivals.refused():
                return web.Response(status=503)
            response = await answer(request, body)
            good = response.status < 300 and '"ok": false' not in str(getattr(response, "text", ""))
            if good and wire.path in request.path and not arrivals.take(sink, body.decode(), wire.end):
                await asyncio.sleep(0.2)
            return response

        service.answer = heard  # type: ignore[method-assign]
        yield service.url


class _Post:
    def __init__(self, arrivals: Arrivals, sink: str) -> None:
        self._arrivals = arrivals
        self._sink = sink

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self._arrivals.refuse > 0 and self._sink == "out" and self._arrivals.refused():
            return "451 later"
        mail = message_from_bytes(envelope.content, policy=policy.default)
        text = mail.get_body(("plain",))
        assert text is not None
        alive = self._arrivals.take(self._sink, f"{mail['Message-ID']}\n{text.get_content()}")
        if not alive:
            await asyncio.sleep(0.2)
        return "250 stored"


@asynccontextmanager
async def _smtp(wire: Wire, arrivals: Arrivals, sink: str, output: Path) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    handler = _Post(arrivals, sink)
    server = await loop.create_server(lambda: SMTP(handler, hostname="mail.test", loop=loop), "127.0.0.1", 0)
    yield f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


class _Broker(LoopbackBroker):
    arrivals: Arrivals
    sink: str

    def spread(self, topic: str, payload: bytes, qos: int, retain: bool) -> Any:
        self.arrivals.take(self.sink, payload.decode())
        return super().spread(topic, payload, qos, retain)


@asynccontextmanager
async def _mqtt(wire: Wire, arrivals: Arrivals, sink: str, output: Path) -> AsyncIterator[str]:
    async with _Broker() as broker:
        broker.arrivals, broker.sink = arrivals, sink
        yield broker.url


@asynccontextmanager
async def _file(wire: Wire, arrivals: Arrivals, sink: str, output: Path) -> AsyncIterator[str]:
    """Read when it is over."""
    yield "file://"
    for part in output.read_text().split("\n\n"):
        arrivals.take(sink, part)
