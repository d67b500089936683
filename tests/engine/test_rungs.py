"""The four rungs of a sigma rule: bar, exit, hold, a stretch beyond the bar and a number of ticks, each of its own."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from stressd.engine.budget import Book
from stressd.engine.engine import Engine
from stressd.engine.events import Breach, Event
from stressd.engine.sigma import (
    NOTHING,
    SAYS_ENTERED,
    SAYS_LEFT,
    SAYS_LOWERED,
    SAYS_PEAKED,
    SAYS_RAISED,
    SAYS_REGAINED,
    SigmaWatch,
)
from stressd.engine.spec import CRITICAL, HIGH, MINUTE, SECOND, WARN, EngineSpec, Rung, SigmaRule
from stressd.market.tick import Tick
from stressd.market.times import parse_time
from stressd.testing.worlds import world

START = parse_time("2026-01-13T00:00:00Z")
RUNGS = (Rung(WARN, 3.0, 2.0), Rung(HIGH, 4.0, 3.0), Rung(CRITICAL, 6.0, 5.0))
RULE = SigmaRule("sigma", ("AA.GOV.10Y",), ("5m",), RUNGS, {"5m": 1.0})


def watch(rule: SigmaRule = RULE) -> SigmaWatch:
    return SigmaWatch(rule, 1, "5m", Book().openings("sigma", "AA"), None)


def offer(w: SigmaWatch, z: float, at: int) -> int:
    """What a live tick of z sigma (2bp each) at `at` says, as a series would ask."""
    k = w.reached(z, 2.0 * z, at) if w.patient else w.rung(abs(z))
    return w.offer(k, z, 2.0 * z)


def test_each_rung_is_given_up_by_its_own_exit_after_its_own_hold() -> None:
    w = watch(replace(RULE, hold=10 * MINUTE, holds={CRITICAL: MINUTE, HIGH: 5 * MINUTE}))
    assert offer(w, 7.0, 0) == SAYS_ENTERED
    assert (w.severity, w.now) == (CRITICAL, CRITICAL)
    assert w.settle(4.5, SECOND) == NOTHING
    assert w.settle(4.5, SECOND + MINUTE) == SAYS_LOWERED
    assert (w.severity, w.now) == (CRITICAL, HIGH)
    assert w.settle(5.5, 2 * MINUTE) == NOTHING, "above its exit is not yet at its bar"
    assert offer(w, 6.1, 3 * MINUTE) == SAYS_REGAINED
    assert w.now == CRITICAL
    w.settle(2.5, 4 * MINUTE)
    assert w.settle(2.5, 9 * MINUTE) == SAYS_LOWERED
    assert w.now == WARN
    w.settle(1.0, 10 * MINUTE)
    assert w.settle(1.0, 19 * MINUTE) == NOTHING
    assert w.settle(1.0, 20 * MINUTE) == SAYS_LEFT


def test_a_rung_that_asks_for_time_is_reached_only_after_it() -> None:
    w = watch(replace(RULE, waits={WARN: 30 * SECOND, HIGH: 30 * SECOND}))
    assert offer(w, 3.5, 0) == NOTHING
    assert w.waits_for() == WARN
    assert offer(w, 3.5, 29 * SECOND) == NOTHING
    assert offer(w, 3.5, 30 * SECOND) == SAYS_ENTERED
    assert offer(w, 4.5, 31 * SECOND) == SAYS_PEAKED, "the peak is told, not the rung"
    assert offer(w, 4.5, 61 * SECOND) == SAYS_RAISED
    quick = watch(replace(RULE, waits={WARN: 30 * SECOND, HIGH: 30 * SECOND}))
    assert offer(quick, 6.5, 0) == SAYS_ENTERED, "the critical rung asks for none"


def test_a_rung_that_asks_for_ticks_counts_them_in_a_row() -> None:
    w = watch(replace(RULE, min_ticks={WARN: 3, HIGH: 3, CRITICAL: 2}))
    assert [offer(w, z, 0) for z in (3.5, 3.5, 2.9, 3.5, 3.5)] == [NOTHING] * 5, "one within the bar begins anew"
    assert offer(w, 3.5, 0) == SAYS_ENTERED
    assert offer(w, 6.5, 0) == SAYS_PEAKED
    assert offer(w, 6.5, 0) == SAYS_RAISED
    other = watch(replace(RULE, min_ticks={WARN: 2, HIGH: 2, CRITICAL: 2}))
    assert [offer(other, z, 0) for z in (3.5, -3.5, 3.5)] == [NOTHING] * 3, "the other way is another move"


@given(
    st.lists(
        st.tuples(st.floats(-8.0, 8.0), st.sampled_from([0, SECOND, 20 * SECOND, MINUTE, 11 * MINUTE])), max_size=40
    ),
    st.integers(0, 40),
    st.booleans(),
)
def test_a_restart_anywhere_changes_nothing_and_the_rung_that_holds_is_never_above_the_highest(
    moves: list[tuple[float, int]], cut: int, patient: bool
) -> None:
    rule = replace(RULE, waits={WARN: 30 * SECOND}, min_ticks={HIGH: 2}) if patient else RULE
    one, two = watch(rule), watch(rule)
    at = 0
    for k, (z, passed) in enumerate(moves):
        at += passed
        if k == cut:
            again = watch(rule)
            again.load(two.state())
            assert again.state() == two.state()
            two = again
        said = []
        for w in (one, two):
            told = [offer(w, z, at)]
            if w.direction != 0:
                told.append(w.settle(z, at))
                if told[-1] == SAYS_LEFT:
                    w.reset()
            said.append(told)
            assert (w.direction == 0) == (w.now < 0) == (w.severity < 0)
            assert w.now <= w.severity
        assert said[0] == said[1]
        assert one.state() == two.state()


def quotes(value: float, count: int, begin: int, rng: random.Random, noise: float = 0.0008) -> list[Tick]:
    """`count` ticks a second apart around a level (percent)."""
    made = []
    for k in range(count):
        at = begin + k * SECOND
        made.append(Tick("AA.GOV.10Y", round(value + rng.gauss(0.0, noise), 5), at, at, "desk"))
    return made


def only(rule: SigmaRule) -> EngineSpec:
    spec = world({"AA": "always"}, ("10Y",), silence=None, levels=False)
    return replace(spec, sigma_rules=(rule,))


def breaches(events: list[Event]) -> list[Breach]:
    return [event for event in events if isinstance(event, Breach)]


def warm(rule: SigmaRule) -> tuple[Engine, int, random.Random]:
    """An engine that has seen four quiet hours."""
    engine, rng = Engine(only(rule), START), random.Random(5)
    engine.feed(quotes(4.0, 4 * 3600, START, rng))
    return engine, START + 4 * 3600 * SECOND, rng


def test_through_the_engine_a_short_spike_is_nothing_to_a_rung_that_waits() -> None:
    # A warming-up noise of 0.08bp: 12bp are beyond every bar.
    patient = replace(RULE, waits={WARN: MINUTE, HIGH: MINUTE, CRITICAL: MINUTE})
    for rule, spike, lasting in ((RULE, 1, 1), (patient, 0, 1)):
        engine, now, rng = warm(rule)
        told = breaches(engine.feed(quotes(4.12, 20, now, rng) + quotes(4.0, 300, now + 20 * SECOND, rng)))
        assert len([each for each in told if each.phase == "entered" and each.direction > 0]) == spike
        engine, now, rng = warm(rule)
        told = breaches(engine.feed(quotes(4.12, 120, now, rng)))
        entered = [each for each in told if each.phase == "entered"]
        assert len(entered) == lasting
        if rule is patient:
            assert entered[0].at - now >= MINUTE
            assert entered[0].at - now <= 70 * SECOND


def test_what_waits_to_be_believed_is_in_the_status() -> None:
    engine, now, rng = warm(replace(RULE, waits={WARN: MINUTE, HIGH: MINUTE, CRITICAL: MINUTE}))
    engine.feed(quotes(4.12, 10, now, rng))
    (row,) = engine.status()
    assert row["pending"] == [{"rule": "sigma", "horizon": "5m", "direction": "up", "severity": "critical"}]
    engine.feed(quotes(4.0, 10, now + 10 * SECOND, rng))
    (row,) = engine.status()
    assert row["pending"] == []


@given(st.floats(0.03, 0.4), st.integers(1, 900), st.sampled_from([0.0008, 0.0008, 0.002]), st.sampled_from([1, -1]))
@settings(max_examples=25)
def test_the_shock_of_an_open_breach_does_not_raise_its_own_bar_until_it_clears_itself(
    size: float, seconds: int, noise: float, sign: int
) -> None:
    """A jump, or a ramp of up to 15 minutes, of 3 to 40bp: while it goes on the breach is on, and its sigma stays
    within three times what it was, within one and a half after a jump."""
    engine, now, rng = Engine(only(RULE), START), WARM[1], random.Random(7)
    engine.restore(WARM[0])
    watched = engine._series["AA.GOV.10Y"].horizons.all[1]
    before = watched.sigma
    phases: list[str] = []
    largest = 0.0
    for k in range(seconds + 240):
        value = 4.0 + sign * size * min(1.0, (k + 1) / seconds)
        phases += [event.phase for event in breaches(engine.feed(quotes(value, 1, now + k * SECOND, rng, noise)))]
        if phases:
            largest = max(largest, watched.sigma)
            assert "left" not in phases, "nothing has been taken back, and five minutes have not passed"
    per_five_minutes = size * 100.0 * min(1.0, 300.0 / seconds)
    assert phases or per_five_minutes < 4.0 * before or per_five_minutes < 1.5
    assert largest <= (1.5 if seconds == 1 and noise == 0.0008 else 3.0) * before


def _warmed() -> tuple[dict[str, Any], int]:
    engine, now, _ = warm(RULE)
    return engine.snapshot(), now


WARM = _warmed()
