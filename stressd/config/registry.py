"""Which feeds and sinks there are. Filled by the runtime, handed to `config.load`, so that config imports neither."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from stressd.config.fields import FeedConfig, SinkConfig


@dataclass(frozen=True, slots=True)
class FeedType:
    """One protocol. build(config, resolver) -> Feed, with a config of `config` and a SeriesResolver (feeds.base)."""

    config: type[FeedConfig]
    build: Callable[[Any, Any], Any]


@dataclass(frozen=True, slots=True)
class SinkType:
    """One channel. build(config, instance) -> Sink (sinks.base)."""

    config: type[SinkConfig]
    build: Callable[[Any, str], Any]


@dataclass(frozen=True, slots=True)
class Registry:
    """Feeds and sinks by the `type` that names them in YAML."""

    feeds: dict[str, FeedType] = field(default_factory=dict)
    sinks: dict[str, SinkType] = field(default_factory=dict)
