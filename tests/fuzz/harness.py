"""What all harnesses share: bytes cut into choices, and the bounds that hold for every input.

A harness is a file with `one(data: bytes)`, which raises where a promise is broken, and `SEEDS`, a few interesting
inputs. `run.py` hands its `one` to atheris, which looks for new paths; `test_fuzz.py` hands it to hypothesis.
"""

from __future__ import annotations

import importlib
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, cast

from stressd.market.tick import Tick
from stressd.market.times import LATEST

NAMES = (
    "payload", "columns", "push", "topics", "mqtt5", "ticklines", "publishers", "aliases", "config", "ruletests",
    "templates", "api", "links", "answers", "printable", "snapshot",
)  # fmt: skip

PATIENCE = 5.0
"""Seconds of processor time that one input may take on a busy machine; nearly all take less than a millisecond."""


class Harness(Protocol):
    SEEDS: list[bytes]
    one: Callable[[bytes], None]


def load(name: str) -> Harness:
    return cast(Harness, importlib.import_module(f"tests.fuzz.{name}"))


class Cut:
    """Takes choices off the front of some bytes; what is left is the input itself."""

    def __init__(self, data: bytes) -> None:
        self.rest = data

    def byte(self) -> int:
        head, self.rest = self.rest[:1], self.rest[1:]
        return head[0] if head else 0

    def choice(self, options: tuple[str, ...]) -> str:
        return options[self.byte() % len(options)]

    def text(self) -> str:
        """All of the rest as text, with lone surrogates where it is no UTF-8."""
        return self.rest.decode("utf-8", "surrogateescape" if len(self.rest) % 2 else "replace")


@contextmanager
def quick() -> Iterator[None]:
    """Not much longer than a moment."""
    began = time.thread_time()
    yield
    took = time.thread_time() - began
    assert took < PATIENCE, f"{took:.1f} s of processor time"


def sound(ticks: list[Tick]) -> None:
    """Whatever was sent, a tick is finite and has a time."""
    for tick in ticks:
        assert type(tick.series) is str
        assert tick.series
        assert math.isfinite(tick.value), tick.value
        assert abs(tick.time) <= LATEST
        assert abs(tick.received) <= LATEST
        assert not math.isinf(tick.spread)
