"""What a feed counts of its ticks, against the plain sentence of what each figure is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stressd.feeds.base import FeedHealth
from stressd.feeds.tally import Tally
from stressd.market.tick import BACKLOG, Tick

SERIES = ("JP.GOV.10Y", "JP.GOV.30Y", "US.GOV.10Y")
ROWS = st.lists(
    st.tuples(st.sampled_from(SERIES), st.integers(0, 2), st.integers(0, 40), st.sampled_from([0, 0, 0, BACKLOG])),
    max_size=40,
)


@given(ROWS, st.lists(st.integers(0, 8), max_size=40))
def test_what_is_counted_is_what_came_however_it_is_cut_into_messages(
    rows: list[tuple[str, int, int, int]], cuts: list[int]
) -> None:
    health = FeedHealth()
    tally = Tally("desk", health)
    ticks = [Tick(series, value / 10, 1_000 + time, 0, "desk", flags) for series, value, time, flags in rows]
    received = []
    left = list(ticks)
    sizes = iter(cuts)
    at = 2_000
    while left:
        size = next(sizes, 3) or 1
        some, left = left[:size], left[size:]
        at += 10
        received += [at] * len(some)
        tally.count(some, at)
    live = [(tick, at) for tick, at in zip(ticks, received, strict=True) if not tick.flags & BACKLOG]
    changes = [
        place
        for place, (tick, _) in enumerate(live)
        if next((before.value for before, _ in reversed(live[:place]) if before.series == tick.series), None)
        != tick.value
    ]
    assert health.ticks == len(ticks)
    assert health.backlog == len(ticks) - len(live)
    assert health.newest == max((tick.time for tick, _ in live), default=0)
    assert health.lag == (live[-1][1] - live[-1][0].time if live else 0)
    assert health.changed_at == (live[changes[-1]][1] if changes else 0)
    assert health.flat == (len(live) - 1 - changes[-1] if changes else 0)
