"""What the page costs a browser: bytes and files, first paint, CPU and memory while its series move.

usage: page_weight.py [--series 60] [--seconds 30] [--visits 5] [--minutes 10] [--json]

A real daemon over the loopback, a real Chromium without a graphics card (so that painting counts as CPU too). CPU is in
percent of one core, of the page's own process and of all the browser's. The heap is that after a collection, before and
after so many minutes' worth of changes, which come ten times as fast.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from page_desk import RATE, Desk, desk
from playwright.async_api import async_playwright

CHROMIUM: Final = "/usr/bin/chromium"
FLAGS: Final = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
TIMES: Final = 10.0
SIZE: Final = {"width": 1280, "height": 900}
PAINTS: Final = "Object.fromEntries(performance.getEntriesByType('paint').map((each) => [each.name, each.startTime]))"


@dataclass
class Figures:
    """Bytes as they cross the wire, headers too; times in ms, median of the visits; CPU in percent; heap in MB."""

    series: int
    files: int = 0
    first_bytes: int = 0
    second_bytes: int = 0
    first_paint: float = 0.0
    contentful_paint: float = 0.0
    live: float = 0.0
    page_cpu: float = 0.0
    browser_cpu: float = 0.0
    work: dict[str, float] = field(default_factory=dict)
    patches: int = 0
    heap: list[float] = field(default_factory=list)


async def visit(context: Any, url: str) -> tuple[Any, dict[str, int], dict[str, float]]:
    """The page once it lives, bytes by address, and when it was painted."""
    page = await context.new_page()
    control = await context.new_cdp_session(page)
    named: dict[str, str] = {}
    came: dict[str, int] = {}
    control.on("Network.requestWillBeSent", lambda said: named.update({said["requestId"]: said["request"]["url"]}))

    def finished(said: dict[str, Any]) -> None:
        came[named.get(said["requestId"], "")] = int(said["encodedDataLength"])

    control.on("Network.loadingFinished", finished)
    await control.send("Network.enable")
    await page.goto(url)
    await page.wait_for_selector("html[data-ready]", state="attached")
    live: float = await page.evaluate("performance.now()")
    await asyncio.sleep(1.0)
    paints: dict[str, float] = await page.evaluate(PAINTS)
    return page, came, {**paints, "live": live}


async def visits(browser: Any, at: Desk, count: int, figures: Figures) -> None:
    painted = []
    for _ in range(count):
        context = await browser.new_context(viewport=SIZE)
        _, first, times = await visit(context, at.url)
        painted.append(times)
        _, second, _ = await visit(context, at.url)
        figures.files = len([name for name in first if name and "/api/" not in name])
        figures.first_bytes = sum(size for name, size in first.items() if "/api/" not in name)
        figures.second_bytes = sum(size for name, size in second.items() if "/api/" not in name)
        await context.close()
    figures.first_paint = statistics.median(each["first-paint"] for each in painted)
    figures.contentful_paint = statistics.median(each["first-contentful-paint"] for each in painted)
    figures.live = statistics.median(each["live"] for each in painted)


async def processes(control: Any) -> dict[str, float]:
    """Seconds of CPU so far, by kind of process."""
    found: dict[str, float] = {}
    for each in (await control.send("SystemInfo.getProcessInfo"))["processInfo"]:
        found[each["type"]] = found.get(each["type"], 0.0) + each["cpuTime"]
    return found


async def work(control: Any) -> dict[str, float]:
    rows = (await control.send("Performance.getMetrics"))["metrics"]
    wanted = ("TaskDuration", "ScriptDuration", "LayoutDuration", "RecalcStyleDuration")
    return {row["name"]: row["value"] for row in rows if row["name"] in wanted}


async def moving(browser: Any, at: Desk, seconds: float, figures: Figures) -> None:
    context = await browser.new_context(viewport=SIZE)
    page, _, _ = await visit(context, at.url)
    machine = await browser.new_browser_cdp_session()
    control = await context.new_cdp_session(page)
    await control.send("Performance.enable")
    await asyncio.sleep(3.0)
    before, busy, began = await processes(machine), await work(control), time.perf_counter()
    await asyncio.sleep(seconds)
    took = time.perf_counter() - began
    after, later = await processes(machine), await work(control)
    figures.page_cpu = 100.0 * (after["renderer"] - before["renderer"]) / took
    figures.browser_cpu = 100.0 * (sum(after.values()) - sum(before.values())) / took
    figures.work = {name: round(100.0 * (later[name] - busy[name]) / took, 2) for name in later}
    await context.close()


async def heap(browser: Any, at: Desk, minutes: float, figures: Figures) -> None:
    context = await browser.new_context(viewport=SIZE)
    page, _, _ = await visit(context, at.url)
    control = await context.new_cdp_session(page)
    came = 0

    def told(said: dict[str, Any]) -> None:
        nonlocal came
        came += said["eventName"] == "patch"

    control.on("Network.eventSourceMessageReceived", told)
    await control.send("Network.enable")
    wanted = int(60 * RATE * minutes)
    for part in range(5):
        while came < wanted * part / 4:
            await asyncio.sleep(0.1)
        await control.send("HeapProfiler.collectGarbage")
        used = await control.send("Runtime.getHeapUsage")
        figures.heap.append(round(used["usedSize"] / 1e6, 2))
    figures.patches = came
    await context.close()


async def measure(figures: Figures, seconds: float, count: int, minutes: float) -> None:
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        with tempfile.TemporaryDirectory(prefix="stressd-page-") as folder:
            async with desk(figures.series, Path(folder)) as at:
                await visits(browser, at, count, figures)
                await moving(browser, at, seconds, figures)
        with tempfile.TemporaryDirectory(prefix="stressd-page-") as folder:
            async with desk(figures.series, Path(folder), TIMES) as at:
                await heap(browser, at, minutes, figures)
        await browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--visits", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found = Figures(asked.series)
    asyncio.run(measure(found, asked.seconds, asked.visits, asked.minutes))
    if asked.json:
        print(json.dumps(asdict(found)))
        return
    print(f"{found.files} files: {found.first_bytes / 1e3:.0f} kB, {found.second_bytes / 1e3:.0f} kB on a second visit")
    print(f"first paint {found.first_paint:.0f} ms, with content {found.contentful_paint:.0f}, live {found.live:.0f}")
    shares = f"the page {found.page_cpu:.1f} %, all of the browser {found.browser_cpu:.1f} %"
    print(f"{found.series} series that change {RATE:g} times a second, of a core: {shares}")
    print(
        "  of it " + ", ".join(f"{name.removesuffix('Duration')} {share:.1f} %" for name, share in found.work.items())
    )
    print(f"heap in MB over {found.patches} patches: {', '.join(f'{each:.1f}' for each in found.heap)}")


if __name__ == "__main__":
    main()
