"""A daemon in a process of its own, and what the machine says of it: CPU time, memory, open files, its log."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest

from stressd.web.serve import SOCKET_NAME
from tests.runtime.desk import Desk, until

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


class Life:
    """One run of the daemon."""

    def __init__(self, process: asyncio.subprocess.Process, desk: Desk, log: Path) -> None:
        self.process = process
        self.pid = process.pid
        self._desk = desk
        self._log = log

    def log(self, name: str = "") -> list[dict[str, Any]]:
        """What it has logged; of events of this name."""
        lines = [json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if not name or line["event"] == name]

    def words(self) -> str:
        return self._log.read_text()

    async def status(self) -> dict[str, Any]:
        connector = aiohttp.UnixConnector(str(self._desk.state / SOCKET_NAME))
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.get("http://stressd/api/v1/status") as answer,
        ):
            return cast(dict[str, Any], await answer.json())

    def cpu(self) -> float:
        """Seconds of CPU time so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND

    def memory(self) -> int:
        """Resident bytes."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def files(self) -> int:
        """Open file descriptors."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def limit(self, what: int, to: int) -> None:
        """Its soft limit of a resource, such as RLIMIT_NOFILE."""
        _, hard = resource.prlimit(self.pid, what)
        resource.prlimit(self.pid, what, (to, hard))

    @asynccontextmanager
    async def idling(self, share: float = 0.5) -> AsyncIterator[None]:
        """It must not spin meanwhile: at most this share of a core."""
        loop = asyncio.get_running_loop()
        began, used = loop.time(), self.cpu()
        yield
        took = loop.time() - began
        spent = self.cpu() - used
        assert spent < share * took + 1.0, f"{spent:.1f} s of CPU time in {took:.1f} s"

    async def end(self, number: int = signal.SIGTERM, timeout: float = 40.0) -> int:
        """Exit status."""
        self.process.send_signal(number)
        return await asyncio.wait_for(self.process.wait(), timeout)


@asynccontextmanager
async def alive(
    desk: Desk, wrapper: Sequence[str] = (), *, connected: bool = True, **environ: str
) -> AsyncIterator[Life]:
    """The daemon, subscribed. wrapper: a command that runs it in its own process."""
    log = desk.file.with_name("daemon.log")
    places = [*(p for p in sys.path if p), os.getcwd()]
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *wrapper, sys.executable, "-m", "stressd", "run", "-c", str(desk.file),
            stdout=output, stderr=output, env={**os.environ, "PYTHONPATH": os.pathsep.join(places), **environ},
        )  # fmt: skip
    life = Life(process, desk, log)
    try:
        wanted = "feed.connected" if connected else "daemon.started"
        known = len(life.log(wanted)) if log.stat().st_size else 0
        await until(lambda: len(life.log(wanted)) > known or process.returncode is not None, 60)
        assert process.returncode is None, life.words()[-2000:]
        yield life
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
            await process.wait()


def told(desk: Desk, rule: str, kind: str = "opened") -> list[dict[str, Any]]:
    """The events of a rule that people heard."""
    return [event for event in desk.receiver.events if event["rule"] == rule and event["type"] == kind]


async def hears(desk: Desk, rule: str, kind: str = "opened", timeout: float = 20.0) -> dict[str, Any]:
    """The first event of a rule, once it has come."""
    await desk.receiver.until(lambda _: bool(told(desk, rule, kind)), timeout)
    return told(desk, rule, kind)[0]


def needs(*programs: str, root: bool = True) -> None:
    """Skip, and say why, where the machine lacks something."""
    if root and os.geteuid() != 0:
        pytest.skip("not root: no real fault can be injected")
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: the fault cannot be injected")


def changed(*pairs: tuple[str, str]) -> Callable[[str], str]:
    """A change of the desk's configuration."""

    def change(text: str) -> str:
        for old, new in pairs:
            assert old in text
            text = text.replace(old, new)
        return text

    return change


async def run(*words: str) -> str:
    """The output of a command that must succeed."""
    process = await asyncio.create_subprocess_exec(
        *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, f"{' '.join(words)}: {out.decode()}"
    return out.decode()
