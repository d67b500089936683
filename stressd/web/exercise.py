"""Trying out: a test message through one sink, and a drill. Each takes a right of its own."""

from __future__ import annotations

from aiohttp import web

from stressd.web import body
from stressd.web.api import Answer, guarded_by
from stressd.web.caller import READ, Caller
from stressd.web.doors import Doors


def add_exercises(app: web.Application) -> None:
    """The routes, beside `add_api`."""
    add = app.router.add_route
    add("POST", "/api/v1/sinks/{name}/test", guarded_by("test", _test))
    add("POST", "/api/v1/drill", guarded_by("drill", _drill))
    add("GET", "/api/v1/drill", guarded_by(READ, _drilled))


async def _test(request: web.Request, doors: Doors, caller: Caller) -> Answer:
    await body.fields(request, ())
    return 200, await doors.test(request.match_info["name"], caller.author)


async def _drill(request: web.Request, doors: Doors, caller: Caller) -> Answer:
    said = await body.fields(request, ("series",))
    return 202, {"drill": await doors.drill(body.text(said, "series") or None, caller.author)}


async def _drilled(request: web.Request, doors: Doors, caller: Caller) -> Answer:
    return 200, {"drill": doors.drilled()}
