"""Whether the daemon of a state directory is a standby: on disk, in a file of its own beside the store.

A backup must not carry it: whoever is given a state is not thereby what its former owner was.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from stressd.store import StoreError

FILE: Final = "role.json"


@dataclass(frozen=True, slots=True)
class Role:
    """standing: it tells nobody. since: when it became so, ns UTC. name: a few letters by which brokers tell its
    connections from those of the first daemon. by: who took over, "" where nobody has."""

    standing: bool
    since: int
    name: str
    by: str = ""


_decoder = msgspec.json.Decoder(Role)


def fresh(standing: bool, since: int) -> Role:
    """One with a name of its own."""
    return Role(standing, since, os.urandom(3).hex())


def read(state: Path) -> Role | None:
    """None where nothing was ever said: an ordinary daemon. Raises StoreError where the file cannot be understood: to
    guess would be to tell everything twice, or nobody."""
    file = state / FILE
    try:
        return _decoder.decode(file.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise StoreError(
            f"{file}: cannot be read ({error}), so it is not known whether this is a standby: delete it, and start "
            "with `--standby` where it is one"
        ) from None


def write(state: Path, role: Role) -> None:
    """Returns once it is on disk, whole; root leaves it to the user whose the state is. Raises OSError."""
    file, partial = state / FILE, state / f"{FILE}.partial"
    handle = os.open(partial, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        if os.geteuid() == 0:
            owner = state.stat()
            os.fchown(handle, owner.st_uid, owner.st_gid)
        os.write(handle, msgspec.json.encode(role))
        os.fsync(handle)
    finally:
        os.close(handle)
    partial.replace(file)
    folder = os.open(state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
