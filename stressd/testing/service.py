"""A service on loopback for tests: it behaves as its documentation says, except where a test makes it fail."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, Self

from aiohttp import web

LARGEST: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one request instead of its answer. kind: `answer` with status, text and headers; `drop`: the
    connection is closed and nothing was done; `lose`: it is done, and the connection closed without an answer; `hang`:
    nothing is done and no answer comes. path: only to a request whose path holds it."""

    kind: Literal["answer", "drop", "lose", "hang"] = "answer"
    status: int = 200
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    path: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """What came in."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Service:
    """An HTTP server on 127.0.0.1 for the time of `async with`. now: seconds, for its limits. faults: what happens to
    the next requests, in order; a fault for another path waits for its own."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self.now = now
        self.faults: deque[Fault] = deque()
        self.requests: list[Request] = []
        self.url = ""
        self._runner: web.AppRunner | None = None
        self._over = asyncio.Event()

    async def answer(self, request: web.Request, body: bytes) -> web.StreamResponse:
        """What the service does and says."""
        return web.Response(status=404, text=f"{len(body)} bytes to {request.path}")

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=LARGEST)
        app.router.add_route("*", "/{tail:.*}", self._handle)
        runner = self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._over.set()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.requests.append(Request(request.method, request.path_qs, dict(request.headers), body))
        fault = next((each for each in self.faults if each.path in request.path), None)
        if fault is None:
            return await self.answer(request, body)
        self.faults.remove(fault)
        if fault.kind == "answer":
            return web.Response(status=fault.status, text=fault.text, headers=dict(fault.headers))
        if fault.kind == "hang":
            await self._over.wait()
        if fault.kind == "lose":
            await self.answer(request, body)
        if request.transport is not None:
            request.transport.abort()
        return web.Response()


class Bucket:
    """A token bucket: `rate` a second, at most `burst` at once."""

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at = now

    def take(self, now: float) -> float:
        """0 where there was a token, which is taken; else the seconds until there is one."""
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1.0 - 1e-9:
            return (1.0 - self._tokens) / self._rate
        self._tokens -= 1.0
        return 0.0
