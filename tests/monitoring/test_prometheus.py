"""A real Prometheus scrapes a real daemon, with the rules and every query of the dashboard that are shipped."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from mqtt5 import ConnAckReasonCode

from tests.runtime.desk import Desk, desk_in, until

NAME = re.compile(r"\bstressd_[a-z0-9_]+")


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


@asynccontextmanager
async def prometheus(folder: Path, rules: Path, target: int) -> AsyncIterator[str]:
    """The address of a Prometheus that scrapes the port every second."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is not installed (Debian: prometheus)")
    file = folder / "prometheus.yml"
    file.write_text(
        f"global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [{rules}]\nscrape_configs:\n"
        f"  - {{job_name: stressd, static_configs: [{{targets: ['127.0.0.1:{target}']}}]}}\n"
    )
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        program, f"--config.file={file}", f"--storage.tsdb.path={folder}/tsdb", "--log.level=error",
        f"--web.listen-address=127.0.0.1:{port}", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()


async def asked(url: str, path: str, **query: str) -> Any:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/api/v1/{path}", params=query) as answer:
        said = await answer.json()
    assert said["status"] == "success", (query, said)
    return said["data"]


async def eventually(url: str, query: str, wanted: str) -> None:
    """Waits until the first sample of a query has this value."""
    async with asyncio.timeout(40):
        while True:
            try:
                found = (await asked(url, "query", query=query))["result"]
                if found and found[0]["value"][1] == wanted:
                    return
            except (aiohttp.ClientError, ValueError, KeyError):
                pass
            await asyncio.sleep(0.2)


def panels(root: Path) -> list[dict[str, Any]]:
    board = json.loads((root / "config/monitoring/dashboard.json").read_text())
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def documented(root: Path) -> set[str]:
    told = re.findall(r"^\| `(stressd_\w+)` \| (\w+)", (root / "docs/metrics.md").read_text(), re.MULTILINE)
    names = {name for name, _ in told}
    parts = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}
    return names | {name + part for name, kind in told for part in parts.get(kind, ())}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_in(tmp_path) as made:
        yield made


async def test_prometheus_reads_every_metric_and_answers_every_query(desk: Desk, root: Path, tmp_path: Path) -> None:
    rules = root / "config/monitoring/alerts.rules.yaml"
    desk.warm()
    async with desk.running() as daemon, prometheus(tmp_path, rules, daemon.server.port) as url:
        await desk.calm()
        await until(lambda: daemon.pump.ticks >= 6)
        await eventually(url, 'up{job="stressd"}', "1")
        await eventually(url, "stressd_ticks_total", str(daemon.pump.ticks))
        queries = [target["expr"] for panel in panels(root) for target in panel["targets"]]
        assert len(queries) > 40
        for query in queries:
            real = query.replace("$instance", ".*")
            data = await asked(url, "query", query=real)
            assert isinstance(data["result"], list)
        (group,) = (await asked(url, "rules"))["groups"]
        assert [(rule["name"], rule.get("lastError")) for rule in group["rules"] if rule["health"] == "err"] == []
        assert len(group["rules"]) > 25
        names = {name for name in (await asked(url, "label/__name__/values")) if name.startswith("stressd_")}
        assert len(names) > 50
        made = {name.removesuffix("_created") for name in names}
        assert {name for name in made if name not in documented(root)} <= {"stressd_pump_pass_seconds"}
        desk.broker.refuse = ConnAckReasonCode.SERVER_UNAVAILABLE
        desk.broker.drop()
        await eventually(url, "stressd_feed_connected", "0")
        await eventually(url, 'count(ALERTS{alertname="StressdFeedDown",alertstate="pending"})', "1")
    assert daemon.pump.ticks >= 6


async def test_promtool_has_no_fault_to_find_with_the_metrics(desk: Desk) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    desk.warm()
    async with desk.running() as daemon:
        await desk.breach()
        await until(lambda: bool(desk.receiver.events))
        text = await daemon.reporter.metrics()
    done = await asyncio.create_subprocess_exec(
        promtool, "check", "metrics", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    said, _ = await done.communicate(text)
    assert (done.returncode, said.decode()) == (0, "")


def test_the_dashboard_is_whole_and_every_metric_in_it_exists(root: Path) -> None:
    found = panels(root)
    board = json.loads((root / "config/monitoring/dashboard.json").read_text())
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
    known = documented(root)
    for panel in found:
        assert panel["targets"]
        assert panel["title"]
        assert panel["datasource"]["uid"] == "${datasource}"
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for target in panel["targets"]:
            assert set(NAME.findall(target["expr"])) <= known, target["expr"]
    rules = (root / "config/monitoring/alerts.rules.yaml").read_text()
    expressions = re.findall(r"expr: (.+)", rules)
    assert {name for each in expressions for name in NAME.findall(each)} <= known


async def test_series_beyond_the_limit_are_told_in_sums_only(desk: Desk) -> None:
    desk.write(change=lambda text: text.replace("listen:", "metrics: {series: 2}\nlisten:", 1))
    async with desk.running() as daemon:
        await desk.calm()
        await until(lambda: daemon.pump.ticks >= 6)
        text = (await daemon.reporter.metrics()).decode()
    assert 'series="' not in text
    assert re.search(r'stressd_engine_ticks_total{outcome="ticks"} [1-9]', text)
    assert re.search(r'stressd_engine_series_state{market="JP",state="\w+"} 2.0', text)
