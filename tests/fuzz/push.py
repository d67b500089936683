"""Requests to the push feed, headers and body: ticks, or an answer that says why not; never a tick without the token."""

from __future__ import annotations

import os

from stressd.config.fields import SecretRef
from stressd.feeds.push import Config, PushFeed
from stressd.testing.feeds import KeepingInbox
from tests.fuzz.api import Bench
from tests.fuzz.harness import quick, sound
from tests.fuzz.payload import RESOLVER

TOKEN = "open-sesame-open-sesame"
os.environ["STRESSD_FUZZ_TOKEN"] = TOKEN
FEED = PushFeed(Config(name="desk", type="push", token=SecretRef(env="STRESSD_FUZZ_TOKEN")), RESOLVER)
INBOX = KeepingInbox(lambda: 1_768_889_100_000_000_000)
FEED._inbox = INBOX
BENCH = Bench(FEED.app())


def request(body: bytes, kind: str = "application/json", token: str = TOKEN) -> bytes:
    head = f"POST /ticks HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nContent-Type: {kind}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode("utf-8", "surrogateescape") + body


GOOD = request(b'{"time": 1768889100, "series": "JP.GOV.30Y", "value": 3.7}')
SEEDS = [
    b"\x00" + GOOD,
    b'\x01[{"time": 1768889100, "series": "jgb", "value": 376.5}, {"series": 1}, null]',
    b'\x02{"time": 1768889100, "series": "jgb", "value": 376.5}\n{"time"\n\n{}',
    b'\x01{"time": 1768889100, "series": "ust", "bid": "nan", "ask": 1e999, "source": "\\u202e"}',
    b"\x00POST /ticks HTTP/1.1\r\nHost: a\r\nAuthorization: Basic b3Blbg==\r\nContent-Length: 2\r\n\r\n{}",
    b"\x00POST /ticks HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 99999999999\r\n\r\n",
    b"\x03open-sesame-open-sesame\xff",
    b"\x03\xed\xa0\x80",
]


def one(data: bytes) -> None:
    how, rest = (data[0] % 4, data[1:]) if data else (0, b"")
    sent = (
        rest,
        request(rest),
        request(rest, "application/x-ndjson"),
        request(b'{"time": 1768889100, "series": "jgb", "value": 1}', token=rest.decode("utf-8", "surrogateescape")),
    )[how]
    INBOX.frames.clear()
    with quick():
        answer = BENCH.ask(sent)
        assert b"HTTP/1.1 500" not in answer, answer[:300]
        if TOKEN.encode() not in sent:
            assert not INBOX.frames
        for frame in INBOX.frames:
            sound(list(FEED.decode(frame)))
        FEED.processed(INBOX.frames)
        INBOX.frames.clear()
        assert b"202" in BENCH.ask(GOOD)[:20]
        FEED.processed(INBOX.frames)
    assert len(FEED.health.rejects) <= 50
