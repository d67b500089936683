"""`stressd run` as a process: signals, exit statuses, systemd's datagrams, the Unix socket."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from stressd.runtime.snapshots import Snapshots
from stressd.store import Store
from tests.runtime.desk import Desk, desk_in, until


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_in(tmp_path) as made:
        yield made


class Process:
    """A daemon of its own, with a service manager that listens to it."""

    def __init__(self, process: asyncio.subprocess.Process, manager: socket.socket) -> None:
        self.process = process
        self.manager = manager
        self.said: list[str] = []

    def heard(self, text: str) -> int:
        """How many datagrams so far hold this line."""
        while True:
            try:
                self.said.append(self.manager.recv(4096).decode())
            except BlockingIOError:
                return sum(1 for said in self.said if text in said.split("\n"))

    async def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Exit status, and what it wrote to stderr."""
        self.process.send_signal(number)
        _, err = await asyncio.wait_for(self.process.communicate(), 30)
        assert self.process.returncode is not None
        return self.process.returncode, err.decode()


@asynccontextmanager
async def started(desk: Desk, *, ready: bool = True, **environ: str) -> AsyncIterator[Process]:
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    path = desk.file.with_name(f"notify-{len(list(desk.file.parent.iterdir()))}")
    manager.bind(str(path))
    manager.setblocking(False)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "stressd", "run", "-c", str(desk.file),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "NOTIFY_SOCKET": str(path), **environ},
    )  # fmt: skip
    daemon = Process(process, manager)
    try:
        if ready:
            await until(lambda: daemon.heard("READY=1") or process.returncode is not None, 30)
        yield daemon
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        manager.close()


