"""Steering a replay from its page: pause, another speed, on to a time. A daemon that watches markets refuses it."""

from __future__ import annotations

from aiohttp import web

from stressd.web import body
from stressd.web.api import Answer, guarded_by
from stressd.web.body import Refusal
from stressd.web.caller import Caller
from stressd.web.doors import Doors


def add_replaying(app: web.Application) -> None:
    """The route, beside `add_api`."""
    app.router.add_post("/api/v1/replay", guarded_by("drill", _steer))


async def _steer(request: web.Request, doors: Doors, caller: Caller) -> Answer:
    said = await body.fields(request, ("paused", "speed", "to"))
    paused, speed = said.get("paused"), said.get("speed")
    if not (paused is None or isinstance(paused, bool)):
        raise Refusal(422, "`paused` is true or false", "paused")
    if speed is not None and (isinstance(speed, bool) or not isinstance(speed, int | float)):
        raise Refusal(422, "`speed` is a number: how many times faster than time", "speed")
    to = body.moment(said, "to")
    return 200, {"replay": doors.steer(paused, None if speed is None else float(speed), to)}
