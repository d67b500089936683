"""What every feed is: frames with their receive time into an inbox, and a decoder that turns a frame into ticks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mypy_extensions import mypyc_attr

from stressd.market.tick import Tick


class DecodeError(Exception):
    """A payload that is not what the feed's configuration says. The only exception that a decoder raises. `excerpt`:
    the offending bytes, cut to 200."""

    def __init__(self, text: str, excerpt: bytes = b"") -> None:
        super().__init__(text)
        self.excerpt = excerpt[:200]


@mypyc_attr(allow_interpreted_subclasses=True, acyclic=True)
class Frame:
    """One complete message as it came. topic: MQTT topic or the feed's own label; received: ns UTC; token: the feed's
    handle for the acknowledgement (None: none is due); retained, backlog: how it came."""

    __slots__ = ("backlog", "feed", "payload", "received", "retained", "token", "topic")

    def __init__(
        self,
        feed: Feed,
        topic: str,
        payload: bytes,
        received: int,
        token: int | None = None,
        retained: bool = False,
        backlog: bool = False,
    ) -> None:
        self.feed = feed
        self.topic = topic
        self.payload = payload
        self.received = received
        self.token = token
        self.retained = retained
        self.backlog = backlog


class Inbox(Protocol):
    """Where a feed puts its frames; the runtime's mailbox. Synchronous, never awaits, never raises."""

    def put(self, frame: Frame) -> None: ...

    def now(self) -> int:
        """Receive time for frames, ns UTC, by the runtime's clock."""
        ...


@dataclass
class FeedHealth:
    """What people and metrics are told of a feed. state: "connecting", "connected", "waiting" (back-off), "stopped",
    "refused" (by the other side: retried slowly, since only a change can help). rejects: the last refused messages,
    newest last. partly: which subscriptions were refused, "" for none. unknown: names that are no series of ours, how
    often each came, of the most frequent. backlog: ticks that were history when they came. newest: own time of the
    newest live tick; lag: by which the last one came after its own time; changed_at: when a value last was another than
    the one before it, flat: live ticks since then. All times ns."""

    state: str = "connecting"
    detail: str = ""
    connects: int = 0
    messages: int = 0
    ticks: int = 0
    malformed: int = 0
    unknown_series: int = 0
    dropped: int = 0
    last_received: int = 0
    partly: str = ""
    unknown: dict[str, int] = field(default_factory=dict)
    backlog: int = 0
    newest: int = 0
    lag: int = 0
    changed_at: int = 0
    flat: int = 0
    rejects: list[tuple[int, str, str, bytes]] = field(default_factory=list)
    """(received ns, topic, why, excerpt), at most 50."""


class Feed(Protocol):
    """One configured feed. `run` connects, reconnects with capped full-jitter back-off and returns only when the input
    has ended (a file) or it is cancelled."""

    name: str
    health: FeedHealth

    async def run(self, inbox: Inbox) -> None: ...

    def decode(self, frame: Frame) -> Sequence[Tick]:
        """Ticks of one frame, with canonical series ids and values in percent. Raises DecodeError only."""
        ...

    def processed(self, frames: Sequence[Frame]) -> None:
        """The pump is done with these frames of this feed: acknowledge what needs it."""
        ...


class SeriesResolver(Protocol):
    """Turns the name on the wire into a canonical series and its value into percent; built by `config` from markets and
    aliases."""

    def series(self, name: str) -> str | None:
        """Canonical id of a canonical id or alias; None where it is unknown."""
        ...

    def to_percent(self, name: str, value: float, unit: str) -> float:
        """`value` of `name` in percent; the alias' own unit wins over `unit` ("percent", "bp", "decimal")."""
        ...
