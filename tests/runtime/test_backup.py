"""A backup of a daemon at work, and another daemon that goes on from it."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stressd import METHOD, __version__
from stressd.alerts.matching import Match
from stressd.alerts.people.commands import AddSilence
from stressd.runtime.daemon import Daemon
from stressd.store.backup import make, restore
from stressd.store.snapshotfile import NAME
from tests.runtime.desk import Desk, desk_in, until


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_in(tmp_path) as made:
        yield made


def open_ids(daemon: Daemon) -> list[str]:
    return [episode.id for episode in daemon.pump.pipeline.episodes.open_episodes()]


def unheard(text: str) -> str:
    """With a further sink that nobody answers for."""
    deaf = '{name: deaf, type: webhook, url: "http://127.0.0.1:9/", unsigned: true}'
    return text.replace("sinks: [hook]", "sinks: [hook, deaf]", 1).replace("sinks:\n", f"sinks:\n  - {deaf}\n")


async def test_another_daemon_goes_on_from_the_backup_of_one_at_work(desk: Desk, tmp_path: Path) -> None:
    desk.warm()
    desk.write(change=unheard)
    async with desk.running() as daemon:
        await desk.breach()
        await desk.receiver.until(bool)
        now = time.time_ns()
        match, ends = Match(markets=("US",)), now + 3_600_000_000_000
        silence = AddSilence(at=now, author="anna", via="cli", match=match, starts=now, ends=ends, reason="auction")
        await daemon.command(silence)
        await daemon.save()

        async def load() -> None:
            for number in range(400):
                await desk.tick("US.GOV.10Y", 4.23 + number % 7 * 1e-4)

        loading = asyncio.create_task(load())
        ids, bars = open_ids(daemon), daemon.pump.pipeline.engine.bars("JP")
        file, manifest = await asyncio.to_thread(
            make, desk.state, tmp_path / "b.tar", version=__version__, method=METHOD, now=time.time_ns()
        )
        await loading
        assert manifest.open_episodes == len(ids) > 0
        assert manifest.undelivered > 0
        assert NAME in {held.name for held in manifest.files}
    shutil.rmtree(desk.state)
    restore(file, desk.state, now=time.time_ns())
    told = len(desk.receiver.events)
    async with desk.running() as other:
        assert open_ids(other) == ids
        assert [bar.series for bar in other.pump.pipeline.engine.bars("JP")] == [bar.series for bar in bars]
        assert [each.reason for each in other.pump.pipeline.people.silences()] == ["auction"]
        pending = {sink["name"]: sink["pending"] for sink in other.deliverer.report()}
        await until(lambda: other.pump.passes > 3)
        assert pending["deaf"] > 0
    again = [e["id"] for e in desk.receiver.events[told:] if e["type"] == "opened"]
    assert not again, "what was told before the backup is not opened again"
