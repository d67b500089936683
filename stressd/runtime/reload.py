"""The next configuration while the present one runs: everything that can fail, before anything is exchanged."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from stressd.config.faults import ConfigError
from stressd.config.load import Loaded, load
from stressd.config.registry import Registry
from stressd.runtime.build import BuildError, Built, fallbacks, make_feeds, make_sinks
from stressd.runtime.linkkey import signer
from stressd.runtime.outbox import machine_state
from stressd.runtime.rendering import Renderer
from stressd.runtime.snapshots import Saved
from stressd.runtime.statedir import state_dir
from stressd.store import StoreError

if TYPE_CHECKING:
    from stressd.runtime.daemon import Daemon

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Rejected:
    """A reload that was refused. at: ns UTC."""

    at: int
    faults: tuple[str, ...]


class Refused(Exception):
    """The next configuration cannot be used; the present one goes on. faults: one text each."""

    def __init__(self, *faults: str) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


@contextmanager
def refusing() -> Iterator[None]:
    """What goes wrong inside is a reason to refuse, never to stop."""
    try:
        yield
    except ConfigError as error:
        raise Refused(*(fault.brief for fault in error.faults if fault.level == "error")) from None
    except (BuildError, StoreError, OSError) as error:
        raise Refused(str(error)) from None


async def next_config(present: Loaded, registry: Registry, state: Path) -> Loaded:
    """The file as it is now. Raises Refused."""
    with refusing():
        loaded = await asyncio.to_thread(load, present.path, registry)
    if loaded.state_dir is not None and loaded.state_dir != present.state_dir and state_dir(loaded.state_dir) != state:
        raise Refused(f"`state_dir` cannot change while the daemon runs (it is {state}): restart it")
    if loaded.instance != present.instance:
        raise Refused(f"`instance` cannot change while the daemon runs (it is {present.instance}): restart it")
    return loaded


def address(loaded: Loaded) -> tuple[str | None, int]:
    """Host and port that are wanted; None and 0 where no HTTP server is."""
    return (loaded.listen.host, loaded.listen.port) if loaded.listen is not None else (None, 0)


class Reloader:
    """Exchanges the configuration of a daemon at work, one request after the other."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._wanted = asyncio.Event()

    def request(self) -> None:
        """Read the configuration again soon."""
        self._wanted.set()

    async def run(self) -> None:
        """Reload whenever it is requested."""
        d = self._daemon
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            d.systemd.reloading()
            try:
                await self._exchange()
                d.rejected = None
            except Refused as refused:
                d.rejected = Rejected(d.clock.now(), refused.faults)
                log.error("config.rejected", path=str(d.loaded.path), faults=list(refused.faults))
            d.systemd.ready(d.reporter.summary())

    async def _exchange(self) -> None:
        """Everything that can fail first, then the swap between two passes of the pump. Raises Refused."""
        d = self._daemon
        loaded = await next_config(d.loaded, d.registry, d.state)
        with refusing():
            feeds = make_feeds(loaded, d.registry, d.loaded, d.feeds.feeds)
            sinks = make_sinks(loaded, d.registry)
            key = signer(loaded.model.links, d.state)
            await d.server.listen(*address(loaded))
            try:
                self._successor(loaded)
                await d.heart.replace(loaded.model.heartbeat or ())
            except BaseException:
                await d.server.listen(*address(d.loaded))
                raise
        # First whoever could be told something new, then who says it, then where it comes from.
        d.renderer = Renderer(loaded)
        await d.deliverer.replace(sinks, loaded.page_url, fallbacks=fallbacks(loaded), render=d.renderer)
        d.charts.warm(d.deliverer.sinks)
        successor = self._successor(loaded)
        d.pump.swap(successor.pipeline, successor.told)
        before, d.loaded, d.signer = d.loaded, loaded, key
        d.probe.replace(loaded.model.probe)
        d.loaded_at = d.clock.now()
        await d.feeds.replace(feeds)
        log.info("config.reloaded", digest=loaded.digest, before=before.digest)

    def _successor(self, loaded: Loaded) -> Built:
        """A pipeline for the next configuration that goes on where the present one stands."""
        d = self._daemon
        present = d.pump.pipeline
        saved = Saved(present.engine.now, present.engine.snapshot(), d.history.signature())
        return d.new_pipeline(loaded, saved, machine_state(present), heard=True)
