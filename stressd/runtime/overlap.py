"""A feed and its successor for the moment in which both are connected: nothing is lost between them, and what both
heard counts once."""

from __future__ import annotations

from collections import Counter
from typing import Final

from stressd.feeds.base import Frame
from stressd.runtime.mailbox import Mailbox, settle

MOST: Final = 100_000
"""Frames of a successor that are held at most; beyond it what it hears goes straight through."""


GRACE: Final = 2_000_000_000
"""ns after the end of a predecessor within which what it heard may still come to its successor: a broker writes to each
of its clients in its own time."""


class Overlap:
    """The successor's inbox. Until `release` its frames are held; what its predecessor heard meanwhile is not taken
    twice, also if it comes a little later. A message is known by its topic and content."""

    def __init__(self, inbox: Mailbox) -> None:
        self._inbox = inbox
        self._held: list[Frame] | None = []
        self._heard: list[Frame] = []
        self._twice: Counter[tuple[str, bytes]] = Counter()
        self._until = 0
        inbox.listeners.append(self._heard)

    def put(self, frame: Frame) -> None:
        if self._held is not None and len(self._held) < MOST:
            self._held.append(frame)
        elif not self._twice or not self._known(frame):
            self._inbox.put(frame)

    def now(self) -> int:
        return self._inbox.now()

    def release(self, predecessor: object) -> int:
        """The predecessor has ended: pass on what it did not hear. How many messages both have heard so far."""
        self._inbox.listeners[:] = [each for each in self._inbox.listeners if each is not self._heard]
        held, self._held = self._held or [], None
        self._twice = Counter((frame.topic, frame.payload) for frame in self._heard if frame.feed is predecessor)
        self._heard = []
        self._until = self.now() + GRACE
        doubled = 0
        for frame in held:
            if self._known(frame):
                doubled += 1
            else:
                self._inbox.put(frame)
        return doubled

    def _known(self, frame: Frame) -> bool:
        """Whether the predecessor has heard it: then it is done with."""
        if self._held is None and self._inbox.now() > self._until:
            self._twice.clear()
            return False
        key = frame.topic, frame.payload
        if frame.retained or self._twice[key] <= 0:
            return False
        self._twice[key] -= 1
        settle([frame])
        return True
