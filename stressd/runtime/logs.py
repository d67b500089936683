"""The log: fields for systemd's journal, colour for a terminal, JSON lines for everything else. Event names are
`noun.past`; secrets never appear.

Every word of others is escaped here, once for all lines.
"""

from __future__ import annotations

import logging
import sys
import traceback
from functools import partial
from typing import Final, TextIO, cast

import structlog

from stressd.config.printable import LONGEST, printable, printable_all
from stressd.runtime.journal import Journal, JournalLogger, Libraries, is_journal

_tracebacks = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))
"""Tracebacks as data; without local variables, which may hold a secret."""


IN_JOURNAL: Final = 1_000_000
"""Characters of one field of the journal, which keeps long ones apart; elsewhere a line stays readable."""


def _escaped(
    logger: object, method: str, line: structlog.typing.EventDict, longest: int = LONGEST
) -> structlog.typing.EventDict:
    """Every key and value, whoever wrote it; an exception is still to be told by the renderer."""
    kept = {key: line[key] for key in ("exc_info", "stack_info", "_record", "_from_structlog") if key in line}
    return {**printable_all({key: value for key, value in line.items() if key not in kept}, longest), **kept}


def _traceback(out: TextIO, exc_info: structlog.typing.ExcInfo) -> None:
    """Plain and marked, line by line: the text of an exception begins no line of its own."""
    for piece in traceback.format_exception(*exc_info, limit=40):
        for text in piece.splitlines():
            out.write(f"\n    | {printable(text)}")


class _Stderr:
    """Standard error as it is at the time of each line: whoever redirects it gets what follows."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def configure(level: str = "info", form: str = "auto", stream: TextIO | None = None) -> None:
    """Set up the log of the process. form: "json", "text", or "auto" (text on a terminal, fields where standard error
    is systemd's journal, else JSON). stream: standard error where None. Libraries that use `logging` speak through it
    from `warning` on."""
    number = logging.getLevelNamesMapping()[level.upper()]
    if form == "auto" and stream is None and is_journal(sys.stderr):
        return _to_journal(Journal(), number)
    terminal = (stream or sys.stderr).isatty()
    out = stream or cast(TextIO, _Stderr())
    text = terminal if form == "auto" else form == "text"
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[structlog.typing.Processor] = (
        [_escaped, structlog.dev.ConsoleRenderer(colors=terminal, exception_formatter=_traceback)]
        if text
        else [_tracebacks, _escaped, structlog.processors.JSONRenderer(sort_keys=False)]
    )
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
        )
    )
    _libraries(handler, number)


def _to_journal(journal: Journal, number: int) -> None:
    """number: the least level, as `logging` counts them."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            partial(_escaped, longest=IN_JOURNAL),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: JournalLogger(journal),
        cache_logger_on_first_use=False,
    )
    _libraries(Libraries(), number)


def _libraries(handler: logging.Handler, number: int) -> None:
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(number, logging.WARNING))
