"""The HTTP side of the daemon: health, readiness, metrics, status, and the doors for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec
from aiohttp import web

from stressd.web.act import add_act
from stressd.web.api import add_api, refused, who_asks
from stressd.web.body import LARGEST, Refusal
from stressd.web.bundle import add_bundle
from stressd.web.caller import READ, bearer, peer
from stressd.web.doors import Doors
from stressd.web.exercise import add_exercises
from stressd.web.guard import add_headers, guarded
from stressd.web.home import add_home
from stressd.web.outline import outline
from stressd.web.reading import add_reading, readable
from stressd.web.reloading import add_reloading
from stressd.web.replaying import add_replaying
from stressd.web.report import add_report
from stressd.web.stream import add_stream

METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Provider(Protocol):
    """What the daemon tells of itself. Every call is quick, or lets the pump go on meanwhile."""

    def stuck(self) -> str:
        """Why the pump is taken for stuck, "" while it beats."""
        ...

    def unready(self) -> Sequence[str]:
        """Why the daemon could miss something now, one plain sentence each; empty when it is ready."""
        ...

    async def metrics(self) -> bytes:
        """Prometheus text format 0.0.4."""
        ...

    async def full(self) -> Mapping[str, Any]:
        """Everything that `stressd status` shows, ready for JSON."""
        ...

    async def state(self) -> Mapping[str, Any]:
        """What the page shows, ready for JSON."""
        ...

    def strip(self, series: str) -> Mapping[str, Any] | None:
        """A series' session so far, ready for JSON; None for one that is not known."""
        ...

    def stress(self, days: int) -> Mapping[str, Any]:
        """The stress index as it stands, with its last closes, at most `days` of them."""
        ...

    def shadow(self) -> Mapping[str, Any] | None:
        """What the rules on trial would have told otherwise; None where there are none."""
        ...

    async def paths(self) -> Mapping[str, Any]:
        """The path of every series through its session so far, ready for JSON."""
        ...

    def graph(self) -> Mapping[str, Any]:
        """Which markets follow which, ready for JSON: `time`, `markets`, `edges`."""
        ...


PROVIDER: Final = web.AppKey("provider", Provider)


def make_app(provider: Provider, doors: Doors) -> web.Application:
    """The application that is served on `listen` and on the daemon's Unix socket."""
    app = web.Application(client_max_size=LARGEST, middlewares=[guarded(doors.page_url)])
    app.on_response_prepare.append(add_headers)
    app[PROVIDER] = provider
    app.router.add_get("/healthz", _healthz)
    app.router.add_get("/readyz", _readyz)
    app.router.add_get("/metrics", _metrics)
    app.router.add_get("/api/v1/status", _status)
    app.router.add_get("/api/v1/stress", _stress)
    app.router.add_get("/api/v1/graph", _graph)
    app.router.add_get("/api/v1/paths", readable(_paths))
    app.router.add_get("/api/v1/shadow", _shadow)
    add_api(app, doors)
    add_reading(app)
    add_exercises(app)
    add_bundle(app)
    add_report(app)
    add_replaying(app)
    add_act(app)
    add_reloading(app, doors)
    add_stream(app, provider.state, provider.strip)
    add_home(app, provider.state)
    return app


async def _healthz(request: web.Request) -> web.Response:
    why = request.app[PROVIDER].stuck()
    return _verdict("stuck" if why else "ok", [why] if why else [])


async def _readyz(request: web.Request) -> web.Response:
    reasons = request.app[PROVIDER].unready()
    return _verdict("not ready" if reasons else "ready", reasons)


def _verdict(status: str, reasons: Sequence[str]) -> web.Response:
    return _json({"status": status, "reasons": list(reasons)}, 503 if reasons else 200)


async def _metrics(request: web.Request) -> web.Response:
    return web.Response(body=await request.app[PROVIDER].metrics(), headers={"Content-Type": METRICS_TYPE})


async def _status(request: web.Request) -> web.Response:
    said = await request.app[PROVIDER].full()
    if peer(request) is None:
        if not bearer(request.headers):
            return _json(outline(said))
        try:
            who_asks(request, READ)
        except Refusal as refusal:
            return refused(refusal)
    return _json(said)


async def _stress(request: web.Request) -> web.Response:
    days = request.query.get("days", "0")
    if not days.isascii() or not days.isdigit() or len(days) > 6:
        return _text("`days` is a number of closes of the index, such as 250", 400)
    return _json(request.app[PROVIDER].stress(int(days)))


async def _shadow(request: web.Request) -> web.Response:
    if peer(request) is None:
        return _text("what rules on trial would have told is said on the daemon's own host: `stressd shadow`", 403)
    return _json({"shadow": request.app[PROVIDER].shadow()})


async def _paths(request: web.Request) -> web.Response:
    return _json(await request.app[PROVIDER].paths())


async def _graph(request: web.Request) -> web.Response:
    return _json(request.app[PROVIDER].graph())


def _json(said: Mapping[str, Any], status: int = 200) -> web.Response:
    return web.Response(
        status=status,
        body=msgspec.json.encode(said),
        headers={"Content-Type": "application/json", "Cache-Control": "no-store"},
    )


def _text(text: str, status: int) -> web.Response:
    return web.Response(text=text + "\n", status=status, headers={"Cache-Control": "no-store"})
