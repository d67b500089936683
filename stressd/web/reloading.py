"""Reloading over the daemon's Unix socket, and nowhere else: `systemctl reload` cannot say why it was refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from aiohttp import web

from stressd.web.caller import peer

LARGEST: Final = 1 << 20
"""Bytes of a configuration that is to be compared."""


class Reloads(Protocol):
    """The daemon as whoever reloads it sees it. Both answer with `outcome`, `text`, `said` and `faults`."""

    async def reload(self, author: str) -> Mapping[str, Any]:
        """Read the configuration again; returns when that is done."""
        ...

    async def compare(self, text: str, name: str) -> Mapping[str, Any]:
        """What a reload to this text would come to; nothing is changed. name: of its file, for faults."""
        ...


RELOADS: Final = web.AppKey("reloads", Reloads)


def add_reloading(app: web.Application, reloads: Reloads) -> None:
    """The routes."""
    app[RELOADS] = reloads
    app.router.add_post("/api/v1/reload", _reload)
    app.router.add_post("/api/v1/compare", _compare)


async def _reload(request: web.Request) -> web.Response:
    caller = peer(request)
    if caller is None:
        return _elsewhere()
    return web.json_response(await request.app[RELOADS].reload(caller.author))


async def _compare(request: web.Request) -> web.Response:
    if peer(request) is None:
        return _elsewhere()
    raw = bytearray()
    async for block in request.content.iter_any():
        raw += block
        if len(raw) > LARGEST:
            return _refused(413, "the file is larger than 1 MiB: this is no configuration")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return _refused(400, "the file is not UTF-8 text")
    name = request.query.get("name", "stressd.yaml").rpartition("/")[2] or "stressd.yaml"
    return web.json_response(await request.app[RELOADS].compare(text, name))


def _elsewhere() -> web.Response:
    return _refused(403, "reloading is done on the daemon's own host: `stressd reload`")


def _refused(status: int, text: str) -> web.Response:
    return web.json_response({"error": text, "field": None}, status=status)
