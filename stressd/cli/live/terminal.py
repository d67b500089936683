"""A terminal that one screen is drawn on, and given back as it was, whatever ends the command or stops it."""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any, Final

from stressd.config.printable import for_terminal

BEGIN: Final = b"\x1b[?1049h\x1b[?25l"
"""The other screen of the terminal, so that what was there comes back; no cursor."""

END: Final = b"\x1b[?25h\x1b[?1049l"
HOME: Final = "\x1b[H"
LINE: Final = "\x1b[K\r\n"
REST: Final = "\x1b[K\x1b[J"
RESIZED: Final = "resized"

ENDS: Final = (signal.SIGTERM, signal.SIGHUP)


class Terminal:
    """A context: entered, the terminal is ours. `ended` says that it is gone, or that somebody wants us to end."""

    def __init__(self) -> None:
        self._out = sys.stdout.fileno()
        self._in = sys.stdin.fileno() if sys.stdin.isatty() else None
        self._encoding = sys.stdout.encoding or "ascii"
        self._before: list[Any] | None = None
        self._handlers: dict[int, Any] = {}
        self._wake = os.pipe()
        self.ended = False

    def __enter__(self) -> Terminal:
        for end in self._wake:
            os.set_blocking(end, False)
        self._handlers = {
            each: signal.signal(each, self._heard) for each in (signal.SIGWINCH, signal.SIGTSTP, signal.SIGCONT, *ENDS)
        }
        self._begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._give_back()
        for each, handler in self._handlers.items():
            signal.signal(each, handler)
        for end in self._wake:
            os.close(end)

    def draw(self, lines: Sequence[str]) -> None:
        """This frame in the place of the former, without flicker."""
        # what comes from elsewhere moves no cursor here
        text = LINE.join(for_terminal(line) for line in lines)
        self._write(f"{HOME}{text}{REST}".encode(self._encoding, "replace"))

    def wait(self, seconds: float) -> str:
        """A key, RESIZED, or "" after so many seconds."""
        watched = [self._wake[0]] + ([self._in] if self._in is not None else [])
        ready, _, _ = select.select(watched, [], [], max(0.0, seconds))
        if self._wake[0] in ready:
            with suppress(BlockingIOError):
                os.read(self._wake[0], 1_000)
            return RESIZED
        if self._in is not None and self._in in ready:
            key = os.read(self._in, 100)
            if not key:
                self.ended = True
            return key.decode("utf-8", "replace")
        return ""

    def _begin(self) -> None:
        if self._in is not None:
            with suppress(termios.error):
                self._before = termios.tcgetattr(self._in)
                tty.setcbreak(self._in)
        self._write(BEGIN)

    def _give_back(self) -> None:
        self._write(END)
        if self._in is not None and self._before is not None:
            with suppress(termios.error):
                termios.tcsetattr(self._in, termios.TCSADRAIN, self._before)

    def _heard(self, number: int, frame: FrameType | None) -> None:
        if number in ENDS:
            self.ended = True
        elif number == signal.SIGTSTP:
            self._give_back()
            # stopped here, and on again with the next line
            os.kill(os.getpid(), signal.SIGSTOP)
            self._begin()
        with suppress(BlockingIOError, OSError):
            os.write(self._wake[1], b"!")

    def _write(self, data: bytes) -> None:
        try:
            while data:
                data = data[os.write(self._out, data) :]
        except OSError:
            # the window was closed
            self.ended = True
