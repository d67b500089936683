"""Publishers' daily files, plain and gzipped: read whole, or refused with lines."""

from __future__ import annotations

import gzip
import math

from stressd.lab.faults import UnreadFile
from stressd.lab.publishers import read_daily
from tests.fuzz.harness import quick

SEEDS = [
    b"date,JP.GOV.10Y,US.GOV.10Y\n2026-01-20,2.2,4.3\n2026-01-21,,4.2\n",
    b"observation_date,DGS10,DGS3MO\n2026-01-20,4.30,.\n",
    b'Date,"1 Mo","10 Yr"\n01/20/2026,4.1,4.3\n',
    b"Interest Rate,(Unit : %)\nDate,1Y,10Y,40Y\n2026/1/20,0.9,2.2,-\n",
    "国債金利情報,(単位 : %)\n基準日,1年,10年\nR8.1.20,0.9,2.2\nS49.9.24,10.3,-\n".encode("cp932"),
    b"date,JP.GOV.10Y\n2026-01-20,1e309\n2026-02-30,nan\n9999-99-99,1\n",
    b'date,"\n',
    gzip.compress(b"date,JP.GOV.10Y\n2026-01-20,2.2\n", mtime=0),
    gzip.compress(b"date,JP.GOV.10Y\n2026-01-20,2.2\n", mtime=0)[:-4],
    gzip.compress(b"\x00" * 3_000_000, mtime=0),
    b"\x1f\x8b",
    b"",
]


def one(data: bytes) -> None:
    with quick():
        try:
            file = read_daily("given.csv", data)
        except UnreadFile as error:
            assert error.faults
            assert len(str(error)) < 20_000
            return
        for rows in file.series.values():
            assert rows == sorted(rows)
            assert all(math.isfinite(value) for _, value in rows)
