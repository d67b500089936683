"""The list of episodes and the drawer that explains one, in a real Chromium on a story that the real builder made."""

from __future__ import annotations

from collections.abc import AsyncIterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from stressd.alerts.canned import EPISODE
from tests.page.frame import Frame, kept, lived, served

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOSTILE = '<img src=x onerror="window.owned=1"><script>window.owned=1</script>'


@dataclass
class Desk:
    """A page that is open, and what stands behind it. wrong: errors of its scripts."""

    page: Any
    frame: Frame
    wrong: list[str]

    async def load(self, fragment: str = "") -> None:
        await self.page.goto("about:blank")
        await self.page.goto(self.frame.url + fragment)
        await self.page.wait_for_selector("body[data-ready]")

    async def open(self) -> None:
        await self.load(f"#{EPISODE}")
        await self.page.wait_for_selector(".drawer-glance")

    async def focused(self) -> str:
        return str(
            await self.page.evaluate("document.activeElement.id || document.activeElement.dataset.episode || ''")
        )


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return kept(tmp_path_factory.mktemp("store"), lived())


@pytest_asyncio.fixture(loop_scope="module")
async def desk(story: dict[str, Any], browser: Any) -> AsyncIterator[Desk]:
    async with served({EPISODE: deepcopy(story)}) as frame:
        page = await browser.new_page(viewport={"width": 1280, "height": 900})
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if "Content Security" in said.text else None)
        yield Desk(page, frame, wrong)
        await page.close()
        assert wrong == []


async def test_what_is_open_and_grave_stands_first_and_says_who_looks_after_it(desk: Desk) -> None:
    await desk.load()
    rows = await desk.page.locator("button.episode").all_inner_texts()
    assert [row.split("\n")[0] for row in rows] == ["CRITICAL ▲", "WARN ▲", "HIGH"]
    assert "open for 3 h 18 min" in rows[0]
    assert "peak 7.4σ" in rows[0]
    assert "US followed" in rows[0]
    assert "not acknowledged" in rows[0]
    assert "acknowledged by maria until 09:32:00 UTC" in rows[1]
    assert "over at 02:40:00 UTC after 38 min" in rows[2]


async def test_a_new_episode_is_read_aloud_once_and_the_focus_stays(desk: Desk) -> None:
    await desk.load()
    await desk.page.locator("button.episode").nth(1).focus()
    await desk.page.evaluate(
        """id => window.change("episodes", {...store.state.episodes, "DE-260120-zzzz": {...store.state.episodes[id],
           headline: "DE 10Y +9bp", severity: "high"}})""",
        EPISODE,
    )
    assert await desk.page.locator("#episodes [role=status]").inner_text() == "New: DE 10Y +9bp"
    assert await desk.focused() == "US-260120-b3kd"
    await desk.page.evaluate("window.change('time', '2026-01-20T09:50:00Z')")
    assert "open for 4 h 18 min" in await desk.page.locator("button.episode").first.inner_text()


async def test_by_keyboard_alone_an_episode_is_opened_and_left_and_the_focus_goes_back(desk: Desk) -> None:
    await desk.load()
    await desk.page.locator("button.episode").first.focus()
    await desk.page.keyboard.press("ArrowDown")
    assert await desk.focused() == "US-260120-b3kd"
    await desk.page.keyboard.press("Home")
    await desk.page.keyboard.press("Enter")
    await desk.page.wait_for_selector(".drawer-glance")
    assert await desk.focused() == "drawer-title"
    assert (await desk.page.evaluate("location.hash")) == f"#{EPISODE}"
    await desk.page.keyboard.press("Tab")
    await desk.page.keyboard.press("Escape")
    assert await desk.focused() == EPISODE
    assert (await desk.page.evaluate("location.hash")) == ""
    assert not await desk.page.locator("#drawer").is_visible()


async def test_a_link_in_a_message_opens_the_drawer_and_closing_it_leads_to_the_list(desk: Desk) -> None:
    await desk.open()
    await desk.page.keyboard.press("Escape")
    assert await desk.focused() == EPISODE


