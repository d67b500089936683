"""Signed links: nothing that is not a link of ours is one."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from stressd.web.links import LinkError, Signer
from tests.fuzz.harness import Cut, quick

SIGNER = Signer(b"0123456789abcdef0123456789abcdef", 3_600)
NOW = 1_768_889_100
OURS = dict(parse_qsl(urlsplit(SIGNER.url("https://a.example", "JP-260120-7q2f", "ack-30m", "desk", NOW)).query))
SEEDS = [
    "&".join(f"{k}={v}" for k, v in OURS.items()).encode(),
    b"e=JP-260120-7q2f&d=silence-2h&s=desk&x=1768892700&k=" + OURS["k"].encode(),
    b"e=a&d=ack-30m&s=b&x=99999999999999999999&k=%ed%a0%80",
    b"e=a%1fack-30m&d=ack-30m&s=&x=0x10&k=a",
    "e=a&d=ack-30m&s=b&x=\u0661\u0662&k=a".encode(),
    b"&&&==&%zz=%",
]


def one(data: bytes) -> None:
    query = dict(parse_qsl(Cut(data).text(), keep_blank_values=True, errors="surrogateescape"))
    with quick():
        try:
            link = SIGNER.read(query, NOW)
        except LinkError as error:
            assert str(error)
            return
        assert {key: query[key] for key in OURS} == OURS
        assert link.expires == NOW + 3_600
