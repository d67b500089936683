"""`stressd status --watch`: the newest frame in the place of the former, until somebody has seen enough."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from stressd.cli.ask import NoDaemon
from stressd.cli.live.charset import Charset, charset
from stressd.cli.live.frame import Size, frame
from stressd.cli.live.terminal import RESIZED, Terminal
from stressd.cli.table import age

Asked = tuple[Mapping[str, Any], Mapping[str, Any]]
"""The status, with the last closes of the stress index, and the session of every series."""

ENOUGH: Final = ("q", "Q", "\x03", "\x04", "\x1b")


def watch(asked: Callable[[], Asked], every: float) -> int:
    """Exit status: 1 where what was seen last was blind, stuck or nothing. A daemon that is away may come back."""
    chars = charset(sys.stdout.encoding)
    seen: Asked | None = None
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
    return 1 if seen is None or down or seen[0]["state"] in ("blind", "stuck") else 0


def _frame(seen: Asked | None, chars: Charset, every: float, down: str, old: float) -> list[str]:
    columns, rows = shutil.get_terminal_size()
    size = Size(columns, rows)
    if seen is None:
        return [chars.fit(f"DOWN: {down}", columns)]
    status, today = seen
    foot = f"q ends · any other key asks at once · every {every:g} s · {status['time'][:19].replace('T', ' ')} UTC"
    return frame(status, today, size, chars, foot, f"DOWN: {down} (what follows is {age(old)} old)" if down else "")
