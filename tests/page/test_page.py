"""The page of a real daemon in a real Chromium: it follows a breach, loads nothing from elsewhere, and says when it is
old."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from stressd.runtime.daemon import Daemon
from tests.runtime.desk import Desk, desk_in, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_in(tmp_path) as made:
        made.warm()
        yield made


class Seen:
    """An open page. wrong: what its console and its scripts complained of; asked: where it asked for something."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.wrong: list[str] = []
        self.asked: set[str] = set()
        page.on("console", lambda said: self.wrong.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("request", lambda request: self.asked.add(urlsplit(request.url).netloc))


@asynccontextmanager
async def opened(browser: Any, url: str, *, ready: bool = True, **context: Any) -> AsyncIterator[Seen]:
    made = await browser.new_context(**context)
    try:
        seen = Seen(await made.new_page())
        await seen.page.goto(url)
        if ready:
            await seen.page.wait_for_selector("html[data-ready]", state="attached")
        yield seen
    finally:
        await made.close()


def address(daemon: Daemon) -> str:
    return f"http://127.0.0.1:{daemon.server.port}/"


async def test_it_follows_a_breach_and_its_drawer_explains_it(desk: Desk, browser: Any) -> None:
    async with desk.running() as daemon, opened(browser, address(daemon)) as seen:
        page = seen.page
        assert await page.get_by_text("No episode is open").is_visible()
        await desk.breach()
        row = page.locator("#episodes button.episode[data-severity='critical']")
        await row.get_by_text("JP 30Y +").wait_for()
        assert (await row.inner_text()).count("JP 30Y +") == 1
        cell = page.locator("#heat td[data-breach] button")
        assert "JP 30Y" in await cell.get_attribute("aria-label")
        assert "in a breach" in await cell.get_attribute("aria-label")
        await row.press("Enter")
        drawer = page.get_by_role("dialog")
        await drawer.get_by_text("JP 30Y").first.wait_for()
        assert "JP 30Y" in await drawer.inner_text()
        await page.keyboard.press("Escape")
        await drawer.wait_for(state="hidden")
        assert await row.evaluate("(each) => document.activeElement === each")
        assert await page.locator("#verdict strong").inner_text() != "OLD"
        assert seen.asked == {urlsplit(address(daemon)).netloc}
        assert seen.wrong == []


async def test_the_arrow_keys_go_from_cell_to_cell(desk: Desk, browser: Any) -> None:
    async with desk.running() as daemon, opened(browser, address(daemon)) as seen:
        cells = seen.page.locator("#heat td button")
        await cells.first.focus()
        await seen.page.keyboard.press("ArrowRight")
        assert await cells.nth(1).evaluate("(each) => document.activeElement === each")
        await seen.page.keyboard.press("Enter")
        assert await cells.nth(1).get_attribute("aria-pressed") == "true"
        await seen.page.locator(".heat-detail", has_text="JP 30Y").wait_for()
        await seen.page.keyboard.press("ArrowDown")  # US has no 30Y: nothing there to go to
        assert await cells.nth(1).evaluate("(each) => document.activeElement === each")


async def test_a_daemon_that_is_gone_makes_it_old_and_it_comes_back_by_itself(desk: Desk, browser: Any) -> None:
    async with desk.running() as daemon:
        port = daemon.server.port
        desk.write(change=lambda text: text.replace("listen: 127.0.0.1:0", f"listen: 127.0.0.1:{port}"))
        made = await browser.new_context()
        seen = Seen(await made.new_page())
        await seen.page.goto(address(daemon))
        await seen.page.wait_for_selector("html[data-ready]", state="attached")
    await seen.page.wait_for_selector("html[data-stale]", state="attached")
    assert (await seen.page.locator("#verdict strong").inner_text()).lower() == "old"
    assert "no connection to stressd" in await seen.page.locator("#verdict").inner_text()
    async with desk.running():
        await seen.page.wait_for_selector("html:not([data-stale])", state="attached")
    await made.close()


async def test_without_scripts_it_reads_all_the_same(desk: Desk, browser: Any) -> None:
    async with desk.running() as daemon:
        await desk.breach()
        await until(daemon.pump.pipeline.episodes.open_episodes)
        await until(lambda: daemon.store.commits > 0)
        async with opened(browser, address(daemon), ready=False, java_script_enabled=False) as seen:
            said = await seen.page.inner_text("body")
        assert "Scripts are off" in said
        assert "JP 30Y +" in said
        assert "hook" in said


async def test_with_a_token_it_opens_and_without_one_it_shows_nothing(
    desk: Desk, browser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARIA", "maria-token-0123456789")
    tokens = "page: {read: token}\ntokens:\n  - {name: maria, token: {env: MARIA}, may: [ack]}\nmarkets:"
    desk.write(change=lambda text: text.replace("markets:", tokens, 1))
    async with desk.running() as daemon, opened(browser, address(daemon), ready=False) as seen:
        page = seen.page
        field = page.get_by_role("textbox", name="Token")
        await field.wait_for()
        assert "JP" not in await page.inner_text("body")
        await field.fill("wrong-token-0123456789")
        await page.get_by_role("button", name="Use it").click()
        await page.get_by_text("Not taken").wait_for()
        await field.fill("maria-token-0123456789")
        await page.get_by_role("button", name="Use it").click()
        await page.wait_for_selector("html[data-ready]", state="attached")
        await page.get_by_text("Signed in as maria").wait_for()
        await page.locator("#heat td button").first.wait_for()


@pytest.mark.parametrize("width", [400, 1280, 2560])
async def test_nothing_is_wider_than_the_screen(desk: Desk, browser: Any, width: int) -> None:
    async with desk.running() as daemon:
        await desk.breach()
        await until(daemon.pump.pipeline.episodes.open_episodes)
        async with opened(browser, address(daemon), viewport={"width": width, "height": 900}) as seen:
            await asyncio.sleep(0.3)
            assert await seen.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


async def test_a_market_leads_to_the_summary_of_its_last_day(
    desk: Desk, browser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stressd.alerts.days.Days.last", lambda days: {"JP": "2026-01-19"})
    async with desk.running() as daemon, opened(browser, address(daemon)) as seen:
        link = seen.page.get_by_role("link", name="Summary of 2026-01-19")
        await link.wait_for()
        assert await link.get_attribute("href") == "api/v1/days/JP-2026-01-19/report.html"
        assert await seen.page.locator(".clock-day:not([hidden])").count() == 1
        async with seen.page.expect_popup() as opening:
            await link.click()
        report = await opening.value
        assert "there is no summary `JP-2026-01-19`" in await report.inner_text("body")
        seen.wrong.clear()
