"""What goes over the wire in one attempt, for the delivery log.

A sink, or what it sends through, calls `note` once an exchange has ended, however it ended; whoever drives the sink
listens. Neither text holds a secret or a recipient's address.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Exchange:
    """request: what was asked, in one line ("POST https://host, 1834 B, sha256:..."). response: what was answered, in
    one line, "" where no answer came."""

    request: str
    response: str = ""


_HEARD: ContextVar[list[Exchange] | None] = ContextVar("exchanges", default=None)


def note(exchange: Exchange) -> None:
    """Tell whoever listens in this task, or in the one that started it."""
    heard = _HEARD.get()
    if heard is not None:
        heard.append(exchange)


@contextmanager
def listening() -> Iterator[list[Exchange]]:
    """Collect what is noted inside, oldest first."""
    heard: list[Exchange] = []
    token = _HEARD.set(heard)
    try:
        yield heard
    finally:
        _HEARD.reset(token)


def fingerprint(body: bytes | None) -> str:
    """Size and digest of a body: enough to tell two attempts apart, and nothing of what it says."""
    return f"{len(body)} B, sha256:{hashlib.sha256(body).hexdigest()[:16]}" if body else "no body"
