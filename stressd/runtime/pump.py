"""The pump: takes what came, decodes it, runs it through the pipeline in one synchronous pass, commits what follows.

Between a breach and its commit nothing sleeps. The watchdog's beat comes from here, so that a beat means that ticks are
being judged.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, Final, Protocol

import structlog

from stressd.alerts.inputs import of_command
from stressd.alerts.people.commands import Command, CommandError, Done
from stressd.alerts.pipeline import Pipeline, Routed
from stressd.alerts.plain import of_note
from stressd.engine.events import FeedNote
from stressd.feeds.base import Frame
from stressd.market.tick import Tick
from stressd.runtime.clock import Clock
from stressd.runtime.mailbox import Batch, Mailbox, settle
from stressd.runtime.notes import Condition, Conditions

CHUNK: Final = 2_000
"""Frames a pass: more would keep the loop from reading its sockets for longer than about ten milliseconds."""

LONGEST_SLEEP: Final = 1.0
"""Seconds between two passes when nothing comes."""

LOOK_EVERY: Final = 0.25
"""Seconds between two looks at what is wrong with the daemon itself."""

LONGEST_HOLD: Final = 1.0
"""Seconds for which acknowledgements wait for a commit: a disk that hangs must not blind the feeds."""

log = structlog.get_logger()


class Outbox(Protocol):
    """Where routed events become durable."""

    def commit(self, routed: Sequence[Routed], pipeline: Pipeline, actions: Sequence[Done] = ()) -> Future[Any]:
        """One transaction of events, deliveries, what people did and the machine's state. The future is done once it
        is on disk."""
        ...


class Beside(Protocol):
    """Who goes through the same once more, after all is told. Raises nothing."""

    def turn(self, ticks: Sequence[Tick], at: int, told: Sequence[Routed], commands: Sequence[Command]) -> None: ...


class _Held:
    """Frames of one pass whose acknowledgement waits for that pass' commit."""

    __slots__ = ("commit", "frames", "until")

    def __init__(self, commit: Future[Any] | None, frames: list[Frame], until: float) -> None:
        self.commit = commit
        self.frames = frames
        self.until = until


