"""A certificate authority of one test run, and work beside a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import trustme

from stressd.testing.feeds import KeepingInbox


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    """A certificate authority; its certificate lies in `ca.pem`."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    return ca


@pytest.fixture
async def background() -> AsyncIterator[Callable[[Awaitable[None]], asyncio.Task[None]]]:
    """Runs a coroutine beside the test, and ends it with the test."""
    tasks: list[asyncio.Task[None]] = []

    def start(work: Awaitable[None]) -> asyncio.Task[None]:
        async def run() -> None:
            await work

        tasks.append(asyncio.create_task(run()))
        return tasks[-1]

    yield start
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    tasks.clear()  # what ended with an error holds its sockets, and pytest this function until after the test


@pytest.fixture
def inbox() -> KeepingInbox:
    return KeepingInbox()
