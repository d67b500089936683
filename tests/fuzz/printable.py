"""What is escaped for logs and terminals: nothing that works on a terminal is left, and nothing is lost."""

from __future__ import annotations

import json
import re
import unicodedata

from stressd.config.printable import every_text, for_terminal, printable, printable_all
from tests.fuzz.harness import Cut, quick

SEEDS = [
    b"yields/JP/30Y",
    b"\x1b[2J\x1b]0;title\x07",
    b"a\nJan 20 stressd[1]: forged",
    b"\xc2\x9b31m",
    "\u202egnp.exe \u2066 \u200f\u2028 \ufeff \U000e0041".encode(),
    b"\x1b[31mred\x1b[0m\r\n\ttab",
    b"\xed\xa0\x80\xff",
]
_WORKS = ("Cc", "Zl", "Zp", "Cs")
_COLOUR = re.compile(r"\x1b\[[0-9;]{0,12}m")


def harmless(text: str) -> None:
    """Every character of `text` shows itself."""
    for char in text:
        assert unicodedata.category(char) not in _WORKS, repr(char)
        assert unicodedata.bidirectional(char) not in ("LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI")


def one(data: bytes) -> None:
    text = Cut(data).text()
    with quick():
        shown = printable(text)
        harmless(shown)
        assert len(shown) <= 12 * 2_000 + 30
        if len(text) <= 2_000 and "\\" not in text:
            assert json.loads(f'"{shown}"'.replace('"', '\\"')[1:-2] + '"') == text or '"' in text
        harmless(json.dumps(printable_all({text: [text, data, {text: text}]}), ensure_ascii=False))
        harmless(json.dumps(every_text({"k": text, text: [text]}), ensure_ascii=False))
        harmless(re.sub("[\n\t]", "", _COLOUR.sub("", for_terminal(text).removeprefix("\r"))))
