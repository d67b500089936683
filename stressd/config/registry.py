"""Which feeds, sinks and detectors there are. Filled by the runtime, handed to `config.load`, so that config imports
none of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from stressd.config.fields import FeedConfig, SinkConfig
from stressd.config.rules import RULES, AnyRule, DetectorConfig


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
    """Feeds, sinks and detectors (rules of further types) by the `type` that names them in YAML."""

    feeds: dict[str, FeedType] = field(default_factory=dict)
    sinks: dict[str, SinkType] = field(default_factory=dict)
    detectors: dict[str, type[DetectorConfig]] = field(default_factory=dict)

    @property
    def rules(self) -> dict[str, type[AnyRule]]:
        """Every type of rule."""
        return {**RULES, **self.detectors}
