"""Where the daemon keeps its state, and where commands look for it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


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
