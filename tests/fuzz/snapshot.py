"""A saved state of the engine with damage in it: taken up, or refused as what it is; never anything else."""

from __future__ import annotations

import json
from typing import Any

from stressd.engine.engine import Engine
from stressd.market.times import parse_time
from stressd.runtime.warm import REFUSALS
from stressd.testing.worlds import walk, world
from tests.fuzz.harness import Cut, quick

START = parse_time("2026-01-13T00:00:00Z")
SPEC = world({"AA": "always", "BB": "always"})
TICKS = walk(SPEC, 1, 600, START)
_engine = Engine(SPEC, START)
_engine.feed(TICKS)
WHOLE: bytes = json.dumps(_engine.snapshot()).encode()
ODD: tuple[Any, ...] = (None, -1, 1e300, "", [], {}, True, 2**80, "x", [[]], float("nan"))
SEEDS = [b"", b"\x00\x00\x01", b"\x01\x10\x02\x05\x20\x03", b"\x02" + WHOLE[:200], b"\x03\x00\x10\x20"]


def _damage(state: Any, cut: Cut) -> None:
    """Puts something odd in the place of something."""
    for _ in range(12):
        keys = list(state) if isinstance(state, dict) else range(len(state))
        if not keys:
            return
        key = keys[cut.byte() % len(keys)]
        inner = state[key]
        if isinstance(inner, dict | list) and inner and cut.byte() % 5:
            state = inner
            continue
        if cut.byte() % 4 == 0 and isinstance(state, dict):
            del state[key]
        else:
            state[key] = ODD[cut.byte() % len(ODD)]
        return


def one(data: bytes) -> None:
    cut = Cut(data)
    state = json.loads(WHOLE)
    for _ in range(1 + cut.byte() % 3):
        _damage(state, cut)
    engine = Engine(SPEC, START)
    with quick():
        try:
            engine.restore(state)
            engine.advance(TICKS[-1].received)
        except REFUSALS:
            return
        assert engine.now >= START
