"""States of the engine that stay, so that what followed can be replayed elsewhere: the one from before each episode,
and the first after each start and each reload, from where ticks and inputs in the recording lead on.

They are the saved snapshots themselves, under a second name. The newest few of every ten minutes roll on; those that an
episode needs are kept for as long as the recording (`recordings.let_go`).
"""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog

from stressd.config.replayable import replayable
from stressd.engine.spec import MINUTE
from stressd.runtime.outbox import machine_state
from stressd.runtime.snapshots import Snapshots
from stressd.store import recordings, snapshotfile
from stressd.store.recordings import KEPT, ROLLING, Recorded

if TYPE_CHECKING:
    from stressd.runtime.daemon import Daemon

EVERY: Final = 10 * MINUTE
"""ns between two that roll on."""

LEAD: Final = 5 * MINUTE
"""ns that the kept one is before the episode, at least, where there is such a one."""

ROLL: Final = 4
"""How many roll on."""

log = structlog.get_logger()


def beside(d: Daemon) -> dict[str, Any]:
    """What goes into a snapshot beside the engine's own state, all of the same instant: the machine of episodes, what
    it knows of feeds that cannot speak, the last event that was told, and the configuration as a replay needs it."""
    return {
        "origin": d.origin,
        "config": d.loaded.digest,
        "data": replayable(d.loaded),
        "machine": machine_state(d.pump.pipeline),
        "covering": d.pump.pipeline.covering(),
        "inputs": d.recorder.noted,
        "last": d.pump.last,
    }


class Checkpoints:
    """wanted: set when the next snapshot should come soon, since what is before it does not lead to what follows."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._folder = state / recordings.FOLDER
        self._opened = 0
        self._lost = 0
        self._before = 0
        self._since = 0
        self._begins = True
        self.wanted = asyncio.Event()

    def begin_anew(self) -> None:
        """The daemon goes on with another configuration: the next snapshot is where a replay begins."""
        self._begins = True
        self.wanted.set()

    async def pause(self, seconds: float) -> None:
        """Until the next snapshot is due, or wanted."""
        try:
            async with asyncio.timeout(seconds):
                await self.wanted.wait()
        except TimeoutError:
            pass
        self.wanted.clear()

    async def saved(self, snapshots: Snapshots, opened: int, lost: int) -> None:
        """A snapshot has been saved. opened: episodes since the start; lost: ticks that are missing in the recording
        since the start."""
        recorded = snapshots.recorded
        if recorded is None or snapshots.saved_at is None:
            return
        begins, self._begins = self._begins or lost != self._lost, False
        opens, self._opened, self._lost = opened != self._opened, opened, lost
        before, self._before = self._before, snapshots.saved_at
        if begins:
            self._since = snapshots.saved_at
        try:
            await asyncio.to_thread(self._keep, snapshots.saved_at, recorded, begins, before if opens else None)
        except OSError as error:
            log.warning("checkpoint.failed", error=str(error))

    def _keep(self, at: int, recorded: int, begins: bool, opened_after: int | None) -> None:
        """On a thread. opened_after: an episode was opened after that (ns UTC)."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        there = recordings.states(self._folder)
        rolling = [each for each in there if each.path.suffix == ROLLING]
        if begins or not rolling or at - rolling[-1].start >= EVERY:
            self._link(self._folder / recordings.state_name(at, recorded, KEPT if begins else ROLLING))
        if opened_after is not None:
            for each in _before(there, opened_after - LEAD, self._since):
                if each.path.suffix == ROLLING:
                    each.path.rename(each.path.with_suffix(KEPT))
                    rolling.remove(each)
        for each in rolling[: -(ROLL - 1)]:
            each.path.unlink(missing_ok=True)

    def _link(self, path: Path) -> None:
        source = self._state / snapshotfile.NAME
        if path.exists():
            return
        try:
            os.link(source, path)
        except OSError:
            # a disk that knows no second names
            partial = path.with_name(path.name + ".partial")
            shutil.copyfile(source, partial)
            partial.chmod(0o600)
            partial.rename(path)


def _before(there: list[Recorded], at: int, since: int) -> list[Recorded]:
    """The newest that is not later than `at`, else the first one since `since`, where what leads on from it began."""
    early = [each for each in there if each.start <= at]
    return early[-1:] or [each for each in there if each.start >= since][:1]
