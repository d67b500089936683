"""Bundles that are asked for over HTTP: made by a process of its own, so that the pump waits for nothing."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path
from typing import Final

import structlog

FOLDER: Final = "bundles"
FRESH: Final = 60.0
"""Seconds for which one that was made answers further requests."""

WAIT: Final = 20.0
"""Seconds that a request waits."""

PATIENCE: Final = 30
"""Seconds of the replay that checks it."""

MOST: Final = 3
"""Episodes whose bundles are being made or wait for it."""

LONGEST: Final = 300.0
"""Seconds that making one may take."""

log = structlog.get_logger()


class NotMade(Exception):
    """Why there is no bundle, in one sentence."""


class Bundles:
    """One is made at a time; what was made is kept for a minute, and gone after the next start. state: the daemon's."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._folder = state / FOLDER
        self._one = asyncio.Lock()
        self._making: dict[str, asyncio.Task[Path]] = {}
        self._made: dict[str, float] = {}

    async def of(self, episode: str, wait: float = WAIT) -> Path | None:
        """The bundle of an episode; None while it is being made. Raises NotMade."""
        task = self._making.get(episode)
        if task is None:
            if len(self._making) >= MOST:
                raise NotMade(f"{MOST} bundles are being made already: ask again in a minute")
            file = self._folder / f"{episode}.tar.gz"
            if time.monotonic() - self._made.get(episode, -FRESH) < FRESH and file.exists():
                return file
            task = self._making[episode] = asyncio.create_task(self._make(episode, file), name=f"bundle {episode}")
        done, _ = await asyncio.wait([task], timeout=wait)
        if not done:
            return None
        self._making.pop(episode, None)
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

    async def _make(self, episode: str, file: Path) -> Path:
        async with self._one:
            for other in [name for name, at in self._made.items() if time.monotonic() - at > FRESH]:
                del self._made[other]
                file.with_name(f"{other}.tar.gz").unlink(missing_ok=True)
            self._folder.mkdir(mode=0o700, exist_ok=True)
            words = ["-P", "-m", "stressd", "bundle", episode, "--state", str(self._state), "-o", str(file)]
            polite = ["nice", "-n", "10"] if shutil.which("nice") else []
            try:
                child = await asyncio.create_subprocess_exec(
                    *polite, sys.executable, *words, "--patience", str(PATIENCE),
                    stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE,
                )  # fmt: skip
            except OSError as error:
                raise NotMade(f"the bundle cannot be made: {error.strerror or error}") from None
            try:
                async with asyncio.timeout(LONGEST):
                    _, said = await child.communicate()
            except TimeoutError:
                raise NotMade(
                    f"the bundle was not made within {LONGEST:.0f} s: `stressd bundle` has more time"
                ) from None
            finally:
                if child.returncode is None:
                    child.kill()
                    await child.wait()
            if child.returncode != 0:
                text = said.decode("utf-8", "replace").strip().rpartition("\n")[2]
                log.warning("bundle.failed", episode=episode, error=text)
                raise NotMade(text.removeprefix("stressd: ") or "the bundle cannot be made")
            log.info("bundle.made", episode=episode, bytes=file.stat().st_size)
            self._made[episode] = time.monotonic()
            return file
