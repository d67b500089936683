"""Collects the faults of one file and gives each its place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from stressd.config.faults import Fault, Span, in_order, shown
from stressd.config.redact import Redactor
from stressd.config.yaml_marks import LINE_BREAKS, Marked, Path, YamlFault

_ONE_OF = {
    "feeds": "feed",
    "rules": "rule",
    "events": "event",
    "sinks": "sink",
    "routes": "route",
    "markets": "market",
    "aliases": "alias",
    "tokens": "token",
}


class Report:
    """Faults of one file by the path of the key or value that they are about."""

    def __init__(self, file: str, text: str, secret_names: Iterable[str] = ()) -> None:
        self.file = file
        self.marked = Marked({})
        self._lines = LINE_BREAKS.split(text)
        self._redactor = Redactor(self._lines, secret_names)
        self._found: list[tuple[Span, str, str, str]] = []

    def parsed(self, marked: Marked) -> None:
        """From now on paths have places."""
        self.marked = marked
        self._redactor.mask_marked(marked)
        for fault in marked.faults:
            self.at(fault.span, fault.message, fault.hint)

    def unparsed(self, fault: YamlFault) -> None:
        """The text is no YAML."""
        self._redactor.mask_text()
        self.at(fault.span, fault.message, fault.hint)

    def at(self, span: Span, message: str, hint: str = "", level: str = "error") -> None:
        """A fault at a place."""
        self._found.append((span, level, message, hint))

    def key(self, path: Path, message: str, hint: str = "", level: str = "error") -> None:
        """A fault of the key at the end of `path`."""
        self.at(self.marked.keys.get(path) or self._nearest(path), message, hint, level)

    def value(self, path: Path, message: str, hint: str = "", level: str = "error") -> None:
        """A fault of the value at `path`, or of the nearest thing above it that stands in the file."""
        self.at(self._nearest(path), message, hint, level)

    def inside(self, path: Path, line: int, message: str) -> None:
        """A fault on a line (from 1) of the text at `path`; of a block of text the first line is the one below `|`."""
        span = self._nearest(path)
        begun = self._lines[span.line][span.column :] if span.line < len(self._lines) else ""
        if not begun.startswith(("|", ">")):
            self.at(span, message)
            return
        place = min(span.line + line, len(self._lines) - 1)
        source = self._lines[place]
        start = len(source) - len(source.lstrip())
        self.at(Span(place, start, place, len(source)), message)

    def mapping(self, path: Path, message: str, hint: str = "", level: str = "error") -> None:
        """A fault of a mapping as a whole, such as a missing key: told at its own key, or where it begins."""
        self.at(self.marked.keys.get(path) or self._nearest(path), message, hint, level)

    def has_errors(self) -> bool:
        """Whether anything is worse than a warning."""
        return any(level == "error" for _, level, _, _ in self._found)

    def line_of(self, path: Path) -> int:
        """The line (from 1) on which `path` stands."""
        return self._nearest(path).line + 1

    def faults(self) -> list[Fault]:
        """All of them by position."""
        return in_order(self._fault(*found) for found in self._found)

    def get(self, path: Path) -> Any:
        """The value in the file at `path`; None where there is none."""
        value = self.marked.data
        for key in path:
            if isinstance(value, str):
                return None
            try:
                value = value[key]
            except (LookupError, TypeError):
                return None
        return value

    def label(self, path: Path) -> str:
        """What people call the thing that `path` is in: "feed `desk`", "route 2"; "" for the file itself."""
        kind = _ONE_OF.get(str(path[0])) if len(path) > 1 else None
        if kind is None:
            return f"{shown(str(path[0]))}" if path else ""
        name = path[1] if isinstance(path[1], str) else self.get((*path[:2], "name"))
        return f"{kind} {shown(name)}" if isinstance(name, str) else f"{kind} {int(path[1]) + 1}"

    def _nearest(self, path: Path) -> Span:
        for length in range(len(path), -1, -1):
            span = self.marked.values.get(path[:length])
            if span is not None:
                return span if length else Span(span.line, span.column, span.line, span.column + 1)
        return Span(0, 0, 0, 1)

    def _fault(self, span: Span, level: str, message: str, hint: str) -> Fault:
        source = self._redactor.line(span.line)
        end = span.end_column if span.end_line == span.line else len(source.rstrip())
        width = max(1, end - span.column)
        return Fault(self.file, span.line + 1, span.column + 1, message, hint, level, source, width)
