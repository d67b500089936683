"""The trial of a daemon: begun, kept over restarts and reloads, ended."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

import structlog

from stressd.config.load import Loaded
from stressd.runtime.outbox import machine_state
from stressd.runtime.shadow import FORMAT, NAME, Shadow, begin
from stressd.store import StoreError

if TYPE_CHECKING:
    from stressd.runtime.daemon import Daemon

SAVE_EVERY: Final = 600.0
"""Seconds."""

log = structlog.get_logger()


class Shadows:
    """At most one trial at a time. current: the last one, also where it is over; None where the configuration has
    none."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._saved = 0.0
        self._state = ""
        self.current: Shadow | None = None

    async def make(self, loaded: Loaded) -> Shadow | None:
        """The trial that the configuration asks for, from what is on disk. Raises StoreError."""
        if loaded.shadow is None:
            return None
        d = self._daemon
        machine = machine_state(d.pump.pipeline)
        saved = await asyncio.to_thread(d.snapshots.load)
        now, mailbox = d.clock.now(), d.mailbox
        return await asyncio.to_thread(
            begin, loaded, now, d.origin, d.store, saved, machine, d.pump.say, lambda: mailbox.folded_at
        )

    async def next(self, loaded: Loaded) -> Shadow | None:
        """The trial after a reload: the one that runs where nothing of it has changed. Raises StoreError."""
        before = self._daemon.loaded
        if loaded.shadow is None:
            return None
        same = loaded.model.shadow == before.model.shadow and before.shadow is not None
        if same and before.shadow is not None and before.shadow.model == loaded.shadow.model:
            return self.current
        await self._daemon.save()
        await self.save()
        return await self.make(loaded)

    def take(self, shadow: Shadow | None) -> None:
        """Go on with this one."""
        self.current = self._daemon.pump.beside = shadow

    async def refresh(self) -> None:
        """Called every few seconds: measures, and saves now and then, and at once where it has ended."""
        shadow = self.current
        if shadow is None:
            return
        shadow.refresh()
        if shadow.state != self._state or time.monotonic() - self._saved >= SAVE_EVERY:
            await self.save()

    async def save(self) -> None:
        """Keep it on disk."""
        shadow = self.current
        if shadow is None:
            return
        self._saved, self._state = time.monotonic(), shadow.state
        try:
            await asyncio.wrap_future(self._daemon.store.save_snapshot(NAME, FORMAT, shadow.keep()))
        except StoreError as error:
            log.warning("shadow.unsaved", error=str(error))

    def report(self) -> dict[str, Any] | None:
        """For `stressd shadow`."""
        return None if self.current is None else self.current.report()

    def brief(self) -> dict[str, Any] | None:
        """The same for the status and the metrics, without the list of episodes."""
        found = self.report()
        return None if found is None else {key: value for key, value in found.items() if key != "episodes"}
