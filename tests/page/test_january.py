"""The page on 20 January 2026, replayed through the whole daemon, in a real Chromium: what it shows is what is so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.page.january import KILLED, NEW_YORK_MORNING, TOKYO_AFTERNOON, TOKYO_MORNING, January, january

pytestmark = pytest.mark.asyncio(loop_scope="module")

CELLS = """() => Object.fromEntries([...document.querySelectorAll("#heat td button")].map((b) => [b.dataset.series, {
  change: b.children[0].textContent, size: b.children[1].textContent, state: b.closest("td").dataset.state,
  breach: "breach" in b.closest("td").dataset, label: b.getAttribute("aria-label"),
  hatched: getComputedStyle(b.closest("td")).backgroundImage.includes("repeating-linear-gradient"),
  way: b.closest("td").dataset.way ?? null}]))"""
ROWS = """(id) => Object.fromEntries([...document.querySelectorAll(`#${id} tbody tr`)].map((row) =>
  [row.querySelector("th .figure").textContent, [...row.querySelectorAll("td")].map((td) => td.textContent)]))"""
CLOCKS = """() => Object.fromEntries([...document.querySelectorAll("#clocks li")].map((li) =>
  [li.querySelector("strong").textContent, [...li.querySelectorAll("span")].map((s) => s.textContent)]))"""
EPISODES = """() => [...document.querySelectorAll("button.episode")].map((b) => ({id: b.dataset.episode,
  severity: b.dataset.severity, over: "over" in b.dataset, headline: b.querySelector(".headline").textContent,
  badge: b.querySelector(".badge").textContent, facts: b.querySelector(".facts").textContent}))"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def replayed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[January]:
    # the fixture's end must be in the task of its beginning, which its task group's is not
    there: asyncio.Future[January] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()

    async def run() -> None:
        async with january(tmp_path_factory.mktemp("january")) as made:
            there.set_result(made)
            await over.wait()

    running = asyncio.create_task(run())
    await asyncio.wait((there, running), return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        running.result()
    yield there.result()
    over.set()
    await running


@dataclass
class Shown:
    """An open page. wrong: what its console complained of."""

    page: Any
    wrong: list[str]

    async def after(self, state: dict[str, Any]) -> None:
        """Once it shows this state's time."""
        await self.page.locator("#now", has_text=state["time"][11:19]).wait_for()


@asynccontextmanager
async def opened(browser: Any, url: str, **context: Any) -> AsyncIterator[Shown]:
    made = await browser.new_context(**context)
    try:
        shown = Shown(await made.new_page(), [])
        shown.page.on("console", lambda said: shown.wrong.append(said.text) if said.type == "error" else None)
        shown.page.on("pageerror", lambda error: shown.wrong.append(str(error)))
        await shown.page.goto(url)
        await shown.page.wait_for_selector("html[data-ready]", state="attached")
        yield shown
    finally:
        await made.close()


def signed(value: float | None, digits: int = 1) -> str:
    if value is None:
        return "?"
    text = f"{value:.{digits}f}"
    return f"{0.0:.{digits}f}" if float(text) == 0.0 else f"+{text}" if value > 0 else text


async def every_figure_is_that_of_the_state(page: Any, state: dict[str, Any]) -> dict[str, Any]:
    """The cells, once each of them, the stress index, the clocks and the episodes say what the state does."""
    cells: dict[str, Any] = await page.evaluate(CELLS)
    assert set(cells) == set(state["series"])
    for name, each in state["series"].items():
        cell = cells[name]
        change, sigma = each.get("change_bp"), each.get("sigma")
        # a figure on the edge of two may be rounded either way
        near = 0.051
        assert cell["state"] == each["state"]
        assert abs(float(cell["change"]) - change) <= near if change is not None else cell["change"] == "?"
        if each["state"] in ("live", "closed"):
            assert abs(float(cell["size"].rstrip("σ")) - sigma) <= near if sigma is not None else cell["size"] == "?σ"
        if change is not None and abs(change) >= 0.1:
            assert cell["change"][0] == ("+" if change > 0 else "-")
        assert cell["way"] == (None if not sigma else "up" if sigma > 0 else "down")
        assert cell["breach"] == each["breach"]
        assert cell["hatched"] == (each["state"] == "closed")
    assert float(await page.inner_text(".index-value")) == pytest.approx(state["stress"]["value"], abs=0.0051)
    clocks = await page.evaluate(CLOCKS)
    assert set(clocks) == set(state["markets"])
    for name, market in state["markets"].items():
        assert market["phase"] in clocks[name][1]
        assert market["next"] in clocks[name][2]
    shown = {each["id"]: each for each in await page.evaluate(EPISODES)}
    assert set(shown) == set(state["episodes"])
    for name, episode in state["episodes"].items():
        assert shown[name]["headline"] == episode["headline"]
        assert shown[name]["severity"] == episode["severity"]
        assert shown[name]["over"] == ("closed" in episode)
    rows = await page.evaluate(ROWS, "feeds")
    assert set(rows) == set(state["feeds"])
    for name, feed in state["feeds"].items():
        assert feed["state"] in rows[name][0]
    return cells


async def test_the_morning_in_tokyo(replayed: January, browser: Any) -> None:
    state = await replayed.stand(TOKYO_MORNING)
    async with opened(browser, replayed.url, viewport={"width": 1280, "height": 900}) as shown:
        page = shown.page
        await shown.after(state)
        cells = await every_figure_is_that_of_the_state(page, state)
        clocks = await page.evaluate(CLOCKS)
        assert clocks["JP"] == ["09:30 Tokyo", "● open", "closes 20 Jan 18:30 Tokyo, in 9 h"]
        assert clocks["US"][0] == "19:30 New York"
        assert clocks["US"][1].startswith("○ closed")
        assert clocks["US"][2] == "opens 20 Jan 07:00 New York, in 11 h 30 min"
        # what of Tokyo's began the day before is still open, and New York's holiday is the reason of its silence
        [first, *_] = await page.evaluate(EPISODES)
        assert (first["severity"], first["badge"], first["over"]) == ("critical", "critical ▲", False)
        assert first["headline"].startswith("JP 30Y +")
        assert cells["JP.GOV.30Y"]["breach"]
        assert cells["US.GOV.10Y"]["hatched"]
        # no history of Bunds: what a move is worth is not known, and not nought
        assert cells["DE.GOV.10Y"]["size"] == "warming up"
        assert "sigma not known" in cells["DE.GOV.10Y"]["label"]
        assert cells["UK.GOV.10Y"]["size"] == "?σ"
        replay = await page.inner_text(".replay")
        assert "not live" in replay.lower()
        assert "20 Jan 2026 00:30:00 UTC" in replay
        assert await page.title() != "stressd demo"
        assert shown.wrong == []


async def test_the_afternoon_in_tokyo_and_the_drawer_that_the_way_to_the_episodes_leaves_open(
    replayed: January, browser: Any
) -> None:
    state = await replayed.stand(TOKYO_AFTERNOON)
    async with opened(browser, replayed.url, viewport={"width": 1280, "height": 900}) as shown:
        page = shown.page
        await shown.after(state)
        cells = await every_figure_is_that_of_the_state(page, state)
        # what was published of that day: 30Y +20.3, 40Y +18.0, each to within its bounce
        assert float(cells["JP.GOV.30Y"]["change"]) == pytest.approx(20.3, abs=0.5)
        assert float(cells["JP.GOV.40Y"]["change"]) == pytest.approx(18.0, abs=0.5)
        assert float(cells["JP.GOV.30Y"]["size"].rstrip("σ")) > 5.0
        assert float(cells["JP.GOV.2Y"]["change"]) < 0.0
        assert cells["JP.GOV.2Y"]["way"] == "down"
        assert "in a breach" in cells["JP.GOV.40Y"]["label"]
        # New York slept through all of it: the link is dotted, in the picture and in words
        assert await page.locator("#graph .edge.lost").count() >= 1
        said = await page.inner_text("#graph .links")
        assert "US could not respond (JP)" in said
        assert "Martin Luther King" in said
        assert (await page.inner_text("#strip .strip-head")).startswith("JP 30Y 3.76")
        await page.locator("#strip .chart-told", has_text="crossed").wait_for()
        told = await page.inner_text("#strip .chart-told")
        assert "Tokyo time" in told
        assert "critical" in told
        row = page.locator("button.episode").first
        await row.click()
        drawer = page.get_by_role("dialog")
        await drawer.get_by_text("At a glance").wait_for()
        assert "nobody has acknowledged it" in await drawer.inner_text()
        await page.locator(".skip").focus()
        await page.keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.id") == "episodes"
        assert await drawer.is_visible()
        assert shown.wrong == []


async def test_the_morning_in_new_york_with_a_feed_killed(replayed: January, browser: Any) -> None:
    state = await replayed.stand(NEW_YORK_MORNING)
    async with opened(browser, replayed.url, viewport={"width": 1280, "height": 900}) as shown:
        page = shown.page
        await shown.after(state)
        cells = await every_figure_is_that_of_the_state(page, state)
        clocks = await page.evaluate(CLOCKS)
        assert (clocks["US"][0], clocks["US"][1]) == ("09:30 New York", "● open")
        assert clocks["JP"][1].startswith("○ closed")
        assert cells["JP.GOV.30Y"]["hatched"]
        assert 4.0 < float(cells["US.GOV.10Y"]["change"]) < 9.0
        assert 1.0 < float(cells["US.GOV.10Y"]["size"].rstrip("σ")) < 3.0
        # a day later by the calendar, and with its open: who followed, and after how long
        edge = state["graph"]["edges"]["JP>US"]
        assert edge["wording"] in ("followed", "co-moved", "spilled over")
        assert edge["lag_s"] > 6 * 3600.0 > edge["open_lag_s"]
        link = page.locator("#graph [data-edge='JP>US']")
        said = await link.get_attribute("aria-label")
        claims = {"followed": "US followed JP", "co-moved": "US moved", "spilled over": "JP spilled"}
        assert said.startswith(claims[edge["wording"]])
        assert "by the clock" in said
        assert await link.locator("text.lag").text_content() != ""
        line = link.locator("path.edge")
        assert float(await line.get_attribute("stroke-opacity")) == pytest.approx(1.0 - edge["p"], abs=0.01)
        assert float(await line.get_attribute("stroke-width")) == pytest.approx(1.0 + 8.0 * edge["beta"], abs=0.01)
        [first, *_] = await page.evaluate(EPISODES)
        assert "followed" in first["headline"] or "followed" in first["facts"]
        # of the feed that was killed two hours ago: grey, and said; the rest goes on
        for name, cell in cells.items():
            assert (cell["state"] == "stale") == (name[:2] == "UK")
        rows = await page.evaluate(ROWS, "feeds")
        assert list(rows)[0] == KILLED
        assert rows[KILLED][0].startswith("✕ ")
        assert rows[KILLED][2] == "2 h ago"
        assert rows[KILLED][4] == "< .001"
        assert rows["new-york"][0] == "● live"
        assert float(rows["new-york"][4]) > 0.01
        assert rows["tokyo"][4] == "–"
        assert "3 of 4" in await page.inner_text("#stress")
        assert (await page.inner_text("#verdict strong")).lower() == "degraded"
        assert KILLED in await page.inner_text("#verdict")
        assert not any("ticks again" in each["headline"] for each in await page.evaluate(EPISODES))
        assert shown.wrong == []


MOVING = """() => [...document.querySelectorAll("*")].map((each) => getComputedStyle(each)).filter((style) =>
  style.animationName !== "none" || style.transitionDuration.split(",").some((time) => parseFloat(time) > 0)).length"""
SHOWN_WHOLE = """() => [...document.querySelectorAll("main h2, main button, main td, main dd, main li, .verdict")]
  .filter((e) => e.checkVisibility() && !e.closest(".heat-wide, .health-wide, .visually-hidden, details"))
  .filter((e) => { const r = e.getBoundingClientRect(); return r.width > 0 && (r.left < -1 || r.right > innerWidth + 1
    || (getComputedStyle(e).overflowX === "hidden" && e.scrollWidth > e.clientWidth + 1)); })
  .map((e) => e.textContent.slice(0, 60))"""


@pytest.mark.parametrize(("width", "percent"), [(400, 100), (400, 200), (1280, 200), (2560, 100)])
async def test_nothing_is_cut_off_on_a_phone_and_with_larger_type(
    replayed: January, browser: Any, width: int, percent: int
) -> None:
    await replayed.stand(NEW_YORK_MORNING)
    async with opened(browser, replayed.url, viewport={"width": width, "height": 900}) as shown:
        page = shown.page
        await page.evaluate("(size) => { document.documentElement.style.fontSize = size; }", f"{percent}%")
        await page.locator("button.episode").first.click()
        await page.get_by_role("dialog").get_by_text("At a glance").wait_for()
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        drawer = page.get_by_role("dialog")
        assert await drawer.evaluate("(each) => each.scrollWidth - each.clientWidth") <= 0
        assert await page.evaluate(SHOWN_WHOLE) == []


async def test_nothing_moves_for_whoever_asked_for_less_motion(replayed: January, browser: Any) -> None:
    await replayed.stand(NEW_YORK_MORNING)
    async with opened(browser, replayed.url, reduced_motion="reduce") as shown:
        page = shown.page
        await page.locator("button.episode").first.click()
        await page.get_by_role("dialog").get_by_text("At a glance").wait_for()
        assert await page.evaluate(MOVING) == 0
        assert await page.evaluate("document.getAnimations().length") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_word_stands_out_from_what_is_behind_it(replayed: January, browser: Any, scheme: str) -> None:
    """WCAG 2.2 AA: 4.5 to 1 for text; a cell's own tint counts, its hatching does not."""
    await replayed.stand(NEW_YORK_MORNING)
    async with opened(browser, replayed.url, color_scheme=scheme, viewport={"width": 1280, "height": 900}) as shown:
        await shown.page.locator("button.episode").first.click()
        await shown.page.get_by_role("dialog").get_by_text("At a glance").wait_for()
        assert await shown.page.evaluate(Path(__file__).with_name("contrast.js").read_text()) == []
