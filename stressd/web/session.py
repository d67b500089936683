"""Sessions of browsers: what lets the page's own requests read where reading takes a token.

A browser sends no `Authorization` when it opens an event stream or follows a link, so that a token is exchanged for a
cookie. It lends reading and nothing else, for an hour, and only as long as the token behind it is good.
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

LASTS: Final = 3_600
"""Seconds after which a session is over; the page asks for another one in time."""

MOST: Final = 1_000
"""Sessions at once: the oldest goes."""


def cookie(instance: str) -> str:
    """Its name. Cookies of one host are shared by all of its ports, where other instances may listen."""
    return f"stressd_{instance}"


class Sessions:
    """By a name that cannot be guessed, the token that was shown. In memory alone: a restart ends them all. clock:
    monotonic s."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: OrderedDict[str, tuple[float, str]] = OrderedDict()

    def begin(self, token: str) -> str:
        """The name of a new one for the holder of `token`."""
        name = secrets.token_urlsafe(32)
        self._open[name] = (self._clock() + LASTS, token)
        if len(self._open) > MOST:
            self._open.popitem(last=False)
        return name

    def token(self, name: str) -> str | None:
        """The token that was shown for the session of this name; None where it is over or never was."""
        ends, token = self._open.get(name, (0.0, ""))
        if ends > self._clock():
            return token
        self.end(name)
        return None

    def end(self, name: str) -> None:
        self._open.pop(name, None)
