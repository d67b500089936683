"""Where the application listens: a TCP address and the daemon's Unix socket."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from aiohttp import web

from stressd.web import guard

SOCKET_NAME: Final = "stressd.sock"
LONGEST_PATH: Final = 107
"""Bytes that Linux allows in the path of a Unix socket."""


class Server:
    """A running application. `port`: the TCP port that it got, 0 where none was asked for."""

    def __init__(self, app: web.Application) -> None:
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
        self._address: tuple[str | None, int] = (None, 0)
        self._listening: asyncio.Server | None = None
        self.port = 0

    async def start(self, socket_path: Path) -> None:
        """Listen on a Unix socket. Raises OSError with the path in its text where that is not possible."""
        if len(os.fsencode(socket_path)) > LONGEST_PATH:
            raise OSError(f"{socket_path}: too long for a socket: keep the state in a directory with a shorter path")
        await self._runner.setup()
        # A socket that a killed daemon left behind; whoever holds the state directory may replace it.
        socket_path.unlink(missing_ok=True)
        with _private():
            await web.UnixSite(self._runner, str(socket_path)).start()
        socket_path.chmod(0o660)

    async def listen(self, host: str | None, port: int) -> None:
        """Listen on this TCP address from now on and on no other; host None: on none. Raises OSError and goes on as
        before where that is not possible."""
        if (host, port) == self._address:
            return
        listening = None
        if host is not None:
            try:
                listening = await guard.listen(self._runner, host, port)
            except OSError as error:
                why = os.strerror(error.errno).lower() if error.errno else str(error)
                raise OSError(f"cannot listen on {host}:{port}: {why}") from None
        if self._listening is not None:
            self._listening.close()
        self._listening, self._address = listening, (host, port)
        self.port = 0 if listening is None else guard.port_of(listening)

    async def stop(self) -> None:
        if self._listening is not None:
            self._listening.close()
        await self._runner.cleanup()


@contextmanager
def _private() -> Iterator[None]:
    """What is made meanwhile is its owner's alone: between the making of a socket and its mode nobody slips in."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)
