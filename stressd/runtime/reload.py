"""The next configuration while the present one runs: everything that can fail, before anything is exchanged."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stressd.config.faults import ConfigError
from stressd.config.load import Loaded, load
from stressd.config.registry import Registry
from stressd.runtime.build import BuildError
from stressd.runtime.statedir import state_dir
from stressd.store import StoreError


class Refused(Exception):
    """The next configuration cannot be used; the present one goes on. faults: one text each."""

    def __init__(self, *faults: str) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


@contextmanager
def refusing() -> Iterator[None]:
    """What goes wrong inside is a reason to refuse, never to stop."""
    try:
        yield
    except ConfigError as error:
        raise Refused(*(fault.brief for fault in error.faults if fault.level == "error")) from None
    except (BuildError, StoreError, OSError) as error:
        raise Refused(str(error)) from None


async def next_config(present: Loaded, registry: Registry, state: Path) -> Loaded:
    """The file as it is now. Raises Refused."""
    with refusing():
        loaded = await asyncio.to_thread(load, present.path, registry)
    if loaded.state_dir is not None and loaded.state_dir != present.state_dir and state_dir(loaded.state_dir) != state:
        raise Refused(f"`state_dir` cannot change while the daemon runs (it is {state}): restart it")
    if loaded.instance != present.instance:
        raise Refused(f"`instance` cannot change while the daemon runs (it is {present.instance}): restart it")
    return loaded
