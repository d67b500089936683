"""The mailbox: order, bounds, and that folding loses no extreme."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd.feeds.base import DecodeError, FeedHealth, Frame
from stressd.market.tick import Tick
from stressd.runtime.mailbox import OVERHEAD, Mailbox


class PlainFeed:
    """A feed whose payload is `series value`."""

    def __init__(self, name: str = "plain") -> None:
        self.name = name
        self.health = FeedHealth()

    async def run(self, inbox: object) -> None:
        await asyncio.Event().wait()

    def decode(self, frame: Frame) -> Sequence[Tick]:
        series, _, value = frame.payload.decode().partition(" ")
        try:
            return [Tick(series, float(value), frame.received, frame.received, self.name)]
        except ValueError:
            raise DecodeError("not a number", frame.payload) from None

    def processed(self, frames: Sequence[Frame]) -> None: ...


def frame(feed: PlainFeed, series: str, value: float, received: int, token: int | None = None) -> Frame:
    return Frame(feed, "t", f"{series} {value!r}".encode(), received, token)


VALUES = st.lists(
    st.tuples(st.sampled_from(["JP.GOV.10Y", "JP.GOV.30Y", "US.GOV.10Y"]), st.integers(-500, 500)), max_size=200
)


@given(VALUES, st.integers(1, 40), st.integers(1, 50))
def test_however_full_it_was_first_lowest_highest_and_last_of_every_series_come_out(
    values: list[tuple[str, int]], room: int, chunk: int
) -> None:
    feed = PlainFeed()
    box = Mailbox(lambda: 0, max_frames=room)
    for at, (series, value) in enumerate(values):
        box.put(frame(feed, series, value / 100, at))
        assert len(box) <= room
    out: list[Tick] = []
    while True:
        batch = box.take(chunk)
        out += batch.folded + [tick for f in batch.frames for tick in feed.decode(f)]
        if box.oldest() is None:
            break
    assert [t.received for t in out] == sorted(t.received for t in out)
    for series in {s for s, _ in values}:
        sent = [v / 100 for s, v in values if s == series]
        came = [t.value for t in out if t.series == series]
        assert (came[0], min(came), max(came), came[-1]) == (sent[0], min(sent), max(sent), sent[-1])
    assert box.bytes == 0
    assert (box.folded_at is None) == (len(values) <= room)
    if len(values) <= room:
        assert len(out) == len(values)


@given(VALUES, st.integers(0, 3000))
def test_bytes_are_bounded_too(values: list[tuple[str, int]], room: int) -> None:
    feed = PlainFeed()
    box = Mailbox(lambda: 0, max_bytes=room)
    for at, (series, value) in enumerate(values):
        box.put(frame(feed, series, value, at))
        assert box.bytes <= room
        assert box.bytes == len(box) * OVERHEAD + sum(len(f.payload) for f in box._frames)


def test_folded_frames_that_want_an_acknowledgement_are_handed_over_in_order() -> None:
    feed = PlainFeed()
    box = Mailbox(lambda: 0, max_frames=8)
    for at in range(20):
        box.put(frame(feed, "JP.GOV.10Y", at, at, token=at))
    batch = box.take(100)
    assert [f.token for f in batch.settled + batch.frames] == list(range(20))
    assert all(f.payload == b"" for f in batch.settled)


def test_a_refused_payload_is_counted_while_folding_and_folding_goes_on() -> None:
    feed = PlainFeed()
    box = Mailbox(lambda: 7, max_frames=8)
    for at in range(20):
        box.put(Frame(feed, "t", b"JP.GOV.10Y nonsense" if at % 2 else b"JP.GOV.10Y 1.0", at))
    assert box.malformed > 0
    assert box.folded_at == 7
    assert len(box.take(100).frames) <= 8


def test_a_decoder_that_breaks_its_promise_while_folding_costs_its_frame_alone() -> None:
    class Broken(PlainFeed):
        def decode(self, frame: Frame) -> Sequence[Tick]:
            raise RuntimeError("not what was promised")

    box = Mailbox(lambda: 0, max_frames=8)
    for at in range(8):
        box.put(frame(Broken() if at == 0 else PlainFeed(), "JP.GOV.10Y", at, at))
    with pytest.raises(RuntimeError, match="promised"):
        box.put(frame(PlainFeed(), "JP.GOV.10Y", 8, 8))
    assert [f.received for f in box._frames] == list(range(1, 9))
    assert box.bytes == len(box) * OVERHEAD + sum(len(f.payload) for f in box._frames)


async def test_a_frame_wakes_the_waiting_pump_at_once() -> None:
    feed = PlainFeed()
    box = Mailbox(lambda: 0)
    waiting = asyncio.create_task(box.wait(30.0))
    await asyncio.sleep(0)
    assert not waiting.done()
    box.put(frame(feed, "JP.GOV.10Y", 1.0, 1))
    await asyncio.wait_for(waiting, 1.0)
    await asyncio.wait_for(box.wait(30.0), 1.0)
    box.take(10)
    waiting = asyncio.create_task(box.wait(30.0))
    await asyncio.sleep(0)
    assert not waiting.done()
    box.wake()
    await asyncio.wait_for(waiting, 1.0)


async def test_waiting_ends_by_itself_when_nothing_comes() -> None:
    await asyncio.wait_for(Mailbox(lambda: 0).wait(0.01), 5.0)
