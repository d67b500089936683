"""The runtime's clocks."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from stressd.runtime.clock import ScaledClock, WallClock


class Machine:
    """A machine's two clocks, moved by hand."""

    def __init__(self) -> None:
        self.wall_ns = 1_700_000_000_000_000_000
        self.steady_ns = 5

    def wall(self) -> int:
        return self.wall_ns

    def steady(self) -> int:
        return self.steady_ns


@given(st.lists(st.tuples(st.integers(0, 10**10), st.integers(-(10**13), 10**13)), max_size=50))
def test_wall_clock_never_runs_backwards(moves: list[tuple[int, int]]) -> None:
    machine = Machine()
    clock = WallClock(machine.wall, machine.steady)
    before = clock.now()
    for passed, step in moves:
        machine.steady_ns += passed
        machine.wall_ns += passed + step
        now = clock.now()
        assert now >= before
        assert now >= machine.wall_ns
        before = now


def test_wall_clock_set_back_goes_on_at_half_speed_until_caught_up() -> None:
    machine = Machine()
    clock = WallClock(machine.wall, machine.steady)
    start = clock.now()
    machine.wall_ns -= 10_000
    assert clock.now() == start
    assert clock.behind() == 10_000
    machine.steady_ns += 4_000
    machine.wall_ns += 4_000
    assert clock.now() == start + 2_000
    machine.steady_ns += 30_000
    machine.wall_ns += 30_000
    assert clock.now() >= machine.wall_ns
    machine.steady_ns += 30_000
    machine.wall_ns += 30_000
    assert clock.now() == machine.wall_ns
    assert clock.behind() == 0


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
