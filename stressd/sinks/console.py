"""The terminal: messages as Slack would show them, for local tries and the demo."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from typing import Literal, TextIO

from stressd.alerts.notification import Notification
from stressd.config.fields import SinkConfig
from stressd.sinks.base import Receipt, SinkError, Traits
from stressd.sinks.terminal import WIDTH, as_text


class Config(SinkConfig):
    """The terminal, or whatever reads standard output."""

    type: Literal["console"]
    """Its kind."""
    stream: Literal["stdout", "stderr"] = "stdout"
    """Standard output or standard error."""
    colour: Literal["auto", "always", "never"] = "auto"
    """`auto`: on a terminal, unless $NO_COLOR is set."""


def build(config: Config, instance: str) -> ConsoleSink:
    stream = sys.stdout if config.stream == "stdout" else sys.stderr
    colour = None if config.colour == "auto" else config.colour == "always"
    return ConsoleSink(config.name, stream, colour)


class ConsoleSink:
    """Writes to a stream. colour: None to follow the stream."""

    traits = Traits()

    def __init__(self, name: str, stream: TextIO, colour: bool | None = None) -> None:
        self.name = name
        self._stream = stream
        self._colour = colour

    async def send(self, notification: Notification) -> Receipt:
        try:
            # A full pipe blocks, and must not block the loop
            await asyncio.to_thread(self._write, notification)
        except (OSError, ValueError) as error:
            raise SinkError("disable", f"the terminal cannot be written to: {error}") from None
        return Receipt()

    async def probe(self) -> str:
        if self._stream.closed:
            raise SinkError("disable", "the stream is closed")
        return "the terminal" if self._stream.isatty() else "a stream that is no terminal"

    async def close(self) -> None:
        return

    def _write(self, notification: Notification) -> None:
        terminal = self._stream.isatty()
        colour = (terminal and not os.environ.get("NO_COLOR")) if self._colour is None else self._colour
        width = min(shutil.get_terminal_size((WIDTH, 24)).columns, 120) if terminal else WIDTH
        encoding = self._stream.encoding or "utf-8"
        text = as_text(notification, colour=colour, width=width).encode(encoding, "replace").decode(encoding)
        self._stream.write(text + "\n")
        self._stream.flush()
