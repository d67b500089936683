"""`stressd status --watch`: the newest frame in the place of the former, until somebody has seen enough."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from typing import Final

from stressd.cli.ask import NoDaemon
from stressd.cli.live.charset import Charset, charset
from stressd.cli.live.frame import Seen, Size, frame
from stressd.cli.live.terminal import RESIZED, Terminal
from stressd.cli.table import age

ENOUGH: Final = ("q", "Q", "\x03", "\x04", "\x1b")


def watch(asked: Callable[[], Seen], every: float) -> int:
    """Exit status: 1 where what was seen last was blind, stuck or nothing. A daemon that is away may come back."""
    chars = charset(sys.stdout.encoding)
    seen: Seen | None = None
    at = 0.0
    down = ""
    with Terminal() as terminal:
        due = time.monotonic()
        while not terminal.ended:
            now = time.monotonic()
            if now >= due:
                due = now + every
                try:
                    seen, at, down = asked(), time.monotonic(), ""
                except NoDaemon as nobody:
                    down = str(nobody)
            terminal.draw(_frame(seen, chars, every, down, time.monotonic() - at))
            key = terminal.wait(due - time.monotonic())
            if key in ENOUGH:
                break
            if key and key != RESIZED:
                due = time.monotonic()
    return 1 if seen is None or down or seen.status["state"] in ("blind", "stuck") else 0


def _frame(seen: Seen | None, chars: Charset, every: float, down: str, old: float) -> list[str]:
    columns, rows = shutil.get_terminal_size()
    size = Size(columns, rows)
    if seen is None:
        return [chars.fit(f"DOWN: {down}", columns)]
    foot = f"q ends · any other key asks at once · every {every:g} s · {seen.status['time'][:19].replace('T', ' ')} UTC"
    return frame(seen, size, chars, foot, f"DOWN: {down} (what follows is {age(old)} old)" if down else "")
