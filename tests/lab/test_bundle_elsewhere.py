"""A bundle of a real daemon, asked for over HTTP, and replayed as somebody else on another machine."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import pytest

from stressd.cli.main import main
from stressd.lab.bundle.archive import unpacked
from tests.runtime.desk import Desk, desk_in

ROOT = Path(__file__).resolve().parents[2]


async def day(desk: Desk, folder: Path) -> Path:
    """A breach, somebody who takes it on, a reload, a restart, and a second breach; the bundle of the first."""
    desk.warm()
    async with desk.running() as daemon:
        await desk.breach()
        await desk.receiver.until(lambda events: len(events) >= 1)
        episode = desk.receiver.events[0]["episode"]
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(desk.state / "stressd.sock"))) as session:
            async with session.post(f"http://x/api/v1/episodes/{episode}/ack", json={"note": "looking"}) as answer:
                assert answer.status == 200
            desk.write(level="4.6")
            async with session.post("http://x/api/v1/reload") as answer:
                assert answer.status == 200, await answer.text()
            while daemon.checkpoints.wanted.is_set():
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.3)
    async with desk.running() as daemon:
        await desk.tick("US.GOV.10Y", 4.7)
        await desk.tick("US.GOV.10Y", 4.7001)
        await desk.receiver.until(lambda events: any(each["market"] == "US" for each in events))
        # what was taken lately is not written yet
        await asyncio.sleep(4.0)
        file = folder / "bundle.tar.gz"
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(desk.state / "stressd.sock"))) as session:
            for _ in range(20):
                async with session.get(f"http://x/api/v1/episodes/{episode[-4:]}/bundle") as answer:
                    assert answer.status in (200, 202), await answer.text()
                    body = await answer.read()
                if answer.status == 200:
                    break
            assert answer.headers["Content-Disposition"] == f'attachment; filename="{episode}.tar.gz"'
            assert answer.headers["Cache-Control"] == "no-store"
            async with session.get("http://x/api/v1/episodes/XX-260101-none/bundle") as answer:
                assert answer.status == 404
        file.write_bytes(body)
    assert not (desk.state / "bundles").exists()
    return file


HOST = 'hostname elsewhere && exec setpriv --reuid=65534 --clear-groups "$@"'


def elsewhere(words: Sequence[str], home: Path) -> tuple[list[str], dict[str, str]]:
    """The command as another user of another machine, as far as this one lets us."""
    env = {
        "PATH": os.environ["PATH"], "HOME": str(home), "TZ": "America/St_Johns", "LANG": "C", "LC_ALL": "C",
        "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "4711", "TMPDIR": str(home),
    }  # fmt: skip
    before: list[str] = []
    if os.geteuid() == 0 and shutil.which("unshare") and shutil.which("setpriv"):
        before = ["unshare", "--uts", "sh", "-c", HOST, "x"]
        may = [*before, sys.executable, "-c", "import stressd.cli.main"]
        if subprocess.run(may, env=env, cwd=home, capture_output=True).returncode != 0:
            before = []
    return [*before, sys.executable, "-m", "stressd", *words], env


@pytest.mark.once
async def test_a_bundle_over_http_gives_the_same_bytes_to_another_user_host_and_zone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    async with desk_in(tmp_path) as desk:
        file = await day(desk, tmp_path)
    with unpacked(file) as (manifest, folder):
        told = (folder / "events.ndjson").read_bytes()
        assert manifest.check is not None
        assert manifest.check.identical, manifest.verdict
        assert [each.ends for each in manifest.segments] == [
            "the configuration was read again", "the daemon was started", "the end"
        ]  # fmt: skip
        assert len({each.config for each in manifest.segments}) == 2
        assert b'"type":"acknowledged"' in told
    home = Path(tempfile.mkdtemp(prefix="elsewhere-"))
    request.addfinalizer(lambda: shutil.rmtree(home))
    home.chmod(0o777)
    there = home / "incident.tar.gz"
    shutil.copy(file, there)
    there.chmod(0o644)
    words, env = elsewhere(["replay", str(there), "--json"], home)
    if words[0] != "unshare":
        print("SKIPPED in part: replayed as the same user and host: no root, unshare or setpriv, or not its to read")
    done = await asyncio.to_thread(subprocess.run, words, env=env, cwd=home, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout == told
    assert b"identical" in done.stderr.lower()
    assert sorted(each.name for each in home.iterdir()) == ["incident.tar.gz"]
    assert main(["replay", str(file)]) == 0
    said = capsys.readouterr().out
    assert "Nobody is told." in said
    assert said.rstrip().endswith("come out byte for byte.")
    assert main(["replay", str(file), str(file)]) == 1
    assert main(["replay", str(file), "-c", str(desk.file)]) == 1
    assert "brings its own configuration" in capsys.readouterr().err
