"""Every long-lived task of the daemon is killed in turn: it is started again, told of, and takes nothing else down;
only the pump and the store's thread end the process, so that it is started anew as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from stressd.runtime.daemon import Daemon
from stressd.store import StoreError
from tests.runtime.desk import LAST, Desk, desk_in, until

TASKS = {
    "snapshotter": "stressd.runtime.daemon.Daemon._save_regularly",
    "status": "stressd.runtime.daemon.Daemon._tell_systemd",
    "retention": "stressd.runtime.retention.Retention.run",
    "reports": "stressd.runtime.reports.Reports.run",
    "reloader": "stressd.runtime.reload.Reloader.run",
    "probe": "stressd.runtime.probe.Probe.run",
    "heartbeat sinks": "stressd.runtime.heart.Heart._keep_sinks",
    "delivery-rescan": "stressd.runtime.delivery.Deliverer._rescan_for_ever",
    "stand-ins": "stressd.runtime.standins.StandIns._hand_over_for_ever",
    "stand-ins-watch": "stressd.runtime.standins.StandIns._watch",
}
OTHERS = ("feed desk", "delivery hook 0", "pump")
"""Killed in tests of their own: the feed in test_daemon.py, a delivery in test_delivery.py, the pump below."""


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_in(tmp_path) as made:
        yield made


@pytest.mark.parametrize("task", TASKS)
async def test_a_task_that_does_not_stop_crashing_is_told_and_the_rest_goes_on(
    task: str, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stressd.runtime.supervise.FIRST", 0.01)
    monkeypatch.setattr("stressd.runtime.supervise.CAP", 0.01)

    async def crash(*given: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(TASKS[task], crash)
    async with desk.running() as daemon:
        await desk.receiver.until(lambda events: any(event["rule"] == "task-crashing" for event in events))
        told = next(event for event in desk.receiver.events if event["rule"] == "task-crashing")
        assert f"the task `{task}` has crashed" in told["headline"]
        assert (told["kind"], told["severity"]) == ("self", "high")
        assert daemon.crew.crashes()[task] >= 3
        await desk.calm()
        await until(lambda: daemon.pump.ticks >= 2 * len(LAST))


async def test_every_named_task_of_a_running_daemon_is_among_those_that_are_killed_here(desk: Desk) -> None:
    before = {task.get_name() for task in asyncio.all_tasks()}
    async with desk.running() as daemon:
        mine = {
            task.get_name()
            for task in asyncio.all_tasks()
            if task.get_name() not in before and not task.get_name().startswith("Task-")
        }
        assert mine - {"pump"} <= set(daemon.crew.names())
        # a channel takes several messages at a time, each by a task of its own
        assert {name[:-1] + "0" if name.startswith("delivery hook") else name for name in mine} == {*TASKS, *OTHERS}


async def ended(daemon: Daemon, task: asyncio.Task[None]) -> BaseException:
    await asyncio.wait([task], timeout=20)
    error = task.exception()
    assert error is not None
    return error


async def started(desk: Desk) -> tuple[Daemon, asyncio.Task[None]]:
    daemon = desk.daemon()
    task = asyncio.create_task(daemon.run())
    await asyncio.wait_for(daemon.ready.wait(), 20)
    return daemon, task


async def test_a_pump_that_crashes_ends_the_process(desk: Desk) -> None:
    daemon, task = await started(desk)

    def crash(now: int) -> Any:
        raise RuntimeError("a bug")

    daemon.pump.pipeline.advance = crash  # type: ignore[method-assign]
    error = await ended(daemon, task)
    assert isinstance(error, BaseExceptionGroup)
    assert error.subgroup(RuntimeError) is not None


async def test_a_store_whose_thread_dies_ends_the_process_and_whoever_waits_for_it_hears_so(desk: Desk) -> None:
    daemon, task = await started(desk)

    def die(connection: Any) -> None:
        raise SystemExit("killed")

    waiting = daemon.store._writer.submit(die)
    error = await ended(daemon, task)
    assert isinstance(error, BaseExceptionGroup | StoreError)
    assert "the thread that writes has died" in str(waiting.exception(5))
    with pytest.raises(StoreError, match="has died"):
        daemon.store.check()
