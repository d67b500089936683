"""A real daemon has a report made after a close, and at its start what it owes; it serves one of any episode."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from stressd.runtime import errands, reports
from stressd.store.reports import EPISODES, FOLDER, made
from tests.runtime.desk import Desk, desk_in, until


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_in(tmp_path) as each:
        yield each


async def got(session: aiohttp.ClientSession, url: str) -> tuple[Mapping[str, str], str]:
    """As a browser gets it, which asks again while it is being made."""
    async with asyncio.timeout(120.0):
        while True:
            async with session.get(url) as answer:
                if answer.status != 202:
                    assert answer.status == 200, await answer.text()
                    return answer.headers, await answer.text()


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
            headers, page = await got(session, f"{url}/report.html")
            assert headers["Content-Security-Policy"].endswith("sandbox")
            assert headers["Cache-Control"] == "no-store"
            assert "The episode so far" in page
            assert episode in page
            assert made(desk.state, EPISODES) == {}
            async with session.post(f"{url}/label", json={"label": "bad data", "note": "a fat finger"}) as answer:
                assert answer.status == 200, await answer.text()
            await until(lambda: episode in made(desk.state, EPISODES), 120.0)
            headers, text = await got(session, f"{url}/report.md")
            assert headers["Content-Disposition"] == f'attachment; filename="{episode}.md"'
            assert "a fat finger" in text
            async with session.get("http://x/api/v1/episodes/XX-260101-none/report.html") as answer:
                assert answer.status == 404
        assert daemon.reports.failed == 0
    assert "a fat finger" in (desk.state / FOLDER / EPISODES / f"{episode}.md").read_text()
    assert not (desk.state / "asked").exists()
    shutil.rmtree(desk.state / FOLDER)
    async with desk.running() as daemon:
        await until(lambda: episode in made(desk.state, EPISODES), 120.0)
        await until(lambda: daemon.reports.kept >= 1, 60.0)


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


async def test_what_makes_a_report_goes_before_the_daemon_where_memory_runs_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    real = asyncio.subprocess.Process.communicate

    async def looks(child: asyncio.subprocess.Process, data: bytes | None = None) -> tuple[bytes, bytes]:
        seen.append(Path(f"/proc/{child.pid}/oom_score_adj").read_text().strip())
        return await real(child, data)

    monkeypatch.setattr(asyncio.subprocess.Process, "communicate", looks)
    with pytest.raises(errands.NotMade, match="no store|there is no|stressd"):
        await errands.carry_out(["report", "--due", "--state", str(tmp_path / "none")], 60.0)
    assert seen == ["500"]


async def test_a_report_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    with pytest.raises(errands.NotMade, match="not made within 0 s: `stressd report` has more time"):
        await errands.carry_out(["report", "--due", "--state", str(tmp_path)], 0.01)
