"""What goes into the store and what comes out of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from stressd.alerts.event import Event

State = Literal["pending", "sending", "delivered", "dead", "superseded"]
"""pending: to be sent. sending: an attempt was begun and its end is not known. delivered: accepted by the other side.
dead: given up, with the reason. superseded: a newer event of its episode was delivered in its place."""


class RoutedEvent(Protocol):
    """An event and the sinks that are told; by sink, what it was not told meanwhile."""

    @property
    def event(self) -> Event: ...
    @property
    def sinks(self) -> Sequence[str]: ...
    @property
    def withheld(self) -> Mapping[str, Sequence[str]]: ...


@dataclass(frozen=True, slots=True)
class ActionRow:
    """Something that somebody did. at: ns UTC. author: who, as the way in knows it; via: that way (cli, http, link,
    config). verb: what (`silenced`, `acknowledged`, ...); subject: to what, such as an episode's id; detail: the rest,
    in words or as JSON."""

    at: int
    author: str
    via: str
    verb: str
    subject: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class LabelRow:
    """What somebody thinks of an episode: the latest word of each author. at: ns UTC."""

    episode: str
    author: str
    at: int
    label: str
    note: str


@dataclass(frozen=True, slots=True)
class Commit:
    """One transition, all or nothing: the events with one pending delivery per sink, the state of the machine that made
    them (key -> blob), so that a restart goes on exactly there, and what people did to bring it about. standby: another
    daemon delivers them."""

    routed: Sequence[RoutedEvent] = ()
    machine: Mapping[str, bytes] = field(default_factory=dict)
    actions: Sequence[ActionRow] = ()
    standby: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event to one sink. Times ns UTC. n: order of commit. merged: older events that a delivered one stood for;
    merged_into: on a superseded one, the event that was delivered in its place. fallback_for: the sink in whose place
    this one is told, None where its route names it. withheld: lines of what it was not told meanwhile."""

    n: int
    event_id: str
    episode: str
    seq: int
    sink: str
    state: State
    created_at: int
    attempts: int
    first_at: int | None
    next_at: int | None
    fault: str | None
    last_error: str | None
    delivered_at: int | None
    remote_ref: str | None
    detail: str | None
    merged_into: str | None
    merged: int
    fallback_for: str | None
    type: str
    kind: str
    withheld: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to deliver. attempt: its number. at: of its beginning, ns UTC. outcome: delivered or failed; fault,
    error: why it failed. request, response: what went over the wire, without secrets and recipients."""

    event_id: str
    sink: str
    attempt: int
    at: int
    took_ms: float
    outcome: Literal["delivered", "failed"]
    fault: str | None = None
    error: str | None = None
    request: str | None = None
    response: str | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What one sink knows of one episode. root: the first event it was told, None where it was told none; root_ref:
    what the other side calls the thread of its messages: the newest name that it gave. seq: the newest that it was
    told, -1 for none. lost: dead letters newer than that."""

    root: str | None = None
    root_ref: str | None = None
    seq: int = -1
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Episode:
    """An episode as its events left it. severity: the highest it ever had. state: open or closed. Times ns UTC."""

    id: str
    market: str
    rule: str
    direction: str | None
    kind: str
    origin: str
    severity: str
    headline: str
    state: str
    opened_at: int
    updated_at: int
    closed_at: int | None
    last_seq: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A versioned blob of some part's state. saved_at: ns UTC."""

    name: str
    version: int
    saved_at: int
    blob: bytes


@dataclass(frozen=True, slots=True)
class Fixing:
    """One daily value, percent. day: proleptic ordinal."""

    series: str
    day: int
    value: float
    source: str
    convention: str


@dataclass(frozen=True, slots=True)
class HistorySource:
    """What one source gave of one series. first, last: ordinals."""

    series: str
    source: str
    convention: str
    rows: int
    first: int
    last: int


Progress = Callable[[int], None]
"""Called with the rows read so far."""


@dataclass(frozen=True, slots=True)
class DailyBatch:
    """Fixings of one publisher to import: (series, ordinal day, percent). name: of the files, for the log of
    imports."""

    rows: Iterable[tuple[str, int, float]]
    source: str
    convention: str
    name: str = ""
    progress: Progress | None = None


@dataclass(frozen=True, slots=True)
class TickBatch:
    """Ticks of one file to import: (series, ns UTC, percent, source or "" for `source`)."""

    rows: Iterable[tuple[str, int, float, str]]
    source: str
    name: str = ""
    progress: Progress | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did: rows read, of which new, of which they changed a stored value."""

    rows: int
    added: int
    changed: int
