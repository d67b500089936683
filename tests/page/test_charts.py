"""The curves and the strip on the page as the server gives it, in a real Chromium; and the page without its library."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from stressd.web import home
from stressd.web.app import make_app
from stressd.web.serve import SOCKET_NAME, Server
from tests.page.frame import chromium
from tests.web.behind import Behind
from tests.web.test_app import Told
from tests.web.test_home import cell, document

OPEN = 1_768_865_400_000
STRIP: dict[str, Any] = {
    "series": "JP.GOV.30Y", "time": "2026-01-20T05:31:00Z",
    "points": [[OPEN + k * 60_000, 3.57 + 0.001 * k] for k in range(200)],
    "range": [[OPEN, OPEN + 60_000, 3.56, 3.58]],
    "prior_close": {"value": 3.562, "time": "2026-01-19T06:00:00Z"},
    "bands": [{"horizon": "session", "severity": "high", "from": {"value": 3.57, "time": "2026-01-19T23:30:00Z"},
               "bar_bp": 9.3, "lower": 3.477, "upper": 3.663}],
    "sessions": [{"from": "2026-01-19T23:30:00Z", "to": "2026-01-20T02:00:00Z", "kind": "open"},
                 {"from": "2026-01-20T02:00:00Z", "to": "2026-01-20T03:30:00Z", "kind": "lunch"}],
    "halts": [],
    "breaches": [{"time": "2026-01-20T01:10:00Z", "value": 3.67, "horizon": "session", "sigma": 6.1,
                  "episode": "JP-260120-7q2f", "severity": "high"}],
}  # fmt: skip


def told() -> dict[str, Any]:
    def figures(value: float, close: float, **more: Any) -> dict[str, Any]:
        return {"value": value, "prior_close": close, "change_bp": (value - close) * 100, "decimals": 3, **more}

    base = document()
    series = {
        "JP.GOV.2Y": cell("JP", "2Y", 2.0, sigma=-0.1) | figures(1.208, 1.227),
        "JP.GOV.10Y": cell("JP", "10Y", 10.0, sigma=2.2) | figures(2.321, 2.264),
        "JP.GOV.30Y": cell("JP", "30Y", 30.0, breach=True, time="2026-01-20T05:30:00Z") | figures(3.762, 3.562),
        "US.GOV.10Y": cell("US", "10Y", 10.0, state="closed", sigma=9.0) | figures(4.24, 4.17),
    }
    zones = {"JP": "Asia/Tokyo", "US": "America/New_York"}
    markets = {name: base["markets"]["JP"] | {"order": k, "zone": zones[name], "until": "2026-01-20T09:30:00Z"}
               for k, name in enumerate(zones)}  # fmt: skip
    return base | {"series": series, "markets": markets}


@asynccontextmanager
async def shown(tmp_path: Path, width: int = 1280) -> AsyncIterator[tuple[Any, list[str], Told]]:
    """The page once it lives, and what its console said."""
    behind, provider = Behind(), Told()
    behind.open = True

    async def state() -> dict[str, Any]:
        return told()

    provider.state = state  # type: ignore[method-assign]
    provider.strip = lambda name: STRIP if name == "JP.GOV.30Y" else {**STRIP, "series": name, "breaches": []}  # type: ignore[method-assign]
    server = Server(make_app(provider, behind))
    await server.start(tmp_path / SOCKET_NAME)
    await server.listen("127.0.0.1", 0)
    said: list[str] = []
    try:
        async with chromium() as browser:
            page = await browser.new_page(viewport={"width": width, "height": 900})
            page.on("console", lambda message: said.append(message.text))
            page.on("pageerror", lambda error: said.append(str(error)))
            await page.goto(f"http://127.0.0.1:{server.port}/")
            await page.wait_for_selector("html[data-ready]")
            yield page, said, provider
    finally:
        await server.stop()


@pytest.fixture
def library() -> None:
    if not (home.CHARTS / "uplot.js").is_file():
        pytest.skip("the charting library is not in this build (npm fetches it when the wheel is built)")


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("width", [400, 1280, 2560])
async def test_the_gravest_breach_is_drawn_and_the_heat_map_chooses_another(tmp_path: Path, width: int) -> None:
    async with shown(tmp_path, width) as (page, said, _):
        await page.locator("#strip .chart-told", has_text="crossed").wait_for()
        assert "JP 30Y 3.762 %, +20.0 bp" in await page.inner_text("#strip .strip-head")
        assert "crossed 10:10 high, 6.1σ since the open" in await page.inner_text("#strip .chart-told")
        assert await page.get_attribute("#curves [role=tab][aria-selected=true]", "data-name") == "JP"
        assert "JP: 2Y 1.208 % (-1.9 bp), 10Y 2.321 % (+5.7 bp), 30Y" in await page.inner_text("#curves .chart-told")
        drawn = "[...document.querySelectorAll('#strip canvas, #curves canvas')].map(c => c.width)"
        assert all(w > 200 for w in await page.evaluate(drawn))
        assert len(await page.evaluate(drawn)) == 2
        await page.click("#heat button[data-series='US.GOV.10Y']")
        await page.locator("#strip .chart-told", has_text="New York").wait_for()
        assert "US 10Y 4.240 %" in await page.inner_text("#strip .strip-head")
        assert "nothing crossed" in await page.inner_text("#strip .chart-told")
        assert await page.get_attribute("#curves [role=tab][aria-selected=true]", "data-name") == "US"
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert said == []


@pytest.mark.usefixtures("library")
async def test_the_arrow_keys_go_from_market_to_market_and_a_pointer_is_told_the_value(tmp_path: Path) -> None:
    async with shown(tmp_path) as (page, said, _):
        await page.focus("#curves [role=tab][aria-selected=true]")
        await page.keyboard.press("ArrowRight")
        assert await page.evaluate("document.activeElement.dataset.name") == "US"
        assert (await page.inner_text("#curves .chart-told")).startswith("US: 10Y 4.240 %")
        await page.wait_for_selector("#strip canvas")
        await page.hover("#strip .u-over")
        await page.locator(".strip-head", has_text=re.compile(r" at \d\d:\d\d:\d\d Tokyo")).wait_for()
        assert said == []


async def test_without_its_library_the_page_says_so_and_has_every_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home, "CHARTS", tmp_path / "none")
    async with shown(tmp_path) as (page, said, _):
        assert "without its charting library" in await page.inner_text("#curves .chart-missing")
        await page.locator("#strip .chart-told", has_text="crossed").wait_for()
        assert "30Y 3.762 % (+20.0 bp)" in await page.inner_text("#curves .chart-told")
        assert said == []


def test_the_library_is_locked_by_name_version_and_hash_and_by_no_address(root: Path) -> None:
    text = (root / "requirements/page/package-lock.json").read_text(encoding="utf-8")
    asked = json.loads((root / "requirements/page/package.json").read_text(encoding="utf-8"))["dependencies"]
    packages = {name.removeprefix("node_modules/"): each for name, each in json.loads(text)["packages"].items() if name}
    assert {name: each["version"] for name, each in packages.items()} == asked
    assert all(each["integrity"].startswith("sha512-") for each in packages.values())
    assert "://" not in text
