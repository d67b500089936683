"""`GET /api/v1/episodes/{id}/report.html` and `.md`, an episode's post-mortem as it stands now; `/api/v1/days` and the
same of `/api/v1/days/{name}`, the summary of a market's session."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from aiohttp import web

from stressd.web.api import DOORS, answer
from stressd.web.doors import NotYet, Unknown
from stressd.web.reading import readable

TYPES: Final = {".html": "text/html; charset=utf-8", ".md": "text/markdown; charset=utf-8"}
AGAIN: Final = 2
"""Seconds after which to ask again for one that is being made."""

POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'; sandbox"
"""One file with its style in it; nothing in it runs, and it loads nothing."""

WAIT: Final = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="{again}">'
    "<title>stressd</title><p>The report is being made.\n"
)


def add_report(app: web.Application) -> None:
    """The routes, beside `add_api`."""
    for ending in TYPES:
        app.router.add_get(f"/api/v1/episodes/{{id}}/report{ending}", readable(_report))
        app.router.add_get(f"/api/v1/days/{{id}}/report{ending}", readable(_day))
    app.router.add_get("/api/v1/days", readable(_days))


async def _days(request: web.Request) -> web.Response:
    try:
        return answer(200, {"days": list(await request.app[DOORS].days())})
    except NotYet as failed:
        return answer(503, {"error": str(failed), "field": None})


async def _day(request: web.Request) -> web.StreamResponse:
    return await _made(request, request.app[DOORS].day)


async def _report(request: web.Request) -> web.StreamResponse:
    return await _made(request, request.app[DOORS].report)


async def _made(request: web.Request, make: Callable[[str, str], Awaitable[Path | None]]) -> web.StreamResponse:
    ending = "." + request.path.rpartition(".")[2]
    try:
        file = await make(request.match_info["id"], ending)
    except Unknown as unknown:
        return answer(404, {"error": str(unknown), "field": None})
    except NotYet as failed:
        return answer(503, {"error": str(failed), "field": None})
    headers = {"Cache-Control": "no-store", "Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff"}
    if file is None:
        headers |= {"Retry-After": str(AGAIN)}
        if ending == ".html":
            return web.Response(status=202, text=WAIT.format(again=AGAIN), content_type="text/html", headers=headers)
        return answer(202, {"state": "being made", "again_s": AGAIN}, headers)
    disposition = "inline" if ending == ".html" else "attachment"
    headers |= {"Content-Type": TYPES[ending], "Content-Disposition": f'{disposition}; filename="{file.name}"'}
    return web.FileResponse(file, headers=headers)