async def cli(*words: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "stressd", *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_it_cleanly_with_its_state_saved(desk: Desk, number: int) -> None:
    desk.warm()
    async with started(desk) as daemon:
        await asyncio.wait_for(desk.broker.subscribed(), 10)
        await desk.breach()
        await desk.receiver.until(bool)
        status, err = await daemon.end(number)
        assert daemon.heard("STOPPING=1") == 1
    assert status == 0, err
    lines = [json.loads(line) for line in err.splitlines()]
    names = [line["event"] for line in lines]
    assert names[-1] == "daemon.stopped"
    assert {"daemon.started", "feed.connected", "episode.opened", "delivery.delivered"} <= set(names)
    store = Store.open(desk.state, create=False)
    assert Snapshots(store).load() is not None
    assert [episode.state for episode in store.episodes()] == ["open"]
    assert not store.pending()
    store.close()


async def test_the_watchdog_is_beaten_by_the_pump_while_nothing_comes(desk: Desk) -> None:
    async with started(desk, WATCHDOG_USEC="800000") as daemon:
        await until(lambda: daemon.heard("WATCHDOG=1") >= 3, 15)
        assert (await daemon.end())[0] == 0


async def test_hangup_reloads_or_says_why_not_and_runs_on(desk: Desk) -> None:
    async with started(desk) as daemon:
        desk.write(change=lambda text: text.replace("instance: test-desk", "instance: [1"))
        daemon.process.send_signal(signal.SIGHUP)
        await until(lambda: daemon.heard("READY=1") == 2)
        assert daemon.heard("RELOADING=1") == 1
        status, out, _ = await cli("status", "--json", "--state", str(desk.state))
        shown = json.loads(out)
        assert f"{desk.file}:" in shown["config"]["rejected"]["faults"][0]
        desk.write(level="4.1")
        daemon.process.send_signal(signal.SIGHUP)
        await until(lambda: daemon.heard("READY=1") == 3)
        _, out, _ = await cli("status", "--json", "--state", str(desk.state))
        assert json.loads(out)["config"]["rejected"] is None
        assert json.loads(out)["config"]["digest"] != shown["config"]["digest"]
        status, err = await daemon.end()
    assert status == 0
    names = [json.loads(line)["event"] for line in err.splitlines()]
    assert names.count("config.rejected") == 1
    assert names.count("config.reloaded") == 1


async def test_status_answers_over_the_unix_socket_and_says_when_nobody_is_there(desk: Desk) -> None:
    desk.warm()
    async with started(desk) as daemon:
        await asyncio.wait_for(desk.broker.subscribed(), 10)
        await desk.breach()
        await desk.receiver.until(bool)
        status, out, err = await cli("status", "-c", str(desk.file))
        assert (status, err) == (0, "")
        assert out.startswith("OK: test-desk: all is well: 1 feed, 3 of 3 series can alert")
        assert "3 of 3 series can alert" in out
        episode = desk.receiver.events[0]["episode"]
        assert episode in out
        assert (await daemon.end())[0] == 0
    status, out, err = await cli("status", "--state", str(desk.state))
    assert (status, out) == (1, "")
    assert err.startswith(f"stressd: no daemon runs on {desk.state}")


async def test_a_second_daemon_is_refused_in_one_line(desk: Desk) -> None:
    async with started(desk) as first:
        async with started(desk, ready=False) as second:
            _, err = await asyncio.wait_for(second.process.communicate(), 30)
            assert second.process.returncode == 1
            assert err.decode().splitlines()[-1].startswith("stressd: ")
            assert "already keeps its state here" in err.decode()
        assert (await first.end())[0] == 0


async def test_a_bad_configuration_or_secret_ends_it_with_78_and_the_line(desk: Desk) -> None:
    for change, said in (
        (("type: webhook", "type: webhok"), "webhok"),
        (("unsigned: true", "secret: {env: STRESSD_NO_SUCH_SECRET}"), "STRESSD_NO_SUCH_SECRET"),
    ):
        desk.write(change=lambda text, pair=change: text.replace(*pair))  # type: ignore[misc]
        async with started(desk, ready=False) as daemon:
            _, err = await asyncio.wait_for(daemon.process.communicate(), 30)
            assert daemon.process.returncode == 78
            assert f"{desk.file}:" in err.decode()
            assert said in err.decode()
            assert "Traceback" not in err.decode()


async def test_a_taken_port_is_said_in_one_line(desk: Desk) -> None:
    port = desk.receiver.url.split(":")[2].split("/")[0]
    desk.write(change=lambda text: text.replace("listen: 127.0.0.1:0", f"listen: 127.0.0.1:{port}"))
    async with started(desk, ready=False) as daemon:
        _, err = await asyncio.wait_for(daemon.process.communicate(), 30)
    assert daemon.process.returncode == 1
    assert err.decode().splitlines()[-1] == f"stressd: cannot listen on 127.0.0.1:{port}: address already in use"
    assert "Traceback" not in err.decode()


async def test_a_killed_daemon_resumes_with_its_episodes(desk: Desk) -> None:
    desk.warm()
    async with started(desk) as daemon:
        await asyncio.wait_for(desk.broker.subscribed(), 10)
        await desk.breach()
        await desk.receiver.until(bool)
        daemon.process.kill()
        await daemon.process.wait()
    async with started(desk) as daemon:
        _, out, _ = await cli("status", "--json", "--state", str(desk.state))
        assert [e["episode"] for e in json.loads(out)["episodes"]] == [desk.receiver.events[0]["episode"]]
        assert (await daemon.end())[0] == 0
    openings = {event["id"] for event in desk.receiver.events if event["type"] == "opened"}
    assert len(openings) == 1


async def test_a_stop_while_it_still_reads_its_configuration_ends_it_at_once(desk: Desk) -> None:
    """As the first process of a container nothing but a handler of its own would end it."""
    desk.file.unlink()
    os.mkfifo(desk.file)
    async with started(desk, ready=False) as daemon:

        def listens() -> bool:
            status = Path(f"/proc/{daemon.process.pid}/status").read_text()
            caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
            return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)

        await until(listens)
        assert (await daemon.end())[0] == 0
