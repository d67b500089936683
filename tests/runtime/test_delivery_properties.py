"""Nothing is lost after commit, whatever fails and whenever the process ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from stressd.sinks.base import SinkError
from stressd.store import Commit, Delivery
from tests.runtime.outbox_bench import Bench, FakeSink, Sent, make, swift

FALLBACK = "spare"
EPISODES = {"JP-260120-aaaa": ("plain", "keyed"), "US-260120-bbbb": ("plain",), "DE-260120-cccc": ("keyed",)}

FAULTS: dict[str, Callable[[], Exception]] = {
    "retry": lambda: SinkError("retry", "HTTP 503"),
    "asked": lambda: SinkError("retry", "HTTP 503", 40.0),
    "limited": lambda: SinkError("rate_limited", "HTTP 429", 5.0),
    "permanent": lambda: SinkError("permanent", "HTTP 400"),
    "disable": lambda: SinkError("disable", "HTTP 410"),
    "bug": lambda: KeyError("bug"),
}

step = st.one_of(
    st.tuples(st.just("commit"), st.integers(0, 2), st.sampled_from(["escalated", "propagated", "resolved"])),
    st.tuples(st.just("unheard"), st.integers(0, 2), st.sampled_from(["escalated", "resolved"])),
    st.tuples(st.just("run"), st.sampled_from([0.4, 3.0, 60.0, 900.0])),
    st.tuples(st.just("drop"), st.integers(0, 2)),
    st.tuples(st.just("clock"), st.sampled_from([-3_600, 3_600, 5 * 86_400])),
    st.tuples(st.sampled_from(["restart", "crash", "reload"])),
)
faults = st.lists(
    st.sampled_from(["ok", "ok", "retry", "asked", "limited", "permanent", "lost", "kept", "hang", "disable", "bug"]),
    max_size=14,
)


class Journey:
    """Commits, faults and restarts, and in the end everything works again."""

    def __init__(self, directory: Path, plans: dict[str, list[str]], draw: float) -> None:
        self.bench = Bench(directory)
        self.bench.time.draw = draw
        self.bench.sink("plain")
        self.bench.sink("keyed", idempotent=True, concurrency=3)
        self.bench.sink(FALLBACK)
        self.bench.fall_back("plain", FALLBACK, 20.0)
        self.wall = 0
        timing = self.bench.time.timing()
        self.bench.time.timing = lambda: replace(  # type: ignore[method-assign]
            timing, now=lambda: timing.now() + self.wall
        )
        for name, plan in plans.items():
            self.bench.sinks[name].plan = [FAULTS[word]() if word in FAULTS else word for word in plan]
        self.committed: list[Sent] = []
        self.seq = dict.fromkeys(EPISODES, 0)
        self.open: set[str] = set()

    async def go(self, steps: Sequence[Any]) -> None:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        await self.bench.start()
        for what, *more in steps:
            if what in ("commit", "unheard"):
                await self.transition(list(EPISODES)[more[0]], more[1], heard=what == "commit")
            elif what == "run":
                await self.bench.time.run(more[0])
            elif what == "reload":
                assert self.bench.deliverer is not None
                await self.bench.reload(0.0)
            elif what == "drop":
                await self.drop(list(EPISODES)[more[0]])
            elif what == "clock":
                self.wall += more[0] * 10**9
            else:
                await self.bench.restart(crash=what == "crash")
        for sink in self.bench.sinks.values():
            sink.plan = []
        await self.bench.restart(crash=True)
        await self.bench.time.run(4_000)
        self.check()
        await self.bench.close()

    async def drop(self, episode: str) -> None:
        """Somebody gives up what waits of it, by a command in another process."""
        waiting = [row.event_id for row in self.bench.store.pending() if row.episode == episode]
        await asyncio.wrap_future(self.bench.store.drop(waiting, author="mika"))
        assert self.bench.deliverer is not None
        await self.bench.deliverer.rescan()
        await self.bench.time.settle()

    async def transition(self, episode: str, wanted: str, *, heard: bool) -> None:
        """The next event of the episode; unheard: the process dies right after the commit."""
        self.seq[episode] += 1
        kind = wanted if episode in self.open else "opened" if self.seq[episode] == 1 else "reopened"
        self.open.discard(episode) if kind == "resolved" else self.open.add(episode)
        sent = Sent(make(episode=episode, seq=self.seq[episode], type=kind), EPISODES[episode])
        self.committed.append(sent)
        if heard:
            await self.bench.commit(sent)
        else:
            await asyncio.wrap_future(self.bench.store.commit(Commit([sent])))
            await self.bench.restart(crash=True)

    def check(self) -> None:
        rows = {(d.event_id, d.sink): d for d in self.bench.store.deliveries()}
        routed = {(s.event.id, sink) for s in self.committed for sink in s.sinks}
        assert routed <= set(rows)
        assert all(rows[key].sink == FALLBACK and rows[key].fallback_for == "plain" for key in set(rows) - routed)
        for (event_id, sink), row in rows.items():
            got = {n.event_id for n in self.bench.sinks[sink].received}
            assert row.state in ("delivered", "dead", "superseded"), "nothing is left behind"
            assert row.state != "delivered" or event_id in got
            if row.state == "superseded":
                assert row.merged_into is not None
                heir = rows[row.merged_into, sink]
                assert heir.state == "delivered"
                assert heir.episode == row.episode
                assert heir.seq > row.seq
            if row.state == "dead":
                assert row.last_error
                assert sink == FALLBACK or sink == "keyed" or row.fault == "dropped" or self.stood_in(row, rows)
        for name in self.bench.sinks:
            self.check_order(self.bench.sinks[name])
        for episode in EPISODES:
            self.check_both(episode, rows)

    def stood_in(self, row: Delivery, rows: dict[tuple[str, str], Delivery]) -> bool:
        """What its own sink refused for good was written down for the fallback, unless it was an end and that had not
        heard of the episode."""
        place = rows.get((row.event_id, FALLBACK))
        return place is not None or row.type == "resolved"

    def check_both(self, episode: str, rows: dict[tuple[str, str], Delivery]) -> None:
        """From the first event on that the fallback was to be told of, both are told of all: so of the end too."""
        spare = {row.seq for row in rows.values() if row.sink == FALLBACK and row.episode == episode}
        plain = {row.seq for row in rows.values() if row.sink == "plain" and row.episode == episode}
        if spare:
            assert {seq for seq in plain if seq >= min(spare)} == spare

    def check_order(self, sink: FakeSink) -> None:
        """As the other side sees it."""
        known = {s.event.id: s.event for s in self.committed}
        for _, n in sink.attempts:
            assert (n.thread, n.type, n.origin) == (known[n.event_id].episode, known[n.event_id].type, "live")
        first_seen: dict[str, list[int]] = {}
        seen: set[str] = set()
        for n in sink.received:
            event = known[n.event_id]
            if n.event_id in seen:
                assert n.possible_repeat or sink.traits.idempotent, "a repeat says so where the wire cannot"
                continue
            seen.add(n.event_id)
            if event.type == "resolved" and event.episode not in first_seen:
                assert n.first
                assert n.merged >= 1, "opened and resolved in one"
            first_seen.setdefault(event.episode, []).append(event.seq)
        for seqs in first_seen.values():
            assert seqs == sorted(seqs)


@example([("commit", 0, "escalated"), ("reload",), ("commit", 0, "resolved")], [], ["disable"], [], 0.0)
@given(st.lists(step, min_size=1, max_size=16), faults, faults, faults, st.sampled_from([0.0, 0.5, 0.99]))
@settings(max_examples=90, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_every_committed_event_arrives_or_is_a_dead_letter_in_order_and_once_known(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    steps: list[Any],
    plain: list[str],
    keyed: list[str],
    spare: list[str],
    draw: float,
) -> None:
    monkeypatch.setattr("stressd.runtime.delivery.RESCAN", 1e9)
    monkeypatch.setattr("stressd.store.writer.connect", swift)
    journey = Journey(tmp_path_factory.mktemp("j"), {"plain": plain, "keyed": keyed, FALLBACK: spare}, draw)
    asyncio.run(journey.go(steps))
