"""Late ticks, crossed quotes and absurdly wide ones: counted by kind, and without a trace in what is judged."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressd.engine.engine import Engine
from stressd.engine.gate import PRIOR_STEP, REORDER, SourceGate
from stressd.engine.ring import SLOT, SLOTS, Ring
from stressd.engine.spec import SECOND
from stressd.market.tick import MIDDLE, Tick
from stressd.market.times import parse_time
from stressd.testing.worlds import facts, world

START = parse_time("2026-01-13T00:00:00Z")
NAME = "AA.GOV.10Y"


def quiet_engine() -> Engine:
    return Engine(world({"AA": "always"}, tenors=("10Y",)), START)


SLOTTED = st.lists(
    st.tuples(st.integers(1, 8_000), st.integers(0, 4_000), st.floats(-0.002, 0.002)), min_size=5, max_size=120
)


@settings(max_examples=50)
@given(SLOTTED)
def test_a_late_tick_is_the_last_of_its_five_seconds_if_it_was_and_nothing_else_changes(
    rows: list[tuple[int, int, float]],
) -> None:
    """The ring with late ticks, too late to count as in time or not, is the ring of all believed ticks in the order
    of their own times."""
    ring, gate = Ring(), SourceGate("desk", 0)
    t, y = START, 2.0
    shown: dict[int, tuple[int, float]] = {}
    late = 0
    for passed, behind, step in rows:
        if behind == 0 or t == START:
            t += passed * 1_000_000
            y = 2.0 + step
            ring.put(t // SLOT, y, t)
            shown[t // SLOT] = (t, y)
            continue
        own = t - behind * 1_000_000
        entered = gate.slip_in(ring, own, 2.0 + step, t, y, PRIOR_STEP)
        assert entered == (behind * 1_000_000 <= REORDER)
        late += entered
        if shown.get(own // SLOT, (0, 0.0))[0] < own:
            shown[own // SLOT] = (own, 2.0 + step)
    assert gate.reordered == late
    for slot, (time, value) in shown.items():
        k = ring.find(slot, slot)
        if t // SLOT - slot < SLOTS:
            assert (ring.times[k], ring.values[k]) == (time, value)


def test_a_late_tick_that_is_not_believed_leaves_no_trace() -> None:
    ring, gate = Ring(), SourceGate("desk", 0)
    ring.put(START // SLOT, 2.0, START)
    before = ring.state()
    assert gate.slip_in(ring, START - SECOND, 2.5, START, 2.0, PRIOR_STEP)
    assert ring.state() == before


def quote(t: int, bid: float, ask: float) -> Tick:
    return Tick(NAME, (bid + ask) / 2.0, t, t, "desk", MIDDLE, ask - bid)


def test_crossed_and_absurdly_wide_quotes_change_nothing_but_their_counts() -> None:
    rng = random.Random(6)
    clean: list[Tick] = []
    dirty: list[Tick] = []
    t = START
    mid = 2.0
    for k in range(3_000):
        t += 7 * SECOND
        mid += rng.gauss(0.0, 0.0005)
        clean.append(quote(t, mid - 0.002, mid + 0.002))
        if k > 200 and k % 10 == 0:
            dirty.append(quote(t - SECOND, mid + 0.003, mid - 0.001))
            dirty.append(dirty[-1])
        if k > 200 and k % 17 == 0:
            dirty.append(quote(t - 2, mid - 0.5, mid + 0.6))
        dirty.append(clean[-1])
    engines = [quiet_engine(), quiet_engine()]
    events = [[facts(e) for e in engine.feed(ticks)] for engine, ticks in zip(engines, (clean, dirty), strict=True)]
    assert events[0] == events[1]
    ours, theirs = engines[0].status()[0], engines[1].status()[0]
    for figure in ("value", "time", "ticks", "warm", "sigma_bp", "late", "rejected", "quarantined"):
        assert ours[figure] == theirs[figure]
    assert theirs["crossed"] > 500
    assert theirs["wide"] > 150
    assert theirs["quotes"]["mean_bp"] == pytest.approx(0.4, rel=1e-6)
    assert theirs["quotes"] == ours["quotes"]
