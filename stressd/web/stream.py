"""The page's data: the whole document once, and a stream of what changes (server-sent events).

`GET /api/v1/state` is the document. `GET /api/v1/stream` begins with it (`event: state`); what changes follows at most
four times a second (`event: patch`, a JSON merge patch), and a beat every few seconds. The document is made, compared
and encoded once for all readers, and only while there is one. A reader that does not keep up is let go: it gets the
whole document when it comes again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec
import structlog
from aiohttp import web

from stressd.web.api import answer
from stressd.web.guard import lasting
from stressd.web.patch import difference, known
from stressd.web.reading import may_read, readable

EVERY: Final = 0.25
"""Seconds between two looks at what has changed, at least."""

SHARE: Final = 9.0
"""Times as long as it took is waited after it: thousands of series are told less often than a few."""

CLOCK: Final = 1.0
"""Seconds after which the time is told although nothing else has changed."""

BEAT: Final = 5.0
"""Seconds between two beats."""

LARGEST: Final = 1 << 20
"""Bytes of patches that may wait for one reader."""

MOST: Final = 200
"""Readers at once."""

HEADERS: Final = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
}

log = structlog.get_logger()


class Reader:
    """One stream that is open. waiting: bytes of patches that it has not taken yet. abort: ends its connection."""

    __slots__ = ("_abort", "_gone", "_queue", "_wake", "waiting")

    def __init__(self, abort: Callable[[], None]) -> None:
        self._abort = abort
        self._queue: list[bytes] = []
        self._wake = asyncio.Event()
        self._gone = False
        self.waiting = 0

    def put(self, data: bytes) -> None:
        self._queue.append(data)
        self.waiting += len(data)
        self._wake.set()

    def begin(self, data: bytes) -> None:
        """The whole document goes before everything, whatever its size."""
        self._queue.insert(0, data)
        self._wake.set()

    def dismiss(self, *, at_once: bool) -> None:
        """Nothing more comes. at_once: what waits is not sent, nor what the system still holds."""
        self._gone = True
        if at_once:
            self._queue.clear()
            self._abort()
        self._wake.set()

    async def take(self) -> bytes | None:
        """What waits, None at the end."""
        while not self._queue:
            if self._gone:
                return None
            self._wake.clear()
            await self._wake.wait()
        data, self._queue = b"".join(self._queue), []
        return data

    def taken(self) -> None:
        """What was taken has left: what waits now is what came meanwhile."""
        self.waiting = sum(map(len, self._queue))


class Stream:
    """All readers of one daemon. clients: how many there are; sent: bytes; dropped: readers that did not keep up."""

    def __init__(self, document: Callable[[], Awaitable[Mapping[str, Any]]]) -> None:
        self._document = document
        self._readers: set[Reader] = set()
        self._making: asyncio.Task[None] | None = None
        self._fresh = asyncio.Event()
        self._now: dict[str, Any] | None = None
        self._id = 0
        self._joining = 0
        self.sent = 0
        self.dropped = 0
        self.closed = False

    @property
    def clients(self) -> int:
        return len(self._readers)

    async def join(self, abort: Callable[[], None]) -> Reader:
        """A new reader, whose first event is the document as it is now."""
        reader = Reader(abort)
        if self._making is None:
            self._now = None
            self._fresh.clear()
            self._making = asyncio.create_task(self._make(), name="page stream")
        self._joining += 1
        try:
            await self._fresh.wait()
        finally:
            self._joining -= 1
        if self._now is None or self.closed:
            reader.dismiss(at_once=False)
            return reader
        # Nothing is awaited between the document and the first patch that it gets.
        reader.begin(event("state", self._now, self._id))
        self._readers.add(reader)
        return reader

    def leave(self, reader: Reader) -> None:
        """It has gone. Nothing is made for nobody."""
        self._readers.discard(reader)
        if not self._readers and not self._joining and self._making is not None:
            self._making.cancel()
            self._making = None

    def close(self) -> None:
        """The daemon stops: every stream ends."""
        self.closed = True
        if self._making is not None:
            self._making.cancel()
        self._let_go()

    async def _make(self) -> None:
        told = beat = 0.0
        while True:
            began = time.perf_counter()
            try:
                after = await asyncio.to_thread(known, await self._document())
            except Exception as error:
                # a fault of ours must not leave a page that looks alive
                log.error("page.failed", exc_info=error)
                self._let_go()
                return
            if self._now is None:
                self._now = after
                told = beat = began
            else:
                patch = await asyncio.to_thread(difference, self._now, after)
                if patch.keys() - {"time"} or began - told >= CLOCK:
                    told = began
                    self._id += 1
                    self._now = after
                    self._tell(event("patch", patch, self._id))
                if began - beat >= BEAT:
                    beat = began
                    self._tell(event("beat", {"time": after.get("time")}, self._id))
            self._fresh.set()
            await asyncio.sleep(max(EVERY, SHARE * (time.perf_counter() - began)))

    def _let_go(self) -> None:
        """Every reader has to come again."""
        self._making = None
        for reader in list(self._readers):
            reader.dismiss(at_once=False)
        self._fresh.set()

    def _tell(self, data: bytes) -> None:
        for reader in list(self._readers):
            if reader.waiting + len(data) > LARGEST:
                self.dropped += 1
                self._readers.discard(reader)
                reader.dismiss(at_once=True)
                continue
            reader.put(data)


def event(name: str, data: Mapping[str, Any], number: int) -> bytes:
    """One server-sent event; JSON has no line breaks of its own."""
    return b"event: %b\nid: %d\ndata: %b\n\n" % (name.encode(), number, msgspec.json.encode(data))


STREAM: Final = web.AppKey("stream", Stream)


def add_stream(
    app: web.Application,
    document: Callable[[], Awaitable[Mapping[str, Any]]],
    strip: Callable[[str], Mapping[str, Any] | None],
) -> None:
    """The routes, and the readers' end with the application's. strip: a series' session, None for an unknown one."""
    app[STREAM] = Stream(document)

    async def state(request: web.Request) -> web.StreamResponse:
        said = known(await document())
        body = await asyncio.to_thread(msgspec.json.encode, said)
        return web.Response(body=body, headers={"Content-Type": "application/json", "Cache-Control": "no-store"})

    async def end(app: web.Application) -> None:
        app[STREAM].close()

    async def of_series(request: web.Request) -> web.StreamResponse:
        name = request.match_info["id"]
        said = strip(name)
        if said is None:
            return answer(404, {"error": f"no series is called `{name}`", "field": None})
        return answer(200, said)

    app.router.add_get("/api/v1/state", readable(state))
    app.router.add_get("/api/v1/series/{id}/strip", readable(of_series))
    app.router.add_get("/api/v1/stream", readable(_serve), allow_head=False)
    app.on_shutdown.append(end)


async def _serve(request: web.Request) -> web.StreamResponse:
    stream = request.app[STREAM]
    if stream.closed or stream.clients >= MOST:
        why = "stressd is stopping" if stream.closed else f"{MOST} streams are open already"
        return web.Response(status=503, text=f"{why}\n", headers={"Retry-After": "5"})
    lasting(request)
    transport = request.transport
    reader = await stream.join(transport.abort if transport is not None else _nothing)
    response = web.StreamResponse(headers=HEADERS)
    asked = time.monotonic()
    try:
        await response.prepare(request)
        while (data := await reader.take()) is not None:
            if time.monotonic() - asked >= BEAT:
                asked = time.monotonic()
                if not may_read(request):
                    break
            await response.write(data)
            reader.taken()
            stream.sent += len(data)
    except ConnectionError:
        log.debug("page.left", remote=request.remote)
    finally:
        stream.leave(reader)
    return response


def _nothing() -> None:
    return
