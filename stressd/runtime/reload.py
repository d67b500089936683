"""Reloading: another configuration without a stop, or the reasons against it and nothing changed.

First everything that can fail, beside what runs (`successor`); then the exchange, in one go between two passes of the
pump; last what was exchanged is wound up, at its leisure.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import structlog

from stressd.config.difference import Change
from stressd.config.load import Loaded, load, load_text
from stressd.feeds.offers import Renamed
from stressd.market.times import iso
from stressd.runtime.build import Built, fallbacks
from stressd.runtime.logs import configure
from stressd.runtime.refusal import Refused, refusing
from stressd.runtime.statedir import state_dir
from stressd.runtime.successor import Successor, look, prepare

if TYPE_CHECKING:
    from stressd.runtime.daemon import Daemon

OUTCOMES: Final = ("reloaded", "unchanged", "refused")

CREDENTIALS: Final = "a credential of systemd is as it was when the unit was started: restart it for another one"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Reload:
    """How one reload ended. at: ns UTC. took: s until all was wound up; stood: s for which the pump stood still. said:
    what follows from it, in sentences. faults: why it was refused."""

    at: int
    outcome: Literal["reloaded", "unchanged", "refused"]
    changes: tuple[Change, ...] = ()
    said: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    took: float = 0.0
    stood: float = 0.0

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "time": iso(self.at),
            "outcome": self.outcome,
            "changes": [change.plain() for change in self.changes],
            "text": [str(change) for change in self.changes],
            "said": list(self.said),
            "faults": list(self.faults),
            "took_s": round(self.took, 3),
            "stood_s": round(self.stood, 6),
        }


class Reloader:
    """Exchanges the configuration of a daemon at work. Requests that come while one is carried out are carried out
    together, after it. last: None before the first; counts: by outcome."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._wanted = asyncio.Event()
        self._waiting: list[asyncio.Future[Reload]] = []
        self._seen: dict[str, str] = {}
        self.last: Reload | None = None
        self.counts: Counter[str] = Counter()

    def request(self) -> None:
        """Read the configuration again soon."""
        self._wanted.set()

    async def carried_out(self) -> Reload:
        """Read the configuration again; returns when that is done, one way or the other."""
        future: asyncio.Future[Reload] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self._wanted.set()
        return await future

    async def compare(self, text: str, path: str) -> Reload:
        """What a reload to this text would come to, for all that can be told without one."""
        d = self._daemon
        began = time.monotonic()
        try:
            with refusing():
                there = d.loaded.path.with_name(path)
                loaded = await asyncio.to_thread(load_text, text, there, d.registry)
                self._may_follow(loaded)
                successor = await prepare(d, loaded, self._seen)
            await successor.discard()
        except Refused as refused:
            return Reload(d.clock.now(), "refused", faults=refused.faults, took=time.monotonic() - began)
        said = consequences(d, successor)
        outcome: Literal["reloaded", "unchanged"] = "reloaded" if successor.changes else "unchanged"
        return Reload(d.clock.now(), outcome, successor.changes, said, took=time.monotonic() - began)

    async def run(self) -> None:
        """Reload whenever it is requested, from when the daemon is ready."""
        d = self._daemon
        self._seen = await asyncio.to_thread(look, d.loaded)
        await d.ready.wait()
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            waiting, self._waiting = self._waiting, []
            d.systemd.reloading()
            try:
                async with d.standby.changing:
                    reload = await self._once()
                self.last = reload
                self.counts[reload.outcome] += 1
                d.systemd.ready(d.reporter.summary())
                for future in waiting:
                    if not future.done():
                        future.set_result(reload)
            finally:
                for future in waiting:
                    future.cancel()

    async def _once(self) -> Reload:
        d = self._daemon
        began = time.monotonic()
        before = d.loaded
        try:
            with refusing():
                loaded = await asyncio.to_thread(load, before.path, d.registry)
                self._may_follow(loaded)
                successor = await prepare(d, loaded, self._seen)
            said, stood = await self._exchange(successor)
        except Refused as refused:
            faults = tuple(refused.faults)
            if any("/credentials/" in fault for fault in faults):
                faults += (CREDENTIALS,)
            log.error("config.rejected", path=str(before.path), faults=list(faults))
            return Reload(d.clock.now(), "refused", faults=faults, took=time.monotonic() - began)
        took = time.monotonic() - began
        log.info(
            "config.reloaded", digest=d.loaded.digest, before=before.digest,
            changed=[str(change) for change in successor.changes], said=list(said),
            seconds=round(took, 3), stood_s=round(stood, 6),
        )  # fmt: skip
        outcome: Literal["reloaded", "unchanged"] = "reloaded" if successor.changes else "unchanged"
        return Reload(d.loaded_at, outcome, successor.changes, said, took=took, stood=stood)

    def _may_follow(self, loaded: Loaded) -> None:
        """Raises Refused where only a restart can bring it."""
        d = self._daemon
        present = d.loaded
        wanted = loaded.state_dir
        if wanted is not None and wanted != present.state_dir and state_dir(wanted) != d.state:
            raise Refused(f"`state_dir` cannot change while the daemon runs (it is {d.state}): restart it")
        if loaded.instance != present.instance:
            raise Refused(f"`instance` cannot change while the daemon runs (it is {present.instance}): restart it")

    async def _exchange(self, new: Successor) -> tuple[tuple[str, ...], float]:
        """What follows from it, and for how many seconds the pump stood still. Raises Refused."""
        d = self._daemon
        before = d.loaded
        said = consequences(d, new)
        try:
            with refusing():
                await d.server.listen(*address(new.loaded))
                began = time.perf_counter()
                try:
                    built = new.pipeline(d)
                except BaseException:
                    await d.server.listen(*address(before))
                    raise
        except BaseException:
            await new.discard()
            raise
        # From here on nothing can fail. First who could be told something new, then who says it.
        d.deliverer.admit(new.sinks, new.loaded.page_url, fallbacks(new.loaded), new.renderer)
        d.renderer, d.loaded, d.signer, d.history = new.renderer, new.loaded, new.signer, new.history
        d.pump.swap(built.pipeline, built.told)
        for feed in d.feeds.feeds.values():
            if feed in new.feeds.values() and isinstance(feed, Renamed):
                feed.rename(new.loaded.resolver)
        d.shadows.take(new.shadow)
        d.recorder.configure(new.loaded.model.recording, new.loaded.model.disk)
        d.checkpoints.begin_anew()
        d.probe.replace(d.standby.probe(new.loaded.model.probe))
        d.loaded_at = d.clock.now()
        self._seen = dict(new.seen)
        if new.loaded.model.log != before.model.log:
            configure(new.loaded.model.log.level, new.loaded.model.log.format)
        stood = time.perf_counter() - began
        await self._wind_up(new)
        return said + _ended(built), stood

    async def _wind_up(self, new: Successor) -> None:
        """What was exchanged ends: attempts that are under way first."""
        d = self._daemon
        d.charts.warm(new.sinks.values())
        ends = [d.deliverer.replace(new.sinks), d.feeds.replace(new.feeds)]
        ends += [d.heart.replace(new.watchers)] if new.watchers is not None else []
        for error in await asyncio.gather(*ends, return_exceptions=True):
            if isinstance(error, Exception):
                log.error("reload.crashed", error=f"{type(error).__name__}: {error}", exc_info=error)


