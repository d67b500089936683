"""The collector's pauses, and when it is let loose."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator

import pytest

from stressd.runtime.garbage import AT_LAST, GROWING, WHOLE, Garbage


@pytest.fixture
def garbage() -> Iterator[Garbage]:
    watched = Garbage()
    watched.watch()
    yield watched
    watched.close()
    gc.unfreeze()


def test_what_has_grown_is_frozen_more_and_more_seldom(garbage: Garbage) -> None:
    now, frozen = time.monotonic(), []
    for second in range(0, 4 * 3_600, 5):
        before = garbage.count
        garbage.turn(now + second, calm=False)
        if garbage.count > before:
            frozen.append(second)
    steps = [later - sooner for sooner, later in zip([0, *frozen], frozen, strict=False)]
    assert [round(each, -1) for each in steps[:4]] == [60, 600, 3_600, 3_600]
    assert tuple(GROWING) == (60.0, 600.0, 3_600.0)


@pytest.mark.parametrize(("after", "calm"), [(WHOLE, True), (AT_LAST, False)])
def test_what_was_frozen_while_it_lived_and_died_in_a_circle_is_freed_when_markets_are_closed_or_at_last(
    garbage: Garbage, after: float, calm: bool
) -> None:
    class Node:
        other: object

    def alive() -> int:
        return sum(isinstance(each, Node) for each in gc.get_objects())

    now = time.monotonic()
    one, two = Node(), Node()
    one.other, two.other = two, one
    garbage.turn(now + GROWING[0] + 1.0, calm=True)
    del one, two
    gc.collect()
    count = gc.get_freeze_count()
    assert count > 0
    garbage.turn(now + after - 3_700.0, calm)
    assert garbage.count > 0
    garbage.turn(now + after + 1.0, calm)
    gc.unfreeze()
    assert alive() == 0


def test_pauses_are_counted_and_the_longest_is_kept(garbage: Garbage) -> None:
    before = garbage.count
    gc.collect()
    assert garbage.count == before + 1
    assert 0.0 < garbage.longest <= garbage.seconds
