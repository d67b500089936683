"""Tick files: CSV and NDJSON, plain and gzipped, cut into blocks, with a last line that has no end."""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path

from stressd.feeds.file import FileFault, read_ticks
from stressd.feeds.tally import Fault
from stressd.feeds.ticklines import TickLines
from tests.fuzz.harness import Cut, quick, sound
from tests.fuzz.payload import RESOLVER

GOOD = b"time,series,value\n2026-01-20T08:00:00Z,JP.GOV.30Y,3.7\n"
SEEDS = [
    b"\x00" + GOOD,
    b"\x00" + GOOD.rstrip(),
    b"\x01" + GOOD + b'2026-01-20T08:00:00Z,"JP.GOV.30Y,\n"",,\n\r\n,,,\n',
    b'\x00{"time": 1768889100, "series": "jgb", "value": 376}\n{"time": \n{}',
    b"\x00\xef\xbb\xbfreceived,time,series,bid,ask,source\n1768889100,1768889100,ust,nan,inf,x\n",
    b"\x00time,series,value\n1768889100,JP.GOV.30Y,1e309\n1768889100,JP.GOV.30Y,0x10\n1768889100,JP.GOV.30Y,1_0\n",
    b"\x00time,time,series\n",
    b"\x02" + gzip.compress(GOOD, mtime=0),
    b"\x02" + gzip.compress(GOOD, mtime=0)[:-5],
    b"\x02\x1f\x8b\x08\x00",
    b"\x00\n\n\n",
]


def one(data: bytes) -> None:
    cut = Cut(data)
    how = cut.byte() % 3
    with quick():
        if how == 2:
            _file(cut.rest)
            return
        lines = TickLines(RESOLVER)
        faults: list[Fault] = []
        at = cut.rest.find(b"\n", len(cut.rest) // 2) + 1 if how else len(cut.rest)
        try:
            for block in (cut.rest[:at], cut.rest[at:]):
                sound(lines.parse(block, faults))
        except ValueError:
            assert not lines.started
        assert all(fault.line >= 1 and fault.text for fault in faults)
        again = TickLines(RESOLVER)
        assert len(again.parse(GOOD, faults)) == 1


def _file(data: bytes) -> None:
    faults: list[FileFault] = []
    with tempfile.NamedTemporaryFile(suffix=".gz") as file:
        Path(file.name).write_bytes(data)
        sound(list(read_ticks(file.name, RESOLVER, faults.append)))
    assert all(str(fault).startswith(file.name) for fault in faults)
