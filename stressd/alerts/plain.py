"""What an engine says of feeds, as plain values and back, so that it can be written down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from stressd.engine.events import FeedNote, Silence

NOTE: Final = ("at", "time", "rule", "market", "phase", "what", "series", "source", "severity", "text")
SILENCE: Final = (
    "at", "time", "rule", "market", "phase", "series", "severity", "last", "open_age", "usual", "warming", "halted",
    "source", "with_feed", "move_bp",
)  # fmt: skip
"""Of what each is made, in that order; a note has its kind and more besides."""


def of_note(note: FeedNote) -> list[Any]:
    """What a note consists of."""
    return [*(getattr(note, name) for name in NOTE), note.kind, note.more]


def note_of(fields: Sequence[Any]) -> FeedNote:
    """The note of `of_note`. Raises TypeError, ValueError on anything else."""
    *made, kind, more = fields
    note = FeedNote(*made)
    note.kind, note.more = str(kind), str(more)
    return note


def of_silence(silence: Silence) -> list[Any]:
    """What a silence consists of."""
    return [getattr(silence, name) for name in SILENCE]


def silence_of(fields: Sequence[Any]) -> Silence:
    """The silence of `of_silence`. Raises TypeError, ValueError on anything else."""
    named = dict(zip(SILENCE, fields, strict=True))
    return Silence(**{**named, "with_feed": tuple(named["with_feed"])})
