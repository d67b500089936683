"""Bars while a scheduled event is on: wider, except the critical one; and what such minutes teach nobody."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from stressd.alerts.event import SeriesMove
from stressd.alerts.headline import market_clauses
from stressd.alerts.moves import breach_move
from stressd.engine.agenda import AgendaItem
from stressd.engine.engine import Engine
from stressd.engine.events import ENTERED, RAISED, Breach, Event
from stressd.engine.spec import CRITICAL, HIGH, HOUR, MINUTE, SECOND, WARN, EngineSpec
from stressd.market.tick import Tick
from stressd.market.times import parse_time
from stressd.testing.worlds import facts, walk, world

START = parse_time("2026-01-20T02:00:00Z")
NAME = "AA.GOV.10Y"


def plain_world() -> EngineSpec:
    return world({"AA": "always"}, tenors=("10Y",), levels=False, silence=None)


def scheduled(spec: EngineSpec, at: int, widen: float = 1.5, market: str = "AA") -> EngineSpec:
    item = AgendaItem("BoJ decision", (market,), 5 * MINUTE, 30 * MINUTE, widen, at=(at,))
    return replace(spec, agenda=(item,))


@pytest.fixture(scope="module")
def warm() -> tuple[dict[str, Any], int, float]:
    """State, time and value of an engine that has seen some hours of calm ticks."""
    spec = plain_world()
    engine = Engine(spec, START)
    ticks = walk(spec, 3, 8_000, START, gap=10 * SECOND, jumps=0.0)
    engine.feed(ticks)
    return json.loads(json.dumps(engine.snapshot())), engine.now, ticks[-1].value


def jump(spec: EngineSpec, warm: tuple[dict[str, Any], int, float], bp: float) -> list[Breach]:
    """What is entered or raised when the yield jumps by bp, confirmed by a second tick."""
    state, now, value = warm
    engine = Engine(spec, START)
    engine.restore(state)
    events: list[Event] = []
    for k in (1, 2):
        at = now + k * SECOND
        events += engine.feed([Tick(NAME, value + bp / 100.0 + k * 1e-5, at, at, "desk")])
    return [event for event in events if isinstance(event, Breach) and event.phase in (ENTERED, RAISED)]


BARS = {WARN: 3.0, HIGH: 4.0, CRITICAL: 6.0}


@pytest.mark.parametrize("bp", [0.5 * k for k in range(2, 40)])
@pytest.mark.parametrize("widen", [1.2, 1.5, 3.0])
def test_inside_the_window_bars_are_wider_and_critical_is_as_ever(
    warm: tuple[dict[str, Any], int, float], bp: float, widen: float
) -> None:
    spec = plain_world()
    usual = {breach.horizon: breach for breach in jump(spec, warm, bp)}
    during = {breach.horizon: breach for breach in jump(scheduled(spec, warm[1], widen), warm, bp)}
    assert set(during) <= set(usual)
    for horizon, breach in usual.items():
        size = abs(breach.z)
        bars = {severity: min(bar * widen, 6.0) if bar < 6.0 else bar for severity, bar in BARS.items()}
        reached = [severity for severity, bar in bars.items() if size >= bar]
        if not reached:
            assert horizon not in during
            continue
        wide = during[horizon]
        assert wide.z == breach.z
        assert wide.severity == max(reached)
        assert (wide.severity == CRITICAL) == (breach.severity == CRITICAL)
        assert wide.threshold == bars[wide.severity]
        assert wide.during == "BoJ decision"
        assert wide.widened == pytest.approx(bars[wide.severity] / BARS[wide.severity])
        assert (breach.during, breach.widened) == ("", 1.0)


def test_outside_the_window_or_in_another_market_nothing_changes(warm: tuple[dict[str, Any], int, float]) -> None:
    spec = plain_world()
    usual = [facts(breach) for breach in jump(spec, warm, 9.0)]
    assert usual
    assert [facts(b) for b in jump(scheduled(spec, warm[1] - HOUR), warm, 9.0)] == usual
    assert [facts(b) for b in jump(scheduled(spec, warm[1] + HOUR), warm, 9.0)] == usual
    assert [facts(b) for b in jump(scheduled(spec, warm[1], market="BB"), warm, 9.0)] == usual


def test_a_message_says_during_what_and_how_much_wider(warm: tuple[dict[str, Any], int, float]) -> None:
    spec = plain_world()
    sizes = [jump(scheduled(spec, warm[1]), warm, 0.5 * k) for k in range(2, 60)]
    mild = next(b for breaches in sizes for b in breaches if b.severity in (WARN, HIGH))
    grave = next(b for breaches in sizes for b in breaches if b.severity == CRITICAL)

    def clauses(breach: Breach) -> tuple[SeriesMove, str]:
        move = breach_move(breach)
        return move, " · ".join(market_clauses([move]))

    move, text = clauses(mild)
    assert (move.during, move.widened) == ("BoJ decision", 1.5)
    assert "during BoJ decision (bars ×1.5)" in text
    move, text = clauses(grave)
    assert (move.during, move.widened) == ("BoJ decision", None)
    assert "during BoJ decision" in text
    assert "×" not in text


def test_blocks_in_a_window_are_in_no_tail_and_a_restart_inside_one_changes_nothing() -> None:
    spec = plain_world()
    ticks = walk(spec, 4, 12_000, START, gap=5 * SECOND, jumps=0.0)
    whole = scheduled(spec, START + 4 * HOUR)
    plain, wide = Engine(spec, START), Engine(whole, START)
    plain.feed(ticks)
    expected = [facts(event) for event in wide.feed(ticks)]
    blocks = [engine.snapshot()["series"][NAME]["horizons"]["horizons"]["5m"]["tail"][0] for engine in (plain, wide)]
    # thirty-five minutes hold seven blocks
    assert blocks[0] - blocks[1] == 7
    cut = next(k for k, tick in enumerate(ticks) if tick.received > START + 4 * HOUR + 7 * MINUTE)
    first = Engine(whole, START)
    events = first.feed(ticks[:cut])
    again = Engine(whole, START)
    again.restore(json.loads(json.dumps(first.snapshot())))
    events += again.feed(ticks[cut:])
    assert [facts(event) for event in events] == expected
    assert json.dumps(again.snapshot()) == json.dumps(wide.snapshot())
