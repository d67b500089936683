"""Files that are asked for over HTTP: made by a process of its own, so that the pump waits for nothing."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

FRESH: Final = 60.0
"""Seconds for which one that was made answers further requests."""

WAIT: Final = 20.0
"""Seconds that a request waits."""

MOST: Final = 3
"""Files of one kind that are being made or wait for it."""

LONGEST: Final = 300.0
"""Seconds that making one may take."""

log = structlog.get_logger()


class NotMade(Exception):
    """Why there is no such file, in one sentence."""


class Errands:
    """One file of its kind is made at a time; what was made is kept for a minute, and gone after the next start. what:
    the kind, as people call it ("bundle"). words: by the ending of the file the command that makes it, up to the option
    that takes the file."""

    def __init__(self, state: Path, folder: str, what: str, words: Mapping[str, Sequence[str]]) -> None:
        self._state = state
        self._folder = state / folder
        self._what = what
        self._words = dict(words)
        self._one = asyncio.Lock()
        self._making: dict[str, asyncio.Task[Path]] = {}
        self._made: dict[str, float] = {}

    async def of(self, episode: str, ending: str, wait: float = WAIT) -> Path | None:
        """The file of an episode with that ending; None while it is being made. Raises NotMade."""
        name = f"{episode}{ending}"
        task = self._making.get(name)
        if task is None:
            if len(self._making) >= MOST:
                raise NotMade(f"{MOST} {self._what}s are being made already: ask again in a minute")
            file = self._folder / name
            if time.monotonic() - self._made.get(name, -FRESH) < FRESH and file.exists():
                return file
            task = asyncio.create_task(self._make(episode, file, self._words[ending]), name=f"{self._what} {episode}")
            self._making[name] = task
        done, _ = await asyncio.wait([task], timeout=wait)
        if not done:
            return None
        self._making.pop(name, None)
        return task.result()

    def tidy(self) -> None:
        """At the start: what a process that died has left."""
        shutil.rmtree(self._folder, ignore_errors=True)

    async def stop(self) -> None:
        """Nothing is made any more, and what was made goes."""
        tasks = list(self._making.values())
        self._making.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(self.tidy)

    async def _make(self, episode: str, file: Path, command: Sequence[str]) -> Path:
        async with self._one:
            for other in [name for name, at in self._made.items() if time.monotonic() - at > FRESH]:
                del self._made[other]
                file.with_name(other).unlink(missing_ok=True)
            self._folder.mkdir(mode=0o700, exist_ok=True)
            try:
                await carry_out([*command, str(file), "--state", str(self._state), episode], LONGEST)
            except NotMade as error:
                log.warning("errand.failed", kind=self._what, episode=episode, error=str(error))
                raise
            log.info("errand.made", kind=self._what, episode=episode, bytes=file.stat().st_size)
            self._made[file.name] = time.monotonic()
            return file


async def carry_out(words: Sequence[str], longest: float) -> str:
    """Run this stressd with these words, politely; what it printed. It is killed after `longest` seconds, and when the
    caller is cancelled. Raises NotMade with the last line of what it said."""
    polite = ["nice", "-n", "10"] if shutil.which("nice") else []
    try:
        child = await asyncio.create_subprocess_exec(
            *polite, sys.executable, "-P", "-m", "stressd", *words, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
        )
    except OSError as error:
        raise NotMade(f"it cannot be made: {error.strerror or error}") from None
    _goes_first(child.pid)
    try:
        async with asyncio.timeout(longest):
            printed, said = await child.communicate()
    except TimeoutError:
        raise NotMade(f"it was not made within {longest:.0f} s: `stressd {words[0]}` has more time") from None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode != 0:
        text = said.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise NotMade(text.removeprefix("stressd: ") or "it cannot be made")
    return printed.decode("utf-8", "replace")


def _goes_first(pid: int) -> None:
    """Where memory runs out, rather this process than the daemon, whose priority it has inherited."""
    with suppress(OSError):
        Path(f"/proc/{pid}/oom_score_adj").write_text("500", encoding="ascii")
