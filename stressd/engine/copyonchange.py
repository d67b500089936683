"""What a checkpoint copies before it changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class CopyOnChange:
    """saver: called with this before anything in it changes, while a checkpoint waits for it (`engine.checkpoint`)."""

    __slots__ = ("saver",)

    def __init__(self) -> None:
        self.saver: Callable[[Any], None] | None = None

    def about_to_change(self) -> None:
        """Whoever changes anything here says so first."""
        if self.saver is not None:
            self.saver(self)
