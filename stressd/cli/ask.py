"""Asking the running daemon over its Unix socket."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from stressd.cli.errors import UserError
from stressd.config.printable import every_text

SOCKET_NAME: Final = "stressd.sock"
TIMEOUT: Final = 5.0
"""Seconds after which a daemon that does not answer is taken for stuck."""


class NoDaemon(UserError):
    """Nobody answers. The text says where, and why."""


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("stressd", timeout=timeout)
        self._path = path
        self._patience = timeout

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self._patience)
        self.sock.connect(str(self._path))


def ask(state: Path, path: str) -> Any:
    """The JSON that the daemon of this state directory gives for `path`. Raises NoDaemon."""
    return _exchange(state, "GET", path, None)[1]


def tell(
    state: Path, method: str, path: str, said: Mapping[str, Any] | None = None, timeout: float = TIMEOUT
) -> dict[str, Any]:
    """What the daemon answers to a request by which something is done. It knows who asks by the socket. Raises
    NoDaemon, and UserError with the daemon's own words where it refuses. timeout: s."""
    return _agreed(*_exchange(state, method, path, json.dumps(said or {}).encode(), timeout))


def send(state: Path, path: str, body: bytes, timeout: float = TIMEOUT) -> dict[str, Any]:
    """The same with a body that is no JSON."""
    return _agreed(*_exchange(state, "POST", path, body, timeout, "application/octet-stream"))


def _agreed(status: int, answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict) or (status >= 300 and "error" not in answer):
        raise UserError("whatever answers there is no daemon of this version")
    if status >= 300:
        raise UserError(str(answer["error"]))
    return answer


def _exchange(
    state: Path, method: str, path: str, body: bytes | None, timeout: float = TIMEOUT, kind: str = "application/json"
) -> tuple[int, Any]:
    connection = _Connection(state / SOCKET_NAME, timeout)
    headers = {} if body is None else {"Content-Type": kind}
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, every_text(json.loads(answer.read()))
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
