"""A crashed task is started again, later each time."""

from __future__ import annotations

from stressd.runtime.supervise import supervise


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

    await supervise(
        "feed desk",
        start,
        lambda e, w: told.append((str(e), w)),
        first=1.0,
        cap=60.0,
        sleep=sleep,
        jitter=lambda _, top: top,
    )
    assert starts == 10
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]
    assert told == [(f"crash {n + 1}", wait) for n, wait in enumerate(waits)]


async def test_the_wait_is_jittered_over_its_whole_range() -> None:
    ranges: list[tuple[float, float]] = []

    def jitter(low: float, high: float) -> float:
        ranges.append((low, high))
        return low

    crashes = iter([True, True, False])

    async def start() -> None:
        if next(crashes):
            raise OSError("gone")

    await supervise("x", start, lambda e, w: None, jitter=jitter)
    assert ranges == [(0.0, 1.0), (0.0, 2.0)]
