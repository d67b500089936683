"""From a loaded configuration to working parts. Everything that can fail fails here, before anything is exchanged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import msgspec
import structlog

from stressd import METHOD, __version__
from stressd.alerts.desk import Desk
from stressd.alerts.episodes import Episodes
from stressd.alerts.event import Origin
from stressd.alerts.pipeline import Pipeline, Routed
from stressd.alerts.spec import EpisodesSpec, spec_of
from stressd.config.fields import SecretError
from stressd.config.load import Loaded
from stressd.config.registry import Registry
from stressd.engine.curve_rules import NOISE
from stressd.engine.detector import DETECTOR_OFF
from stressd.engine.engine import Engine
from stressd.engine.spec import EngineSpec
from stressd.feeds.base import Feed
from stressd.runtime.outbox import EPISODES, PEOPLE
from stressd.runtime.standins import Fallback
from stressd.sinks.base import Sink
from stressd.store.kept import DESK

UNREADABLE: Final = (msgspec.MsgspecError, ValueError, LookupError, TypeError, AttributeError)
"""What a state that was damaged, or written by something else, may raise."""

log = structlog.get_logger()


class BuildError(Exception):
    """A part that cannot be made from a configuration that is right by itself: a secret or a certificate that cannot be
    read. The text names the part."""


@dataclass(frozen=True, slots=True)
class Built:
    """A pipeline, and what is told because of its making: the ends of episodes that nothing watches any more."""

    pipeline: Pipeline
    told: list[Routed]


def episodes_spec(loaded: Loaded, origin: Origin) -> EpisodesSpec:
    """What the episode machine is told of the configuration."""
    return spec_of(loaded.engine, loaded.instance, origin, __version__, METHOD, loaded.digest, loaded.pace)


def build_pipeline(
    loaded: Loaded, engine: Engine, origin: Origin, machine: Mapping[str, bytes], *, in_step: bool = False
) -> Built:
    """A pipeline around a warm engine. machine: state of episodes and desk from the store, by which the engine
    is reconciled: what was told stays told. A state that cannot be read is logged, and the episodes in it are lost.
    in_step: both are of the same instant, so that there is nothing to reconcile."""
    pipeline = _fresh(loaded, engine, origin)
    if machine:
        try:
            pipeline.episodes.restore(msgspec.json.decode(machine[EPISODES]))
            pipeline.desk.restore(msgspec.json.decode(machine[DESK]))
        except UNREADABLE as error:
            log.error("episodes.lost", reason=f"their saved state cannot be read: {error}")
            pipeline = _fresh(loaded, engine, origin)
        _restore_people(pipeline, machine)
    ended = pipeline.withdraw(_watched(loaded.engine) | _off(engine), engine.now)
    if not in_step:
        pipeline.reconcile()
    elif ended:
        pipeline.recount()
    return Built(pipeline, ended)


def _fresh(loaded: Loaded, engine: Engine, origin: Origin) -> Pipeline:
    spec = episodes_spec(loaded, origin)
    return Pipeline(engine, Episodes(spec), Desk(loaded.desk, spec), loaded.people)


def _restore_people(pipeline: Pipeline, machine: Mapping[str, bytes]) -> None:
    """What people did before. Where it cannot be read they have done nothing: rather told too much than too little."""
    if PEOPLE not in machine:
        return
    before = pipeline.people.snapshot()
    try:
        pipeline.people.restore(msgspec.json.decode(machine[PEOPLE]))
    except UNREADABLE as error:
        log.error("silences.lost", reason=f"silences and acknowledgements cannot be read: {error}")
        pipeline.people.restore(before)


def _watched(spec: EngineSpec) -> set[tuple[str, str]]:
    sigma = {(r.name, f"{name}|{horizon}") for r in spec.sigma_rules for name in r.series for horizon in r.horizons}
    noise = {(rule.name, f"{market}|{NOISE}") for rule in spec.curve_rules if rule.noise for market in rule.markets}
    return sigma | noise | {(rule.name, name) for rule in spec.silence_rules for name in rule.series}


def _off(engine: Engine) -> set[tuple[str, str]]:
    return {(DETECTOR_OFF, f"{watch.rule.name}|{watch.series}") for watch in engine.detectors() if watch.failed}


def make_feeds(loaded: Loaded, registry: Registry, kept: Mapping[str, Feed] | None = None) -> dict[str, Feed]:
    """The configured feeds by name, in their order; those in `kept` stay the objects that they are. Raises
    BuildError."""
    there = kept or {}
    return {
        config.name: there[config.name]
        if config.name in there
        else cast(Feed, _make(f"feed {config.name}", registry.feeds[config.type].build, config, loaded.resolver))
        for config in loaded.feeds
    }


def make_sinks(loaded: Loaded, registry: Registry, kept: Mapping[str, Sink] | None = None) -> dict[str, Sink]:
    """The configured sinks by name; those in `kept` stay the objects that they are. Raises BuildError."""
    there = kept or {}
    return {
        config.name: there[config.name] if config.name in there else make_sink(loaded, registry, config.name)
        for config in loaded.sinks
    }


def make_sink(loaded: Loaded, registry: Registry, name: str) -> Sink:
    """One of the configured sinks. Raises BuildError."""
    config = next(each for each in loaded.sinks if each.name == name)
    return cast(Sink, _make(f"sink {name}", registry.sinks[config.type].build, config, loaded.instance))


def fallbacks(loaded: Loaded) -> dict[str, Fallback]:
    """Who stands in for which sink."""
    return {
        sink.name: Fallback(sink.fallback, sink.fallback_after / 1e9)
        for sink in loaded.sinks
        if sink.fallback is not None
    }


def _make(part: str, build: Any, config: Any, context: object) -> Any:
    try:
        return build(config, context)
    except (SecretError, OSError, ValueError) as error:
        raise BuildError(f"{part}: {error}") from None
