"""A daemon that the machine gives no more memory ends, and its successor goes on where it stood."""

from __future__ import annotations

import asyncio
import resource
from pathlib import Path

import pytest

from tests.faults.machine import alive, hears, needs
from tests.runtime.desk import LAST, desk_in


def size(pid: int) -> int:
    """Bytes of address space."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()


@pytest.mark.soak
async def test_a_daemon_without_memory_works_on_or_ends_and_its_successor_goes_on_where_it_stood(
    tmp_path: Path,
) -> None:
    needs(root=False)
    async with desk_in(tmp_path) as desk:
        desk.warm()
        async with alive(desk) as life:
            await desk.breach()
            opened = await hears(desk, "sigma-breach")
            # a message of half of what it may still have, again and again
            life.limit(resource.RLIMIT_AS, size(life.pid) + (8 << 20))
            payload = b'{"value": 2.2, "time": 1, "x": "' + b"x" * (4 << 20) + b'"}'
            for _ in range(10):
                await desk.broker.publish("yields/JP/10Y", payload, qos=1)
                await asyncio.sleep(0.1)
            await asyncio.sleep(1.0)
            if life.process.returncode is not None:
                assert life.process.returncode not in (0, 78), "systemd starts it again"
                assert "MemoryError" in life.words() or "memory" in life.words()
        async with alive(desk) as life:
            episodes = (await life.status())["episodes"]
            assert [row["episode"] for row in episodes if row["rule"] == "sigma-breach"] == [opened["episode"]]
            await desk.calm()
            for by in (0.30, 0.3002):
                await desk.tick("US.GOV.10Y", LAST["US.GOV.10Y"] + by)
            await hears(desk, "four")
            assert await life.end() == 0
