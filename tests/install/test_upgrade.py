"""A new version takes over the state of an older one, and back again by the documented commands: with a real older one.

The older version is this repository's last commit before the store's second version, out of git's history.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from stressd.store.schema import FILE, VERSION
from tests.runtime.desk import LAST, Desk, desk_in, until


@pytest.fixture(scope="session")
def older(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources of a stressd whose store is of version 1."""
    search = ["git", "-C", str(root), "log", "--format=%H", "-S_SECOND: Final", "--", "stressd/store/schema.py"]
    found = subprocess.run(search, capture_output=True, text=True)
    if found.returncode or not found.stdout.strip():
        pytest.skip("no older version here: git's history does not reach back to the store's first version")
    before = f"{found.stdout.split()[-1]}~1"
    place = tmp_path_factory.mktemp("older")
    archive = subprocess.run(["git", "-C", str(root), "archive", before, "stressd"], capture_output=True)
    if archive.returncode:
        pytest.skip("no older version here: git's history is cut off just after it")
    subprocess.run(["tar", "-x", "-C", str(place)], input=archive.stdout, check=True)
    return place


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_in(tmp_path) as made:
        yield made


def calm_hours(folder: Path) -> Path:
    """Three hours of ticks for `history import`."""
    now = time.time_ns()
    rows = ["time,series,value,source"]
    rng = random.Random(20)
    for series, value in LAST.items():
        for back in range(0, 3 * 3600, 5):
            rows.append(f"{now - (back + 1) * 1_000_000_000},{series},{value},desk")
            value += rng.gauss(0.0, 0.0003)
    file = folder / "ticks.csv"
    file.write_text("\n".join(rows) + "\n")
    return file


def environment(version: Path | None) -> dict[str, str]:
    """For the version in that folder; None: the one under test."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONSAFEPATH"}
    return kept if version is None else {**kept, "PYTHONPATH": str(version)}


def command(version: Path | None, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stressd", *words], env=environment(version), cwd=version,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip


class Running:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []

    def logged(self, event: str) -> list[dict[str, object]]:
        rows = [json.loads(line) for line in self.lines if line.startswith("{")]
        return [row for row in rows if row["event"] == event]


@asynccontextmanager
async def daemon(version: Path | None, desk: Desk, state: Path) -> AsyncIterator[Running]:
    """Runs and is connected; stopped cleanly at the end."""
    words = ["run", "-c", str(desk.file), "--state", str(state)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "stressd", *words, env=environment(version), cwd=version,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    running = Running(process)

    async def read() -> None:
        assert process.stderr is not None
        async for line in process.stderr:
            running.lines.append(line.decode())

    reading = asyncio.create_task(read())
    try:
        await until(lambda: running.logged("feed.connected") or process.returncode is not None, 60)
        assert process.returncode is None, "".join(running.lines)
        yield running
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 60) == 0, "".join(running.lines)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await reading


async def breach(desk: Desk) -> None:
    await desk.breach()
    await desk.receiver.until(lambda events: any(each["kind"] == "market" for each in events), 60)


def documented(root: Path) -> Sequence[str]:
    """The commands of docs/upgrade.md by which the state of before the upgrade is put in its place."""
    text = (root / "docs/upgrade.md").read_text(encoding="utf-8")
    [block] = [b for b in re.findall(r"```sh\n(.*?)```", text, re.S) if "restore" in b]
    return str(block).splitlines()


async def test_the_state_of_an_older_version_goes_on_and_back_again(
    older: Path, desk: Desk, root: Path, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    imported = command(
        older, "history", "import", str(calm_hours(tmp_path)), "--state", str(state), "-c", str(desk.file)
    )
    assert imported.returncode == 0, imported.stdout + imported.stderr
    async with daemon(older, desk, state):
        await breach(desk)
    [first] = [each for each in desk.receiver.events if each["kind"] == "market"]

    # the upgrade: a copy is made, the log names it, the episode goes on, and nothing is told twice
    copy = state / f"{FILE}.v1"
    async with daemon(None, desk, state) as upgraded:
        [migrated] = upgraded.logged("store.migrated")
        assert migrated["copy"] == str(copy)
        status = json.loads(command(None, "status", "--json", "--state", str(state)).stdout)
        assert [each["episode"] for each in status["episodes"]] == [first["episode"]]
    assert copy.is_file()
    assert [each for each in desk.receiver.events if each["kind"] == "market"] == [first]

    # the older version cannot use it any more, and says what to do
    refused = command(older, "run", "-c", str(desk.file), "--state", str(state))
    assert refused.returncode == 1
    assert "was written by a newer stressd" in refused.stderr
    assert "Traceback" not in refused.stderr

    # back, by the commands as written
    script = "\n".join(line for line in documented(root) if not line.startswith("systemctl"))
    program = tmp_path / "bin/stressd"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m stressd "$@"\n')
    program.chmod(0o755)
    script = script.replace("/var/lib/stressd", str(state)).replace("/opt/$new", str(tmp_path))
    done = subprocess.run(["sh", "-eu", "-c", script], capture_output=True, text=True, env=environment(None))
    assert done.returncode == 0, done.stderr
    async with daemon(older, desk, state):
        status = json.loads(command(older, "status", "--json", "--state", str(state)).stdout)
        assert [each["episode"] for each in status["episodes"]] == [first["episode"]]
    assert [each for each in desk.receiver.events if each["kind"] == "market"] == [first]
    [aside] = state.glob("before-restore-*")
    kept = command(None, "deliveries", "list", "--state", str(aside))
    assert first["id"] in kept.stdout


def test_this_version_says_how_to_go_back_and_is_not_restarted_for_ever(desk_file: Path, tmp_path: Path) -> None:
    import sqlite3

    state = tmp_path / "state"
    command(None, "history", "import", str(calm_hours(tmp_path)), "--state", str(state), "-c", str(desk_file))
    shutil.copy(state / FILE, state / f"{FILE}.v{VERSION}")
    with sqlite3.connect(state / FILE) as file:
        file.execute(f"PRAGMA user_version = {VERSION + 1}")
    file.close()
    refused = command(None, "run", "-c", str(desk_file), "--state", str(state))
    assert refused.returncode == 78
    assert f"go back to {state / FILE}.v{VERSION}, which it was before the upgrade" in refused.stderr


@pytest.fixture
def desk_file(root: Path) -> Path:
    return root / "config/minimal.yaml"
