"""Who keeps his state in a directory: one daemon, by a lock that ends with its process."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from stressd.store.schema import StoreError

LOCK: Final = "stressd.lock"


@contextmanager
def no_daemon(directory: Path) -> Iterator[None]:
    """No daemon runs here as long as it lasts: an older one would go on with tables that it does not know."""
    lock = take_ownership(directory, fcntl.LOCK_SH)
    try:
        yield
    finally:
        os.close(lock)


def take_ownership(directory: Path, how: int = fcntl.LOCK_EX) -> int:
    """A lock that ends with the process, however it ends. Two daemons on one store would say everything twice. how:
    LOCK_SH shares it with commands, and only sees that there is no daemon."""
    file = directory / LOCK
    try:
        descriptor = os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(f"{file}: cannot be created: {error.strerror}") from None
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except OSError:
        holder = os.read(descriptor, 20).decode(errors="replace").strip()
        os.close(descriptor)
        who = f"process {holder}" if holder else "another process"
        if how == fcntl.LOCK_SH:
            raise StoreError(
                f"{directory}: the daemon there, {who}, is of an older version: restart it with this one"
            ) from None
        raise StoreError(
            f"{directory}: {who} already keeps its state here; give this one its own `state_dir`"
        ) from None
    if how == fcntl.LOCK_EX:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor
