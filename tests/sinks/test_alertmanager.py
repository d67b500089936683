"""Alertmanager's API against a real Alertmanager, which tells a webhook of ours what it makes of it."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import ValidationError

from stressd.alerts.notification import Notification
from stressd.sinks.alertmanager import WATCHDOG, AlertmanagerSink, Config, build
from stressd.sinks.base import SinkError

Note = Callable[..., Notification]
BINARY = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
real = pytest.mark.skipif(BINARY is None, reason="Alertmanager is not installed (Debian: prometheus-alertmanager)")

ROUTES = """
route: {{receiver: ours, group_by: [episode], group_wait: 100ms, group_interval: 300ms, repeat_interval: 1h}}
receivers:
  - name: ours
    webhook_configs: [{{url: "{hook}", send_resolved: true}}]
"""


def body(**more: Any) -> bytes:
    event = {"rule": "sigma-breach", "kind": "market", "market": "JP", "direction": "up", "origin": "live"}
    return json.dumps({**event, "episode": "JP-260120-7q2f", **more}).encode()


def sink(*urls: str, **more: Any) -> AlertmanagerSink:
    config = Config.model_validate({"name": "am", "type": "alertmanager", "urls": list(urls), "timeout": "2s", **more})
    return build(config, "rates-tokyo")


class Manager:
    """A real Alertmanager on a free port, and everything that it told its webhook."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.told: list[dict[str, Any]] = []
        self.news = asyncio.Event()

    async def take(self, request: web.Request) -> web.Response:
        self.told.append(await request.json())
        self.news.set()
        return web.Response()

    async def until(self, true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first thing told of which this is true."""
        while True:
            for each in self.told:
                if true(each):
                    return each
            self.news.clear()
            await asyncio.wait_for(self.news.wait(), 20)

    async def alerts(self) -> list[dict[str, Any]]:
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/api/v2/alerts") as answer:
            return list(await answer.json())


@asynccontextmanager
async def manager(tmp_path: Path) -> AsyncIterator[Manager]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    one = Manager(f"http://127.0.0.1:{port}")
    app = web.Application()
    app.router.add_post("/", one.take)
    hook = TestServer(app, host="127.0.0.1")
    await hook.start_server()
    (tmp_path / "am.yml").write_text(ROUTES.format(hook=hook.make_url("/")))
    assert BINARY is not None
    with (tmp_path / "am.log").open("wb") as log:
        process = subprocess.Popen(
            [BINARY, f"--config.file={tmp_path / 'am.yml'}", f"--storage.path={tmp_path / 'data'}",
             f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="],
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        async with asyncio.timeout(30), aiohttp.ClientSession() as session:
            while True:
                try:
                    async with session.get(f"{one.url}/-/ready") as answer:
                        if answer.status == 200:
                            break
                except aiohttp.ClientError:
                    await asyncio.sleep(0.05)
        yield one
    finally:
        process.terminate()
        process.wait(10)
        await hook.close()


def firing(told: dict[str, Any]) -> dict[str, str]:
    """Status by severity."""
    return {alert["labels"]["severity"]: alert["status"] for alert in told["alerts"]}


@real
async def test_an_episode_is_one_alert_whose_rise_ends_the_old_severity_and_whose_end_is_told(
    tmp_path: Path, note: Note
) -> None:
    async with asyncio.timeout(60), manager(tmp_path) as am:
        channel = sink(am.url, labels={"desk": "rates"})
        opened = note(type="opened", severity="warn", body=body(), time=now(-60))
        assert (await channel.send(opened)).remote_ref == "JP-260120-7q2f"
        first = await am.until(lambda told: told["status"] == "firing")
        assert first["commonLabels"] == {
            "alertname": "sigma-breach", "kind": "market", "market": "JP", "direction": "up", "desk": "rates",
            "episode": "JP-260120-7q2f", "instance": "rates-tokyo", "severity": "warn",
        }  # fmt: skip
        assert first["commonAnnotations"]["summary"] == opened.title
        assert first["alerts"][0]["generatorURL"] == opened.link

        await channel.send(note(severity="critical", first=False, body=body(), time=now(-30)))
        risen = await am.until(lambda told: len(told["alerts"]) == 2)
        assert firing(risen) == {"warn": "resolved", "critical": "firing"}

        await channel.again()
        await channel.send(note(type="resolved", severity="critical", life="over", body=body(), time=now()))
        over = await am.until(lambda told: told["status"] == "resolved")
        assert firing(over)["critical"] == "resolved"
        await channel.again()
        await channel.send(note(type="propagated", severity="critical", body=body(), time=now()))
        assert await am.alerts() == []
        await channel.send(note(type="reopened", severity="critical", body=body(), time=now()))
        assert len(await am.alerts()) == 1
        await channel.close()


@real
async def test_after_a_restart_an_escalation_still_ends_the_alert_of_the_lesser_severity(
    tmp_path: Path, note: Note
) -> None:
    async with asyncio.timeout(60), manager(tmp_path) as am:
        before = sink(am.url)
        await before.send(note(type="opened", severity="warn", body=body(), time=now(-60)))
        await am.until(lambda told: told["status"] == "firing")
        await before.close()
        after = sink(am.url)
        await after.keep([note(type="opened", severity="warn", body=body(), time=now(-60))])
        await after.send(note(severity="high", first=False, body=body(), time=now()))
        risen = await am.until(lambda told: len(told["alerts"]) == 2)
        assert firing(risen) == {"warn": "resolved", "high": "firing"}
        await after.close()


@real
async def test_what_stays_open_over_a_restart_is_kept_alive_and_the_watchdog_fires(tmp_path: Path, note: Note) -> None:
    async with asyncio.timeout(60), manager(tmp_path) as am:
        channel = sink(am.url)
        await channel.keep([note(severity="high", first=False, body=body(), time=now(-7200))])
        await channel.again()
        await channel.beat()
        standing = {alert["labels"]["alertname"]: alert for alert in await am.alerts()}
        assert set(standing) == {"sigma-breach", WATCHDOG}
        assert standing["sigma-breach"]["endsAt"] > now(1700)
        assert standing[WATCHDOG]["endsAt"] < now(400)
        assert "Alertmanager accepts alerts" in await channel.probe()
        await channel.close()


@real
async def test_what_is_told_once_ends_by_itself(tmp_path: Path, note: Note) -> None:
    async with asyncio.timeout(60), manager(tmp_path) as am:
        channel = sink(am.url)
        await channel.send(note(type="opened", severity="info", life="once", body=body(rule="levels"), time=now()))
        (alert,) = await am.alerts()
        assert now(200) < alert["endsAt"] < now(400)
        await channel.close()


@real
async def test_every_member_hears_and_one_that_is_away_is_named_and_hears_later(tmp_path: Path, note: Note) -> None:
    with socket.socket() as away:
        away.bind(("127.0.0.1", 0))
        absent = f"http://127.0.0.1:{away.getsockname()[1]}"
        async with asyncio.timeout(60), manager(tmp_path) as am:
            channel = sink(am.url, absent)
            receipt = await channel.send(note(type="opened", severity="warn", body=body(), time=now()))
            assert receipt.detail.startswith("not every member has it: 127.0.0.1: cannot be reached")
            assert len(await am.alerts()) == 1
            with pytest.raises(SinkError, match="cannot be reached"):
                await channel.probe()
            await channel.close()


async def test_no_member_at_all_is_tried_again(note: Note) -> None:
    with socket.socket() as away:
        away.bind(("127.0.0.1", 0))
        channel = sink(f"http://127.0.0.1:{away.getsockname()[1]}")
        with pytest.raises(SinkError) as failed:
            await channel.send(note(body=body()))
        assert failed.value.fault == "retry"
        await channel.close()


async def test_credentials_are_sent_and_never_shown(receiver: Any, note: Note, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("s3cret-token\n")
    receiver.answers = [lambda request, body: web.Response(status=401, text="no s3cret-token here")]
    channel = sink(receiver.url.partition("/hook")[0], token={"file": str(file)})
    with pytest.raises(SinkError) as failed:
        await channel.send(note(body=body()))
    assert receiver.seen[0].headers["Authorization"] == "Bearer s3cret-token"
    assert receiver.seen[0].path == "/api/v2/alerts"
    assert "s3cret" not in str(failed.value)
    await channel.close()


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ({"labels": {"bad-name": "x"}}, "no name of a label"),
        ({"labels": {"severity": "x"}}, "set by stressd itself"),
        ({"resend": "1s"}, "every 10s to 10m"),
        ({"username": "me"}, "go together"),
        ({"token": {"env": "T"}, "username": "me", "password": {"env": "P"}}, "exclude each other"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused(more: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        Config.model_validate({"name": "am", "type": "alertmanager", "urls": ["http://am:9093"], **more})


def now(after: float = 0.0) -> str:
    """ISO 8601 of so many seconds from now."""
    return (datetime.now(UTC) + timedelta(seconds=after)).isoformat().replace("+00:00", "Z")
