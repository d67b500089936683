"""What a sink is handed: an event rendered for people, fitted to no wire yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from stressd.alerts.event import Path

REPEAT: Final = "possible repeat: an earlier attempt may have arrived"
"""The note on a message of which it is not known whether it was delivered before."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a series, already worded. cells are aligned with the table's header."""

    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Position:
    """What the desk holds of a series: dv01 is what one bp up costs, in `currency` (negative where it is short)."""

    dv01: float
    currency: str


@dataclass(frozen=True, slots=True)
class Action:
    """Something that a reader may do about the episode by following a link. label: two words at most ("ack 30m"). The
    url shows what would happen and acts only when that is confirmed; whoever has it may act, so it is a secret."""

    label: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """What of a message depends on its delivery and not on its event.

    first: this sink was not told of the episode before. page_url: of the page, for links. thread_root: the event that
    the sink was first told of, and thread_ref: the other side's own name for the thread of its messages. late_s:
    seconds since the event, where it is no longer fresh. merged: older updates of the episode that this message stands
    for. possible_repeat: an earlier attempt may have arrived, and the wire cannot tell. book: by series, what the desk
    holds: shown to people, never in the event itself. withheld: what was not told to this sink meanwhile, and why.
    actions: what the reader may do by a link, signed for this sink. fallback_for: the failing sink in whose place this
    one is told. sink: its name. cause_root: the event that it was first told of of the episode that this one followed.
    template_fault: why its own wording could not be used.
    """

    first: bool
    page_url: str | None = None
    thread_root: str | None = None
    thread_ref: str | None = None
    late_s: float | None = None
    merged: int = 0
    possible_repeat: bool = False
    book: Mapping[str, Position] = field(default_factory=dict)
    withheld: tuple[str, ...] = ()
    actions: tuple[Action, ...] = ()
    fallback_for: str | None = None
    sink: str = ""
    cause_root: str | None = None
    template_fault: str | None = None


@dataclass(frozen=True, slots=True)
class Notification:
    """One message about one episode.

    event_id is the idempotency key on every wire; `thread` groups the messages of an episode (it is the episode's id);
    `first` says that this sink has not been told of the episode before. subject is stable over the episode's life
    (mail clients thread by it); title is the headline now. text is complete on its own. severity_word carries the
    severity in words, never colour alone. body is the contract's event as JSON bytes, for wires that carry data.
    """

    event_id: str
    thread: str
    first: bool
    type: str
    kind: str
    origin: str
    severity: str
    time: str
    """ISO 8601 UTC, of the event."""
    subject: str
    title: str
    text: str
    facts: tuple[tuple[str, str], ...]
    """(label, value), most important first: what a two-column layout shows."""
    table_header: tuple[str, ...]
    table: tuple[Row, ...]
    body: bytes
    answers: tuple[tuple[str, str], ...] = ()
    """(market, evidence) of every market that was asked, links first, each line as long as it is."""
    footing: tuple[tuple[str, str], ...] = ()
    """(label, value): what all of it stands on, for the end of the message."""
    link: str | None = None
    link_label: str = "Open the episode"
    thread_root: str | None = None
    """event_id of the first event of this episode told to this sink: the root of a mail thread."""
    thread_ref: str | None = None
    """What the other side calls the thread of the episode's messages (the newest `remote_ref` of a receipt)."""
    life: Literal["open", "over", "once"] = "open"
    """How the episode stands after this event: it goes on, it is over, or it was told once and has no end."""
    late_s: float | None = None
    """Seconds between the event and this attempt where it is no longer fresh."""
    merged: int = 0
    """Older undelivered updates of the same episode that this one stands for."""
    possible_repeat: bool = False
    """An earlier attempt may have arrived: say so where the wire cannot tell."""
    path: Path | None = None
    """How the leading series moved, for a chart: with the threshold and the place of the breach."""
    sparkline: str = ""
    """The same in characters, oldest first."""
    chart: bytes | None = None
    """`path` as a PNG of less than 200 kB, for sinks that show charts, where it could be drawn."""
    html: str | None = None
    """The HTML of a sink's own template, where it has one."""
    own_text: bool = False
    """text comes from a sink's own template: to be shown in the place of facts, answers, table and footing."""
    cause_root: str | None = None
    """event_id of the first event of the source's episode told to this sink, for References across a propagation."""
    actions: tuple[Action, ...] = ()
    """What the reader may do by a link."""

    @property
    def moment(self) -> str:
        """`time` to the second, for people."""
        whole, point, _ = self.time.partition(".")
        return f"{whole}Z" if point else self.time
