"""The configuration of a replay on the page: what a configuration watches and says, with a recording in the place of
its feeds, sinks that send nothing, and a token for whoever started it."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from stressd.alerts.notification import Notification
from stressd.config.doors import LinksConfig, PageConfig, TokenConfig
from stressd.config.fields import SecretRef, SinkConfig
from stressd.config.load import Loaded
from stressd.config.model import Listen
from stressd.config.registry import FeedType, Registry, SinkType
from stressd.config.rules import DetectorConfig
from stressd.runtime.playback import Config, PlayedFeed
from stressd.sinks.base import Receipt, Traits

OWNER: Final = "page"
"""The name of the token under which what is done on the page is kept."""

UNSENT: Final = "not sent: this is a replay"
NOWHERE: Final = "recording"
"""The feed of ticks that do not say where they came from."""


def staged(
    loaded: Loaded, detectors: Mapping[str, type[DetectorConfig]], sources: Iterable[str]
) -> tuple[Loaded, Registry, dict[str, PlayedFeed]]:
    """The same with played feeds, by the source of their ticks, and sinks that send nothing; no heartbeat, probe,
    recording or trial. It is of no file, so that nothing can reload what it stands for."""
    feeds = {source: PlayedFeed(_name(source)) for source in sources}
    by_name = {feed.name: feed for feed in feeds.values()}
    model = loaded.model.model_copy(
        update={
            "heartbeat": None, "probe": None, "recording": None, "shadow": None, "page_url": None,
            "links": LinksConfig(), "state_dir": None,
        }
    )  # fmt: skip
    registry = Registry(
        feeds={"played": FeedType(Config, lambda config, resolver: by_name[config.name])},
        sinks={each.type: SinkType(type(each), lambda config, instance: Unsent(config)) for each in loaded.sinks},
        detectors=dict(detectors),
    )
    configs = [Config(name=feed.name) for feed in feeds.values()]
    stage = replace(loaded, path=Path("replay.yaml"), model=model, feeds=list(configs), shadow=None)
    return stage, registry, feeds


def with_page(loaded: Loaded, listen: Listen | None, state: Path) -> tuple[Loaded, str]:
    """The same with a page there, and the token that may do everything on it, kept in `state`. Raises OSError."""
    token = secrets.token_urlsafe(24)
    state.mkdir(parents=True, exist_ok=True)
    file = state / "page.token"
    file.touch(mode=0o600)
    file.write_text(token + "\n")
    holder = TokenConfig(
        name=OWNER, token=SecretRef(file=str(file)), may=["read", "silence", "ack", "label", "test", "drill"]
    )
    changed: Mapping[str, Any] = {"listen": listen, "tokens": [holder], "page": PageConfig()}
    return replace(loaded, model=loaded.model.model_copy(update=changed)), token


def _name(source: str) -> str:
    """A feed's name for a source of a recording."""
    plain = "".join(c if c.isascii() and c.isalnum() else "-" for c in source.lower()).strip("-")
    return plain[:40] or NOWHERE


class Unsent:
    """A sink of a replay: it takes every message and sends none."""

    traits = Traits()

    def __init__(self, config: SinkConfig) -> None:
        self.name = config.name

    async def send(self, notification: Notification) -> Receipt:
        return Receipt(detail=UNSENT)

    async def probe(self) -> str:
        return UNSENT

    async def close(self) -> None:
        return
