"""Events to store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from stressd.alerts.event import Event
from stressd.store import Store


@dataclass(frozen=True)
class Sent:
    event: Event
    sinks: tuple[str, ...]
    withheld: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def make(episode: str = "JP-260120-aaaa", seq: int = 1, type: str = "opened", **more: Any) -> Event:
    base: dict[str, Any] = {
        "id": f"{episode}.{seq}", "episode": episode, "seq": seq, "type": type, "kind": "market", "origin": "live",
        "time": f"2026-01-20T05:30:{seq % 60:02d}Z", "instance": "test", "rule": "sigma-breach", "market": "JP",
        "direction": "up", "severity": "high", "headline": "JP 30Y +20.3bp", "series": [], "version": "0",
        "method": "1", "config": "sha256:0",
    }  # fmt: skip
    return Event(**(base | more))


@pytest.fixture
def event() -> Callable[..., Event]:
    return make


@pytest.fixture
def sent() -> Callable[..., Sent]:
    """sent("slack", "mail", seq=2): an event and its sinks."""
    return lambda *sinks, **more: Sent(make(**more), sinks)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path)
    yield opened
    opened.close()
