"""Everything that people do on the page, in a real Chromium on the real API: with a token, without one, with one that
may not; and a replay that says that it is one."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from stressd.alerts.people.commands import Acknowledge, AddSilence, EndSilence, Label
from stressd.web.app import make_app
from stressd.web.serve import SOCKET_NAME, Server
from tests.page.frame import LOOK, MODULES, POLICY, state
from tests.web.behind import OPEN, Behind
from tests.web.test_app import Told

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOSTILE = '<img src=x onerror="window.owned=1">'
BOOT = """
import { makeStore } from "/modules/state.js";
import { mount as deeds, needToken } from "/modules/deeds.js";
import { mount as replay } from "/modules/replay.js";
const store = makeStore();
store.replace(await (await fetch("/state")).json());
window.change = (section, value) => store.replace({ ...store.state, [section]: value });
window.show = (episode) => document.dispatchEvent(new CustomEvent("drawer:shown",
  {detail: {episode, story: {acknowledged: null}, element: document.getElementById("tools")}}));
window.needToken = needToken;
replay(document.getElementById("top"), store);
deeds(document.getElementById("who"), store);
document.body.dataset.ready = "";
"""
HTML = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>stressd</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="/modules/icon.svg">
<link rel="stylesheet" href="/look.css"><link rel="stylesheet" href="/modules/deeds.css">
<link rel="stylesheet" href="/modules/replay.css"><script type="module" src="/boot.js"></script></head><body>
<div id="top"></div><header><div id="who"></div></header><main><section id="sinks"><h2>Deliveries</h2></section>
<section><h2>Drawer</h2><div id="tools" class="drawer-deeds"></div></section></main></body></html>"""
EPISODE = {
    "id": OPEN.id, "kind": "market", "market": "JP", "rule": "sigma-breach", "direction": "up", "state": "open",
    "headline": OPEN.headline,
}  # fmt: skip


@dataclass
class Desk:
    """An open page, what stands behind it, and where it is. wrong: errors of its scripts."""

    page: Any
    behind: Behind
    url: str
    state: dict[str, Any]
    wrong: list[str]

    async def load(self, fragment: str = "") -> None:
        await self.page.goto("about:blank")
        await self.page.goto(self.url + fragment)
        await self.page.wait_for_selector("body[data-ready]")
        await self.page.wait_for_selector("html[data-deeds]", state="attached")

    async def sign_in(self, token: str = "grafana-token") -> None:
        await self.load(f"#token={token}")
        await self.page.get_by_text("Signed in as").wait_for()

    async def show(self) -> None:
        await self.page.evaluate("episode => window.show(episode)", EPISODE)

    async def said(self, form: str) -> str:
        """What came of it."""
        over = f"form[aria-label^='{form}']:not([data-outcome=''])[data-outcome] .deed-said"
        return str(await self.page.locator(over).inner_text())


@pytest_asyncio.fixture(loop_scope="module")
async def desk(browser: Any, tmp_path: Path) -> AsyncIterator[Desk]:
    behind, now = Behind(), state()
    now |= {
        "origin": "live", "replay": None, "series": {"JP.GOV.30Y": {"order": 1, "years": 30}},
        "silences": {"s1": {"id": "s1", "state": "on", "match": f"market JP {HOSTILE}", "from": "2026-01-20T08:00:00Z",
                            "until": "2026-01-20T10:00:00Z", "author": "maria", "reason": HOSTILE,
                            "break_through": "critical", "withheld": 3}},
        "sinks": {"hook": now["sinks"]["desk-slack"]},
    }  # fmt: skip
    app = make_app(Told(), behind)

    async def text(request: web.Request) -> web.Response:
        kinds = {"/frame": (HTML, "text/html"), "/boot.js": (BOOT, "text/javascript"), "/look.css": (LOOK, "text/css")}
        said, kind = kinds[request.path]
        return web.Response(text=said, content_type=kind, headers={"Content-Security-Policy": POLICY})

    async def whole(request: web.Request) -> web.Response:
        return web.json_response(now)

    for path in ("/frame", "/boot.js", "/look.css"):
        app.router.add_get(path, text)
    app.router.add_static("/modules", MODULES)
    app.router.add_get("/state", whole)
    server = Server(app)
    await server.start(tmp_path / SOCKET_NAME)
    await server.listen("127.0.0.1", 0)
    page = await browser.new_page(viewport={"width": 1280, "height": 900})
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if "Content Security" in said.text else None)
    yield Desk(page, behind, f"http://127.0.0.1:{server.port}/frame", now, wrong)
    assert await page.evaluate("window.owned") is None
    await page.close()
    await server.stop()
    assert wrong == []


