"""A page with nothing but the modules that are tested, on a server of its own, in a real Chromium."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

from stressd.alerts.canned import EPISODE, canned
from stressd.alerts.event import Event
from stressd.store import ActionRow, Commit, Store
from stressd.store.story import read_story, story_json
from tests.store.conftest import Sent

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
MODULES = Path(__file__).resolve().parents[2] / "stressd/web/page"
POLICY = "default-src 'self'; base-uri 'none'; frame-ancestors 'none'"
NOW = "2026-01-20T08:50:00Z"

BOOT = """
import { makeStore } from "/static/state.js";
import { mount as episodes } from "/static/episodes.js";
import { mount as drawer } from "/static/drawer.js";
import { mount as graph } from "/static/graph.js";
import { mount as health } from "/static/health.js";
const store = makeStore();
store.replace(await (await fetch("/state")).json());
window.change = (section, value) => store.replace({ ...store.state, [section]: value });
window.store = store;
const at = (id) => document.getElementById(id);
episodes(at("episodes"), store);
graph(at("graph"), store);
health(at("feeds"), store);
health(at("sinks"), store);
drawer(document.body, store);
document.body.dataset.ready = "";
"""
LOOK = """
:root { color-scheme: light dark; --ink: light-dark(#16202a, #e8edf1); --soft: light-dark(#55636f, #9fb0bd);
  --line: light-dark(#d5dce2, #33424e); --back: light-dark(#f4f6f8, #10171d); --card: light-dark(#fff, #18222b);
  --main: light-dark(#0b5cad, #5aa9f5); }
body { margin: 0; background: var(--back); color: var(--ink); font: 16px/1.45 system-ui, sans-serif; }
main { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(30rem, 100%), 1fr)); gap: 1rem;
  padding: 1rem; }
main > section { background: var(--card); padding: 1rem; min-width: 0; }
"""
HTML = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>frame</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/look.css"><link rel="stylesheet" href="/static/episodes.css">
<link rel="stylesheet" href="/static/drawer.css"><link rel="stylesheet" href="/static/graph.css">
<link rel="stylesheet" href="/static/health.css"><script type="module" src="/boot.js"></script></head><body><main>
<section id="episodes"><h2>Episodes</h2></section><section id="graph"><h2>Propagation</h2></section>
<section id="feeds"><h2>Feeds</h2></section><section id="sinks"><h2>Deliveries</h2></section>
</main></body></html>"""


def kept(tmp_path: Path, events: list[Event]) -> dict[str, Any]:
    """The story of these events as the API gives it: one sink took them all, the other refused."""
    clock = [1_768_887_067_000_000_000]
    store = Store.open(tmp_path, now=lambda: clock[0])
    for event in events:
        store.commit(Commit([Sent(event, ("desk-slack", "rates-mail"))])).result(10)
        clock[0] += 212_000_000
        store.complete_delivery(event.id, "desk-slack", attempts=1, remote_ref="", detail="", merged=0).result(10)
        store.bury_delivery(event.id, "rates-mail", attempts=3, fault="permanent", error="550 no such user").result(10)
    store.commit(Commit(actions=[ActionRow(clock[0], "maria", "cli", "acknowledged", EPISODE, "on it")])).result(10)
    story = read_story(store, events[0].episode)
    store.close()
    assert story is not None
    said: dict[str, Any] = json.loads(msgspec.json.encode(story_json(story)))
    return said


def lived() -> list[Event]:
    """A long life: one event of every type."""
    return [event for event in canned() if event.episode == EPISODE and event.origin == "live"]


def state() -> dict[str, Any]:
    """A state of the page with all that these modules read."""
    headline = "JP 30Y +16.3bp over 30m to 3.765% · 6.9σ of 2.4bp"
    base: dict[str, Any] = {
        "kind": "market", "market": "JP", "rule": "sigma-breach", "closed": None, "series": [], "acknowledged": None,
        "silenced": False, "followers": {}, "label": None,
    }  # fmt: skip
    return {
        "time": NOW,
        "markets": {
            name: {"name": name, "phase": phase, "order": order}
            for order, (name, phase) in enumerate({"JP": "open", "UK": "closed", "DE": "open", "US": "closed"}.items())
        },
        "episodes": {
            EPISODE: base | {"direction": "up", "severity": "critical", "headline": headline, "order": 2,
                             "opened": "2026-01-20T05:31:07Z", "updated": "2026-01-20T08:43:07Z", "peak_sigma": 7.4,
                             "followers": {"US": {"wording": "followed"}, "UK": {"wording": "could not respond"}}},
            "US-260120-b3kd": base | {"market": "US", "direction": "up", "severity": "warn", "order": 3,
                                      "headline": "US 10Y +6.8bp to 4.295% · followed JP", "peak_sigma": 3.1,
                                      "opened": "2026-01-20T07:02:00Z", "updated": "2026-01-20T07:02:00Z",
                                      "acknowledged": {"by": "maria", "until": "2026-01-20T09:32:00Z"}},
            "FEED-260120-0d1x": base | {"kind": "feed", "market": "", "direction": None, "severity": "high", "order": 1,
                                        "headline": "futures silent: no tick from any of 4 series", "peak_sigma": None,
                                        "opened": "2026-01-20T02:02:00Z", "closed": "2026-01-20T02:40:00Z",
                                        "updated": "2026-01-20T02:40:00Z"},
        },
        "graph": {
            "nodes": {},
            "edges": {
                "JP>US": edge("JP", "US", 0.3, 0.06, 30_600.0, "followed", EPISODE),
                "JP>DE": edge("JP", "DE", 0.8, 0.004, 41.0, "spilled over", EPISODE),
                "US>DE": edge("US", "DE", 0.55, 0.2, 22.0, "followed", None),
                "JP>UK": edge("JP", "UK", None, None, None, "could not respond", None),
            },
        },
        "feeds": {
            "desk": {"type": "mqtt", "state": "live", "messages_per_s": 12.41, "last_message_age_s": 0.8,
                     "expected_age_s": 4.0, "p": 0.41, "gaps": 2, "skew_ms": -120.0, "rejects": 0, "reason": None},
            "futures": {"type": "websocket", "state": "stale", "messages_per_s": 0.0, "last_message_age_s": 391.0,
                        "expected_age_s": 20.0, "p": 0.0004, "gaps": 7, "skew_ms": None, "rejects": 3,
                        "reason": "no tick for 6 min 31 s of open time"},
        },
        "sinks": {
            "desk-slack": {"type": "slack", "state": "ok", "pending": 0, "dead": 0, "p50_ms": 212.0, "p99_ms": 1404.0,
                           "last_error": None, "last_delivery": "2026-01-20T08:43:08Z"},
            "rates-mail": {"type": "email", "state": "retrying", "pending": 3, "dead": 13, "p50_ms": None,
                           "p99_ms": None, "last_error": "550 no such user", "last_delivery": None,
                           "fallback": "desk-sms"},
        },
    }  # fmt: skip


def edge(a: str, b: str, beta: float | None, p: float | None, lag: float | None, said: str, episode: str | None) -> Any:
    return {"from": a, "to": b, "beta": beta, "p": p, "lag_s": lag, "open_lag_s": lag, "wording": said,
            "time": "2026-01-20T08:10:00Z", "episode": episode}  # fmt: skip


class Frame:
    """What the server says, to be changed by a test. asked: paths under /api; status: of the stories."""

    def __init__(self, stories: dict[str, Any], url: str) -> None:
        self.stories = stories
        self.state = state()
        self.asked: list[str] = []
        self.status = 200
        self.url = url


@asynccontextmanager
async def served(stories: dict[str, Any]) -> AsyncIterator[Frame]:
    frame = Frame(stories, "")

    async def text(request: web.Request) -> web.Response:
        kinds = {"/": (HTML, "text/html"), "/boot.js": (BOOT, "text/javascript"), "/look.css": (LOOK, "text/css")}
        said, kind = kinds[request.path]
        return web.Response(text=said, content_type=kind, headers={"Content-Security-Policy": POLICY})

    async def now(request: web.Request) -> web.Response:
        return web.json_response(frame.state)

    async def story(request: web.Request) -> web.Response:
        name = request.match_info["id"]
        frame.asked.append(name)
        if frame.status != 200 or name not in frame.stories:
            wrong = "the store cannot be read" if frame.status != 200 else f"no episode is called `{name}`"
            return web.json_response({"error": wrong}, status=frame.status if frame.status != 200 else 404)
        return web.json_response(frame.stories[name])

    async def bundle(request: web.Request) -> web.Response:
        frame.asked.append("bundle")
        if frame.asked.count("bundle") == 1:
            return web.json_response({"state": "being made", "again_s": 0.05}, status=202)
        return web.Response(body=b"\x1f\x8b", headers={"Content-Disposition": 'attachment; filename="incident.tar.gz"'})

    app = web.Application()
    for path in ("/", "/boot.js", "/look.css"):
        app.router.add_get(path, text)
    app.router.add_get("/state", now)
    app.router.add_get("/api/v1/episodes/{id}", story)
    app.router.add_get("/api/v1/episodes/{id}/bundle", bundle)
    app.router.add_static("/static", MODULES)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    frame.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    try:
        yield frame
    finally:
        await runner.cleanup()


@asynccontextmanager
async def chromium() -> AsyncIterator[Any]:
    """The browser, or a skip that says what is absent."""
    playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed")
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        try:
            yield browser
        finally:
            await browser.close()
