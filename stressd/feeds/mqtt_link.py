"""What the two protocol versions of MQTT share: how to connect, and how a connection ends."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from stressd.feeds.base import Frame

CONNECT_TIMEOUT: Final = 10.0
"""s for TCP, TLS, CONNACK and SUBACK together."""


@dataclass(frozen=True, slots=True)
class LinkOptions:
    """One connection. keep_alive, session: s (session 0: none is kept). filters: MQTT filters. epoch: number of this
    connection, part of its frames' tokens, so that an acknowledgement never reaches a later connection."""

    host: str
    port: int
    client_id: str
    filters: tuple[str, ...]
    qos: int
    keep_alive: int
    session: int
    epoch: int
    tls: ssl.SSLContext | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)


REFUSED_TOPICS: Final = "the server refused the subscription to"
"""How a note begins that names topics which the server does not let us read."""


class Refused(Exception):
    """The server was reached and said no: a retry does not help before somebody changes something."""


class Lost(Exception):
    """The connection ended or never came about; a retry may help. The text says why."""


class Link(Protocol):
    """One connection's life."""

    async def open(self) -> str:
        """Connects and subscribes; what people should know of it ("" where all is as asked). Raises Refused, Lost,
        OSError."""
        ...

    async def serve(self) -> None:
        """Frames into the inbox until the connection ends. Raises Lost, always."""
        ...

    async def close(self) -> None:
        """Says good-bye to the server. Raises nothing; may be called in any state."""
        ...

    def acknowledge(self, frames: Sequence[Frame]) -> None:
        """Acknowledges those frames that came over this connection and need it."""
        ...


def token(epoch: int, packet_id: int) -> int:
    """A frame's handle: which connection, which packet."""
    return epoch << 16 | packet_id


def packet_ids(frames: Sequence[Frame], epoch: int) -> list[int]:
    """The packets of connection `epoch` among `frames` that wait for an acknowledgement."""
    return [t & 0xFFFF for f in frames if (t := f.token) is not None and t >> 16 == epoch]
