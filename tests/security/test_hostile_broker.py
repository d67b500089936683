"""A broker that breaks MQTT 3.1.1 after its handshake: the link ends with a reason, and the next one works."""

from __future__ import annotations

import asyncio
import gc
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from stressd.backoff import Backoff
from stressd.feeds.mqtt import Config, MqttFeed
from stressd.testing.feeds import KeepingInbox, PlainResolver, feed_state

HELLO = b"\x20\x02\x00\x00"
GOOD = b"\x30\x11\x00\x0cy/JP.GOV.30Y3.7"
BAD = {
    "a topic that is no UTF-8": b"\x30\x05\x00\x02\xff\xfe1",
    "a length beyond the packet": b"\x30\x04\xff\xffab",
    "an empty topic": b"\x30\x03\x00\x001",
    "no topic at all": b"\x30\x00",
    "QoS 3": b"\x36\x07\x00\x01a\x00\x011x",
    "an acknowledgement of nothing": b"\x40\x00",
    "a length of five bytes": b"\x30\xff\xff\xff\xff\x01",
    "a length that never comes": b"\x30\xff\xff\xff\x7f" + b"x" * 100_000,
    "an unknown packet": b"\xf0\x02ab",
    "a second handshake": HELLO * 3,
    "noise": random.Random(3).randbytes(4_000),
}


@asynccontextmanager
async def hostile(first: bytes) -> AsyncIterator[int]:
    """Sends `first` after the subscription of its first client, and from then on good ticks to everybody."""
    writers: list[asyncio.StreamWriter] = []
    serving: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        serving.append(asyncio.current_task())
        mine = len(writers)
        with suppress(OSError, asyncio.IncompleteReadError):
            await reader.read(1_000)
            writer.write(HELLO)
            subscribe = await reader.read(1_000)
            writer.write(b"\x90\x03" + subscribe[2:4] + b"\x00" + (first if mine == 1 else GOOD))
            # it never hangs up: whoever does not notice is deaf for good
            while True:
                await writer.drain()
                await asyncio.sleep(0.1)
                writer.write(GOOD)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in serving:
            if task is not None:
                task.cancel()
        await asyncio.gather(*filter(None, serving), return_exceptions=True)
        for writer in writers:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_what_breaks_the_protocol_ends_the_link_and_the_next_one_works(kind: str) -> None:
    inbox = KeepingInbox()
    async with hostile(BAD[kind]) as port:
        given = {"name": "d", "type": "mqtt", "url": f"mqtt://127.0.0.1:{port}", "protocol": "3.1.1", "qos": 0}
        config = Config.model_validate({**given, "topics": ["y/{series}"], "payload": {"format": "number"}})
        feed = MqttFeed(config, PlainResolver(["JP.GOV.30Y"]), Backoff(first=0.05, cap=0.1))
        running = asyncio.create_task(feed.run(inbox))
        try:
            await feed_state(feed, lambda feed: any(tick.value == 3.7 for tick in inbox.ticks()), 15)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    # what paho leaves behind is collected here, and not in somebody else's test
    gc.collect()
    assert feed.health.connects >= 1
    assert all(isinstance(frame.topic, str) for frame in inbox.frames)
