"""A report as Markdown (CommonMark, tables as GitHub has them). Pictures are on the page."""

from __future__ import annotations

import re
from collections.abc import Iterator

from stressd.lab.report.document import Document, Section, Table

_MARKS = re.compile(r"([\\`*_\[\]<>|#~!&])")


def markdown(document: Document) -> str:
    """The whole of it. What comes from outside, such as the name of a market, is text and nothing else."""
    return "\n".join(_document(document)) + "\n"


def plain(text: str) -> str:
    """Text that Markdown does not read as anything else, in one line."""
    return _MARKS.sub(r"\\\1", " ".join(text.split()))


def _document(document: Document) -> Iterator[str]:
    yield f"# {plain(document.title)}"
    yield ""
    if document.mark:
        yield f"**{plain(document.mark)}**"
        yield ""
    yield plain(document.about)
    yield ""
    for name, value in document.facts:
        yield f"- {plain(name)}: {plain(value)}"
    for section in document.sections:
        yield from _section(section)
    yield ""
    yield "---"
    yield ""
    yield " ".join(plain(each) for each in document.foot)


def _section(section: Section) -> Iterator[str]:
    yield ""
    yield f"## {plain(section.title)}"
    for text in section.text:
        yield ""
        yield plain(text)
    if section.points:
        yield ""
        yield from (f"- {plain(point)}" for point in section.points)
    for table in section.tables:
        yield ""
        yield from _table(table)
    for title, lines in section.folded:
        yield ""
        yield f"### {plain(title)}"
        yield ""
        yield from (f"- {plain(line)}" for line in lines)


def _table(table: Table) -> Iterator[str]:
    yield _row(table.header)
    yield "|" + "|".join("---:" if k in table.numbers else "---" for k in range(len(table.header))) + "|"
    yield from (_row(row) for row in table.rows)


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(plain(cell) for cell in cells) + " |"
