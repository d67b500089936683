"""The bytes of an MQTT 5 connection, cut anywhere: whatever a broker sends, the link goes on or ends with a reason."""

from __future__ import annotations

import asyncio
import atexit
from typing import Any

from mqtt5 import ConnAckPacket, DisconnectPacket, PingRespPacket, PublishPacket, read

from stressd.feeds.base import FeedHealth
from stressd.feeds.mqtt5_protocol import Mqtt5Protocol
from stressd.feeds.mqtt5_usual import UsualMessages
from stressd.feeds.mqtt_link import LinkOptions, Lost, Refused
from stressd.testing.feeds import KeepingInbox
from tests.fuzz.harness import quick

OPTIONS = LinkOptions("localhost", 1883, "c", ("yields/+/+",), 1, 0, 0, 1)
LARGEST = 65_536
HELLO = ConnAckPacket().write()
GOOD = PublishPacket("yields/JP/30Y", payload=b"3.7").write()

SEEDS = [
    b"\x01" + HELLO + GOOD,
    b"\x02" + HELLO + b"\x90\x04\x00\x01\x00\x01" + GOOD * 3 + PingRespPacket().write(),
    b"\x05" + HELLO + GOOD[:5],
    b"\x01" + HELLO + DisconnectPacket(reason_str="\x1b[2J\n forged").write(),
    b"\x03\x20\x02\x00\x00",
    b"\x01" + HELLO + b"\x30\xff\xff\xff\xff\x01",
    b"\x01" + HELLO + b"\x30\xff\xff\xff\x7f",
    b"\x01" + HELLO + b"\x32\x05\x00\x01\xff\x00\x01",
    b"\x01" + HELLO + b"\x34\x08\x00\x01a\x00\x01\x00xy",
    b"\x01" + GOOD,
    b"\x01" + HELLO + b"\x30\x04\x00\x00\x00x",
]


class Wire:
    """A transport that counts."""

    def __init__(self) -> None:
        self.closed = False
        self.written = 0

    def write(self, data: bytes) -> None:
        self.written += len(data)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = close

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Feed:
    """As much of a feed as a link touches."""

    health = FeedHealth()


LOOP = asyncio.new_event_loop()
atexit.register(LOOP.close)


async def _play(data: bytes) -> None:
    inbox = KeepingInbox(lambda: 1)
    protocol: Any = Mqtt5Protocol(OPTIONS, Feed(), inbox, LARGEST)  # type: ignore[arg-type]
    wire = Wire()
    protocol.connection_made(wire)
    size = data[0] * 7 + 1 if data else 1
    for at in range(1, len(data), size):
        protocol.data_received(data[at : at + size])
        if wire.closed:
            break
        assert len(protocol._partial) <= LARGEST + 5
    protocol.connection_lost(None)
    why = protocol.lost.result()
    assert isinstance(why, Lost | Refused)
    assert len(str(why)) < 600
    for frame in inbox.frames:
        assert frame.topic
        assert isinstance(frame.payload, bytes)


def _taken_alike(data: bytes) -> None:
    """What is read without the codec is what the codec reads."""
    usual = UsualMessages()
    usual.learn("yields/JP/30Y")
    for at in range(min(len(data), 200)):
        taken = usual.read(data, at, LARGEST)
        if taken > 0:
            packet, used = read(data[at:])
            assert isinstance(packet, PublishPacket)
            assert (usual.topic, usual.payload, usual.retain) == (packet.topic, packet.payload, packet.retain)
            assert (taken, usual.packet_id) == (used, -1 if packet.packet_id is None else packet.packet_id)


def one(data: bytes) -> None:
    with quick():
        LOOP.run_until_complete(_play(data))
        _taken_alike(data)
