"""SIGKILL at every labelled point of a delivery, for every type of sink, against real servers on loopback.

After the last death the process lives once more to the end; then every event that was committed has arrived, or is
covered by one that has; per episode in order; opened once after repeats are told apart by their id; the end too.
`make soak` does at least a thousand kills, `make test` each point once a type.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from stressd.store import Store
from tests.killing.servers import WIRES, Arrivals, filled, serving
from tests.killing.zygote import EPISODES, HANDING_OVER, LIFE, POINTS, SCRIPT

ROOT = Path(__file__).resolve().parents[2]
SOAK_JOURNEYS = 4
"""Per type of sink, with and without a fallback; some sixty kills each."""


class Zygote:
    """Lives, one after the other."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.kills = 0

    async def life(self, request: dict[str, Any], arrivals: Arrivals) -> int:
        """Its exit status; -9 where it was killed."""
        assert self._process.stdin is not None
        arrivals.pid = None
        arrivals.kill_next = request["label"] == "arrived"
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        arrivals.pid = (await self._answer())["pid"]
        async with asyncio.timeout(60):
            status = int((await self._answer())["status"])
        arrivals.kill_next = False
        self.kills += status == -9
        return status

    async def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        assert line, "the zygote is gone"
        answer: dict[str, Any] = json.loads(line)
        return answer


@pytest.fixture
async def zygote() -> AsyncIterator[Zygote]:
    paths = [*(p for p in sys.path if p), str(ROOT)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(Path(__file__).with_name("zygote.py")),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )  # fmt: skip
    yield Zygote(process)
    assert process.stdin is not None
    process.stdin.close()
    await process.wait()


class Journey:
    """One state directory from its first life to its last."""

    def __init__(self, zygote: Zygote, folder: Path, kind: str, *, fallback: bool, seed: int) -> None:
        self.zygote = zygote
        self.wire = WIRES[kind]
        self.fallback = fallback
        self.random = random.Random(seed)
        self.folder = folder
        self.output = folder / "output"
        self.arrivals = Arrivals()
        self.epoch = time.time()
        self.hits: Counter[str] = Counter()

    async def go(self, deaths: list[str]) -> None:
        async with AsyncExitStack() as stack:
            url = await stack.enter_async_context(serving(self.wire, self.arrivals, "out", self.output))
            sinks = [{"name": "out", **filled(self.wire.config, url)}]
            if self.fallback:
                other = await stack.enter_async_context(serving(WIRES["webhook"], self.arrivals, "other", self.output))
                sinks.append({"name": "other", **filled(WIRES["webhook"].config, other)})
            for number, label in enumerate([*deaths, ""], 1):
                if self.fallback:
                    self.arrivals.refuse = self.random.choice((0, 6, 14)) if label else 0
                request = {
                    "directory": str(self.folder / "state"), "output": str(self.output), "sinks": sinks,
                    "fallbacks": {"out": "other"} if self.fallback else {}, "label": label,
                    "occurrence": self.random.randrange(1, 3), "epoch": self.epoch,
                    "upto": max(4, len(SCRIPT) * number // (len(deaths) + 1)),
                    "seed": self.random.random(), "environment": filled(self.wire.environment, url),
                }  # fmt: skip
                status = await self.zygote.life(request, self.arrivals)
                assert status in ((-9, 0) if label else (0,)), self.output.read_text()[-3000:]
                self.hits[label] += status == -9
        self.check()

    def check(self) -> None:
        store = Store.open(self.folder / "state", create=False)
        rows = store.deliveries()
        store.close()
        own = [row for row in rows if row.sink == "out"]
        assert {row.event_id for row in own} == {f"{episode}.{seq}" for episode, seq, _ in SCRIPT}
        for sink in {row.sink for row in rows}:
            came = [(event_id, text) for at, event_id, text in self.arrivals.came if at == sink]
            arrived = {event_id for event_id, _ in came}
            of_sink = {row.event_id: row for row in rows if row.sink == sink}
            for row in of_sink.values():
                assert row.state in ("delivered", "superseded"), "nothing is lost"
                assert (row.merged_into if row.state == "superseded" else row.event_id) in arrived
            assert arrived <= set(of_sink), "nothing came that nobody wrote down"
            for episode in EPISODES:
                self.check_episode(sink, episode, came, {row.seq for row in of_sink.values() if row.episode == episode})
        if self.fallback:
            assert all(row.fallback_for == "out" for row in rows if row.sink == "other")

    def check_episode(self, sink: str, episode: str, came: list[tuple[str, str]], wanted: set[int]) -> None:
        seen: list[int] = []
        for event_id, text in came:
            if not event_id.startswith(f"{episode}."):
                continue
            seq = int(event_id.rpartition(".")[2])
            if seq not in seen:
                seen.append(seq)
            elif self.wire.repeats and sink == "out":
                assert "possible repeat" in text, "a repeat says so where the wire cannot tell"
        assert seen == sorted(seen), f"{sink}, {episode}: in order once repeats are told apart"
        assert [LIFE[seq - 1] for seq in seen].count("opened") <= 1
        if wanted:
            assert seen, "who was to be told was told"
            assert seen[-1] == len(LIFE), "and of the end, wherever something was told"


def points(fallback: bool) -> list[str]:
    return [*POINTS, HANDING_OVER, HANDING_OVER] if fallback else list(POINTS)


@pytest.mark.parametrize("kind", WIRES)
async def test_a_kill_at_each_point_loses_nothing_and_opens_nothing_twice(
    zygote: Zygote, tmp_path: Path, kind: str
) -> None:
    journey = Journey(zygote, tmp_path, kind, fallback=False, seed=len(kind))
    await journey.go(list(POINTS))
    missed = {label for label in POINTS if not journey.hits[label]}
    # Where repeats are told by their id no attempt is written down before it is made; a console answers at once
    never = {"arrived"} if kind == "console" else set() if journey.wire.repeats else {"begun"}
    assert never <= missed
    assert len(missed - never) <= 2, "a life that had little to do may end before its point"


@pytest.mark.parametrize("kind", ["webhook", "slack", "email"])
async def test_a_kill_while_another_sink_stands_in_loses_nothing_at_either(
    zygote: Zygote, tmp_path: Path, kind: str
) -> None:
    await Journey(zygote, tmp_path, kind, fallback=True, seed=len(kind)).go([HANDING_OVER, "sending", "accepted"])


@pytest.mark.soak
async def test_a_thousand_kills_lose_nothing_and_open_nothing_twice(
    zygote: Zygote, tmp_path: Path, record_property: Any
) -> None:
    rng = random.Random(20)
    hits: Counter[str] = Counter()
    began = time.monotonic()
    for number in range(SOAK_JOURNEYS):
        for kind in WIRES:
            for fallback in (False, True):
                folder = tmp_path / f"{number}-{kind}-{fallback}"
                folder.mkdir()
                journey = Journey(zygote, folder, kind, fallback=fallback, seed=rng.randrange(10**9))
                deaths = points(fallback) * 2
                rng.shuffle(deaths)
                await journey.go(deaths)
                hits += journey.hits
    took = time.monotonic() - began
    record_property("kills", zygote.kills)
    print(f"{zygote.kills} kills in {took:.0f} s: {dict(hits)}")
    assert zygote.kills >= 1_000
    assert set(hits) >= {*POINTS, HANDING_OVER}
