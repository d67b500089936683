"""Thousands of series are gone through in slices, between which the pump goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final

from stressd.engine.series import SeriesState

SLICE: Final = 50
"""Series between two turns of the event loop: about two milliseconds."""


async def sliced(states: Sequence[SeriesState]) -> AsyncIterator[SeriesState]:
    """Each of them, as it is when its turn comes."""
    for k, state in enumerate(states, 1):
        yield state
        if k % SLICE == 0:
            await asyncio.sleep(0)
