"""Bytes to the daemon's HTTP server over TCP: whatever they are, it answers on, and without a token nothing is done."""

from __future__ import annotations

import asyncio
import atexit
import socket
from typing import Any

from aiohttp import web

from stressd.web.app import make_app
from stressd.web.guard import Patient
from tests.fuzz.harness import quick
from tests.web.behind import Behind
from tests.web.test_app import Told

TOKEN = b"grafana-token"
BEHIND = Behind()
LOOP = asyncio.new_event_loop()
atexit.register(LOOP.close)
GOOD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
SEEDS = [
    GOOD,
    GOOD * 3,
    b"POST /api/v1/silences HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 71\r\n\r\n"
    b'{"match": {"market": "JP"}, "for": "2h", "reason": "desk knows of it"}\n',
    b"POST /api/v1/episodes/7q2f/ack HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer wrong\r\n\r\n",
    b"POST /api/v1/episodes/7q2f/ack?token=reader-token HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"DELETE /api/v1/silences/s1 HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-User: root\r\nCookie: token=x\r\n\r\n",
    b"POST /act?e=JP-260120-7q2f&d=ack-30m&s=desk&x=1768892700&k=AAAA HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /api/v1/deliveries?limit=-1&state=%00 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer reader-token\r\n\r\n",
    b"GET /../../etc/passwd HTTP/1.0\r\n\r\n",
    b"GET /%2e%2e/%2e%2e/etc/passwd%00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\nOrigin: https://evil.example\r\n\r\n",
    b"TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\nPUT /metrics HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
    b"POST /act HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n5\r\nname=\r\n0\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nX: " + b"x" * 9_000 + b"\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    b"POST /api/v1/silences HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00",
]


class Wire(asyncio.Transport):
    """A TCP connection over loopback, as a server sees it."""

    def __init__(self, own: socket.socket) -> None:
        super().__init__({"socket": own, "peername": ("127.0.0.1", 5), "sockname": ("127.0.0.1", 80)})
        self.sent = bytearray()
        self.closed = False

    def write(self, data: Any) -> None:
        self.sent += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = close

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def get_write_buffer_size(self) -> int:
        return 0


class Bench:
    """An application, asked byte by byte."""

    def __init__(self, app: web.Application) -> None:
        self._runner = web.AppRunner(app, access_log=None)
        LOOP.run_until_complete(self._runner.setup())
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        atexit.register(self._socket.close)

    def ask(self, data: bytes) -> bytes:
        return LOOP.run_until_complete(self._ask(data))

    async def _ask(self, data: bytes) -> bytes:
        server = self._runner.server
        assert server is not None
        connection = Patient(server, LOOP)
        wire = Wire(self._socket)
        connection.connection_made(wire)
        connection.data_received(data)
        for _ in range(30):
            await asyncio.sleep(0)
        connection.connection_lost(None)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        return bytes(wire.sent)


BENCH = Bench(make_app(Told(), BEHIND))


def one(data: bytes) -> None:
    BEHIND.given.clear()
    with quick():
        answer = BENCH.ask(data)
        assert b"HTTP/1.1 500" not in answer, answer[:300]
        assert TOKEN in data or not BEHIND.given
        assert b"root:" not in answer
        assert BENCH.ask(GOOD).startswith(b"HTTP/1.1 200")
