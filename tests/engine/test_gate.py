"""The gate and the sources, seen from outside: what is believed, when, and what is no move."""

from __future__ import annotations

import json
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from stressd.engine.engine import Engine
from stressd.engine.events import ENTERED, LEFT, Breach, Event, FeedNote
from stressd.engine.rounds import PATIENCE
from stressd.engine.sources import MOST
from stressd.engine.spec import MINUTE, SECOND
from stressd.engine.stamps import AHEAD_FOR
from stressd.market.tick import BACKLOG, FIXING, Tick
from stressd.market.times import parse_time
from stressd.testing.worlds import walk, world

START = parse_time("2026-01-13T00:00:00Z")
NAME = "AA.GOV.10Y"


def row(engine: Engine, series: str = NAME) -> dict[str, Any]:
    return next(row for row in engine.status() if row["series"] == series)


def quiet_engine(sources: tuple[str, ...] = ()) -> Engine:
    return Engine(world({"AA": "always"}, tenors=("10Y",), sources=sources), START)


def warm_engine(sources: tuple[str, ...] = ("desk", "spare"), hours: int = 3) -> tuple[Engine, int, float]:
    """An engine that knows its series: a value every five seconds for `hours`, its end and last value."""
    engine = quiet_engine(sources)
    spec = world({"AA": "always"}, tenors=("10Y",), sources=sources)
    ticks = walk(spec, 5, hours * 720, START, gap=5 * SECOND, step_bp=0.05, jumps=0.0)
    assert not [event for event in engine.feed(ticks) if isinstance(event, Breach)]
    return engine, ticks[-1].received, ticks[-1].value


def breaches(events: list[Event]) -> list[Breach]:
    return [event for event in events if isinstance(event, Breach)]


def test_a_series_begins_with_two_ticks_that_agree() -> None:
    engine = quiet_engine()
    engine.feed([Tick(NAME, 43.0, START + SECOND, START + SECOND)])
    assert row(engine)["value"] is None
    engine.feed([Tick(NAME, 4.3, START + 2 * SECOND, START + 2 * SECOND)])
    assert row(engine)["value"] is None
    engine.feed([Tick(NAME, 4.301, START + 3 * SECOND, START + 3 * SECOND)])
    assert row(engine)["value"] == 4.301


def test_a_real_jump_costs_one_tick_of_waiting() -> None:
    engine, at, value = warm_engine()
    assert not breaches(engine.feed([Tick(NAME, value + 0.2, at + SECOND, at + SECOND, "desk")]))
    told = breaches(engine.feed([Tick(NAME, value + 0.201, at + 2 * SECOND, at + 2 * SECOND, "desk")]))
    assert {event.horizon for event in told} >= {"1m", "5m"}
    assert all(event.phase == ENTERED and event.direction == 1 for event in told)


def test_a_repeated_bad_tick_does_not_confirm_itself() -> None:
    engine, at, value = warm_engine()
    bad = Tick(NAME, value + 0.3, at + SECOND, at + SECOND, "desk")
    assert not engine.feed([bad, bad, bad])
    engine.feed([Tick(NAME, value, at + 2 * SECOND, at + 2 * SECOND, "desk")])
    assert row(engine)["rejected"] == 1
    assert row(engine)["value"] == value


def test_a_bad_tick_between_a_jump_and_its_confirmation_delays_nothing() -> None:
    engine, at, value = warm_engine()
    told = engine.feed(
        [
            Tick(NAME, value + 0.2, at + SECOND, at + SECOND, "desk"),
            Tick(NAME, value - 1.0, at + 2 * SECOND, at + 2 * SECOND, "desk"),
            Tick(NAME, value + 0.2001, at + 3 * SECOND, at + 3 * SECOND, "desk"),
        ]
    )
    assert breaches(told)


def test_a_second_source_confirms_a_jump_at_once() -> None:
    engine, at, value = warm_engine()
    for k in range(1, 5):
        engine.feed([Tick(NAME, value, at + k * SECOND, at + k * SECOND, "desk")])
        engine.feed([Tick(NAME, value + 0.02, at + k * SECOND + 1, at + k * SECOND + 1, "spare")])
    engine.feed([Tick(NAME, value + 0.22, at + 6 * SECOND, at + 6 * SECOND, "spare")])
    assert breaches(engine.feed([Tick(NAME, value + 0.2, at + 7 * SECOND, at + 7 * SECOND, "desk")]))