async def test_without_a_token_everything_is_to_be_read_and_nothing_to_be_done(desk: Desk) -> None:
    await desk.load()
    assert "Read-only" in await desk.page.locator(".deeds").inner_text()
    await desk.show()
    assert "Read-only: to acknowledge, silence or label takes a token" in await desk.page.inner_text("#tools")
    assert await desk.page.locator("#tools form").count() == 0
    assert not await desk.page.locator(".deeds-test").is_visible()
    assert await desk.page.get_by_role("button", name="Drill…").count() == 0
    await desk.page.get_by_role("button", name="1 silenced").click()
    row = desk.page.locator(".silences li")
    assert f"by maria: {HOSTILE}; 3 withheld" in await row.inner_text()
    assert await row.get_by_role("button").is_disabled()
    assert await desk.page.get_by_role("button", name="Silence", exact=True).is_disabled()
    assert desk.behind.given == []


async def test_a_token_is_typed_refused_where_it_is_wrong_and_kept_for_the_tab_alone(desk: Desk, browser: Any) -> None:
    await desk.load()
    await desk.page.get_by_role("button", name="Enter token").click()
    await desk.page.get_by_label("Token", exact=True).fill("wrong")
    await desk.page.keyboard.press("Enter")
    await desk.page.get_by_text("Not taken: this token is not valid").wait_for()
    await desk.page.get_by_label("Token", exact=True).fill("grafana-token")
    await desk.page.keyboard.press("Enter")
    await desk.page.get_by_text("Signed in as grafana").wait_for()
    await desk.page.reload()
    await desk.page.get_by_text("Signed in as grafana").wait_for()
    assert "grafana-token" not in await desk.page.evaluate("document.cookie + JSON.stringify({...localStorage})")
    other = await browser.new_page()
    await other.goto(desk.url)
    await other.get_by_text("Read-only").wait_for()
    await other.close()
    await desk.page.get_by_role("button", name="Sign out").click()
    await desk.page.get_by_text("Read-only", exact=True).wait_for()
    await desk.page.reload()
    await desk.page.get_by_text("Read-only", exact=True).wait_for()


async def test_a_token_in_the_address_is_taken_out_of_it(desk: Desk) -> None:
    await desk.sign_in()
    assert await desk.page.evaluate("location.href") == desk.url
    assert await desk.page.evaluate("history.length") <= 3


async def test_reading_that_takes_a_token_goes_on_once_there_is_one(desk: Desk) -> None:
    await desk.load()
    read = "fetch('/api/v1/silences').then((answer) => answer.status)"
    assert await desk.page.evaluate(read) == 401
    await desk.page.evaluate("window.needToken().then(() => { document.body.dataset.again = ''; }); undefined")
    await desk.page.get_by_label("Token", exact=True).fill("reader-token")
    await desk.page.get_by_role("button", name="Use it").click()
    await desk.page.wait_for_selector("body[data-again]")
    assert await desk.page.evaluate(read) == 200


async def test_an_episode_is_acknowledged_silenced_and_labelled_in_the_drawer(desk: Desk) -> None:
    await desk.sign_in()
    await desk.show()
    page, form = desk.page, "form[aria-label^='{}']"
    await page.locator(form.format("Acknowledge")).get_by_label("Note").fill("on it")
    await page.get_by_role("button", name="Acknowledge", exact=True).click()
    assert "Acknowledge by grafana" in await desk.said("Acknowledge")
    await page.get_by_text("Silence what is like it").click()
    silence = page.locator("#tools form[aria-label='Silence']")
    await silence.get_by_role("button").click()
    assert len(desk.behind.given) == 1
    await silence.get_by_label("Reason").fill("BoJ operation")
    await silence.get_by_label("For").select_option("8h")
    await silence.get_by_role("button").click()
    assert (await desk.said("Silence")).startswith("Silenced until 20 Jan 2026 17:12:00 UTC")
    label = page.locator(form.format("Label"))
    await label.get_by_label("This alert was").select_option("bad data")
    await label.get_by_role("button").click()
    assert "label kept: bad data" in await desk.said("Label")
    ack, quiet, kept = desk.behind.given
    assert isinstance(ack, Acknowledge)
    assert (ack.author, ack.note, ack.for_ns) == ("grafana", "on it", 1_800 * 10**9)
    assert isinstance(quiet, AddSilence)
    assert (quiet.match.markets, quiet.match.rules, quiet.match.directions) == (("JP",), ("sigma-breach",), ("up",))
    assert (quiet.reason, quiet.break_through) == ("BoJ operation", "critical")
    assert isinstance(kept, Label)


async def test_what_is_refused_says_why_and_a_token_that_went_makes_the_page_read_only(desk: Desk) -> None:
    await desk.sign_in()
    await desk.show()
    desk.behind.refuse = f"it is over {HOSTILE}"
    await desk.page.get_by_role("button", name="Acknowledge", exact=True).click()
    assert await desk.said("Acknowledge") == f"Not done: it is over {HOSTILE}."
    desk.behind.revoked.add("grafana-token")
    await desk.page.get_by_role("button", name="Acknowledge", exact=True).click()
    await desk.page.get_by_text("Read-only", exact=True).wait_for()
    assert await desk.page.locator("#tools form").count() == 0


