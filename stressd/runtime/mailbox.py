"""The mailbox: frames from every feed, bounded by count and by bytes, in the order in which they came.

When it is full the oldest frames are decoded into an envelope per series (first, lowest, highest and last tick):
keeping the newest value alone would hide the very crash.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from stressd.feeds.base import DecodeError, Feed, Frame
from stressd.market.tick import Tick

OVERHEAD: Final = 256
"""Bytes that a waiting frame takes besides its payload, about."""

FOLD: Final = 8
"""A full mailbox folds this part (one in FOLD) of itself away, so that folding is rare."""


class Envelope:
    """What is left of many ticks of one series: first, lowest, highest, last, and their number."""

    __slots__ = ("count", "first", "high", "last", "low")

    def __init__(self, tick: Tick) -> None:
        self.first = self.low = self.high = self.last = tick
        self.count = 1

    def add(self, tick: Tick) -> None:
        self.count += 1
        self.last = tick
        if tick.value < self.low.value:
            self.low = tick
        elif tick.value > self.high.value:
            self.high = tick

    def ticks(self) -> list[Tick]:
        """One to four different ticks."""
        kept = [self.first]
        for tick in (self.low, self.high, self.last):
            if not any(tick is other for other in kept):
                kept.append(tick)
        return kept


class Batch:
    """What the pump takes at once. folded: ticks of frames that were folded, in order of arrival, all before `frames`.
    settled: the folded frames that want an acknowledgement, without their payload. malformed: frames that a decoder
    has refused."""

    __slots__ = ("folded", "frames", "malformed", "settled")

    def __init__(self, folded: list[Tick], settled: list[Frame], frames: list[Frame]) -> None:
        self.folded = folded
        self.settled = settled
        self.frames = frames
        self.malformed = 0

    def ticks(self, fault: Callable[[Frame, Exception], None]) -> list[Tick]:
        """All ticks, decoded. fault: told of a decoder that raised what it must not."""
        ticks = self.folded
        feed: Feed | None = None
        decode: Callable[[Frame], Sequence[Tick]] = _none
        for frame in self.frames:
            if frame.feed is not feed:
                feed = frame.feed
                decode = feed.decode
            try:
                ticks.extend(decode(frame))
            except DecodeError:
                self.malformed += 1
            except Exception as error:
                fault(frame, error)
        return ticks


def _none(frame: Frame) -> Sequence[Tick]:
    return ()


def settle(frames: list[Frame]) -> None:
    """Tell each feed which of its frames are done with, in their order."""
    by_feed: dict[int, tuple[Feed, list[Frame]]] = {}
    feed: Feed | None = None
    mine: list[Frame] = []
    for frame in frames:
        if frame.feed is not feed:
            feed = frame.feed
            _, mine = by_feed.setdefault(id(feed), (feed, []))
        mine.append(frame)
    for each, done in by_feed.values():
        each.processed(done)


class Mailbox:
    """`feeds.base.Inbox`, read by one pump.

    Counters: received (frames), dropped (ticks of which nothing is left but an envelope), malformed (refused while
    folding). folded_at: when it last folded by its clock, None for never. listeners: lists to which every frame that
    comes is added too, while one feed takes over from another.
    """

    def __init__(self, now: Callable[[], int], max_frames: int = 100_000, max_bytes: int = 64 << 20) -> None:
        self._now = now
        self._frames: list[Frame] = []
        self._envelopes: dict[tuple[str, str, int], Envelope] = {}
        self._settled: list[Frame] = []
        self._woken = asyncio.Event()
        self.listeners: list[list[Frame]] = []
        self.max_frames = max_frames
        self.max_bytes = max_bytes
        self.bytes = 0
        self.received = 0
        self.dropped = 0
        self.malformed = 0
        self.folded_at: int | None = None

    def __len__(self) -> int:
        return len(self._frames)

    def now(self) -> int:
        return self._now()

    def put(self, frame: Frame) -> None:
        """Take a frame; when full, fold the oldest first."""
        frames = self._frames
        if not frames:
            self._woken.set()
        self.received += 1
        self.bytes += len(frame.payload) + OVERHEAD
        frames.append(frame)
        if self.listeners:
            for heard in self.listeners:
                heard.append(frame)
        if len(frames) > self.max_frames or self.bytes > self.max_bytes:
            self._fold()

    def take(self, limit: int) -> Batch:
        """Everything folded and at most `limit` frames, oldest first."""
        folded: list[Tick] = []
        if self._envelopes:
            folded = [tick for envelope in self._envelopes.values() for tick in envelope.ticks()]
            folded.sort(key=lambda tick: tick.received)
            self._envelopes.clear()
        settled, self._settled = self._settled, []
        if len(self._frames) <= limit:
            frames, self._frames = self._frames, []
            self.bytes = 0
            self._woken.clear()
        else:
            frames, self._frames = self._frames[:limit], self._frames[limit:]
            for frame in frames:
                self.bytes -= len(frame.payload) + OVERHEAD
        return Batch(folded, settled, frames)

    def oldest(self) -> int | None:
        """Receive time of the oldest waiting frame."""
        return self._frames[0].received if self._frames else None

    def wake(self) -> None:
        """Let `wait` return now."""
        self._woken.set()

    async def wait(self, seconds: float) -> None:
        """Returns when something came, or after `seconds`."""
        if self._woken.is_set() or seconds <= 0.0:
            return
        loop = asyncio.get_running_loop()
        timer = loop.call_later(seconds, self._woken.set)
        try:
            await self._woken.wait()
        finally:
            timer.cancel()
            if not self._frames:
                self._woken.clear()

    def _fold(self) -> None:
        self.folded_at = self._now()
        frames = self._frames
        floor_frames = self.max_frames - self.max_frames // FOLD
        floor_bytes = self.max_bytes - self.max_bytes // FOLD
        gone = 0
        try:
            while gone < len(frames) and (len(frames) - gone > floor_frames or self.bytes > floor_bytes):
                frame = frames[gone]
                gone += 1
                self.bytes -= len(frame.payload) + OVERHEAD
                self._absorb(frame)
        finally:
            del frames[:gone]

    def _absorb(self, frame: Frame) -> None:
        try:
            ticks = frame.feed.decode(frame)
        except DecodeError:
            self.malformed += 1
            ticks = ()
        for tick in ticks:
            self.dropped += 1
            key = (tick.series, tick.source, tick.flags)
            envelope = self._envelopes.get(key)
            if envelope is None:
                self._envelopes[key] = Envelope(tick)
            else:
                envelope.add(tick)
        if frame.token is not None:
            self._settled.append(Frame(frame.feed, frame.topic, b"", frame.received, frame.token))