def test_neither_failover_nor_an_offset_between_feeds_is_a_move() -> None:
    engine, at, value = warm_engine()
    told: list[Event] = []
    now = at
    for k in range(240):
        now = at + k * 5 * SECOND
        told += engine.feed([Tick(NAME, value, now, now, "desk"), Tick(NAME, value + 0.12, now + 1, now + 1, "spare")])
    assert not breaches(told)
    for k in range(1, 240):
        now += 5 * SECOND
        told += engine.feed([Tick(NAME, value + 0.12 + 0.0001 * (k % 2), now, now, "spare")])
    notes = [event for event in told if isinstance(event, FeedNote)]
    assert [(note.rule, note.phase, note.source) for note in notes] == [("failed-over", ENTERED, "spare")]
    assert not breaches(told)
    assert row(engine)["source"] == "spare"
    for k in range(1, 240):
        now += 5 * SECOND
        told += engine.feed([Tick(NAME, value + 0.0001 * (k % 2), now, now, "desk")])
    notes = [event for event in told if isinstance(event, FeedNote)]
    assert [(note.phase, note.source) for note in notes] == [(ENTERED, "spare"), (LEFT, "desk")]
    assert not breaches(told)
    assert row(engine)["source"] == "desk"
    assert breaches(
        engine.feed([Tick(NAME, value + 0.2, now + k * SECOND, now + k * SECOND, "desk") for k in (1, 2)])
    ) or (breaches(engine.feed([Tick(NAME, value + 0.2001, now + 9 * SECOND, now + 9 * SECOND, "desk")])))


def test_a_failover_to_a_feed_never_seen_beside_the_other_measures_nothing_across() -> None:
    engine, at, value = warm_engine()
    told: list[Event] = []
    for k in range(1, 60):
        now = at + 2 * MINUTE + k * SECOND
        told += engine.feed([Tick(NAME, value + 0.5 + 0.0001 * (k % 2), now, now, "spare")])
    assert not breaches(told)
    assert row(engine)["source"] == "spare"
    assert abs(row(engine)["value"] - value - 0.5) < 0.001


