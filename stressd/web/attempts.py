"""Wrong tokens, counted by where they come from: so many a minute, then nothing from there is even looked at."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

ALLOWED: Final = 20
"""Wrong tokens in a row from one address."""

EACH: Final = 3.0
"""Seconds after which one of them is forgiven."""

ADDRESSES: Final = 1_000
"""That are remembered."""


class Attempts:
    """By address, how many wrong tokens are not yet forgiven. clock: monotonic s."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._full: OrderedDict[str, float] = OrderedDict()

    def wait(self, address: str) -> float:
        """Seconds until a token from there is looked at again, 0 where it is now."""
        return max(0.0, self._full.get(address, 0.0) - self._clock() - EACH * (ALLOWED - 1))

    def failed(self, address: str) -> None:
        """A wrong token came from there."""
        now = self._clock()
        self._full[address] = max(now, self._full.get(address, 0.0)) + EACH
        self._full.move_to_end(address)
        if len(self._full) > ADDRESSES:
            self._full.popitem(last=False)
