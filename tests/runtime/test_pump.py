"""The pump: one pass, its order, what it acknowledges and when."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any, cast

import pytest

from stressd import METHOD
from stressd.alerts.event import Event
from stressd.alerts.people.commands import Command, CommandError, Done, EndSilence
from stressd.alerts.pipeline import Pipeline, Routed
from stressd.engine.events import FeedNote
from stressd.feeds.base import DecodeError, FeedHealth, Frame
from stressd.market.tick import Tick
from stressd.runtime.mailbox import Mailbox
from stressd.runtime.notes import OVERLOAD, Condition
from stressd.runtime.pump import CHUNK, Pump


def event(seq: int) -> Event:
    return Event(
        id=f"JP-260120-7q2f.{seq}", episode="JP-260120-7q2f", seq=seq, type="opened", kind="market", origin="live",
        time="2026-01-20T06:00:00Z", instance="t", rule="r", market="JP", direction="up", severity="high", headline="h",
        series=[], version="0", method=METHOD, config="c",
    )  # fmt: skip


class Clock:
    def __init__(self) -> None:
        self.time = 1_000

    def now(self) -> int:
        return self.time

    def seconds_until(self, t: int) -> float:
        return max(0, t - self.time) / 1e9

    async def sleep_until(self, t: int) -> None:
        self.time = max(self.time, t)

    def heed(self, ticks: Sequence[Tick]) -> None:
        pass

    def unheard(self, gap: int) -> int:
        return 0


class Steps:
    """A pipeline that writes down what it is asked, and tells an event for every tick above 4."""

    now = 0

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.seq = 0

    def feed(self, ticks: Sequence[Tick]) -> list[Routed]:
        self.asked.append(("feed", [tick.received for tick in ticks]))
        told = []
        for tick in ticks:
            if tick.value > 4.0:
                self.seq += 1
                told.append(Routed(event(self.seq), ("hook",)))
        return told

    def advance(self, now: int) -> list[Routed]:
        self.asked.append(("advance", now))
        return []

    def apply(self, note: FeedNote) -> list[Routed]:
        self.asked.append((note.phase, note.rule))
        self.seq += 1
        return [Routed(event(self.seq), ("ops",))]

    def cover(self, told: frozenset[str], brewing: frozenset[str], at: int) -> list[Routed]:
        return []

    def covering(self) -> list[Any]:
        return []

    def command(self, command: Command) -> Done:
        self.asked.append(("command", command.author))
        if command.author == "nobody":
            raise CommandError("who are you?")
        self.seq += 1
        return Done(
            at=command.at, author=command.author, via=command.via, verb="silenced", subject="s1", detail="all",
            routed=[Routed(event(self.seq), ("ops",))] if command.author == "ana" else (),
        )  # fmt: skip

    def next_deadline(self) -> int | None:
        return None


class Outbox:
    def __init__(self) -> None:
        self.commits: list[tuple[list[str], Future[Any]]] = []
        self.actions: list[Done] = []

    def commit(self, routed: Sequence[Routed], pipeline: Pipeline, actions: Sequence[Done] = ()) -> Future[Any]:
        future: Future[Any] = Future()
        self.actions += actions
        self.commits.append(([one.event.id for one in routed], future))
        return future


class Plain:
    """A feed whose payload is the value."""

    def __init__(self, name: str = "plain") -> None:
        self.name = name
        self.health = FeedHealth()
        self.done: list[int | None] = []

    async def run(self, inbox: object) -> None:
        await asyncio.Event().wait()

    def decode(self, frame: Frame) -> Sequence[Tick]:
        if frame.payload == b"bug":
            raise ZeroDivisionError
        try:
            return [Tick("JP.GOV.30Y", float(frame.payload), frame.received, frame.received, self.name)]
        except ValueError:
            raise DecodeError("not a number", frame.payload) from None

    def processed(self, frames: Sequence[Frame]) -> None:
        self.done += [frame.token for frame in frames]


class Rig:
    def __init__(self) -> None:
        self.clock = Clock()
        self.box = Mailbox(self.clock.now)
        self.steps = Steps()
        self.outbox = Outbox()
        self.wrong: list[Condition] = []
        self.beats = 0
        self.feed = Plain()
        self.pump = Pump(
            self.box, cast(Pipeline, self.steps), self.clock, self.outbox, lambda: list(self.wrong), self._beat
        )

    def _beat(self) -> None:
        self.beats += 1

    def put(self, *payloads: bytes, feed: Plain | None = None) -> None:
        for payload in payloads:
            self.clock.time += 1
            token = self.clock.time
            self.box.put(Frame(feed or self.feed, "t", payload, self.clock.time, token))


@pytest.fixture
async def rig() -> Rig:
    return Rig()


async def test_a_pass_feeds_what_came_then_advances_to_now_and_beats(rig: Rig) -> None:
    rig.put(b"3.5", b"3.6")
    rig.clock.time = 5_000
    assert rig.pump.turn() is False
    assert rig.steps.asked == [("feed", [1_001, 1_002]), ("advance", 5_000)]
    assert (rig.beats, rig.pump.ticks, rig.pump.frames) == (1, 2, 2)
    assert rig.feed.done == [1_001, 1_002]


async def test_a_deadline_never_overtakes_a_frame_that_still_waits(rig: Rig) -> None:
    rig.put(*[b"3.5"] * (CHUNK + 2))
    assert rig.pump.turn() is True
    assert rig.steps.asked[-1] == ("advance", 1_000 + CHUNK + 1)
    assert rig.pump.turn() is False
    assert rig.steps.asked[-1] == ("advance", rig.clock.time)
    assert rig.pump.ticks == CHUNK + 2


async def test_engine_time_never_runs_backwards(rig: Rig) -> None:
    rig.clock.time = 9_000
    rig.pump.turn()
    rig.clock.time = 4_000
    rig.pump.turn()
    assert [now for what, now in rig.steps.asked if what == "advance"] == [9_000, 9_000]


async def test_what_cannot_be_decoded_is_counted_and_the_next_message_is_read(rig: Rig) -> None:
    rig.put(b"3.5", b"nonsense", b"bug", b"bug", b"3.6")
    rig.pump.turn()
    assert rig.steps.asked[0] == ("feed", [1_001, 1_005])
    assert (rig.pump.malformed, rig.pump.faults) == (1, 2)
    assert len(rig.feed.done) == 5


async def test_a_breach_is_committed_in_the_pass_that_saw_it_and_acknowledged_once_it_is_on_disk(rig: Rig) -> None:
    rig.put(b"3.5", b"4.5")
    rig.pump.turn()
    assert [ids for ids, _ in rig.outbox.commits] == [["JP-260120-7q2f.1"]]
    assert rig.feed.done == []
    rig.put(b"3.6")
    rig.pump.turn()
    assert rig.feed.done == [], "acknowledgements keep the order of the messages"
    rig.outbox.commits[0][1].set_result(None)
    rig.pump.turn()
    assert rig.feed.done == [1_001, 1_002, 1_003]


async def test_a_disk_that_hangs_does_not_hold_up_acknowledgements_for_ever(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stressd.runtime.pump.LONGEST_HOLD", -1.0)
    rig.put(b"4.5")
    rig.pump.turn()
    assert rig.feed.done == [1_001]


async def test_frames_of_several_feeds_are_handed_back_to_their_own(rig: Rig) -> None:
    other = Plain("other")
    rig.put(b"3.5")
    rig.put(b"3.6", feed=other)
    rig.put(b"3.7")
    rig.pump.turn()
    assert (rig.feed.done, other.done) == ([1_001, 1_003], [1_002])


async def test_a_condition_is_told_once_when_it_begins_and_once_when_it_ends(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stressd.runtime.pump.LOOK_EVERY", 0.0)
    rig.wrong = [Condition(OVERLOAD, "overload", "too much")]
    for _ in range(3):
        rig.pump.turn()
    rig.wrong = []
    for _ in range(3):
        rig.pump.turn()
    assert [asked for asked in rig.steps.asked if asked[0] != "advance"] == [("entered", OVERLOAD), ("left", OVERLOAD)]
    assert len(rig.outbox.commits) == 2


async def test_a_condition_that_was_told_before_a_restart_ends_when_it_is_no_longer_so(rig: Rig) -> None:
    rig.pump.conditions.resume([(OVERLOAD, ""), ("clock-ahead", "desk")])
    rig.pump.turn()
    assert [asked for asked in rig.steps.asked if asked[0] != "advance"] == [("left", OVERLOAD)]


async def test_the_running_pump_is_woken_by_a_frame_and_drains_everything_before_it_stops(rig: Rig) -> None:
    task = asyncio.create_task(rig.pump.run())
    await asyncio.sleep(0)
    rig.put(b"3.5")
    async with asyncio.timeout(5):
        while not rig.feed.done:
            await asyncio.sleep(0)
    rig.put(*[b"3.5"] * (2 * CHUNK))
    rig.pump.stop()
    await asyncio.wait_for(task, 10)
    assert rig.pump.ticks == 2 * CHUNK + 1


async def test_another_pipeline_takes_over_between_two_passes(rig: Rig) -> None:
    rig.put(b"3.5")
    rig.pump.turn()
    successor = Steps()
    rig.pump.swap(cast(Pipeline, successor))
    rig.put(b"3.6")
    rig.pump.turn()
    assert [what for what, _ in rig.steps.asked] == ["feed", "advance"]
    assert [what for what, _ in successor.asked] == ["feed", "advance"]


def end(author: str) -> EndSilence:
    return EndSilence(at=0, author=author, via="cli", id="s1")


async def test_a_command_is_carried_out_after_what_came_before_it_and_is_done_once_it_is_on_disk(rig: Rig) -> None:
    rig.put(b"3.5")
    future = rig.pump.command(end("ana"))
    rig.clock.time = 5_000
    rig.pump.turn()
    assert rig.steps.asked == [("feed", [1_001]), ("advance", 5_000), ("command", "ana")]
    assert [done.author for done in rig.outbox.actions] == ["ana"]
    assert not future.done()
    rig.outbox.commits[0][1].set_result(None)
    assert future.result(0).subject == "s1"
    rig.pump.turn()
    assert rig.feed.done == [1_001]


async def test_a_command_that_tells_nobody_anything_is_kept_all_the_same(rig: Rig) -> None:
    future = rig.pump.command(end("bob"))
    rig.pump.turn()
    assert [ids for ids, _ in rig.outbox.commits] == [[]]
    rig.outbox.commits[0][1].set_exception(RuntimeError("disk"))
    with pytest.raises(CommandError, match="could not be kept"):
        future.result(0)


async def test_a_command_that_is_refused_says_why_and_changes_nothing(rig: Rig) -> None:
    future = rig.pump.command(end("nobody"))
    rig.pump.turn()
    with pytest.raises(CommandError, match="who are you"):
        future.result(0)
    assert rig.outbox.commits == []


async def test_commands_given_before_a_stop_are_carried_out_and_later_ones_refused(rig: Rig) -> None:
    first = rig.pump.command(end("ana"))
    rig.pump.stop()
    late = rig.pump.command(end("ana"))
    await asyncio.wait_for(rig.pump.run(), 10)
    rig.outbox.commits[0][1].set_result(None)
    assert first.result(0).author == "ana"
    with pytest.raises(CommandError, match="stopping"):
        late.result(0)
