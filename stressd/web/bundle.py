"""`GET /api/v1/episodes/{id}/bundle`: an incident as one file."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from stressd.web.api import DOORS, answer
from stressd.web.doors import NotYet, Unknown
from stressd.web.reading import readable

AGAIN: Final = 5
"""Seconds after which to ask again for one that is being made."""


def add_bundle(app: web.Application) -> None:
    """The route, beside `add_api`."""
    app.router.add_get("/api/v1/episodes/{id}/bundle", readable(_bundle))


async def _bundle(request: web.Request) -> web.StreamResponse:
    doors = request.app[DOORS]
    try:
        file = await doors.bundle(request.match_info["id"])
    except Unknown as unknown:
        return answer(404, {"error": str(unknown), "field": None})
    except NotYet as failed:
        return answer(503, {"error": str(failed), "field": None})
    if file is None:
        return answer(202, {"state": "being made", "again_s": AGAIN}, {"Retry-After": str(AGAIN)})
    return web.FileResponse(
        file,
        headers={
            "Content-Type": "application/gzip",
            "Content-Disposition": f'attachment; filename="{file.name}"',
            "Cache-Control": "no-store",
        },
    )
