"""What every sink is: one `send`, and an error that says whether to try again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from stressd.alerts.notification import Notification

Fault = Literal["retry", "rate_limited", "permanent", "disable", "ambiguous"]
"""retry: the other side may recover. rate_limited: not before `retry_after`. permanent: this message never. disable:
this endpoint never (410, revoked credentials). ambiguous: it may have arrived (timeout after the request was sent)."""


class SinkError(Exception):
    """A delivery that failed, with what that means. retry_after: seconds, where the other side said so. The text never
    holds a secret or a recipient's address."""

    def __init__(self, fault: Fault, text: str, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.fault = fault
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the other side said. remote_ref: its name for the message, or for the thread where it has threads; the next
    message of the episode is given it as `thread_ref`. "" where it has none. detail: partial failures, in words, ""
    where there were none."""

    remote_ref: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Traits:
    """How a sink may be driven; a sink without an attribute `traits` has these defaults. idempotent: the other side
    tells repeats by the event's id, so that a possible repeat needs no mention. per_second, burst: most messages it
    takes. concurrency: messages of different episodes under way at once. charts: it shows `Notification.chart`."""

    idempotent: bool = False
    per_second: float | None = None
    burst: int = 1
    concurrency: int = 1
    charts: bool = False


class Sink(Protocol):
    """One configured channel. `send` either returns a receipt or raises SinkError, nothing else; it never retries."""

    name: str

    async def send(self, notification: Notification) -> Receipt: ...

    async def probe(self) -> str:
        """Reach the other side without sending a message where that is possible; one line on what was reached.
        Raises SinkError."""
        ...

    async def close(self) -> None: ...


@runtime_checkable
class Keeping(Protocol):
    """A sink whose other side forgets: it goes on telling what is open by itself."""

    async def keep(self, standing: Sequence[Notification]) -> None:
        """What it was told last of every open episode, after a start. Quick; raises nothing."""
        ...