async def test_back_closes_the_drawer_and_forward_opens_it_again(desk: Desk) -> None:
    await desk.load()
    await desk.page.locator("button.episode").first.click()
    await desk.page.wait_for_selector(".drawer-glance")
    await desk.page.go_back()
    await desk.page.wait_for_selector("#drawer", state="hidden")
    await desk.page.go_forward()
    await desk.page.wait_for_selector(".drawer-glance")


async def test_a_fragment_that_is_a_place_in_the_page_opens_nothing(desk: Desk) -> None:
    await desk.load("#feeds")
    assert not await desk.page.locator("#drawer").is_visible()
    assert desk.frame.asked == []


async def test_the_drawer_tells_the_whole_story(desk: Desk) -> None:
    await desk.open()
    text = await desk.page.locator("#drawer").evaluate("each => each.textContent")
    for said in (
        "6.9σ of 2.36 bp, bar 6σ = 14.16 bp",
        "2 of 250 past sessions were beyond the bar; rank 1 of 250 moves in its direction",
        "fitted return period 1.6 years (0.9 to 3.9, 80 percent)",
        "(14:31 Tokyo)",
        "desk-slack: arrived 05:31:07 UTC, 212 ms after it was committed",
        "rates-mail: given up after 3 attempts: 550 no such user",
        "desk-slack 13 of 13 (median 212 ms, worst 212 ms)",
        "rates-mail 0 of 13, 13 given up",
        "6.9 times its sigma of 2.36 bp",
        "JP 30Y beyond +4σ: 8 times since 1999, US 10Y the same way in 6 (75 %), mean +1.2σ",
        "Followed (2)",
        "p = .06 among 750 comparable days",
        "Did not respond (1)",
        "Could not respond (1)",
        "could not respond: closed (overnight), opens 20 Jan 2026 08:00 UTC (20 Jan 08:00 London)",
        "not as it should be: last tick 0.8 s old from desk, backup agrees, futures says otherwise",
        "maria (cli) acknowledged: on it",
        "configuration sha256:9f2c1a2b3c4d",
        "Runbook: https://wiki.bank.example/rates-stress",
    ):
        assert said in text, said
    assert await desk.page.locator(".drawer-timeline ol > li").count() == len(lived())


async def test_pictures_and_parts_have_names_for_a_screen_reader(desk: Desk) -> None:
    await desk.open()
    dialog = desk.page.get_by_role("dialog")
    assert await dialog.count() == 1
    assert await desk.page.get_by_role("dialog", name="JP 30Y").count() == 1
    for name in ("JP.GOV.30Y from 08:30 Tokyo to 14:31 Tokyo", "Size of the move: 6.9σ"):
        assert await dialog.get_by_role("img", name=name).count() == 1
    for name in ("At a glance", "Timeline (13 updates)", "Who followed, who did not, who could not", "Messages"):
        assert await dialog.get_by_role("region", name=name, exact=True).count() == 1
    assert await dialog.get_by_role("button", name="Close (Escape)").count() == 1


async def test_what_changes_is_read_again_and_the_reader_keeps_the_place(desk: Desk) -> None:
    await desk.page.clock.install()
    await desk.open()
    await desk.page.locator("details[data-key=step-1] summary").click()
    await desk.page.evaluate("document.querySelector('#drawer').scrollTop = 300")
    before = len(desk.frame.asked)
    desk.frame.stories[EPISODE]["episode"]["headline"] = "now quite another one"
    await desk.page.evaluate(
        """id => window.change("episodes",
           {...store.state.episodes, [id]: {...store.state.episodes[id], peak_sigma: 9}})""",
        EPISODE,
    )
    await desk.page.clock.run_for(1_000)
    await desk.page.locator("#drawer-title", has_text="now quite").wait_for()
    assert len(desk.frame.asked) == before + 1
    assert await desk.page.locator("details[data-key=step-1]").get_attribute("open") is not None
    assert await desk.page.evaluate("document.querySelector('#drawer').scrollTop") == 300
    assert await desk.page.evaluate("document.activeElement.parentElement.dataset.key") == "step-1"


