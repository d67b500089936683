"""A test message and a drill by way of a running daemon: real messages, labelled, and nothing else is touched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from stressd.runtime.daemon import Daemon
from tests.runtime.desk import Desk, desk_in, until

TOKENS = """
tokens:
  - {{name: maria, token: {{file: {folder}/token}}, may: [read, test, drill]}}
  - {{name: usual, token: {{file: {folder}/usual}}}}
"""


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_in(tmp_path) as made:
        for name in ("token", "usual"):
            (tmp_path / name).write_text(f"{name}-0123456789abcdef\n")
            (tmp_path / name).chmod(0o600)
        made.write(change=lambda text: text + TOKENS.format(folder=tmp_path))
        yield made


async def ask(
    daemon: Daemon, method: str, path: str, said: dict[str, Any] | None = None, token: str = "token"
) -> tuple[int, Any]:
    url = f"http://127.0.0.1:{daemon.server.port}/api/v1{path}"
    headers = {"Authorization": f"Bearer {token}-0123456789abcdef"}
    async with aiohttp.ClientSession(headers=headers) as session, session.request(method, url, json=said) as answer:
        return answer.status, await answer.json()


async def test_a_test_message_goes_through_the_sink_once_and_is_no_episode(desk: Desk) -> None:
    async with desk.running() as daemon:
        assert (await ask(daemon, "POST", "/sinks/hook/test", token="usual"))[0] == 403
        status, said = await ask(daemon, "POST", "/sinks/hook/test")
        assert (status, said["delivered"], said["sink"], said["author"]) == (200, True, "hook", "maria")
        (event,) = desk.receiver.events
        assert (event["origin"], event["kind"], event["rule"]) == ("drill", "self", "send-test")
        assert "maria asked for it on the page" in event["note"]
        assert await asyncio.to_thread(daemon.store.deliveries) == []
        status, said = await ask(daemon, "POST", "/sinks/hok/test")
        assert (status, said["error"]) == (404, "no sink is named `hok`; the configured ones are hook")


async def test_a_test_message_that_does_not_arrive_says_why(desk: Desk) -> None:
    desk.write(change=lambda text: text.replace(desk.receiver.url, "http://127.0.0.1:9/"))
    text = desk.file.read_text()
    desk.file.write_text(text + TOKENS.format(folder=desk.file.parent))
    async with desk.running() as daemon:
        status, said = await ask(daemon, "POST", "/sinks/hook/test")
        assert (status, said["delivered"], said["fault"]) == (200, False, "retry")
        assert said["error"]


async def test_a_drill_runs_beside_the_daemon_and_everybody_is_told_that_it_is_one(desk: Desk) -> None:
    async with desk.running() as daemon:
        assert await ask(daemon, "GET", "/drill") == (200, {"drill": None})
        status, said = await ask(daemon, "POST", "/drill", {"series": "XX.GOV.10Y"})
        assert status == 404
        assert "JP.GOV.30Y" in said["error"]
        status, said = await ask(daemon, "POST", "/drill", {"series": "JP.GOV.30Y"})
        assert (status, said["drill"]["state"], said["drill"]["author"]) == (202, "running", "maria")
        status, again = await ask(daemon, "POST", "/drill")
        assert status == 409
        assert "a drill is under way: maria began it" in again["error"]
        ticks = daemon.pump.ticks
        await desk.tick("JP.GOV.30Y", 3.5)
        await until(lambda: daemon.pump.ticks > ticks)
        await until(lambda: (daemon.exercises.drilled() or {})["state"] != "running", 90)
        drill = (await ask(daemon, "GET", "/drill"))[1]["drill"]
        assert (drill["state"], drill["error"]) == ("done", None)
        assert "JP.GOV.30Y +25bp" in drill["exercise"]
        assert {row["state"] for row in drill["deliveries"]} <= {"delivered", "superseded"}
        assert {event["origin"] for event in desk.receiver.events} == {"drill"}
        assert await asyncio.to_thread(daemon.store.episodes) == []


async def test_a_drill_goes_by_the_configuration_at_work_or_not_at_all_and_ends_with_the_daemon(desk: Desk) -> None:
    text = desk.file.read_text()
    async with desk.running() as daemon:
        desk.file.write_text(text.replace("4.5%", "4.6%"))
        status, said = await ask(daemon, "POST", "/drill")
        assert status == 409
        assert "`stressd reload` first" in said["error"]
        desk.file.write_text("instance: [")
        status, said = await ask(daemon, "POST", "/drill")
        assert status == 409
        assert "cannot be used" in said["error"]
        desk.file.write_text(text)
        assert (await ask(daemon, "POST", "/drill"))[0] == 202
        exercises = daemon.exercises
    assert (exercises.drilled() or {})["error"] == "stressd was stopped meanwhile"
