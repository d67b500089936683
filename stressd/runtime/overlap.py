"""A feed and its successor for the moment in which both are connected: nothing is lost between them, and what both
heard counts once."""

from __future__ import annotations

from collections import Counter
from typing import Final

from stressd.feeds.base import Frame
from stressd.runtime.mailbox import Mailbox, settle

MOST: Final = 100_000
"""Frames of a successor that are held at most; beyond it what it hears goes straight through."""


class Overlap:
    """The successor's inbox. Until `release` its frames are held; what its predecessor heard meanwhile is not taken
    twice. A message is known by its topic and content."""

    def __init__(self, inbox: Mailbox) -> None:
        self._inbox = inbox
        self._held: list[Frame] | None = []
        self._heard: list[Frame] = []
        inbox.listeners.append(self._heard)

    def put(self, frame: Frame) -> None:
        if self._held is None or len(self._held) >= MOST:
            self._inbox.put(frame)
        else:
            self._held.append(frame)

    def now(self) -> int:
        return self._inbox.now()

    def release(self, predecessor: object) -> int:
        """The predecessor has ended: pass on what it did not hear. How many messages both heard."""
        self._inbox.listeners[:] = [each for each in self._inbox.listeners if each is not self._heard]
        held, self._held = self._held or [], None
        twice = Counter((frame.topic, frame.payload) for frame in self._heard if frame.feed is predecessor)
        doubled = []
        for frame in held:
            key = frame.topic, frame.payload
            if twice[key] > 0 and not frame.retained:
                twice[key] -= 1
                doubled.append(frame)
            else:
                self._inbox.put(frame)
        settle(doubled)
        self._heard.clear()
        return len(doubled)
