"""A process that has everything imported and forks one life of the whole daemon per line of its input.

A line is a JSON object: config and output (files), snapshot_every (seconds). The answers are lines too: the child's
pid, then how it ended; whoever asked kills it.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sys
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from stressd.cli.main import main as stressd_main
from stressd.runtime import snapshots
from stressd.runtime.registry import registry


class Life:
    """One run of the daemon, in a process forked from the other."""

    def __init__(self, pid: int, answers: asyncio.StreamReader, output: Path) -> None:
        self.pid = pid
        self.output = output
        self.ended: asyncio.Future[int] = asyncio.ensure_future(_end(answers))

    def said(self, event: str) -> bool:
        """Whether its log has this event."""
        return f'"event": "{event}"' in self.output.read_text()

    def send(self, number: int) -> None:
        if not self.ended.done():
            os.kill(self.pid, number)


class Mother:
    """Starts lives, one after the other."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.last: Life | None = None

    async def life(self, config: Path, output: Path, snapshot_every: float) -> Life:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {"config": str(config), "output": str(output), "snapshot_every": snapshot_every}
        output.write_text("")
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        pid = json.loads(await self._process.stdout.readline())["pid"]
        self.last = Life(pid, self._process.stdout, output)
        return self.last


async def _end(answers: asyncio.StreamReader) -> int:
    return int(json.loads(await answers.readline())["status"])


@asynccontextmanager
async def mother() -> AsyncIterator[Mother]:
    places = [*(p for p in sys.path if p), os.getcwd()]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.killing.daemons", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(places)},
    )  # fmt: skip
    made = Mother(process)
    try:
        yield made
    finally:
        if made.last is not None:
            made.last.send(signal.SIGKILL)
        assert process.stdin is not None
        process.stdin.close()
        await asyncio.wait_for(process.wait(), 60)


def fork(request: dict[str, Any]) -> int:
    """The pid of one life."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        output = os.open(request["output"], os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w", buffering=1), os.fdopen(2, "w", buffering=1)
        snapshots.EVERY = request["snapshot_every"]  # type: ignore[misc]
        code = stressd_main(["run", "-c", request["config"]])
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def main() -> None:
    registry()
    gc.freeze()
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    for line in sys.stdin:
        pid = fork(json.loads(line))
        print(json.dumps({"pid": pid}), file=answers)
        _, status = os.waitpid(pid, 0)
        print(json.dumps({"status": os.waitstatus_to_exitcode(status)}), file=answers)


if __name__ == "__main__":
    main()
