"""A crashed task is started again, later each time, and told where it does not stop."""

from __future__ import annotations

import asyncio

import pytest

from stressd.backoff import Backoff
from stressd.runtime.supervise import CAP, TOLD_AFTER, Crew, supervise


def steep() -> Backoff:
    return Backoff(1.0, 60.0, 60.0, lambda: 1.0)


async def test_a_crash_is_followed_by_a_new_start_until_it_ends_by_itself() -> None:
    starts = 0
    waits: list[float] = []
    told: list[tuple[str, float]] = []

    async def start() -> None:
        nonlocal starts
        starts += 1
        if starts <= 9:
            raise RuntimeError(f"crash {starts}")

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    await supervise("feed desk", start, lambda e, w: told.append((str(e), w)), backoff=steep(), sleep=sleep)
    assert starts == 10
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]
    assert told == [(f"crash {n + 1}", wait) for n, wait in enumerate(waits)]


async def test_only_a_run_of_a_minute_starts_the_growth_anew() -> None:
    now = 0.0
    lives = iter([1.0, 59.9, 1.0, 60.0, 1.0])
    waits: list[float] = []

    async def start() -> None:
        nonlocal now
        life = next(lives, None)
        if life is not None:
            now += life
            raise OSError("gone")

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    await supervise("x", start, lambda e, w: None, backoff=steep(), sleep=sleep, steady=lambda: now)
    assert waits == [1.0, 2.0, 4.0, 1.0, 2.0]


async def test_what_may_not_end_is_started_again_and_an_exception_of_another_cancellation_is_a_crash() -> None:
    said: list[str] = []
    starts = 0

    async def start() -> None:
        nonlocal starts
        starts += 1
        if starts == 2:
            raise asyncio.CancelledError
        if starts == 3:
            await asyncio.Event().wait()

    task = asyncio.create_task(
        supervise("x", start, lambda e, w: said.append(str(e)), endless=True, backoff=Backoff(0.0, 0.0))
    )
    async with asyncio.timeout(5):
        while starts < 3:
            await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert said == ["it has ended by itself", "something that it waited for was cancelled"]


async def test_the_third_crash_in_a_row_is_told_and_a_minute_of_health_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("stressd.runtime.supervise.time.monotonic", lambda: now)
    go: asyncio.Queue[bool] = asyncio.Queue()
    waiting = asyncio.Event()

    async def sleep(seconds: float) -> None:
        waiting.set()
        await asyncio.sleep(0)

    async def work() -> None:
        if await go.get():
            raise ValueError("a bug")

    crew = Crew(sleep)
    task = crew.keep("probe", work)
    for crash in range(1, TOLD_AFTER + 1):
        assert crew.conditions() == []
        waiting.clear()
        go.put_nowait(True)
        await waiting.wait()
        await asyncio.sleep(0)
        assert crew.crashes() == {"probe": crash}
    (told,) = crew.conditions()
    assert (told.rule, told.source) == ("task-crashing", "probe")
    assert "has crashed 3 times in a row (ValueError: a bug)" in told.text
    await asyncio.sleep(0)
    now += CAP - 1
    assert crew.conditions()
    now += 1
    assert crew.conditions() == []
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