def address(loaded: Loaded) -> tuple[str | None, int]:
    """Host and port that are wanted; None and 0 where no HTTP server is."""
    return (loaded.listen.host, loaded.listen.port) if loaded.listen is not None else (None, 0)


def _ended(built: Built) -> tuple[str, ...]:
    return tuple(f"episode {one.event.episode} ended: {one.event.headline}" for one in built.told)


def consequences(d: Daemon, new: Successor) -> tuple[str, ...]:
    """What follows from the exchange for rules, series and sinks, one sentence each."""
    said: list[str] = []
    changes = {change.section: change for change in new.changes}
    rules = changes.get("rules")
    if rules is not None:
        for old, now in rules.renamed:
            said.append(
                f"rule {old} is now {now}: to stressd that is another rule; what is open of {old} ends, and the budget "
                f"and the levels of {now} begin anew"
            )
        said += [f"rule {name} is gone: what is open of it ends" for name in rules.removed]
    if new.succession is not None:
        known = new.history.signature()
        fresh: Sequence[str] = [each.id for each in new.loaded.engine.series if each.id in new.succession.new]
        warmed = [name for name in fresh if name in known]
        cold = [name for name in fresh if name not in known]
        said += [f"warmed from its imported history: {', '.join(warmed)}"] if warmed else []
        said += [f"begins cold: {', '.join(cold)}"] if cold else []
    return tuple(said)
