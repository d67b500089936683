"""A snapshot of the whole engine as of one instant, taken in pieces while the engine works on.

A series is copied when its turn comes, or just before anything in it changes, whichever is first. What lies between
series is copied at the start. So all pieces are of the instant at which the checkpoint was begun.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stressd.engine.engine import Engine
from stressd.engine.series import SeriesState


class Checkpoint:
    """rest: the snapshot without its series. at: engine time of all of it (ns UTC). take: given name and state of each
    series, once each, in no particular order; some from within the engine, so it must be quick. done: how many."""

    __slots__ = ("_keep", "_next", "_states", "_take", "at", "done", "rest")

    def __init__(self, engine: Engine, take: Callable[[str, dict[str, Any]], None]) -> None:
        self._take = take
        self._states = engine.states()
        self._next = 0
        self._keep: Callable[[SeriesState], None] = self.keep
        self.at = engine.now
        self.done = 0
        self.rest = engine.between()
        for state in self._states:
            state.saver = self._keep

    def keep(self, state: SeriesState) -> None:
        """Take a series as it is, before it changes."""
        state.saver = None
        self.done += 1
        self._take(state.id, state.state())

    def go_on(self, most: int) -> bool:
        """Take up to `most` more. Whether any is left."""
        states = self._states
        while self._next < len(states) and most > 0:
            state = states[self._next]
            self._next += 1
            if state.saver is not None:
                self.keep(state)
                most -= 1
        return self._next < len(states)

    def end(self) -> None:
        """Nothing more is taken."""
        for state in self._states:
            state.saver = None
        self._next = len(self._states)
