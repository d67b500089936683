"""What must not be shown of a file: the values of keys that hold secrets, and secrets inside URLs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from stressd.config.faults import Span
from stressd.config.yaml_marks import Marked, Path

_WORD: Final = r"pass|secret|token|webhook|credential|api_?key|routing_?key|signing|private|auth"
_SECRET_KEY: Final = re.compile(rf"(?i){_WORD}")
_LINE_KEY: Final = re.compile(
    rf"(?i)(?P<indent>^[ \t]*(?:- +)?|[{{,] *)[\"']?[\w-]*(?:{_WORD})[\w-]*[\"']? *: *(?P<value>.*)$"
)
_IN_URL: Final = re.compile(
    r"://[^/\s:@\"']*:([^\s@\"']+)@|://[^\s\"'?]*\?([^\s\"',}]+)|hooks\.slack\.com/([^\s\"',}]+)"
)
_HARMLESS: Final = ("_file", "ca_file")


class Redactor:
    """Masks source lines, character by character, so that carets still stand where they belong."""

    def __init__(self, lines: Sequence[str], names: Iterable[str] = ()) -> None:
        self._lines = [_mask_urls(line) for line in lines]
        self._names = frozenset(names)

    def line(self, number: int) -> str:
        """Line `number` (from 0) as it may be shown."""
        return self._lines[number] if 0 <= number < len(self._lines) else ""

    def is_secret(self, key: str | int) -> bool:
        """Whether a key of this name holds a secret."""
        if not isinstance(key, str) or key.endswith(_HARMLESS):
            return False
        return key in self._names or _SECRET_KEY.search(key) is not None

    def mask_marked(self, marked: Marked) -> None:
        """Mask what stands below secret keys, but not the names in references."""
        for marks in (marked.values, marked.keys):
            for path, span in marks.items():
                if self._hidden(path, marks is marked.keys) and not _has_children(marked, path):
                    self._mask(span)

    def mask_text(self) -> None:
        """The same for a file that could not be parsed: by the look of its lines, rather too much than too little."""
        deeper_than: int | None = None
        for number, line in enumerate(self._lines):
            indent = len(line) - len(line.lstrip(" \t"))
            if deeper_than is not None and (not line.strip() or indent > deeper_than):
                self._mask(Span(number, indent, number, len(line)))
                continue
            deeper_than = None
            if (match := _LINE_KEY.search(line)) is not None and not match["value"].startswith("{"):
                self._mask(Span(number, match.start("value"), number, len(line)))
                deeper_than = indent
                if match["value"].count('"') % 2 or match["value"].count("'") % 2:
                    deeper_than = -1

    def _hidden(self, path: Path, is_key: bool) -> bool:
        above = path[:-1] if is_key else path
        depth = next((i for i, key in enumerate(above) if self.is_secret(key)), None)
        if depth is None:
            return False
        return len(path) == depth + 1 or path[-1] not in ("file", "env")

    def _mask(self, span: Span) -> None:
        for number in range(span.line, min(span.end_line, len(self._lines) - 1) + 1):
            line = self._lines[number]
            start = span.column if number == span.line else 0
            end = span.end_column if number == span.end_line else len(line)
            middle = "".join(c if c.isspace() else "*" for c in line[start:end])
            self._lines[number] = line[:start] + middle + line[end:]


def _has_children(marked: Marked, path: Path) -> bool:
    """Whether the value is a mapping or a list, whose own parts are judged one by one."""
    value = marked.data
    for key in path:
        value = value[key]
    return isinstance(value, dict | list)


def _mask_urls(line: str) -> str:
    def mask(match: re.Match[str]) -> str:
        text = match[0]
        for group in (1, 2, 3):
            if match[group]:
                start, end = match.start(group) - match.start(), match.end(group) - match.start()
                text = text[:start] + "*" * (end - start) + text[end:]
        return text

    return _IN_URL.sub(mask, line)
