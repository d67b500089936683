"""Malformed payloads without end, and what is measured while the daemon gets them."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

GOOD = b'{"value": 3.562, "time": 1768889100000}'
KINDS = 12
TIMES = (b'"yesterday"', b"0", b"-1", b"1e30", b'"2026-13-01T00:00:00Z"', b"99999999999999", b'"1e999999"', b"true")
ODD = (b"[" * 500, b'{"a":' * 400, b'"', b"\xff\xfe", b"\x00" * 20, b"\xef\xbb\xbf{}", b"", b" \n")


def malformed(rng: random.Random) -> Iterator[bytes]:
    """For a feed of `{"value": ..., "time": ...}`: damaged, cut, of other kinds, hostile, now and then large."""
    while True:
        kind = rng.randrange(KINDS)
        if kind < 6:
            data = bytearray(GOOD)
            for _ in range(rng.randrange(1, 5)):
                data[rng.randrange(len(data))] = rng.randrange(256)
            # what still is JSON after all must not move the series
            yield bytes(data[: rng.randrange(len(data))])
        elif kind == 6:
            yield rng.randbytes(rng.randrange(60))
        elif kind == 7:
            yield b'{"value": %s, "time": %d}' % (
                rng.choice((b"NaN", b"1e999", b"-1e400", b"null", b'"x"', b"[]", b"{}", b'"\\ud800"', b"Infinity")),
                rng.randrange(10**15),
            )
        elif kind == 8:
            yield b'{"value": 3.5, "time": %s}' % rng.choice(
                (
                    b'"yesterday"',
                    b"0",
                    b"-1",
                    b"1e30",
                    b'"2026-13-01T00:00:00Z"',
                    b"99999999999999",
                    b'"1e999999"',
                    b"true",
                )
            )
        elif kind == 9:
            yield rng.choice(
                (b"[" * 500, b'{"a":' * 400, b'"', b"\xff\xfe", b"\x00" * 20, b"\xef\xbb\xbf{}", b"", b" \n")
            )
        elif kind == 10:
            yield json.dumps({"value": "\x1b[2J\u202e" + "x" * rng.randrange(50), "time": rng.random()}).encode()
        else:
            yield b'{"value": "' + b"9" * (50_000 if rng.random() < 0.001 else 100) + b'"'


def resident() -> float:
    """MiB of memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


@dataclass
class Course:
    """What a run shows. memory: (payloads, MiB); waits: seconds until a good tick among the bad was judged."""

    began: float = field(default_factory=time.monotonic)
    memory: list[tuple[float, float]] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    def note(self, payloads: int) -> None:
        self.memory.append((payloads, resident()))

    def slope(self) -> float:
        """MiB a million payloads over the later half: what it takes to begin with is no leak."""
        later = self.memory[len(self.memory) // 2 :]
        if len(later) < 3:
            return 0.0
        mx, my = (sum(each[i] for each in later) / len(later) for i in (0, 1))
        across = sum((x - mx) ** 2 for x, _ in later)
        return 1e6 * sum((x - mx) * (y - my) for x, y in later) / across

    def text(self, payloads: int) -> str:
        waits = sorted(self.waits)
        took = time.monotonic() - self.began
        start, end = self.memory[0][1], self.memory[-1][1]
        return (
            f"{payloads:,} malformed payloads in {took:.0f} s ({payloads / took:,.0f}/s); memory {start:.0f} MiB at the"
            f" start, {end:.0f} at the end, slope {self.slope():+.2f} MiB a million; {len(waits):,} good ticks among"
            f" them judged after {1e3 * waits[len(waits) // 2]:.0f} ms (median), {1e3 * waits[-1]:.0f} ms (longest)"
        )
