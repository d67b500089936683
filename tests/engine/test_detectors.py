"""Further detectors in the engine: what they are fed, when they are told, and that none of them can harm it."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressd.engine.agenda import AgendaItem
from stressd.engine.detector import DETECTOR_OFF, Detector, DetectorRule
from stressd.engine.engine import Engine
from stressd.engine.events import Event, FeedNote, Unusual
from stressd.engine.spec import DAY, HOUR, MINUTE, SECOND, EngineSpec
from stressd.market.tick import FIXING, Tick
from stressd.market.times import parse_time
from stressd.testing.worlds import facts, walk, world

START = parse_time("2026-01-20T02:00:00Z")
ALWAYS = {"AA": "always", "BB": "always"}
NAME = "AA.GOV.10Y"


class Probe:
    """Keeps what it is fed; its score is the size of the move, or of the sum of the last three."""

    def __init__(self, series: str, fed: dict[str, list[tuple[float, int]]]) -> None:
        self.fed = fed.setdefault(series, [])
        self.last: list[float] = []

    def step(self, x: float, time: int) -> float:
        self.fed.append((x, time))
        self.last = [*self.last[-2:], x]
        return abs(sum(self.last))

    def state(self) -> Any:
        return self.last

    def load(self, state: Any) -> None:
        self.last = [float(x) for x in state]


class Broken(Probe):
    """Raises at its fourth input."""

    def step(self, x: float, time: int) -> float:
        if len(self.fed) == 3:
            raise ZeroDivisionError("float division by zero")
        return super().step(x, time)


def rule(fed: dict[str, list[tuple[float, int]]] | None = None, kind: type[Probe] = Probe, **how: Any) -> DetectorRule:
    kept = fed if fed is not None else {}

    def make(series: str) -> Detector:
        return kind(series, kept)

    given_how = {"input": "1m", "bar": 1e9, "in_sigma": False, "digest": kind.__name__} | how
    return DetectorRule("probe", (NAME, "BB.GOV.30Y"), "test.Probe", make, **given_how)


def of(*rules: DetectorRule, **how: Any) -> EngineSpec:
    return replace(world(ALWAYS, **how), detector_rules=rules)


def found(events: list[Event]) -> list[Unusual]:
    return [event for event in events if isinstance(event, Unusual)]


def test_a_minutes_move_is_from_the_last_tick_before_it_to_its_last_tick() -> None:
    fed: dict[str, list[tuple[float, int]]] = {}
    engine = Engine(of(rule(fed)), START)
    quotes = [
        (0, 2.000), (20, 2.001), (59, 2.002),  # minute 0 has nothing before it
        (61, 2.003), (119, 2.004),
        (121, 2.005), (170, 2.000),
        (245, 2.001),  # minute 3 had no tick: minute 4 is measured from the end of minute 2
        (610, 2.003),  # a hole of six minutes
        (661, 2.004), (721, 2.005),
    ]  # fmt: skip
    for second, value in quotes:
        at = START + second * SECOND
        engine.feed([Tick(NAME, value, at, at, "desk")])
    moves = [(round(x, 9), (time - START) // SECOND) for x, time in fed[NAME]]
    assert moves == [(0.2, 119), (-0.4, 170), (0.1, 245), (0.1, 661)]


@pytest.mark.parametrize(("name", "span"), [("1m", MINUTE), ("5m", 5 * MINUTE), ("30m", 30 * MINUTE)])
def test_every_stretch_equals_a_look_back_over_all_accepted_ticks(name: str, span: int) -> None:
    fed: dict[str, list[tuple[float, int]]] = {}
    spec = of(rule(fed, input=name), silence=None)
    ticks = walk(spec, 5, 6_000, START, jumps=0.0)
    Engine(spec, START).feed(ticks)
    seen: list[tuple[int, float]] = []
    expected: list[tuple[float, int]] = []
    # the first tick ever only proposes a level, which the second one confirms
    for tick in [tick for tick in ticks if tick.series == NAME][1:]:
        if seen and (tick.time // span != seen[-1][0] // span or tick.time // DAY != seen[-1][0] // DAY):
            block = seen[-1][0] // span
            before = [each for each in seen if each[0] // span < block]
            if before and before[-1][0] >= block * span - 2 * MINUTE:
                expected.append(((seen[-1][1] - before[-1][1]) * 100.0, seen[-1][0]))
        if seen and tick.time // DAY != seen[-1][0] // DAY:
            seen = []  # no stretch reaches across the start of a span
        seen.append((tick.time, tick.value))
    assert len(expected) > 10
    assert [(pytest.approx(x), time) for x, time in expected] == fed[NAME]


def test_bad_ticks_and_repeats_never_reach_a_detector() -> None:
    clean: dict[str, list[tuple[float, int]]] = {}
    dirty: dict[str, list[tuple[float, int]]] = {}
    spec = of(rule(clean), silence=None)
    ticks = walk(spec, 6, 4_000, START, jumps=0.0)
    Engine(spec, START).feed(ticks)
    with_dirt: list[Tick] = []
    for k, tick in enumerate(ticks):
        with_dirt.append(tick)
        if k % 97 == 50:
            bad = Tick(tick.series, tick.value + 0.9, tick.time + 1, tick.received, tick.source)
            with_dirt += [bad, bad]
    Engine(replace(spec, detector_rules=(rule(dirty),)), START).feed(with_dirt)
    assert len(clean[NAME]) > 100
    assert clean == dirty


def test_inputs_in_sigma_wait_for_sigma_and_are_the_move_over_it() -> None:
    fed: dict[str, list[tuple[float, int]]] = {}
    plain: dict[str, list[tuple[float, int]]] = {}
    spec = of(rule(fed, in_sigma=True), replace(rule(plain), name="plain"), silence=None)
    engine = Engine(spec, START)
    engine.feed(walk(spec, 7, 12_000, START, jumps=0.0))
    by_time = {time: x for x, time in plain[NAME]}
    assert 100 < len(fed[NAME]) < len(plain[NAME])
    scales = [by_time[time] / x for x, time in fed[NAME] if x != 0.0]
    assert min(scales) > 0.0
    mean_square = sum(x * x for x, _ in fed[NAME]) / len(fed[NAME])
    assert 0.5 < math.sqrt(mean_square) < 2.0


def test_a_hit_is_told_once_until_it_has_been_quiet() -> None:
    engine = Engine(of(rule(bar=5.0, hold=10 * MINUTE), silence=None), START)
    events: list[Event] = []
    value = 2.0
    for minute in range(60):
        # 12 bp at minutes 5, 9 (within the hold, and prolonging it) and 40
        value += 0.12 if minute in (5, 9, 40) else 0.0001 * (-1) ** minute
        for second in (10, 50):
            at = START + minute * MINUTE + second * SECOND
            events += engine.feed([Tick(NAME, value, at, at, "desk")])
    hits = found(events)
    assert [(hit.time - START) // MINUTE for hit in hits] == [5, 40]
    first = hits[0]
    assert (first.series, first.market, first.direction, first.model, first.over) == (NAME, "AA", 1, "test.Probe", "1m")
    assert first.change_bp == pytest.approx(12.0, abs=0.1)
    assert first.score == pytest.approx(12.0, abs=0.1)
    assert (first.bar, first.source, first.during) == (5.0, "desk", "")
    (watch,) = [watch for watch in engine.detectors() if watch.series == NAME]
    assert (watch.hits, watch.failed) == (2, "")


def test_what_is_found_during_a_scheduled_event_says_so() -> None:
    spec = of(rule(bar=5.0), silence=None)
    spec = replace(spec, agenda=(AgendaItem("BoJ decision", ("AA",), MINUTE, HOUR, 1.5, at=(START,)),))
    engine = Engine(spec, START)
    events: list[Event] = []
    for minute, value in ((0, 2.0), (1, 2.0001), (2, 2.1), (3, 2.1001), (4, 2.1)):
        for second in (10, 50):
            at = START + minute * MINUTE + second * SECOND
            events += engine.feed([Tick(NAME, value, at, at, "desk")])
    assert [hit.during for hit in found(events)] == ["BoJ decision"]


def test_fixings_feed_a_daily_detector_and_nothing_else_does() -> None:
    fed: dict[str, list[tuple[float, int]]] = {}
    spec = of(rule(fed, input="1d", bar=15.0), silence=None)
    engine = Engine(spec, START)
    events: list[Event] = []
    for day, value in enumerate((2.0, 2.02, 2.01, 2.21, 2.2)):
        at = START + day * 24 * HOUR
        events += engine.feed([Tick(NAME, value, at, at, "MoF", FIXING), Tick(NAME, value, at + 1, at + 1, "desk")])
    events += engine.advance(engine.now + MINUTE)
    own = [x for x, time in fed[NAME] if (time - START) % (24 * HOUR) == 0]
    assert [round(x, 6) for x in own] == [2.0, -1.0, 20.0, -1.0]
    assert [(hit.over, hit.source, round(hit.change_bp)) for hit in found(events)][:1] == [("1d", "MoF", 20)]


def test_history_teaches_a_detector_without_a_word() -> None:
    fed: dict[str, list[tuple[float, int]]] = {}
    spec = of(rule(fed, bar=0.0), silence=None)
    past = walk(spec, 8, 2_000, START - 20 * HOUR, jumps=0.0)
    engine = Engine(spec, START)
    engine.warm(past)
    learned = len(fed[NAME])
    assert learned > 50
    assert [watch.hits for watch in engine.detectors()] == [0, 0]
    events = engine.feed(walk(spec, 9, 300, START))
    assert found(events)
    # the last level of history is never compared with a live one
    assert all(time >= START - SECOND for _, time in fed[NAME][learned:])


def told(spec: EngineSpec, ticks: list[Tick], cut: int = 0) -> list[str]:
    """Facts of all events (as text, where nan is nan), with a restart (through JSON) after `cut` ticks."""
    engine = Engine(spec, START)
    events = engine.feed(ticks[:cut])
    if cut:
        state = json.loads(json.dumps(engine.snapshot()))
        engine = Engine(spec, START)
        engine.restore(state)
    for tick in ticks[cut:]:
        events += engine.feed([tick])
    return [repr(facts(event)) for event in events]


@settings(max_examples=25)
@given(st.integers(0, 2**16), st.integers(1, 1_999), st.sampled_from(["tick", "1m", "5m"]))
def test_neither_batches_nor_a_restart_change_what_is_found(seed: int, cut: int, name: str) -> None:
    spec = of(rule(input=name, bar=2.0, hold=MINUTE), rule_named("broken"))
    ticks = walk(spec, seed, 2_000, START, dirt=0.02, gap=5 * SECOND)
    whole = told(spec, ticks)
    assert told(spec, ticks, cut) == whole
    engine = Engine(spec, START)
    assert [repr(facts(event)) for event in engine.feed(ticks)] == whole


def rule_named(name: str, **how: Any) -> DetectorRule:
    return replace(rule({}, Stumbling, **how), name=name)


class Stumbling(Probe):
    """Raises at the first move beyond 3 bp; unlike Broken by nothing that a restart forgets."""

    def step(self, x: float, time: int) -> float:
        if abs(x) > 3.0:
            raise OverflowError(f"{abs(x):.3f} is beyond 3")
        return super().step(x, time)


def test_a_detector_that_raises_is_switched_off_told_once_and_harms_nothing() -> None:
    fed: dict[str, list[tuple[float, int]]] = {}
    good: dict[str, list[tuple[float, int]]] = {}
    broken = replace(rule(fed, Broken), name="broken")
    spec = of(broken, rule(good, bar=2.0))
    ticks = walk(spec, 10, 6_000, START)
    engine = Engine(spec, START)
    events = engine.feed(ticks)
    notes = [event for event in events if isinstance(event, FeedNote) and event.rule == DETECTOR_OFF]
    assert [(note.kind, note.source, note.series) for note in notes] == [
        ("self", "broken", name) for name in (note.series for note in notes)
    ]
    assert sorted(note.series for note in notes) == [NAME, "BB.GOV.30Y"]
    assert notes[0].text == (
        f"rule broken: test.Probe on {notes[0].series} has failed and is switched off "
        "(ZeroDivisionError: float division by zero)"
    )
    assert [len(each) for each in fed.values()] == [3, 3]
    assert len(good[NAME]) > 100
    without = Engine(of(rule(bar=2.0)), START).feed(ticks)
    assert [repr(facts(e)) for e in events if e not in notes] == [repr(facts(e)) for e in without]
    again = Engine(spec, START)
    again.restore(json.loads(json.dumps(engine.snapshot())))
    assert [watch.failed != "" for watch in again.detectors()] == [True, False, True, False]
    more = again.feed(walk(spec, 11, 500, engine.now))
    assert not [event for event in more if isinstance(event, FeedNote) and event.rule == DETECTOR_OFF]
    # what people were told decides after a restart, whatever the snapshot said
    again.reconcile((), (), [(DETECTOR_OFF, "broken", NAME)])
    more = again.feed(walk(spec, 12, 500, again.now))
    assert [e.series for e in more if isinstance(e, FeedNote) and e.rule == DETECTOR_OFF] == ["BB.GOV.30Y"]


def test_one_that_cannot_even_be_made_is_off_from_the_start() -> None:
    def refuse(series: str) -> Detector:
        raise MemoryError

    engine = Engine(of(replace(rule(), make=refuse)), START)
    assert [watch.failed for watch in engine.detectors()] == ["MemoryError", "MemoryError"]
    assert json.loads(json.dumps(engine.snapshot()))


def test_the_state_of_another_model_is_not_taken_up() -> None:
    spec = of(rule(bar=2.0))
    engine = Engine(spec, START)
    engine.feed(walk(spec, 13, 2_000, START))
    other = Engine(of(rule(bar=2.0, digest="other")), START)
    other.restore(engine.snapshot())
    assert [watch.inputs for watch in other.detectors()] == [0, 0]
    assert min(watch.inputs for watch in engine.detectors()) > 100


def test_a_score_that_is_no_number_is_no_hit() -> None:
    class Nan(Probe):
        def step(self, x: float, time: int) -> float:
            return math.nan

    engine = Engine(of(rule({}, Nan, bar=-1.0)), START)
    events = engine.feed(walk(of(), 14, 2_000, START))
    assert not found(events)
    assert [watch.failed for watch in engine.detectors()] == ["", ""]
