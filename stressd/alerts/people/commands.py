"""What a person may tell the machine, the same from the command line, over HTTP and by a link in a message.

Times are ns UTC, event time. `at` is when the command was given; it is carried out when the ticks that came before it
have been judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, get_args

from stressd.alerts.event import Direction, Kind, Origin, Severity
from stressd.alerts.matching import WORDS, Match

if TYPE_CHECKING:
    from stressd.alerts.pipeline import Routed

SECOND: Final = 1_000_000_000
LONGEST_SILENCE: Final = 30 * 86_400 * SECOND
"""A silence that should last longer is a change of the configuration."""

LONGEST_ACKNOWLEDGEMENT: Final = 7 * 86_400 * SECOND
LONGEST_TEXT: Final = 500
"""Characters of a reason or a note."""

Via = Literal["cli", "http", "link", "config"]
LabelWord = Literal["useful", "noise", "bad data"]
LABELS: Final[tuple[LabelWord, ...]] = ("useful", "noise", "bad data")


class CommandError(Exception):
    """A command that cannot be carried out, in a plain sentence that says what to do instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddSilence:
    """Tell nobody of what matches, from `starts` until `ends`. break_through: "critical" lets critical events pass."""

    at: int
    author: str
    via: Via
    match: Match
    starts: int
    ends: int
    reason: str
    break_through: Literal["critical"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndSilence:
    """End a silence before its time."""

    at: int
    author: str
    via: Via
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledge:
    """Somebody looks after an open episode: no reminders and no escalation, for `for_ns` or until it is over. episode:
    its id, or the end of it where only one open episode ends so."""

    at: int
    author: str
    via: Via
    episode: str
    for_ns: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What somebody thinks of an episode, open or over. The latest word of each author counts."""

    at: int
    author: str
    via: Via
    episode: str
    label: LabelWord
    note: str = ""


Command = AddSilence | EndSilence | Acknowledge | Label


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A command that was carried out: what is kept of it for the audit, and what is told because of it.

    verb: "silenced", "ended silence", "acknowledged", "labelled". subject: id of the silence or the episode. detail: in
    plain words; of a label the word itself, and its note after a colon.
    """

    at: int
    author: str
    via: Via
    verb: str
    subject: str
    detail: str
    routed: Sequence[Routed] = ()

    @property
    def said(self) -> str:
        """What the person who gave the command is told."""
        return f"{self.subject} is labelled {self.detail}" if self.verb == "labelled" else self.detail


def check(command: Command) -> None:
    """Raises CommandError where the command makes no sense whatever the machine's state is."""
    if not command.author.strip():
        raise CommandError("a command needs an author")
    text = command.author
    if isinstance(command, AddSilence):
        if not command.reason.strip():
            raise CommandError("a silence needs a reason")
        _check_words(command.match)
        text += command.reason
    elif isinstance(command, (Acknowledge, Label)):
        text += command.note
    if len(text) > LONGEST_TEXT or not text.isprintable():
        raise CommandError(f"a reason or a note is one line of at most {LONGEST_TEXT} characters")
    if isinstance(command, Label) and command.label not in LABELS:
        raise CommandError(f"a label is one of: {', '.join(LABELS)}")
    lasts = command.for_ns if isinstance(command, Acknowledge) else None
    if lasts is not None and not 0 < lasts <= LONGEST_ACKNOWLEDGEMENT:
        raise CommandError("an acknowledgement lasts up to 7 days, or without a time until the episode is over")


_KNOWN: Final = {"kinds": Kind, "severities": Severity, "directions": Direction, "origins": Origin}


def _check_words(match: Match) -> None:
    for name, words in _KNOWN.items():
        for value in getattr(match, name):
            if value not in get_args(words):
                raise CommandError(f"there is no {WORDS[name]} {value!r}: it is one of {', '.join(get_args(words))}")
