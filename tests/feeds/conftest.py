"""A real mosquitto for the tests of the MQTT feed, and a certificate authority of one test run."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
import trustme

from stressd.testing.feeds import KeepingInbox


class Mosquitto:
    """One mosquitto on one port, started and killed at will; its state stays in `folder`."""

    def __init__(self, program: str, folder: Path, settings: str, port: int) -> None:
        self.port = port
        self._program = program
        self._file = folder / "mosquitto.conf"
        self._file.write_text(
            f"persistence true\npersistence_location {folder}/\nautosave_interval 1\nautosave_on_changes true\n"
            f"user root\nlistener {port} 127.0.0.1\n{settings}\n"
        )
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            self._program, "-c", str(self._file), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        async with asyncio.timeout(10):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except OSError:
                    await asyncio.sleep(0.01)
                    continue
                writer.transport.abort()
                return

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.send_signal(how)
            try:
                await asyncio.wait_for(process.wait(), 2)
            except TimeoutError:
                # it forgets a SIGTERM that comes between the opening of its port and its main loop
                process.kill()
                await process.wait()


MosquittoFactory = Callable[[str], AbstractAsyncContextManager[Mosquitto]]


@pytest.fixture
def mosquitto(tmp_path: Path) -> MosquittoFactory:
    """`async with mosquitto("allow_anonymous true") as broker`: a real broker with these settings for its listener."""
    program = shutil.which("mosquitto")
    if program is None:
        pytest.skip("mosquitto is not installed: no test against a real MQTT broker")

    @asynccontextmanager
    async def running(settings: str) -> AsyncIterator[Mosquitto]:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        broker = Mosquitto(program, tmp_path, settings, port)
        await broker.start()
        try:
            yield broker
        finally:
            await broker.stop()

    return running


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    """A certificate authority; its certificate lies in `ca.pem`."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    return ca


@pytest.fixture
async def background() -> AsyncIterator[Callable[[Awaitable[None]], asyncio.Task[None]]]:
    """Runs a coroutine beside the test, and ends it with the test."""
    tasks: list[asyncio.Task[None]] = []

    def start(work: Awaitable[None]) -> asyncio.Task[None]:
        async def run() -> None:
            await work

        tasks.append(asyncio.create_task(run()))
        return tasks[-1]

    yield start
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def inbox() -> KeepingInbox:
    return KeepingInbox()
