"""The payload decoder in all its formats, with and without names in the payload."""

from __future__ import annotations

from stressd.feeds.decoder import PayloadDecoder
from stressd.feeds.payload import PayloadMap
from stressd.feeds.tally import Fault
from stressd.market.times import parse_time
from stressd.testing.feeds import PlainResolver
from tests.fuzz.harness import Cut, quick, sound

NOW = parse_time("2026-01-20T09:00:00Z")
NAME = "JP.GOV.30Y"
RESOLVER = PlainResolver([NAME], {"jgb": (NAME, "bp"), "ust": (NAME, "decimal")})
MAPS = (
    ("json", PayloadMap(value="yield", time="ts"), b'{"yield": 3.765, "ts": 1768889100000}'),
    (
        "named",
        PayloadMap(value="v", time="t", series="s", source="src"),
        b'{"v": 3.7, "t": "2026-01-20T08:00:00Z", "s": "JP.GOV.30Y"}',
    ),
    (
        "quote",
        PayloadMap(bid="q.bid", ask="q.ask", time="at.time"),
        b'{"q": {"bid": 1, "ask": 2}, "at": {"time": 1768889100}}',
    ),
    (
        "ndjson",
        PayloadMap(format="ndjson", value="v", time="t", series="s"),
        b'{"v": 3.7, "t": 1768889100, "s": "jgb"}\n',
    ),
    ("number", PayloadMap(format="number"), b"3.765"),
    ("seconds", PayloadMap(value="v", time="t", time_unit="s", unit="bp"), b'{"v": 376.5, "t": 1768889100.5}'),
)
DECODERS = [(PayloadDecoder(fields, RESOLVER, "desk", kind == "number"), good) for kind, fields, good in MAPS]

SEEDS = [
    *(bytes([i, 0]) + good for i, (_, _, good) in enumerate(MAPS)),
    b'\x00\x00[{"yield": 1, "ts": 1768889100000}, {"yield": "x"}, 7]',
    b'\x00\x01{"yield": 1e400, "ts": 99999999999999999999999999}',
    b'\x01\x00{"v": NaN, "t": -0.0, "s": ""}',
    b"\x00\x00" + b"[" * 2_000,
    b'\x01\x00{"v": 1, "t": "' + b"9" * 5_000 + b'", "s": "JP.GOV.30Y"}',
    b'\x05\x00{"v": 1, "t": "1e999999999"}',
    b"\x04\x00" + b"1" * 5_000,
    b'\x01\x00{"s": "\\ud800", "v": 1}',
    b"\x00\x00\xef\xbb\xbf{}",
]


def one(data: bytes) -> None:
    cut = Cut(data)
    decoder, good = DECODERS[cut.byte() % len(DECODERS)]
    before = (0, NOW)[cut.byte() % 2]
    faults: list[Fault] = []
    with quick():
        sound(decoder.decode(cut.rest, NAME, NOW, before, faults))
        assert all(isinstance(fault.text, str) and len(fault.excerpt) <= 200 for fault in faults)
        faults = []
        assert len(decoder.decode(good, NAME, NOW, 0, faults)) == 1, faults
