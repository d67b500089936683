"""Where the application listens: a TCP address and the daemon's Unix socket."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from aiohttp import web

SOCKET_NAME: Final = "stressd.sock"
LONGEST_PATH: Final = 107
"""Bytes that Linux allows in the path of a Unix socket."""


class Server:
    """A running application. `port`: the TCP port that it got, 0 where none was asked for."""

    def __init__(self, app: web.Application) -> None:
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
        self.port = 0

    async def start(self, host: str | None, port: int, socket_path: Path | None) -> None:
        """Listen. Raises OSError with the address in its text where that is not possible."""
        await self._runner.setup()
        if host is not None:
            site = web.TCPSite(self._runner, host, port)
            await site.start()
            self.port = self._runner.addresses[0][1]
        if socket_path is not None:
            await self._listen_unix(socket_path)

    async def _listen_unix(self, path: Path) -> None:
        if len(os.fsencode(path)) > LONGEST_PATH:
            raise OSError(f"the state directory's path is too long for a socket in it ({LONGEST_PATH} bytes): {path}")
        # A socket that a killed daemon left behind; the state directory's lock says that nobody else uses it.
        path.unlink(missing_ok=True)
        await web.UnixSite(self._runner, str(path)).start()
        path.chmod(0o660)

    async def stop(self) -> None:
        await self._runner.cleanup()
