"""What the doors for people know of the daemon behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from stressd.alerts.matching import Match
from stressd.alerts.people.commands import Command, Done
from stressd.web.caller import Caller
from stressd.web.links import Signer
from stressd.web.reloading import Reloads


class Unknown(Exception):
    """There is no such episode or silence. The text names what there is instead."""


class NotYet(Exception):
    """A command that is not on disk, and so may be lost. The text says what to do."""


@dataclass(frozen=True, slots=True)
class Subject:
    """An episode as people are shown it. direction: "up", "down" or None; opened, closed: ns UTC, None while it is
    open; acknowledged: by whom, None where it is not."""

    id: str
    kind: str
    market: str
    rule: str
    direction: str | None
    severity: str
    headline: str
    opened: int
    closed: int | None
    acknowledged: str | None = None


class Doors(Reloads, Protocol):
    """The daemon as the doors see it. Nothing blocks the loop."""

    def now(self) -> int:
        """Event time, ns UTC."""
        ...

    def holder(self, token: str) -> Caller | None:
        """Whose token this is; None where it is nobody's."""
        ...

    def read_open(self) -> bool:
        """Whether everybody who reaches this server may read its page."""
        ...

    def page_url(self) -> str | None:
        """Where people reach this server."""
        ...

    def instance(self) -> str: ...

    def signer(self) -> Signer: ...

    def unknown(self, match: Match) -> tuple[str, str] | None:
        """(field, text) of a name in `match` that means nothing here; None where all of them do."""
        ...

    async def command(self, command: Command) -> Done:
        """Carry it out; returns once it is on disk. Raises CommandError, NotYet."""
        ...

    async def take_over(self, since: int, author: str) -> Mapping[str, Any]:
        """Tell people from now on, and of the last `since` ns once more. Raises CommandError."""
        ...

    async def test(self, sink: str, author: str) -> Mapping[str, Any]:
        """One message through a sink: `delivered`, else `fault` and `error`. Raises Unknown, CommandError."""
        ...

    async def drill(self, series: str | None, author: str) -> Mapping[str, Any]:
        """Begin an exercise in which a series moves, of the daemon's choice for None. Raises Unknown, CommandError."""
        ...

    def drilled(self) -> Mapping[str, Any] | None:
        """How the last exercise stands: `state` is running, done or failed. None before the first."""
        ...

    def steer(self, paused: bool | None, speed: float | None, to: int | None) -> Mapping[str, Any]:
        """Change how a replay goes, where a part is not None (to: ns UTC); how it goes then. Raises CommandError."""
        ...

    async def episode(self, name: str, *, open_only: bool = False) -> Subject:
        """The episode with this id, or the one whose id ends or begins so. Raises Unknown."""
        ...

    async def story(self, name: str) -> bytes:
        """All that is known of the episode, as JSON; it is named as for `episode`. Raises Unknown, NotYet."""
        ...

    async def bundle(self, name: str) -> Path | None:
        """The file of the episode's bundle; None while it is being made. Raises Unknown, NotYet."""
        ...

    async def report(self, name: str, ending: str) -> Path | None:
        """The file of the episode's report, with `.html` or `.md` at its end; None while it is being made. Raises
        Unknown, NotYet."""
        ...

    async def day(self, name: str, ending: str) -> Path | None:
        """The same of the summary of a market's session, such as JP-2026-01-20. Raises Unknown, NotYet."""
        ...

    async def days(self) -> Sequence[Mapping[str, Any]]:
        """The summaries of the last three months, the newest first. Raises NotYet."""
        ...

    def silences(self) -> Sequence[Mapping[str, Any]]:
        """Those that are on or wait for their start, ready for JSON."""
        ...

    async def episodes(self, *, open_only: bool, limit: int) -> Sequence[Mapping[str, Any]]: ...

    async def deliveries(
        self, *, state: str | None, sink: str | None, episode: str | None, limit: int
    ) -> Sequence[Mapping[str, Any]]: ...
