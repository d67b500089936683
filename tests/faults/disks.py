"""Disks that fail for real: a small tmpfs, an ext4 of its own, system calls that strace makes fail."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.faults.machine import run
from tests.runtime.desk import until


@asynccontextmanager
async def small(place: Path, size: str) -> AsyncIterator[Path]:
    """A file system of this size at `place`."""
    place.mkdir(exist_ok=True)
    await run("mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", f"stressd-test-{os.getpid()}", str(place))
    try:
        yield place
    finally:
        await run("umount", "-l", str(place))


@asynccontextmanager
async def ext4(place: Path, image: Path) -> AsyncIterator[Path]:
    """A file system in a file."""
    place.mkdir(exist_ok=True)
    await run("truncate", "-s", "24M", str(image))
    await run("mkfs.ext4", "-q", "-F", str(image))
    try:
        await run("mount", "-o", "loop", str(image), str(place))
    except AssertionError as error:
        pytest.skip(f"no loop device here: {error}")
    try:
        yield place
    finally:
        await run("umount", "-l", str(place))


def fill(place: Path) -> Path:
    """The file that takes all that is left."""
    file = place / "filler"
    with file.open("wb", buffering=0) as out:
        for size in (1 << 20, 1 << 16, 1 << 12, 1 << 8, 1):
            try:
                while out.write(b"x" * size) == size:
                    pass
            except OSError:
                continue
    return file


@asynccontextmanager
async def failing(pid: int, *injections: str) -> AsyncIterator[None]:
    """System calls of a process and all its threads fail meanwhile, for example `fsync:error=EIO`."""
    calls = ",".join(injection.partition(":")[0] for injection in injections)
    words = [word for injection in injections for word in ("-e", f"inject={injection}")]
    tracer = await asyncio.create_subprocess_exec(
        "strace", "-f", "-q", "-o", "/dev/null", "-e", f"trace={calls}", *words, "-p", str(pid),
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip

    def attached() -> bool:
        if tracer.returncode is not None:
            pytest.skip("strace may not trace here: no system call can be made to fail")
        tasks = Path(f"/proc/{pid}/task").iterdir()
        return all(f"TracerPid:\t{tracer.pid}\n" in (task / "status").read_text() for task in tasks)

    try:
        await until(attached)
        yield
    finally:
        if tracer.returncode is None:
            tracer.send_signal(signal.SIGINT)
            await tracer.wait()
