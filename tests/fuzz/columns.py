"""The columnar decoder: lists of equal length, whatever they hold."""

from __future__ import annotations

from stressd.feeds.decoder import PayloadDecoder
from stressd.feeds.payload import PayloadMap
from stressd.feeds.tally import Fault
from tests.fuzz.harness import quick, sound
from tests.fuzz.payload import NAME, NOW, RESOLVER

DECODER = PayloadDecoder(
    PayloadMap(format="columnar", value="v", bid="b", ask="a", time="t", series="s", source="src"), RESOLVER, "desk"
)
GOOD = b'{"v": [3.7, 3.8], "t": [1768889100, 1768889101], "s": ["JP.GOV.30Y", "jgb"]}'
SEEDS = [
    GOOD,
    b'{"v": [3.7], "t": 1768889100, "s": "JP.GOV.30Y", "src": ["x"]}',
    b'{"v": [3.7, 1], "t": [1], "s": "JP.GOV.30Y"}',
    b'{"v": [[], {}, null, true, "1", 1e999], "t": 1768889100, "s": "ust"}',
    b'{"b": [1], "a": ["x"], "t": [-1e308], "s": [1]}',
    b'{"v": {"v": 1}}',
    b"[]",
    b"\xff\xfe",
]


def one(data: bytes) -> None:
    faults: list[Fault] = []
    with quick():
        sound(DECODER.decode(data, NAME, NOW, 0, faults))
        assert all(isinstance(fault.text, str) and len(fault.excerpt) <= 200 for fault in faults)
        faults = []
        assert len(DECODER.decode(GOOD, NAME, NOW, 0, faults)) == 2, faults