def test_stamps_from_the_future_are_taken_at_receive_time_counted_and_told_once() -> None:
    engine, at, value = warm_engine()
    told: list[Event] = []
    for k in range(1, 20):
        now = at + k * SECOND
        told += engine.feed([Tick(NAME, value, now + 60 * SECOND, now, "desk"), Tick(NAME, value, now, now, "spare")])
    notes = [event for event in told if isinstance(event, FeedNote)]
    assert [(note.rule, note.phase, note.source) for note in notes] == [("clock-ahead", ENTERED, "desk")]
    assert "60.0 s ahead" in notes[0].text
    assert row(engine)["future"] == 19
    stray = warm_engine()[0]
    for k in range(1, 2_000):
        now = at + k * SECOND
        ahead = 20 * SECOND if k % 40 == 0 else 0
        assert not stray.feed([Tick(NAME, value + 0.0001 * (k % 2), now + ahead, now, "desk")])
    assert row(engine)["time"] <= at + 20 * SECOND
    for k in range(20, 20 + AHEAD_FOR // SECOND + 1_800, 20):
        now = at + k * SECOND
        told += engine.feed([Tick(NAME, value + 0.0001 * (k % 40), now, now, "desk")])
    notes = [event for event in told if isinstance(event, FeedNote)]
    assert [note.phase for note in notes] == [ENTERED, LEFT]


def test_backlog_updates_the_state_and_never_opens() -> None:
    engine, at, value = warm_engine()
    old = [
        Tick(NAME, value + 0.2 + k * 1e-4, at + k * SECOND, at + 3600 * SECOND, "desk", BACKLOG) for k in range(1, 30)
    ]
    assert not breaches(engine.feed(old))
    assert row(engine)["value"] == old[-1].value


def test_a_tick_that_is_minutes_old_on_receipt_opens_nothing() -> None:
    engine, at, value = warm_engine()
    late = [
        Tick(NAME, value + 0.2 + k * 1e-4, at + k * SECOND, at + k * SECOND + 3 * MINUTE, "desk") for k in range(1, 30)
    ]
    assert not breaches(engine.feed(late))


def test_ticks_a_little_late_are_counted_and_later_ones_too_and_neither_is_the_value() -> None:
    engine, at, value = warm_engine()
    before = row(engine)
    engine.feed([Tick(NAME, value + 0.0005, at + 4 * SECOND, at + 4 * SECOND, "desk")])
    engine.feed([Tick(NAME, value - 0.0005, at + 2 * SECOND, at + 4 * SECOND, "desk")])
    engine.feed([Tick(NAME, value - 0.0005, at + SECOND, at + 4 * SECOND, "desk")])
    after = row(engine)
    assert after["value"] == value + 0.0005
    assert after["ticks"] == before["ticks"] + 1
    assert (after["reordered"], after["late"]) == (before["reordered"] + 1, before["late"] + 1)


def test_unknown_series_are_counted() -> None:
    engine = quiet_engine()
    engine.feed([Tick("XX.GOV.10Y", 4.0, START, START)])
    assert engine.unknown == 1


@settings(max_examples=25)
@given(st.lists(st.floats(-0.2, 0.2), min_size=30, max_size=60))
def test_fixings_skip_the_confirmation_and_feed_the_daily_horizon_only(moves: list[float]) -> None:
    engine = quiet_engine()
    day = 86_400 * SECOND
    value = 3.0
    for k, move in enumerate(moves):
        value += move
        at = START + k * day
        engine.feed([Tick(NAME, value, at, at, "MoF", FIXING)])
    engine.advance(engine.now + PATIENCE)
    status = row(engine)
    assert status["fixings"] == len(moves)
    assert status["value"] is None
    assert status["sigma_bp"]["1d"] > 0.0 or not any(moves[1:])
    assert all(status["sigma_bp"][name] == 0.0 for name in ("1m", "5m", "30m", "session"))


def test_imported_quotes_warm_the_scales_and_their_levels_are_never_compared_with_live_ones() -> None:
    spec = world({"AA": "always"}, tenors=("10Y",), sources=("desk",))
    past = walk(spec, 5, 3 * 720, START, gap=5 * SECOND, step_bp=0.05, jumps=0.0, source="file")
    engine = Engine(spec, past[-1].received)
    engine.warm(past)
    status = row(engine)
    assert status["warm"]["1m"] == status["warm"]["5m"] == 1.0
    at, value = past[-1].received, past[-1].value + 0.4
    told = engine.feed(
        [Tick(NAME, value + 1e-4 * (k % 3), at + k * SECOND, at + k * SECOND, "desk") for k in range(1, 90)]
    )
    assert not told
    assert row(engine)["source"] == "desk"
    told = engine.feed([Tick(NAME, value + 0.1 + k * 1e-4, at + k * SECOND, at + k * SECOND, "desk") for k in (91, 92)])
    assert {event.horizon for event in breaches(told)} == {"1m", "session"}


def test_a_live_daily_move_needs_a_fixing_of_its_own() -> None:
    spec = world({"AA": "always"}, tenors=("10Y",), sources=("desk",))
    day = 86_400 * SECOND
    engine = Engine(spec, START)
    past = [START - k * day for k in range(60, 0, -1)]
    engine.warm([Tick(NAME, 3.0 + 0.01 * (k % 3), at, at, "MoF", FIXING) for k, at in enumerate(past)])
    assert row(engine)["warm"]["1d"] == 1.0
    assert not row(engine)["anchored"]
    live = [Tick(NAME, 3.5, START + k * MINUTE, START + k * MINUTE, "desk") for k in range(1, 1_440)]
    assert not breaches(engine.feed(live))
    engine.advance(START + day)
    assert row(engine)["anchored"]
    told = engine.feed(
        [Tick(NAME, 3.7 + k * 1e-4, START + day + k * MINUTE, START + day + k * MINUTE, "desk") for k in (1, 2)]
    )
    assert "1d" in {event.horizon for event in breaches(told)}


def test_a_payload_that_names_ever_new_sources_does_not_grow_the_memory_of_a_series() -> None:
    spec = world({"AA": "always"}, tenors=("10Y",), sources=("desk",))
    engine = Engine(spec, START)
    value, at, kept = 2.0, START, []
    rng = random.Random(3)
    for number in range(600):
        at += SECOND
        value += rng.gauss(0.0, 0.0005)
        engine.feed(
            [Tick("AA.GOV.10Y", value, at, at, "desk"), Tick("AA.GOV.10Y", value, at + 1, at + 1, f"t{number}")]
        )
        kept.append(len(json.dumps(engine.snapshot()["series"][NAME]["sources"])))
    (state,) = engine.states()
    assert [gate.name for gate in state.sources.all][:1] == ["desk"]
    assert len(state.sources.all) == 1 + MOST
    assert state.source_name() == "desk"
    assert max(kept[300:]) <= 1.05 * max(kept[:300])
    again = Engine(spec, START)
    again.restore(engine.snapshot())
    assert [gate.name for gate in again.states()[0].sources.all] == [gate.name for gate in state.sources.all]
