"""The silences that people have added: each with an end, an author and a reason."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from stressd.alerts.matching import About, Match
from stressd.alerts.people.commands import LONGEST_SILENCE, AddSilence, CommandError

CRITICAL: Final = "critical"


class SilenceState(msgspec.Struct):
    """at: when it was added. begun: it is on. withheld: messages so far. ended_by: who ended it before its time."""

    id: str
    match: Match
    at: int
    starts: int
    ends: int
    author: str
    reason: str
    break_through: Literal["critical"] | None = None
    begun: bool = False
    withheld: int = 0
    ended_by: str = ""

    @property
    def state(self) -> Literal["waiting", "on"]:
        return "on" if self.begun else "waiting"

    @property
    def due(self) -> int:
        """When it begins, or ends."""
        return self.ends if self.begun else self.starts

    def covers(self, what: About) -> bool:
        """Whether nobody is told of this while it lasts."""
        return self.match.means(what) and not (self.break_through == CRITICAL and what.severity == CRITICAL)

    def holds(self, what: About, at: int) -> bool:
        """Whether nobody is told of this now."""
        return self.starts <= at < self.ends and self.covers(what)


class Silences:
    """Those that last or are to come, in the order in which they were added."""

    def __init__(self) -> None:
        self._by_id: dict[str, SilenceState] = {}
        self._added = 0

    def add(self, command: AddSilence, at: int) -> SilenceState:
        """A new one. Raises CommandError where it has no end, or one that is out of reach."""
        starts = max(command.starts, at)
        if command.match.anything:
            raise CommandError("say what to silence: a series, a market, a rule, a kind, a severity or an episode")
        if command.ends <= starts:
            raise CommandError("a silence ends after it starts, and in the future")
        if command.ends - starts > LONGEST_SILENCE:
            raise CommandError("a silence lasts 30 days at most: what nobody wants to hear for longer needs no rule")
        self._added += 1
        silence = SilenceState(
            id=f"s{self._added}",
            match=command.match,
            at=at,
            starts=starts,
            ends=command.ends,
            author=command.author,
            reason=command.reason,
            break_through=command.break_through,
            begun=starts <= at,
        )
        self._by_id[silence.id] = silence
        return silence

    def find(self, id: str) -> SilenceState:
        """Raises CommandError where there is none."""
        known = self._by_id.get(id.strip().lower())
        if known is None:
            there = f"there are {', '.join(self._by_id)}" if self._by_id else "nothing is silenced"
            raise CommandError(f"there is no silence {id}: {there}")
        return known

    def remove(self, silence: SilenceState) -> None:
        del self._by_id[silence.id]

    def all(self) -> list[SilenceState]:
        """To be read, not changed."""
        return list(self._by_id.values())

    def get(self, id: str) -> SilenceState | None:
        return self._by_id.get(id)

    def ended(self, now: int) -> list[SilenceState]:
        """Those whose time is over by now, the first to end first; whose time has come begin."""
        for silence in self._by_id.values():
            silence.begun = silence.begun or silence.starts <= now
        return sorted((each for each in self._by_id.values() if each.ends <= now), key=lambda each: each.ends)

    def snapshot(self) -> dict[str, Any]:
        return {"added": self._added, "silences": msgspec.to_builtins(self.all())}

    def restore(self, state: dict[str, Any]) -> None:
        """Raises msgspec.ValidationError, KeyError on any other data."""
        self._added = state["added"]
        self._by_id = {each.id: each for each in msgspec.convert(state["silences"], type=list[SilenceState])}
