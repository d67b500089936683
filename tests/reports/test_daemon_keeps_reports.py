"""A real daemon has a report made after a close, and at its start what it owes; it serves one of any episode."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from stressd.runtime import reports
from stressd.store.reports import EPISODES, FOLDER, made
from tests.runtime.desk import Desk, desk_in, until


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_in(tmp_path) as each:
        yield each


async def test_a_close_is_followed_by_a_report_and_a_start_makes_up_for_what_is_missing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "LOOK", 0.2)
    desk.warm()
    async with desk.running() as daemon:
        await desk.breach()
        await desk.receiver.until(lambda events: len(events) >= 1)
        episode = desk.receiver.events[0]["episode"]
        url = f"http://x/api/v1/episodes/{episode}"
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(desk.state / "stressd.sock"))) as session:
            async with session.get(f"{url}/report.html") as answer:
                assert answer.status == 200, await answer.text()
                page = await answer.text()
                assert answer.headers["Content-Security-Policy"].endswith("sandbox")
                assert answer.headers["Cache-Control"] == "no-store"
            assert "The episode so far" in page
            assert episode in page
            assert made(desk.state, EPISODES) == {}
            async with session.post(f"{url}/label", json={"label": "bad data", "note": "a fat finger"}) as answer:
                assert answer.status == 200, await answer.text()
            await until(lambda: episode in made(desk.state, EPISODES), 60.0)
            async with session.get(f"{url}/report.md") as answer:
                assert answer.headers["Content-Disposition"] == f'attachment; filename="{episode}.md"'
                assert "a fat finger" in await answer.text()
            async with session.get("http://x/api/v1/episodes/XX-260101-none/report.html") as answer:
                assert answer.status == 404
        assert daemon.reports.failed == 0
    assert "a fat finger" in (desk.state / FOLDER / EPISODES / f"{episode}.md").read_text()
    assert not (desk.state / "asked").exists()
    shutil.rmtree(desk.state / FOLDER)
    async with desk.running() as daemon:
        await until(lambda: episode in made(desk.state, EPISODES), 60.0)
        await until(lambda: daemon.reports.kept >= 1)


async def test_no_report_is_made_where_none_are_wanted_and_a_failure_is_told_in_the_log_alone(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.warm()
    async with desk.running() as daemon:

        async def fails(words: object, longest: float) -> str:
            raise reports.NotMade("the disk is full")

        monkeypatch.setattr(reports, "carry_out", fails)
        await daemon.reports.turn()
        assert daemon.reports.failed == 1
        without = daemon.loaded.model.model_copy(update={"reports": None})
        daemon.loaded = replace(daemon.loaded, model=without)
        await daemon.reports.turn()
        assert daemon.reports.failed == 1
        await desk.breach()
        await asyncio.wait_for(desk.receiver.until(lambda events: len(events) >= 1), 20.0)
