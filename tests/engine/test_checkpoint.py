"""A checkpoint is taken in pieces while ticks go on, and is the snapshot of one instant all the same."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from stressd.engine.checkpoint import Checkpoint
from stressd.engine.engine import Engine
from stressd.engine.spec import MINUTE, CurveRule, EngineSpec, NoiseRung
from stressd.market.shape import SHAPES
from stressd.market.times import parse_time
from stressd.testing.worlds import facts, walk, world

START = parse_time("2026-01-13T00:00:00Z")


def curved() -> EngineSpec:
    """A curve whose lone moves are doubted and believed, with silences, slopes and levels."""
    rungs = (NoiseRung(1, 1.0, None), NoiseRung(2, 2.0, None))
    rule = CurveRule("curve", ("JP",), rungs, shapes=SHAPES, ends=(("JP.GOV.2Y", "JP.GOV.10Y"),), move_bp=3.0)
    tenors = ("2Y", "5Y", "10Y", "20Y", "30Y", "40Y")
    return replace(
        world({"JP": "always", "US": "US"}, tenors, spreads=("JP.GOV.2s10s", "US.GOV.2s10s")), curve_rules=(rule,)
    )


WORLDS = {
    "two": world({"AA": "always", "BB": "always"}, silence=2 * MINUTE, spreads=("AA.GOV.10s30s", "AA-BB.GOV.10Y")),
    "learned": world({"JP": "JP", "US": "US", "DE": "DE"}, silence=0, spreads=("US.GOV.10s30s",)),
    "curve": curved(),
}


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(sorted(WORLDS)), st.integers(0, 2**32), st.integers(0, 2_400), st.integers(1, 700))
def test_the_pieces_are_those_of_one_instant_whatever_happens_meanwhile(
    name: str, seed: int, cut: int, step: int
) -> None:
    spec = WORLDS[name]
    ticks = walk(spec, seed, 2_500, START, jumps=0.006, dirt=0.05)
    engine, plain = Engine(spec, START), Engine(spec, START)
    before = [facts(event) for event in engine.feed(ticks[:cut])]
    whole = json.dumps(engine.snapshot(), sort_keys=True)
    pieces: dict[str, bytes] = {}

    def take(series: str, state: dict[str, Any]) -> None:
        assert series not in pieces
        pieces[series] = msgspec.msgpack.encode(state)

    checkpoint = Checkpoint(engine, take)
    rest = msgspec.msgpack.encode(checkpoint.rest)
    left, at, rounds = True, cut, 0
    after: list[Any] = []
    while left:
        after += engine.feed(ticks[at : at + step])
        after += engine.advance(engine.now + 3 * MINUTE)
        at += step
        rounds += 1
        left = checkpoint.go_on(1)
    series = {each: msgspec.msgpack.decode(pieces[each]) for each in (state.id for state in engine.states())}
    taken = {**msgspec.msgpack.decode(rest), "series": series}
    assert json.dumps(taken, sort_keys=True) == whole
    assert checkpoint.done == len(series)
    # and taking it changed nothing
    told = [facts(event) for event in plain.feed(ticks[:cut])]
    assert told == before
    at = cut
    again: list[Any] = []
    for _ in range(rounds):
        again += plain.feed(ticks[at : at + step])
        again += plain.advance(plain.now + 3 * MINUTE)
        at += step
    assert [facts(event) for event in again] == [facts(event) for event in after]


def test_a_checkpoint_that_is_ended_takes_nothing_more() -> None:
    spec = WORLDS["two"]
    engine = Engine(spec, START)
    taken: list[str] = []
    checkpoint = Checkpoint(engine, lambda series, state: taken.append(series))
    checkpoint.go_on(1)
    checkpoint.end()
    engine.feed(walk(spec, 1, 500, START))
    assert not checkpoint.go_on(100)
    assert len(taken) == 1