async def test_a_token_that_may_only_read_changes_nothing(desk: Desk) -> None:
    await desk.sign_in("reader-token")
    await desk.show()
    for button in await desk.page.locator("#tools button").all():
        assert await button.is_disabled()
        assert "takes a token with the right" in str(await button.get_attribute("title"))
    assert not await desk.page.locator(".deeds-test").is_visible()
    assert not await desk.page.get_by_role("button", name="Drill…").is_visible()


async def test_a_silence_is_made_for_a_market_and_ended(desk: Desk) -> None:
    await desk.sign_in()
    page = desk.page
    await page.get_by_role("button", name="1 silenced").click()
    await page.locator(".silences li").get_by_role("button").click()
    await page.get_by_text("EndSilence by grafana").wait_for()
    form = page.locator("#silences form")
    await form.get_by_label("Market").select_option("US")
    await form.get_by_label("Reason").fill("payrolls")
    await page.keyboard.press("Enter")
    await page.get_by_text("Silenced until").wait_for()
    ended, made = desk.behind.given
    assert isinstance(ended, EndSilence)
    assert isinstance(made, AddSilence)
    assert (made.match.markets, made.match.kinds) == (("US",), ("market",))
    await page.evaluate("window.change('silences', {})")
    assert await page.get_by_text("Nothing is silenced.").is_visible()
    await page.keyboard.press("Escape")
    assert await page.get_by_role("button", name="Silences", exact=True).is_visible()


async def test_a_test_is_sent_and_a_drill_begun(desk: Desk) -> None:
    await desk.sign_in()
    page = desk.page
    await page.get_by_role("button", name="Send a test").click()
    assert (await desk.said("Send a test")).startswith("hook took it")
    await page.get_by_role("button", name="Drill…").click()
    assert "Everybody whom they name gets real messages" in await page.inner_text("#drill")
    await page.get_by_label("The series that moves").select_option("JP.GOV.30Y")
    await page.get_by_role("button", name="Begin the drill").click()
    await page.get_by_text("Last drill: done").wait_for()
    assert "dead" in await page.inner_text(".drill-rows")
    assert [(what, about) for what, about, _ in desk.behind.tried] == [("test", "hook"), ("drill", "JP.GOV.30Y")]


async def test_a_replay_says_that_it_is_one_and_is_steered_by_whoever_has_its_token(desk: Desk) -> None:
    played = {
        "file": f"day.csv.gz {HOSTILE}", "speed": 60.0, "paused": False, "from": "2026-01-20T00:00:00Z",
        "to": "2026-01-20T12:00:00Z", "at": "2026-01-20T05:31:07Z", "over": False,
    }  # fmt: skip
    await desk.load()
    page = desk.page
    assert not await page.locator(".replay").is_visible()
    await page.evaluate("played => { change('origin', 'replay'); change('replay', played); }", played)
    line = await page.inner_text(".replay-line")
    assert "REPLAY: THIS IS NOT LIVE" in line
    assert f"day.csv.gz {HOSTILE} · 20 Jan 2026 05:31:07 UTC · 60 times real time" in line
    assert await page.title() == "REPLAY · stressd"
    assert "icon-replay.svg" in str(await page.locator("link[rel=icon]").get_attribute("href"))
    assert not await page.locator(".replay-controls").is_visible()
    await desk.sign_in()
    await page.evaluate("played => { change('origin', 'replay'); change('replay', played); }", played)
    for name in ("Pause", "Slower", "Faster", "+1 h"):
        async with page.expect_response("**/api/v1/replay") as answered:
            await page.get_by_role("button", name=name, exact=True).click()
        assert (await answered.value).status == 200
    async with page.expect_response("**/api/v1/replay"):
        await page.get_by_label("On to, UTC").fill("2026-01-20T06:30")
        await page.get_by_role("button", name="Go", exact=True).click()
    asked = [json.loads(about) for what, about, _ in desk.behind.tried]
    at = 1_768_887_067_000_000_000
    assert asked == [
        [True, None, None], [None, 30.0, None], [None, 120.0, None], [None, None, at + 3_600 * 10**9],
        [None, None, 1_768_890_600_000_000_000],
    ]  # fmt: skip
    await page.evaluate("played => change('replay', {...played, over: true})", played)
    assert await page.get_by_role("button", name="Pause").is_disabled()
    await page.evaluate("() => { change('replay', null); change('origin', 'live'); }")
    assert await page.title() == "stressd"
    assert not await page.locator(".replay").is_visible()
