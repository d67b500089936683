"""Of a configuration what a replay elsewhere needs, and nothing else: no secret and no reference to one, no address, no
folder, no holding. Feeds and sinks are names there, without a wire."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from stressd.config.fields import FeedConfig, SinkConfig
from stressd.config.load import Loaded, load_text
from stressd.config.registry import FeedType, Registry, SinkType
from stressd.config.rules import DetectorConfig
from stressd.engine.agenda import AgendaItem
from stressd.market.times import iso

KEPT: Final = (
    "instance", "runbook_url", "markets", "spreads", "aliases", "gate", "rules", "episodes", "propagation", "routes",
    "inhibit", "storm", "digests", "daily", "maintenance",
)  # fmt: skip
"""Sections that decide what is told, when and to whom."""

RECORDED: Final = "recorded"
"""The type of a feed whose ticks, and of a sink whose messages, are in a file."""

_LEFT: Final[dict[str, tuple[str, ...]]] = {"feeds": ("name", "markets", "series"), "sinks": ("name",)}
"""What is left of a feed and of a sink."""


class RecordedFeed(FeedConfig):
    """A feed of which only the ticks are left."""


class RecordedSink(SinkConfig):
    """A sink of which only the name is left."""


def replayable(loaded: Loaded) -> dict[str, Any]:
    """What `revived` takes. Files that it names are written out."""
    data = loaded.data
    kept = {key: data[key] for key in KEPT if key in data}
    events = _written_out(loaded)
    named = {key: [_named(each, left) for each in _list(data.get(key))] for key, left in _LEFT.items()}
    return {**kept, **({"events": events} if events else {}), **named}


def revived(data: Mapping[str, Any], detectors: dict[str, type[DetectorConfig]]) -> Loaded:
    """A configuration that watches and routes as the one that `data` was made of. detectors: that this machine has.
    Raises ConfigError; reads no file."""
    kept = {key: data[key] for key in (*KEPT, "events", "feeds", "sinks") if key in data}
    for event in _list(kept.get("events")):
        if isinstance(event, dict):
            event.pop("file", None)

    def none(*_: object) -> None:
        raise LookupError("nothing of it is left")

    known = Registry({RECORDED: FeedType(RecordedFeed, none)}, {RECORDED: SinkType(RecordedSink, none)}, detectors)
    return load_text(json.dumps(kept, ensure_ascii=False, indent=1), Path("config.json"), known, environment=False)


def _named(part: Any, left: tuple[str, ...]) -> dict[str, Any]:
    said = part if isinstance(part, dict) else {}
    return {"type": RECORDED, **{key: said[key] for key in left if said.get(key) is not None}}


def _written_out(loaded: Loaded) -> list[dict[str, Any]]:
    """Scheduled events, those of a file with their times. Each that recurs is as it was written."""
    recurring = iter([each for each in _list(loaded.data.get("events")) if each.get("on") is not None])
    return [next(recurring) if item.again else _single(item) for item in loaded.engine.agenda]


def _single(item: AgendaItem) -> dict[str, Any]:
    return {
        "name": item.name,
        "markets": list(item.markets),
        "at": [iso(at) for at in item.at],
        "before": f"{item.before}ns",
        "after": f"{item.after}ns",
        "widen": item.widen,
    }


def _list(value: Any) -> list[Any]:
    """A list of one may be written as its element."""
    return value if isinstance(value, list) else [] if value is None else [value]
