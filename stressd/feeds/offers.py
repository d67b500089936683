"""What a feed may offer beyond `feeds.base.Feed`, and is asked for at run time. (A compiled module cannot hold it.)"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from stressd.feeds.base import SeriesResolver


@runtime_checkable
class Renamed(Protocol):
    """A feed that goes on with other names without a new connection. Where one does not offer it, it is made anew."""

    def rename(self, resolver: SeriesResolver) -> None:
        """Series and units by this from the next frame on."""
        ...


@runtime_checkable
class Beside(Protocol):
    """A feed that says whether its successor may connect before it has ended. Where one does not say, it must not."""

    beside: bool
