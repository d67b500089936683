"""What every test run needs: the engine's form asserted, the real data where it is, a real broker, a list of what did
not run.

STRESSD_EXPECT_FORM=compiled|interpreted makes the run fail unless the engine under test has that form.
STRESSD_NOT_RUN_FILE names a file to which the list is written instead of the terminal (`make test` prints it last).
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from tests.turn import wait_for_the_turn

if TYPE_CHECKING:
    from tests.runtime.outbox_bench import Bench

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"

hypothesis.settings.register_profile(
    "default", deadline=None, print_blob=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.register_profile("ci", hypothesis.settings.get_profile("default"), derandomize=True, database=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "default")


def pytest_configure(config: pytest.Config) -> None:
    # Debian keeps brokers and other daemons where a plain user's PATH does not look
    parts = os.environ.get("PATH", "").split(os.pathsep)
    os.environ["PATH"] = os.pathsep.join([*parts, *(p for p in ("/usr/sbin", "/sbin") if p not in parts)])
    expected = os.environ.get("STRESSD_EXPECT_FORM", "")
    if not expected:
        return
    from stressd.engine.form import FORM

    if expected != FORM:
        import stressd

        raise pytest.UsageError(f"this run must test the {expected} engine, but {stressd.__file__} is {FORM}")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """No test begins shortly before the UTC day turns, or shortly after."""
    wait_for_the_turn(time.time())
    return (yield)


def pytest_report_header(config: pytest.Config) -> str:
    import stressd
    from stressd.engine.form import FORM

    return f"stressd {stressd.__version__}, engine {FORM}, from {Path(stressd.__file__).parent}"


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real market data beside the repository; without it the test is skipped and named at the end."""
    if not (SHARED / "data").is_dir():
        pytest.skip("real data absent: ../shared/data is not here")
    return SHARED


@pytest.fixture(scope="session")
def release(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """dist/stressd-VERSION/, made once for all tests that look at one."""
    from tests.releasing import make_release

    return make_release(root, tmp_path_factory.mktemp("release") / "dist")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = [_not_run(report) for report in terminalreporter.stats.get("skipped", [])]
    if not lines:
        return
    target = os.environ.get("STRESSD_NOT_RUN_FILE")
    if target:
        Path(target).write_text("\n".join(lines) + "\n", encoding="utf-8")
        return
    terminalreporter.section(f"NOT RUN HERE: {len(lines)} tests", sep="=", yellow=True, bold=True)
    for line in lines:
        terminalreporter.line(line, yellow=True)


def _not_run(report: pytest.TestReport) -> str:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return f"{report.nodeid}: {reason.removeprefix('Skipped: ')}"


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
async def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    """Deliveries in virtual time: a store, and sinks that do as told."""
    from tests.runtime.outbox_bench import Bench, swift

    monkeypatch.setattr("stressd.store.writer.connect", swift)
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    one = Bench(tmp_path)
    yield one
    await one.close()