class Pump:
    """Reads one mailbox into one pipeline.

    conditions: says what is wrong now, told as notes when it changes. beat: called after every pass. Counters: passes,
    frames, ticks, malformed (refused by a decoder), faults (decoders that raised what they must not), events by type;
    newest: id of the event that was told last, "" for none. `observe` is told the seconds of every pass that did
    something, `record` given its ticks before they are judged, `note` whatever else enters the pipeline, as the fields
    of an `alerts.inputs.Input`.
    """

    def __init__(
        self,
        mailbox: Mailbox,
        pipeline: Pipeline,
        clock: Clock,
        outbox: Outbox,
        conditions: Callable[[], list[Condition]] = list,
        beat: Callable[[], None] = lambda: None,
        observe: Callable[[float], None] = lambda seconds: None,
        record: Callable[[list[Tick]], None] = lambda ticks: None,
        note: Callable[..., None] = lambda what, at, **said: None,
    ) -> None:
        self._mailbox = mailbox
        self.pipeline = pipeline
        self._clock = clock
        self._outbox = outbox
        self._wrong = conditions
        self.conditions = Conditions()
        self._beat = beat
        self._observe = observe
        self._record = record
        self._note = note
        self._held: deque[_Held] = deque()
        self._faulty: set[str] = set()
        self._told: list[Routed] = []
        self.newest = ""
        self._commands: deque[tuple[Command, Future[Done]]] = deque()
        self._direct: list[tuple[Callable[[int], FeedNote], Sequence[str], Future[str]]] = []
        self.beside: Beside | None = None
        self._obeyed: list[Command] = []
        self._notes: list[Callable[[int], FeedNote]] = []
        self._stopping = False
        self._looked = 0.0
        self.at = self._awake = clock.now()
        self.passed = time.monotonic()
        self.passes = self.frames = self.ticks = self.malformed = self.faults = 0
        self.events: Counter[str] = Counter()

    async def run(self) -> None:
        """Work until `stop`, then once more through all that waits."""
        self._awake = self._clock.now()
        while not self._stopping:
            if self.turn():
                await asyncio.sleep(0)
            else:
                await self._mailbox.wait(self._pause())
        while self.turn():
            await asyncio.sleep(0)

    def stop(self) -> None:
        self._stopping = True
        self._mailbox.wake()

    def command(self, command: Command) -> Future[Done]:
        """Carry it out in the next pass, at the time that the pipeline has reached then. Done once it is on disk, or
        with a CommandError."""
        future: Future[Done] = Future()
        future.set_running_or_notify_cancel()
        if self._stopping:
            future.set_exception(CommandError("stressd is stopping: try again when it runs"))
        else:
            self._commands.append((command, future))
            self._mailbox.wake()
        return future

    def swap(self, pipeline: Pipeline, told: Sequence[Routed] = ()) -> None:
        """Go on with another pipeline from the next pass on. told: what its making told."""
        self.pipeline = pipeline
        self._note("exchanged", pipeline.now, why="the configuration was read again")
        self._told += told
        self._mailbox.wake()

    @property
    def last(self) -> str:
        """Id of the newest event of the pipeline, also of those that wait for the next pass."""
        return self._told[-1].event.id if self._told else self.newest

    def say(self, note: Callable[[int], FeedNote]) -> None:
        """Tell something about the daemon itself once, by its routes, for the time of the next pass."""
        self._notes.append(note)
        self._mailbox.wake()

    def direct(self, note: Callable[[int], FeedNote], sinks: Sequence[str]) -> Future[str]:
        """Tell these sinks of a note that is made for the time of the next pass; the id of its episode then."""
        future: Future[str] = Future()
        self._direct.append((note, sinks, future))
        self._mailbox.wake()
        return future

    def _tell_directly(self) -> list[Routed]:
        routed: list[Routed] = []
        for note, sinks, future in self._direct:
            event = note(self.at)
            self._note("directed", self.pipeline.now, note=of_note(event), sinks=tuple(sinks))
            told = self.pipeline.direct(event, sinks)
            routed += told
            if not future.cancelled():
                future.set_result(told[-1].event.episode)
        self._direct.clear()
        return routed

    def turn(self) -> bool:
        """One synchronous pass. True where more is waiting."""
        began = time.perf_counter()
        now = self._clock.now()
        missed, self._awake = self._clock.unheard(now - self._awake), now
        if missed:
            # What nobody listened for is no silence: a process that stood still, a machine's clock that was set.
            log.warning("pump.stalled", seconds=round(missed / 1e9, 1))
            self._note("stalled", self.pipeline.now, ns=missed)
            self.pipeline.engine.resume(self.pipeline.engine.now, missed)
        # one read of a fast socket can bring more than a pass takes: then half of what waits, lest it grows without end
        batch = self._mailbox.take(max(CHUNK, len(self._mailbox) // 2))
        ticks = self._decode(batch)
        routed, self._told = self._told, []
        if ticks:
            self._record(ticks)
            routed += self.pipeline.feed(ticks)
        # A deadline must not overtake a frame that came before it and still waits.
        oldest = self._mailbox.oldest()
        self.at = max(self.at, now if oldest is None else min(now, oldest))
        routed += self.pipeline.advance(self.at)
        carried = self._carry_out(routed)
        routed += self._tell_directly()
        if (steady := time.monotonic()) - self._looked >= LOOK_EVERY:
            self._looked = steady
            for note in self.conditions.observe(self.at, self._wrong()):
                routed += self._apply(note)
            routed += self._cover(*self.conditions.stopped())
        while self._notes:
            routed += self._apply(self._notes.pop(0)(self.at))
        self._finish(batch, routed, carried)
        self.passes += 1
        self.passed = time.monotonic()
        if batch.frames or routed:
            self._observe(time.perf_counter() - began)
        if self.beside is not None:
            self.beside.turn(ticks, self.at, routed, self._obeyed)
        self._obeyed = []
        self._beat()
        return oldest is not None

    def _apply(self, note: FeedNote) -> list[Routed]:
        self._note("noted", self.pipeline.now, note=of_note(note))
        return self.pipeline.apply(note)

    def _cover(self, told: frozenset[str], soon: frozenset[str]) -> list[Routed]:
        pipeline = self.pipeline
        before, at = pipeline.covering(), self.at
        routed = pipeline.cover(told, soon, at)
        if routed or pipeline.covering() != before:
            # asked four times a second: written down where it made a difference
            self._note("covered", at, told=tuple(sorted(told)), soon=tuple(sorted(soon)))
        return routed

    def _carry_out(self, routed: list[Routed]) -> list[tuple[Done, Future[Done]]]:
        """What people have commanded since the last pass. routed: to which is added what is told because of it."""
        carried = []
        while self._commands:
            command, future = self._commands.popleft()
            try:
                done = self.pipeline.command(command)
            except CommandError as error:
                future.set_exception(error)
                continue
            routed += done.routed
            name, fields = of_command(command)
            self._note("commanded", self.pipeline.now, name=name, command=fields)
            self._obeyed.append(command)
            carried.append((done, future))
        return carried

    def _pause(self) -> float:
        deadline = self.pipeline.next_deadline()
        if deadline is None:
            return LONGEST_SLEEP
        return min(LONGEST_SLEEP, self._clock.seconds_until(deadline))

    def _decode(self, batch: Batch) -> list[Tick]:
        ticks = batch.ticks(self._fault)
        self._clock.heed(ticks)
        self.malformed += batch.malformed
        self.frames += len(batch.frames)
        self.ticks += len(ticks)
        return ticks

    def _fault(self, frame: Frame, error: Exception) -> None:
        """A decoder broke its promise; its message is lost, the next one is read. Logged once a feed."""
        self.faults += 1
        if frame.feed.name not in self._faulty:
            self._faulty.add(frame.feed.name)
            log.error("decoder.failed", feed=frame.feed.name, topic=frame.topic, exc_info=error)

    def _finish(self, batch: Batch, routed: list[Routed], carried: list[tuple[Done, Future[Done]]]) -> None:
        commit: Future[Any] | None = None
        if routed or carried:
            for one in routed:
                self.events[one.event.type] += not one.again
                self.newest = self.newest if one.again else one.event.id
            commit = self._outbox.commit(routed, self.pipeline, [done for done, _ in carried])
            commit.add_done_callback(partial(_answer, carried))
        frames = batch.settled + batch.frames if batch.settled else batch.frames
        now = time.monotonic()
        if frames and (commit is not None or self._held):
            self._held.append(_Held(commit, frames, now + LONGEST_HOLD))
            if commit is not None:
                loop = asyncio.get_running_loop()
                commit.add_done_callback(lambda _: soon(loop, self._mailbox.wake))
        elif frames:
            settle(frames)
        while self._held and (self._held[0].commit is None or self._held[0].commit.done() or now > self._held[0].until):
            settle(self._held.popleft().frames)


def _answer(carried: list[tuple[Done, Future[Done]]], commit: Future[Any]) -> None:
    """Tell those who commanded that it is on disk, on whichever thread wrote it."""
    error = commit.exception()
    for done, future in carried:
        if error is None:
            future.set_result(done)
        else:
            future.set_exception(CommandError(f"it could not be kept: {error}"))


def soon(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    """Call on the loop's thread, from another one, unless the loop has ended."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(call)
