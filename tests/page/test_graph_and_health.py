"""The ring of propagation, and the health of feeds and sinks, in a real Chromium."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.page.frame import served

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Any) -> AsyncIterator[Any]:
    async with served({}) as frame:
        page = await browser.new_page(viewport={"width": 1280, "height": 900})
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        await page.goto(frame.url)
        await page.wait_for_selector("body[data-ready]")
        yield page
        await page.close()
        assert wrong == []


async def test_an_edge_is_as_wide_as_beta_as_strong_as_one_less_p_and_says_its_lag(page: Any) -> None:
    link = page.locator("[data-edge='JP>US'] path")
    assert float(await link.get_attribute("stroke-width")) == pytest.approx(1 + 8 * 0.3)
    assert float(await link.get_attribute("stroke-opacity")) == pytest.approx(0.94)
    assert await page.locator("[data-edge='JP>US'] .lag").text_content() == "8 h 30 min"
    lost = page.locator("[data-edge='JP>UK']")
    assert await lost.locator("path").get_attribute("class") == "edge lost"
    assert await lost.locator(".lag").count() == 0


async def test_the_ring_is_read_aloud_and_as_a_table_and_leads_to_the_episode(page: Any) -> None:
    named = page.get_by_role("link", name="US followed JP, after 8 h 30 min of open time")
    assert await named.get_attribute("href") == "#JP-260120-7q2f"
    assert await page.get_by_role("img", name="UK could not respond (JP)").count() == 1
    assert await page.get_by_role("img", name="US, closed").count() == 1
    await page.locator("#graph summary").click()
    rows = await page.locator("#graph tbody tr").all_inner_texts()
    assert rows[1].split("\t") == ["JP", "UK", "could not respond", "?", "?", "?", "08:10:00"]
    assert rows[2].split("\t") == ["JP", "US", "followed", "8 h 30 min", "0.3", ".06", "08:10:00"]


async def test_the_markets_keep_their_places_and_the_focus_its_edge_when_an_edge_changes(page: Any) -> None:
    spots = "[...document.querySelectorAll('.node circle')].map(each => each.getAttribute('cx'))"
    before = await page.evaluate(spots)
    await page.locator("[data-edge='JP>US']").focus()
    await page.evaluate(
        """() => { const edges = {...store.state.graph.edges}; delete edges["US>DE"];
        edges["JP>US"] = {...edges["JP>US"], beta: 0.9}; window.change("graph", {...store.state.graph, edges}); }"""
    )
    assert await page.evaluate(spots) == before
    assert await page.locator("[data-edge]").count() == 3
    assert await page.evaluate("document.activeElement.dataset.edge") == "JP>US"


async def test_what_is_counted_over_all_events_says_of_how_many(page: Any) -> None:
    await page.evaluate(
        """() => window.change("graph", {edges: {"JP>US": {from: "JP", to: "US", beta: 0.3, p: 0.06, open_lag_s: 41,
           wording: null, followed: 6, sources: 8, time: null, episode: null}}})"""
    )
    name = "US followed JP after 6 of 8 events, after 41 s of open time, 0.3 bp per bp, p .06"
    assert await page.get_by_role("img", name=name, exact=True).count() == 1
    await page.locator("#graph summary").click()
    (row,) = await page.locator("#graph tbody tr").all_inner_texts()
    assert row.split("\t")[2] == "followed 6 of 8"


async def test_without_an_answer_the_ring_says_so(page: Any) -> None:
    await page.evaluate("window.change('graph', {nodes: {}, edges: {}})")
    assert await page.get_by_text("No market is known to have answered another one yet.").is_visible()
    assert await page.locator(".node").count() == 4


async def test_what_is_wrong_with_a_feed_stands_first_in_words_with_its_age_against_the_expected_one(page: Any) -> None:
    rows = await page.locator("#feeds tbody tr").all_inner_texts()
    assert [row.split()[0] for row in rows] == ["futures", "desk"]
    for said in ("✕ stale: no tick for 6 min 31 s of open time", "6 min 31 s ago", "20 s", "< .001"):
        assert said in rows[0]
    assert "-120 ms" in rows[1]
    assert await page.locator("#feeds [data-late]").count() == 1


async def test_each_sink_says_what_waits_what_was_given_up_and_how_long_messages_take(page: Any) -> None:
    rows = await page.locator("#sinks tbody tr").all_inner_texts()
    for said in ("rates-mail email", "◐ retrying", "13", "never", "550 no such user"):
        assert said in rows[0]
    assert "desk-sms is told in its place" in rows[0]
    for said in ("● ok", "212 ms", "1.4 s", "6 min 52 s ago"):
        assert said in rows[1]


async def test_a_row_that_goes_and_one_that_recovers_are_shown_at_once_and_unknown_is_never_zero(page: Any) -> None:
    await page.evaluate(
        """() => window.change("feeds", {futures: {...store.state.feeds.futures, state: "live", reason: null, p: null,
           messages_per_s: null, last_message_age_s: null}})"""
    )
    (row,) = await page.locator("#feeds tbody tr").all_inner_texts()
    assert "● live" in row
    assert await page.locator("#feeds td[data-head='Messages/s']").inner_text() in ("?", "Messages/s ?")
    await page.evaluate("window.change('feeds', {})")
    assert await page.get_by_text("No feed is configured.").is_visible()


async def test_in_a_narrow_section_the_tables_are_cards_and_still_tables_to_a_screen_reader(page: Any) -> None:
    await page.set_viewport_size({"width": 400, "height": 900})
    assert await page.evaluate("document.documentElement.scrollWidth") <= 400
    table = page.locator("#feeds").get_by_role("table", name="Health of each feed")
    assert await table.get_by_role("row").count() == 3
    assert await table.get_by_role("columnheader", name="Rejects").count() == 1
