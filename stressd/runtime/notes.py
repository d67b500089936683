"""What the daemon says of itself: conditions that are told once when they begin and once when they end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from stressd.engine.events import ENTERED, LEFT, FeedNote
from stressd.engine.spec import WARN

OVERLOAD: Final = "overload"
STORE: Final = "store-failing"
CLOCK: Final = "clock-set-back"
CLOCK_FORWARD: Final = "clock-set-forward"
FEED: Final = "feed-down"
LOST: Final = "delivery-lost"
SINK: Final = "sink-failing"
TEMPLATE: Final = "template-failing"
TASK: Final = "task-crashing"
PROBE: Final = "probe"
PROBE_FAILED: Final = "probe-failed"
TAKEN_OVER: Final = "taken-over"
RULES: Final = (OVERLOAD, STORE, CLOCK, CLOCK_FORWARD, FEED, LOST, SINK, TEMPLATE, PROBE_FAILED, TASK)


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that people must know while it lasts. rule: its name; source: the feed or sink that it is about,
    "" for the daemon itself; text: one plain sentence."""

    rule: str
    what: str
    text: str
    kind: Literal["feed", "self"] = "self"
    source: str = ""
    severity: int = WARN


class Conditions:
    """Turns what is so now into notes of what has changed. Identity is rule and source, never the text."""

    def __init__(self) -> None:
        self._lasting: dict[tuple[str, str], Condition] = {}

    def resume(self, noted: Sequence[tuple[str, str]]) -> None:
        """Take over what people were told before a restart, as (rule, source): it ends when it is no longer so."""
        for rule, source in noted:
            if rule in RULES:
                self._lasting[rule, source] = Condition(rule, rule, "", "feed" if rule == FEED else "self", source)

    def lasting(self) -> list[Condition]:
        """What is so now, oldest first."""
        return list(self._lasting.values())

    def observe(self, at: int, now: list[Condition]) -> list[FeedNote]:
        """Notes for what began and what ended since the last call. at: engine time, ns."""
        seen = {(condition.rule, condition.source): condition for condition in now}
        notes = [_note(at, ENTERED, c) for key, c in seen.items() if key not in self._lasting]
        notes += [_note(at, LEFT, c) for key, c in self._lasting.items() if key not in seen]
        self._lasting = {key: c for key, c in self._lasting.items() if key in seen} | seen
        return notes


def _note(at: int, phase: str, c: Condition) -> FeedNote:
    note = FeedNote(at, at, c.rule, "", phase, c.what, "", c.source, c.severity, c.text)
    note.kind = c.kind
    return note
