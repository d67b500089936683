"""A report as sections, from which the page and the Markdown are made alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class Table:
    """Cells as text. numbers: columns that are set to the right. caption: what it shows, for those who hear it."""

    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    numbers: frozenset[int] = frozenset()
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture (SVG), and what it shows, in a sentence."""

    picture: Markup
    caption: str


@dataclass(frozen=True, slots=True)
class Section:
    """text: paragraphs; points: a list; folded: (title, lines) each, shut on the page until somebody wants it."""

    title: str
    text: Sequence[str] = ()
    points: Sequence[str] = ()
    figures: Sequence[Figure] = ()
    tables: Sequence[Table] = ()
    folded: Sequence[tuple[str, Sequence[str]]] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """title: one line. about: what it is of, and when. mark: what must not be missed ("DRILL"), "" for nothing.
    severity: the colour of the title's edge. facts: (name, value) beside the title. foot: what it was made of."""

    title: str
    about: str
    sections: Sequence[Section]
    foot: Sequence[str]
    mark: str = ""
    severity: str = "info"
    facts: Sequence[tuple[str, str]] = field(default=())
