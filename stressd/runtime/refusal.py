"""Why a configuration is not gone on with: nothing that goes wrong at a reload ends the daemon."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from stressd.config.faults import ConfigError
from stressd.runtime.build import BuildError
from stressd.store import StoreError

log = structlog.get_logger()


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
    except Refused:
        raise
    except ConfigError as error:
        raise Refused(*(fault.brief for fault in error.faults if fault.level == "error")) from None
    except (BuildError, StoreError, OSError) as error:
        raise Refused(str(error)) from None
    except Exception as error:
        log.exception("reload.crashed")
        raise Refused(f"a fault of stressd: {type(error).__name__}: {error}") from error