async def test_what_cannot_be_read_is_said_and_tried_again(desk: Desk) -> None:
    desk.frame.status = 503
    await desk.page.clock.install()
    await desk.load(f"#{EPISODE}")
    status = desk.page.locator(".drawer-status")
    await desk.page.locator(".drawer-status", has_text="cannot be read").wait_for()
    assert await status.inner_text() == f"{EPISODE}: the store cannot be read."
    desk.frame.status = 200
    await desk.page.clock.run_for(3_000)
    await desk.page.wait_for_selector(".drawer-glance")
    await desk.load("#XX-260120-zzzz")
    await desk.page.locator(".drawer-status", has_text="no episode").wait_for()


async def test_markup_from_outside_is_text_everywhere_and_a_script_address_is_no_link(
    desk: Desk, tmp_path: Path
) -> None:
    first = lived()[0]
    followers = [msgspec.structs.replace(each, reason=HOSTILE, market=HOSTILE) for each in first.followers]
    event = msgspec.structs.replace(
        first, headline=HOSTILE, note=HOSTILE, rule=HOSTILE, instance=HOSTILE, followers=followers,
        runbook="javascript:window.owned=1",
    )  # fmt: skip
    (tmp_path / "hostile").mkdir()
    desk.frame.stories[EPISODE] = kept(tmp_path / "hostile", [event])
    for part in ("episodes", "feeds", "sinks", "markets"):
        desk.frame.state[part][HOSTILE] = next(iter(desk.frame.state[part].values())) | {
            "headline": HOSTILE, "reason": HOSTILE, "last_error": HOSTILE, "name": HOSTILE,
        }  # fmt: skip
    desk.frame.state["graph"]["edges"]["x"] = desk.frame.state["graph"]["edges"]["JP>US"] | {"to": HOSTILE}
    await desk.open()
    assert HOSTILE in await desk.page.locator("#drawer-title").inner_text()
    assert await desk.page.evaluate("window.owned") is None
    assert await desk.page.locator("img, main script, a[href^=javascript]").count() == 0


async def test_on_paper_the_drawer_is_the_page_with_its_numbers_unfolded(desk: Desk) -> None:
    await desk.open()
    await desk.page.emulate_media(media="print")
    await desk.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert not await desk.page.locator("main").is_visible()
    assert not await desk.page.locator(".drawer-buttons").is_visible()
    assert await desk.page.locator(".drawer-numbers details").first.get_attribute("open") is not None
    assert await desk.page.locator("#drawer").evaluate("each => getComputedStyle(each).position") == "static"
    await desk.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert await desk.page.locator(".drawer-numbers details").first.get_attribute("open") is None


async def test_a_bundle_that_is_still_being_made_is_asked_for_again_and_then_downloaded(desk: Desk) -> None:
    await desk.open()
    async with desk.page.expect_download() as download:
        await desk.page.get_by_role("button", name="Bundle").click()
    assert (await download.value).suggested_filename == "incident.tar.gz"
    assert await desk.page.get_by_role("dialog").is_visible()


async def test_why_nobody_was_told_is_said_at_a_glance(desk: Desk) -> None:
    why = "silenced by maria until 20 Jan 07:00 UTC (BoJ operation)"
    kept = {"sink": "desk-slack", "why": why, "events": 2, "time": "2026-01-20T05:31:07Z", "listed": False}
    desk.frame.stories[EPISODE] |= {"kept": [kept], "sinks": []}
    await desk.open()
    said = f"desk-slack was not told of 2 updates: {why}"
    assert said in await desk.page.locator(".drawer-glance").inner_text()
    assert said in await desk.page.locator(".drawer-messages").inner_text()


async def test_nothing_runs_out_of_the_window_narrow_or_wide(desk: Desk) -> None:
    await desk.open()
    await desk.page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    for width in (400, 1280, 2560):
        await desk.page.set_viewport_size({"width": width, "height": 900})
        assert await desk.page.evaluate("document.documentElement.scrollWidth") <= width
        wide = "each => each.scrollWidth - each.clientWidth"
        assert await desk.page.locator("#drawer").evaluate(wide) <= 0
        assert await desk.page.locator("#drawer").evaluate("each => each.getBoundingClientRect().left") >= 0
