"""`check --connect`: what really comes from each feed, and whether each sink answers. Nothing is stored or told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

from stressd.config.build import carries
from stressd.config.fields import FeedConfig, SecretError
from stressd.config.load import Loaded
from stressd.config.printable import printable
from stressd.config.registry import Registry
from stressd.feeds.base import DecodeError, Feed, Frame
from stressd.market.tick import Tick
from stressd.sinks.base import Sink, SinkError

SHOWN: Final = 5
"""Messages of each feed that are shown."""

SINK_PATIENCE: Final = 20.0
"""Seconds for a sink to answer."""

_ALONE: Final[dict[str, Any]] = {"client_id": None, "session": 0}
"""Settings under which a second client would drive the daemon's out, or take the messages kept for it."""


@dataclass(slots=True)
class Sample:
    """One message as it came. ticks: (series, percent, age in seconds). refused: why it was not read."""

    topic: str
    raw: str
    ticks: list[tuple[str, float, float]] = field(default_factory=list)
    refused: str | None = None


@dataclass(slots=True)
class FeedTrial:
    """What a feed brought. ok: it was reached. mute: series that it should carry and of which nothing came."""

    name: str
    type: str
    ok: bool = False
    state: str = ""
    messages: int = 0
    refused: int = 0
    samples: list[Sample] = field(default_factory=list)
    mute: list[str] = field(default_factory=list)


@dataclass(slots=True)
class SinkTrial:
    """Whether a sink answered, and what it said."""

    name: str
    type: str
    ok: bool
    text: str


class _Trial:
    """An inbox that decodes at once, keeps the first messages and counts the rest."""

    def __init__(self, feed: Feed, trial: FeedTrial) -> None:
        self._feed = feed
        self._trial = trial
        self._loop = asyncio.get_running_loop()
        self.seen: set[str] = set()

    def now(self) -> int:
        return time.time_ns()

    def put(self, frame: Frame) -> None:
        trial = self._trial
        trial.messages += 1
        ticks: Sequence[Tick] = ()
        refused = None
        try:
            ticks = self._feed.decode(frame)
        except DecodeError as error:
            refused = printable(str(error), 300)
            trial.refused += 1
        self.seen.update(tick.series for tick in ticks)
        if len(trial.samples) < SHOWN:
            told = [(tick.series, tick.value, (frame.received - tick.time) / 1e9) for tick in ticks]
            trial.samples.append(Sample(printable(frame.topic, 200), _excerpt(frame.payload), told, refused))
        self._loop.call_soon(self._feed.processed, [frame])


async def try_feeds(loaded: Loaded, registry: Registry, seconds: float) -> list[FeedTrial]:
    """Run every feed for so long, all at once."""
    return list(await asyncio.gather(*(_try_feed(config, loaded, registry, seconds) for config in loaded.feeds)))


async def try_sinks(loaded: Loaded, registry: Registry, patience: float = SINK_PATIENCE) -> list[SinkTrial]:
    """Ask every sink whether it can be reached, all at once."""
    return list(await asyncio.gather(*(_try_sink(config, loaded, registry, patience) for config in loaded.sinks)))


async def _try_feed(config: FeedConfig, loaded: Loaded, registry: Registry, seconds: float) -> FeedTrial:
    trial = FeedTrial(config.name, config.type)
    if config.type == "push":
        trial.ok, trial.state = True, "not tried: it waits for others to send"
        return trial
    kept = {key: value for key, value in _ALONE.items() if key in type(config).model_fields}
    try:
        feed = cast(Feed, registry.feeds[config.type].build(config.model_copy(update=kept), loaded.resolver))
    except (SecretError, OSError) as error:
        trial.state = f"not started: {error}"
        return trial
    inbox = _Trial(feed, trial)
    task = asyncio.create_task(feed.run(inbox), name=f"check.{config.name}")
    await asyncio.wait([task], timeout=seconds)
    health = feed.health
    trial.ok = health.connects > 0 and health.state != "refused"
    trial.state = health.state + (f": {printable(health.detail)}" if health.detail else "")
    task.cancel()
    (outcome,) = await asyncio.gather(task, return_exceptions=True)
    if isinstance(outcome, Exception):
        trial.ok, trial.state = False, f"failed: {printable(str(outcome))}"
    carried = [each.id for each in loaded.engine.series if not each.legs and carries(config, each.id)]
    trial.mute = [name for name in carried if name not in inbox.seen]
    return trial


async def _try_sink(config: Any, loaded: Loaded, registry: Registry, patience: float) -> SinkTrial:
    def answer(ok: bool, text: str) -> SinkTrial:
        return SinkTrial(config.name, config.type, ok, printable(text))

    try:
        sink = cast(Sink, registry.sinks[config.type].build(config, loaded.instance))
    except (SecretError, OSError, ValueError) as error:
        return answer(False, str(error))
    try:
        async with asyncio.timeout(patience):
            return answer(True, await sink.probe())
    except TimeoutError:
        return answer(False, f"no answer in {patience:g} s")
    except SinkError as error:
        return answer(False, str(error))
    finally:
        await sink.close()


def _excerpt(payload: bytes) -> str:
    return printable(payload[:160].decode("utf-8", errors="replace")) + (" ..." if len(payload) > 160 else "")
