"""What a process that holds secrets does first: no core dump, no file that others read, a state folder of its own."""

from __future__ import annotations

import os
import resource
import stat
import sys
from pathlib import Path
from typing import Any, Final

import structlog

from stressd.config.printable import printable
from stressd.runtime.build import BuildError

NO_CORE: Final = 1
"""Bytes of a core dump: less than any has, so that no file is written; and, unlike 0, Linux hands none to a program
(`core_pattern` with `|`) either."""

log = structlog.get_logger()


def harden() -> None:
    """Memory, where secrets are, never lands on a disk; what is made from now on is its owner's alone."""
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    limit = NO_CORE if hard == resource.RLIM_INFINITY or hard >= NO_CORE else hard
    resource.setrlimit(resource.RLIMIT_CORE, (limit, limit))
    os.umask(0o077)
    sys.unraisablehook = _ignored


def own(state: Path) -> None:
    """Make the state directory where there is none, and see that nobody else may put files into it: a link of somebody
    else's there could lead our writing elsewhere. Raises BuildError where it belongs to somebody else."""
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = state.stat()
        if found.st_uid not in (os.geteuid(), 0):
            raise BuildError(f"{state}: belongs to another user (uid {found.st_uid}): give stressd one of its own")
        if not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return
        if found.st_uid == os.geteuid():
            state.chmod(stat.S_IMODE(found.st_mode) & ~0o027)
            log.warning("state.closed", path=str(state), reason="others could write there; now only its owner can")
        else:
            log.warning("state.exposed", path=str(state), reason="others can write there: `chmod 700`, its own owner")
    except OSError as error:
        raise BuildError(f"{state}: {(error.strerror or str(error)).lower()}") from None


def _ignored(found: Any) -> None:
    """An error that nobody could be told of, such as that of a library's codec: a line of the log, not of its own."""
    said = printable(f"{found.exc_type.__name__}: {found.exc_value}", 300)
    log.warning("exception.ignored", error=said, place=found.err_msg or "")
