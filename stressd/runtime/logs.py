"""The log: JSON lines for a journal, colour for a terminal. Event names are `noun.past`; secrets never appear."""

from __future__ import annotations

import logging
import sys
from typing import TextIO, cast

import structlog

_tracebacks = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))
"""Tracebacks as data; without local variables, which may hold a secret."""


class _Stderr:
    """Standard error as it is at the time of each line: whoever redirects it gets what follows."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def configure(level: str = "info", form: str = "auto", stream: TextIO | None = None) -> None:
    """Set up the log of the process. form: "json", "text", or "auto" (text on a terminal). stream: standard error where
    None. Libraries that use `logging` speak through it from `warning` on."""
    terminal = (stream or sys.stderr).isatty()
    out = stream or cast(TextIO, _Stderr())
    text = terminal if form == "auto" else form == "text"
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[structlog.typing.Processor] = (
        [structlog.dev.ConsoleRenderer(colors=terminal, exception_formatter=structlog.dev.plain_traceback)]
        if text
        else [_tracebacks, structlog.processors.JSONRenderer(sort_keys=False)]
    )
    number = logging.getLevelNamesMapping()[level.upper()]
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
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(number, logging.WARNING))
