"""The next configuration, with every part of it made while the present one runs: all that can fail, fails here.

A part whose configuration, secrets and certificates are as they were stays the object that it is, with its connection,
its state and what is under way. So does the engine where what it watches is as it was; else its successor takes over
the state of every series and rule that it knows by name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from stressd.alerts.canned import canned
from stressd.alerts.notification import Telling
from stressd.config.difference import Change, difference, named
from stressd.config.fields import SecretError
from stressd.config.load import Loaded
from stressd.config.secrets import contents
from stressd.engine.engine import SnapshotError
from stressd.engine.spec import EngineSpec
from stressd.feeds.base import Feed
from stressd.feeds.offers import Renamed
from stressd.runtime import warm
from stressd.runtime.build import Built, build_pipeline, make_feeds, make_sinks
from stressd.runtime.heart import Made
from stressd.runtime.linkkey import signer
from stressd.runtime.outbox import machine_state
from stressd.runtime.refusal import Refused, refusing
from stressd.runtime.rendering import Renderer
from stressd.runtime.shadow import Shadow
from stressd.sinks.base import Sink
from stressd.web.links import Signer

if TYPE_CHECKING:
    from stressd.runtime.daemon import Daemon

Seen = Mapping[str, str]
"""By part, a digest of its secrets and certificates."""


def look(loaded: Loaded) -> dict[str, str]:
    """What the parts of a configuration have in their secrets and certificates now; "" for what cannot be read."""
    parts: dict[str, object] = {f"feed {config.name}": config for config in loaded.feeds}
    parts |= {f"sink {config.name}": config for config in loaded.sinks}
    heartbeat = loaded.model.heartbeat or []
    parts |= {f"heartbeat {number}": config for number, config in enumerate(heartbeat, 1)}
    parts["links"] = loaded.model.links
    seen = {}
    for name, part in parts.items():
        try:
            seen[name] = contents(part)
        except (SecretError, OSError):
            seen[name] = ""
    return seen


@dataclass(slots=True)
class Successor:
    """loaded: the next configuration. changes: in what it differs. seen: its secrets. feeds, sinks: all of them, also
    those that stay. watchers: of the heartbeat, None where they stay. succession: of the engine, None where it stays.
    shadow: the trial from now on, which may be the one that runs."""

    loaded: Loaded
    changes: tuple[Change, ...]
    seen: Seen
    feeds: dict[str, Feed]
    sinks: dict[str, Sink]
    watchers: list[Made] | None
    renderer: Renderer
    signer: Signer
    history: warm.History
    succession: warm.Succession | None
    shadow: Shadow | None
    own: list[Any]
    """Parts that were made for it, to be closed if it comes to nothing."""

    async def discard(self) -> None:
        """It comes to nothing."""
        await close(self.own)

    def pipeline(self, d: Daemon) -> Built:
        """A pipeline that goes on where the daemon's stands at this instant. Raises Refused, and has changed nothing
        then."""
        present = d.pump.pipeline
        engine = present.engine
        if self.succession is not None:
            try:
                engine = self.succession.take_over(engine.snapshot())
            except (SnapshotError, KeyError, ValueError, TypeError, IndexError) as error:
                raise Refused(f"the engine's state cannot be taken over: {type(error).__name__}: {error}") from error
        in_step = self.succession is None or self.succession.in_step
        return build_pipeline(self.loaded, engine, d.origin, machine_state(present), in_step=in_step)


async def close(parts: Iterable[Any]) -> None:
    """Close what nobody has used."""
    for part in parts:
        await part.close()


async def prepare(d: Daemon, loaded: Loaded, seen: Seen) -> Successor:
    """seen: the secrets of the parts at work, when they were made. Raises Refused; what was made until then is closed
    again."""
    loaded = d.standby.own(steady(d.loaded, loaded))
    now = await asyncio.to_thread(look, loaded)
    changed = {part for part in now if seen.get(part) not in (None, now[part])}
    changes = difference(d.loaded, loaded)
    if changed:
        changes += (named("secrets", *sorted(changed)),)
    own: list[Any] = []
    try:
        with refusing():
            feeds = make_feeds(loaded, d.registry, _same_feeds(d, loaded, changed))
            made = make_sinks(loaded, d.registry, _same_sinks(d, loaded, changed))
            own += [sink for sink in made.values() if sink not in d.deliverer.sinks]
            sinks = d.standby.sinks(made)
            watchers = None
            if any(change.section == "heartbeat" for change in changes) or any(c.startswith("heart") for c in changed):
                watchers = d.heart.make(d.standby.heartbeats(loaded.model.heartbeat))
                own += [endpoint for _, endpoints in watchers for endpoint in endpoints]
            key = signer(loaded.model.links, d.state)
            renderer = Renderer(loaded)
            await asyncio.to_thread(_try, renderer, loaded)
            history = await asyncio.to_thread(warm.choose, loaded.engine, d.store)
            succession = None
            if loaded.engine != d.loaded.engine or history.signature() != d.history.signature():
                succession = await _succession(d, loaded.engine, history)
            shadow = await d.shadows.next(loaded)
    except BaseException:
        await close(own)
        raise
    return Successor(loaded, changes, now, feeds, sinks, watchers, renderer, key, history, succession, shadow, own)


def steady(before: Loaded, after: Loaded) -> Loaded:
    """`after` with the calendars of `before` where the markets say the same: they are compared by identity, and know
    already what they were asked."""
    same = {name for name, market in after.model.markets.items() if before.model.markets.get(name) == market}
    calendars = {
        market.name: market.calendar
        for market in before.engine.markets
        if all(n in same for n in market.name.split("-"))
    }
    markets = tuple(
        replace(market, calendar=calendars.get(market.name, market.calendar)) for market in after.engine.markets
    )
    return replace(after, engine=replace(after.engine, markets=markets))


async def _succession(d: Daemon, spec: EngineSpec, history: warm.History) -> warm.Succession:
    known = [state.id for state in d.pump.pipeline.engine.states()]
    now, warmed = d.clock.now(), d.history.signature()
    return await asyncio.to_thread(warm.Succession, spec, now, d.store, known, warmed, history)


def _same_feeds(d: Daemon, loaded: Loaded, changed: set[str]) -> dict[str, Feed]:
    names = (loaded.model.markets, loaded.model.aliases) == (d.loaded.model.markets, d.loaded.model.aliases)
    return {
        config.name: feed
        for config in loaded.feeds
        if config in d.loaded.feeds and f"feed {config.name}" not in changed
        if (feed := d.feeds.feeds.get(config.name)) is not None and (names or isinstance(feed, Renamed))
    }


def _same_sinks(d: Daemon, loaded: Loaded, changed: set[str]) -> dict[str, Sink]:
    there = {sink.name: sink for sink in d.deliverer.sinks}
    return {
        config.name: there[config.name]
        for config in loaded.sinks
        if config in d.loaded.sinks and f"sink {config.name}" not in changed and config.name in there
    }


def _try(renderer: Renderer, loaded: Loaded) -> None:
    """Word every made-up event for every sink. Raises Refused."""
    for sink in loaded.sinks:
        for event in canned():
            try:
                renderer(event, Telling(first=True, page_url=loaded.page_url, sink=sink.name))
            except Exception as error:
                raise Refused(f"sink {sink.name}: a message cannot be worded: {error!r}") from error
    for sink_name, failure in renderer.failures.items():
        raise Refused(f"sink {sink_name}: its template fails: {failure.text}")
