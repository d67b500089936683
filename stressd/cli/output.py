"""Standard output and error of a command: of what it prints, only lines and colours work on the terminal.

Words of others are escaped where they come in (`config.printable`); this holds for those that nobody thought of.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

from stressd.config.printable import for_terminal


class _Tame:
    """A stream that escapes. All but writing is the stream's own."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(for_terminal(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def tame() -> Iterator[None]:
    """Both streams, as long as it lasts."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast(TextIO, _Tame(stream)) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
