"""Where the daemon keeps its state, and that only one daemon does."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

LOCK_NAME: Final = "stressd.lock"
STORE_NAME: Final = "stressd.db"


class InUse(Exception):
    """Another process holds the state directory. The text names it."""


def state_dir(configured: Path | None, override: Path | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """`override` (--state), else the config's `state_dir`, else $STATE_DIRECTORY, else the user's state folder."""
    if override is not None:
        return override
    if configured is not None:
        return configured
    given = environ.get("STATE_DIRECTORY", "").split(":")[0]
    if given:
        return Path(given)
    base = environ.get("XDG_STATE_HOME") or str(Path(environ.get("HOME", "~")).expanduser() / ".local" / "state")
    return Path(base) / "stressd"


class StateLock:
    """Holds the state directory for this process until `release`; the kernel lets go when the process dies."""

    def __init__(self, directory: Path) -> None:
        """Creates the directory where it is missing. Raises InUse, OSError."""
        directory.mkdir(parents=True, exist_ok=True, mode=0o750)
        path = directory / LOCK_NAME
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._fd, 32).decode(errors="replace").strip()
            os.close(self._fd)
            who = f"process {holder}" if holder else "another process"
            raise InUse(f"{directory}: {who} already keeps its state here; give this one its own `state_dir`") from None
        os.ftruncate(self._fd, 0)
        os.write(self._fd, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        os.close(self._fd)
