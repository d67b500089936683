"""Networks that fail for real: two network namespaces of our own with a cable between them.

The servers listen in one (their sockets are made there, they are served by the test), the daemon lives in the other.
"""

from __future__ import annotations

import ctypes
import itertools
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass

import pytest

from tests.faults.machine import run

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
_numbers = itertools.count()


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@dataclass(frozen=True)
class Cable:
    """near: where the servers are, far: where the daemon is; host: the servers' address."""

    near: str
    far: str
    host: str = "10.77.0.1"

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Sockets that are made meanwhile belong to the servers' side."""
        ours = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        theirs = os.open(f"/run/netns/{self.near}", os.O_RDONLY)
        try:
            _enter(theirs)
            yield
        finally:
            _enter(ours)
            os.close(ours)
            os.close(theirs)

    @property
    def wrapper(self) -> list[str]:
        """What runs the daemon on its side."""
        return ["ip", "netns", "exec", self.far]

    async def rule(self, *words: str) -> None:
        """A rule of the daemon's own firewall."""
        await run(*self.wrapper, "iptables", "-w", *words)

    async def cut(self) -> None:
        """Nothing passes either way, and nobody is told."""
        await self.rule("-A", "INPUT", "!", "-i", "lo", "-j", "DROP")
        await self.rule("-A", "OUTPUT", "!", "-o", "lo", "-j", "DROP")

    async def heal(self) -> None:
        await self.rule("-F")

    async def pull(self, state: str) -> None:
        """The cable out (`down`) or in again (`up`)."""
        await run("ip", "-n", self.near, "link", "set", "near", state)


@asynccontextmanager
async def cable() -> AsyncIterator[Cable]:
    """A new one; it goes with all that runs over it."""
    if os.geteuid() != 0:
        pytest.skip("not root: no network can be broken")
    number = next(_numbers)
    made = Cable(*(f"stressd-{os.getpid()}-{number}-{side}" for side in ("near", "far")))
    try:
        for name in (made.near, made.far):
            await run("ip", "netns", "add", name)
            await run("ip", "-n", name, "link", "set", "lo", "up")
        await run(
            *("ip", "-n", made.near, "link", "add", "near", "type", "veth", "peer", "name", "far", "netns", made.far)
        )
        await run("ip", "-n", made.near, "addr", "add", f"{made.host}/24", "dev", "near")
        await run("ip", "-n", made.far, "addr", "add", "10.77.0.2/24", "dev", "far")
        await run("ip", "-n", made.near, "link", "set", "near", "up")
        await run("ip", "-n", made.far, "link", "set", "far", "up")
        yield made
    finally:
        for name in (made.near, made.far):
            with suppress(AssertionError):
                await run("ip", "netns", "del", name)
