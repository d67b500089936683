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


@runtime_checkable
class Resumable(Protocol):
    """A feed that can be read on from where it was. Others are kept by the other side (a broker's session), or not."""

    def position(self) -> str:
        """Behind the last frame that was decoded; no comma, semicolon or line end in it, "" where there is none."""
        ...

    def resume(self, position: str) -> None:
        """Begin there, if that is still the same input. Before `run`; anything may come, and what is no position is
        none."""
        ...
