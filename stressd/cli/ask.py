"""Asking the running daemon over its Unix socket."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from typing import Any, Final

from stressd.cli.errors import UserError

SOCKET_NAME: Final = "stressd.sock"
TIMEOUT: Final = 5.0
"""Seconds after which a daemon that does not answer is taken for stuck."""


class NoDaemon(UserError):
    """Nobody answers. The text says where, and why."""


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("stressd", timeout=TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(TIMEOUT)
        self.sock.connect(str(self._path))


def ask(state: Path, path: str) -> Any:
    """The JSON that the daemon of this state directory gives for `path`. Raises NoDaemon."""
    connection = _Connection(state / SOCKET_NAME)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return json.loads(answer.read())
    except (FileNotFoundError, ConnectionRefusedError):
        raise NoDaemon(
            f"no daemon runs on {state} (`stressd run` starts one; --state or -c name another place)"
        ) from None
    except PermissionError:
        raise NoDaemon(f"{state}: you may not talk to the daemon there: run this as its user or in its group") from None
    except TimeoutError:
        raise NoDaemon(f"{state}: the daemon does not answer: it is stuck") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NoDaemon(f"{state}: the daemon cannot be asked: {error}") from None
    finally:
        connection.close()
