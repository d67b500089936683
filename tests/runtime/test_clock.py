"""The runtime's clocks."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd.market.tick import Tick
from stressd.runtime.clock import SECOND, ScaledClock, WallClock


class Machine:
    """A machine's two clocks, moved by hand."""

    def __init__(self) -> None:
        self.wall_ns = 1_700_000_000_000_000_000
        self.steady_ns = 5

    def wall(self) -> int:
        return self.wall_ns

    def steady(self) -> int:
        return self.steady_ns

    def pass_by(self, seconds: float, set_by: float = 0.0) -> None:
        self.steady_ns += int(seconds * SECOND)
        self.wall_ns += int((seconds + set_by) * SECOND)


def stamped(clock: WallClock, machine: Machine, true: int, count: int = 1) -> list[Tick]:
    """Ticks that come now, with the time of a source whose clock says `true`."""
    return [Tick("JP.GOV.10Y", 1.0, true, clock.now(), "desk") for _ in range(count)]


@given(st.lists(st.tuples(st.integers(0, 10**10), st.integers(-(10**13), 10**13)), max_size=50))
def test_wall_clock_never_runs_backwards_and_follows_what_is_small(moves: list[tuple[int, int]]) -> None:
    machine = Machine()
    clock = WallClock(machine.wall, machine.steady)
    before = clock.now()
    for passed, step in moves:
        machine.steady_ns += passed
        machine.wall_ns += passed + step
        now = clock.now()
        assert now >= before
        assert now >= machine.wall_ns or clock.disputed
        before = now
    machine.pass_by(601.0)
    clock.now()
    assert not clock.disputed, "without a word from any tick the machine's clock is believed in the end"


def test_a_small_correction_back_is_caught_up_with_at_half_speed() -> None:
    machine = Machine()
    clock = WallClock(machine.wall, machine.steady)
    start = clock.now()
    machine.wall_ns -= 10_000
    assert clock.now() == start
    assert clock.behind() == 10_000
    machine.pass_by(4e-6)
    assert clock.now() == start + 2_000
    machine.pass_by(60e-6)
    assert clock.now() == machine.wall_ns
    assert clock.behind() == 0
    assert clock.complaint() == ""


@pytest.mark.parametrize("by", [3600.0, -3600.0])
def test_a_clock_that_is_set_moves_nothing_until_the_ticks_own_times_bear_it_out(by: float) -> None:
    machine = Machine()
    clock = WallClock(machine.wall, machine.steady)
    start = clock.now()
    machine.pass_by(10.0, by)
    assert clock.now() == start + 10 * SECOND
    assert clock.complaint().startswith(f"the machine's clock was set {'forward' if by > 0 else 'back'} by 1 h")
    # ticks that speak of the old time speak against it, for as long as they come
    for _ in range(20):
        machine.pass_by(300.0)
        clock.heed(stamped(clock, machine, clock.now() - SECOND, 10))
    assert clock.now() == start + 6_010 * SECOND
    assert "the ticks' own times say that it is wrong" in clock.complaint()
    # and others for it
    for _ in range(20):
        clock.heed(stamped(clock, machine, machine.wall_ns - SECOND, 10))
    machine.pass_by(1.0)
    assert clock.now() >= machine.wall_ns
    assert not clock.disputed


def test_a_setting_that_is_undone_was_none() -> None:
    machine = Machine()
    clock = WallClock(machine.wall, machine.steady)
    start = clock.now()
    machine.pass_by(1.0, -3600.0)
    clock.now()
    machine.pass_by(60.0, 3600.0)
    assert clock.now() == start + 61 * SECOND
    assert not clock.disputed
    assert clock.complaint() == "the machine's clock was set back by 1 h: stressd goes by it again"
    machine.pass_by(601.0)
    assert clock.complaint() == ""


def test_while_it_waits_for_a_clock_that_was_rightly_set_back_ticks_are_as_fresh_as_they_are() -> None:
    machine = Machine()
    clock = WallClock(machine.wall, machine.steady)
    machine.pass_by(1.0, -3600.0)
    clock.heed(stamped(clock, machine, machine.wall_ns, 20))
    for _ in range(100):
        machine.pass_by(30.0)
        (tick,) = ticks = stamped(clock, machine, machine.wall_ns - SECOND)
        clock.heed(ticks)
        assert 0 <= tick.received - tick.time <= SECOND
    assert "half speed" in clock.complaint()


def test_a_suspended_machine_had_its_clock_set_by_nobody() -> None:
    machine = Machine()
    clock = WallClock(machine.wall, machine.steady)
    start = clock.now()
    machine.pass_by(8 * 3600.0)
    assert clock.now() == start + 8 * 3600 * SECOND
    assert clock.complaint() == ""
    assert clock.unheard(8 * 3600 * SECOND) == 8 * 3600 * SECOND
    assert clock.unheard(SECOND) == 0


def test_scaled_clock_runs_faster_than_the_wall() -> None:
    machine = Machine()
    clock = ScaledClock(1_000, 60.0, machine.steady)
    assert clock.now() == 1_000
    machine.steady_ns += 1_000_000_000
    assert clock.now() == 1_000 + 60_000_000_000
    assert clock.seconds_until(clock.now() + 120_000_000_000) == 2.0
    assert clock.seconds_until(0) == 0.0


async def test_sleeping_until_a_scaled_moment_takes_scaled_time() -> None:
    clock = ScaledClock(0, 10_000.0)
    goal = clock.now() + 60_000_000_000
    began = asyncio.get_running_loop().time()
    await clock.sleep_until(goal)
    assert clock.now() >= goal
    assert asyncio.get_running_loop().time() - began < 5.0
