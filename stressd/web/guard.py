"""What stands before every request: bounds on time and number, a host that is ours, headers that every answer has."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast
from urllib.parse import urlsplit

from aiohttp import web

HEAD: Final = 15.0
"""Seconds for a request's headers to come, for an idle connection, and for an answer to be taken."""

WHOLE: Final = 30.0
"""Seconds for a request's body to come and its answer to be made."""

MOST: Final = 256
"""Connections over TCP at once; the Unix socket of the machine's own people is apart."""

BOUND: Final = web.RequestKey("bound", asyncio.Timeout)

SERVER: Final = "stressd"

HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
"""Of every answer that does not say otherwise."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Patient(web.RequestHandler):
    """A connection that is closed when it stays idle, or when its headers come too slowly. head: seconds."""

    __slots__ = ("_head", "_of", "_timer")

    def __init__(self, of: web.Server, loop: asyncio.AbstractEventLoop, head: float = HEAD) -> None:
        super().__init__(of, loop=loop, access_log=cast(logging.Logger, None), lingering_time=1.0)
        self._request_handler = _expecting(of.request_handler)
        self._of = of
        self._head = head
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if len(self._of.connections) > MOST and isinstance(transport, asyncio.Transport):
            transport.abort()
            return
        self.wait()

    def connection_lost(self, exc: BaseException | None) -> None:
        self.at_work()
        super().connection_lost(exc)

    def wait(self) -> None:
        """From now on the other side has its time for a whole head."""
        self.at_work()
        self._timer = asyncio.get_running_loop().call_later(self._head, self._give_up)

    def at_work(self) -> None:
        """A request is whole as far as its headers go: it has a time of its own."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        if self.transport is not None:
            self.transport.abort()


def _expecting(handle: Any) -> Any:
    """aiohttp judges `Expect` before any middleware, and fails on one that it does not know and that is no text."""

    async def checked(request: web.BaseRequest) -> web.StreamResponse:
        if request.headers.get("Expect", "100-continue").lower() != "100-continue":
            return web.Response(status=417)
        answer: web.StreamResponse = await handle(request)
        return answer

    return checked


async def listen(
    runner: web.AppRunner, host: str, port: int, tls: ssl.SSLContext | None = None, head: float = HEAD
) -> asyncio.Server:
    """Serve `runner`'s application, which is set up, on a TCP address. Raises OSError."""
    loop = asyncio.get_running_loop()
    server = runner.server
    assert server is not None
    return await loop.create_server(lambda: Patient(server, loop, head), host, port, ssl=tls, reuse_address=True)


def port_of(server: asyncio.Server) -> int:
    """On which it listens."""
    return int(server.sockets[0].getsockname()[1])


def guarded(page_url: Callable[[], str | None] | None = None, whole: float = WHOLE) -> Any:
    """The outermost middleware. page_url: where people reach this server, where the name that they use is to be
    checked."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        connection = request.protocol
        if isinstance(connection, Patient):
            connection.at_work()
        try:
            if page_url is not None and not _meant_for_us(request, page_url()):
                return web.Response(status=421, text="This server is not called so here: `page_url` names it.\n")
            async with asyncio.timeout(whole) as bound:
                request[BOUND] = bound
                return await handler(request)
        except TimeoutError:
            late = web.Response(status=408, text="The request took too long to come.\n")
            late.force_close()
            return late
        finally:
            if isinstance(connection, Patient):
                connection.wait()

    return guard


def lasting(request: web.Request) -> None:
    """This answer goes on for as long as it is wanted."""
    bound = request.get(BOUND)
    if bound is not None:
        bound.reschedule(None)


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """For `on_response_prepare`."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    # aiohttp has written its own and Python's version there by now
    response.headers["Server"] = SERVER


def _meant_for_us(request: web.Request, page_url: str | None) -> bool:
    """Whether the name in a request that came over loopback may be ours: a page of somebody else's, whose name was
    changed to lead to 127.0.0.1, would still send that name."""
    transport = request.transport
    connection = None if transport is None else transport.get_extra_info("socket")
    if connection is None or connection.family not in (socket.AF_INET, socket.AF_INET6):
        return True
    try:
        if not ipaddress.ip_address(connection.getsockname()[0].partition("%")[0]).is_loopback:
            return True
        name = (urlsplit(f"//{request.headers.get('Host', '')}").hostname or "").rstrip(".")
    except (OSError, ValueError):
        return False
    if name in ("", "localhost") or (page_url is not None and name == urlsplit(page_url).hostname):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
