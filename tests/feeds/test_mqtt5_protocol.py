"""The MQTT 5 protocol by itself: bytes in, frames out, over a transport that only keeps what is written."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mqtt5 import (
    ConnAckPacket,
    DisconnectPacket,
    DisconnectReasonCode,
    PingReqPacket,
    PingRespPacket,
    PubAckPacket,
    PublishPacket,
    QoS,
    SubAckPacket,
    SubAckReasonCode,
    read,
)

from stressd.feeds.base import FeedHealth, Frame, Inbox
from stressd.feeds.mqtt5_link import judge_subscriptions
from stressd.feeds.mqtt5_protocol import BURST, RECEIVE_MAX, Mqtt5Protocol, frame_length
from stressd.feeds.mqtt_link import LinkOptions, Lost, Refused
from stressd.market.tick import Tick
from stressd.testing.feeds import KeepingInbox

# the codec panics on text that is not UTF-8, and Python's own complaint about the text is dropped on that way
_panics = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closing = False
        self.paused = False

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.closing = True

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def packets(self) -> list[Any]:
        """Everything written so far, decoded."""
        data = memoryview(b"".join(self.written))
        found: list[Any] = []
        while data:
            packet, used = read(data)
            found.append(packet)
            data = data[used:]
        return found


class Nothing:
    """A feed that is only asked for its health."""

    def __init__(self) -> None:
        self.name = "desk"
        self.health = FeedHealth()

    async def run(self, inbox: Inbox) -> None:
        """Never called."""

    def decode(self, frame: Frame) -> Sequence[Tick]:
        return ()

    def processed(self, frames: Sequence[Frame]) -> None:
        """Never called."""


def started(
    max_packet: int = 1 << 20, session: int = 0, keep_alive: int = 30
) -> tuple[Mqtt5Protocol, Wire, KeepingInbox]:
    inbox = KeepingInbox(lambda: 7)
    options = LinkOptions("host", 1883, "me", ("a/+",), 1, keep_alive, session, epoch=3)
    protocol = Mqtt5Protocol(options, Nothing(), inbox, max_packet)
    wire = Wire()
    protocol.connection_made(wire)
    return protocol, wire, inbox


def connected(max_packet: int = 1 << 20, session: int = 0) -> tuple[Mqtt5Protocol, Wire, KeepingInbox]:
    protocol, wire, inbox = started(max_packet, session, keep_alive=0)
    protocol.data_received(ConnAckPacket(session_present=session > 0).write())
    return protocol, wire, inbox


def facts(inbox: KeepingInbox) -> list[tuple[object, ...]]:
    return [(f.topic, f.payload, f.received, f.token, f.retained, f.backlog) for f in inbox.frames]


_messages = st.lists(
    st.one_of(
        st.builds(
            lambda topic, payload, retain, pid: PublishPacket(
                topic, payload, retain=retain, qos=QoS(1 if pid else 0), packet_id=pid or None
            ).write(),
            st.text("abc/é", min_size=1, max_size=6),
            st.one_of(st.binary(max_size=40), st.integers(120, 20_000).map(lambda n: b"x" * n)),
            st.booleans(),
            st.integers(0, 65_535),
        ),
        st.just(PingRespPacket().write()),
    ),
    min_size=1,
    max_size=12,
)


@given(_messages, st.data())
async def test_the_same_bytes_in_any_chunks_give_the_same_frames(messages: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(messages)
    whole, _, at_once = connected()
    whole.data_received(stream)
    parts, _, in_parts = connected()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        if end > start:
            parts.data_received(stream[start:end])
    assert len(at_once.frames) == sum(m[0] >> 4 == 3 for m in messages)
    assert facts(in_parts) == facts(at_once)


async def test_byte_by_byte_gives_the_same_frames() -> None:
    stream = b"".join(PublishPacket("a/b", b"x" * n, qos=QoS(1), packet_id=n + 1).write() for n in range(150))
    protocol, _, inbox = connected()
    for i in range(len(stream)):
        protocol.data_received(stream[i : i + 1])
    assert [(len(f.payload), f.token) for f in inbox.frames] == [(n, 3 << 16 | n + 1) for n in range(150)]


async def test_a_large_message_in_small_pieces_is_copied_a_bounded_number_of_times() -> None:
    protocol, _, inbox = connected(max_packet=1 << 25)
    stream = PublishPacket("a", bytes(16 * 1024 * 1024)).write()
    start = asyncio.get_running_loop().time()
    for at in range(0, len(stream), 4096):
        protocol.data_received(stream[at : at + 4096])
    # 4,096 pieces copied anew each time would be 34 GB, some ten seconds
    assert asyncio.get_running_loop().time() - start < 3
    assert [len(f.payload) for f in inbox.frames] == [16 * 1024 * 1024]


@_panics
@given(st.binary(min_size=1, max_size=60))
@example(b"\x30\x05\x00\x03\xff\xfe\xfd")
@example(b"\x00\x00")
@example(b"\xff" * 8)
async def test_no_bytes_of_a_server_raise_anything(garbage: bytes) -> None:
    protocol, wire, inbox = connected()
    good = PublishPacket("a/b", b"1").write()
    protocol.data_received(good + garbage)
    assert inbox.frames[0].payload == b"1"
    before = len(inbox.frames)
    protocol.data_received(good * 100)
    # either the connection is closed and nothing more is taken, or the bytes were the beginning of something longer
    assert wire.closing or len(inbox.frames) >= before


@_panics
@pytest.mark.parametrize(
    ("data", "code", "says"),
    [
        (PublishPacket("a", b"", qos=QoS(2), packet_id=1).write(), DisconnectReasonCode.QOS_NOT_SUPPORTED, "QoS 2"),
        (PublishPacket("", b"", topic_alias=1).write(), DisconnectReasonCode.TOPIC_ALIAS_INVALID, "topic alias"),
        (PublishPacket("a", bytes(5_000)).write(), DisconnectReasonCode.PACKET_TOO_LARGE, "1024 are allowed"),
        (PublishPacket("a", bytes(5_000)).write()[:10], DisconnectReasonCode.PACKET_TOO_LARGE, "1024 are allowed"),
        (b"\x30\x03\x00\x09a", DisconnectReasonCode.MALFORMED_PACKET, "malformed"),
        (b"\x30\x05\x00\x01\xff\x00x", DisconnectReasonCode.MALFORMED_PACKET, "malformed"),
        (b"\x30\xff\xff\xff\xff\xff", DisconnectReasonCode.MALFORMED_PACKET, "malformed"),
        (ConnAckPacket().write(), DisconnectReasonCode.PROTOCOL_ERROR, "unexpected CONNACK"),
        (PubAckPacket(3).write(), DisconnectReasonCode.PROTOCOL_ERROR, "unexpected PUBACK"),
    ],
)
async def test_a_server_that_breaks_the_protocol_is_told_so_and_left(
    data: bytes, code: DisconnectReasonCode, says: str
) -> None:
    protocol, wire, inbox = connected(max_packet=1_024)
    protocol.data_received(PublishPacket("a", b"before").write() + data)
    assert [f.payload for f in inbox.frames] == [b"before"]
    assert wire.packets()[-1].reason_code == code
    protocol.connection_lost(None)
    assert says in str(protocol.lost.result())


async def test_the_receive_maximum_is_enforced_and_acknowledgements_make_room() -> None:
    protocol, wire, inbox = connected()
    for i in range(RECEIVE_MAX):
        protocol.data_received(PublishPacket("a", b"", qos=QoS(1), packet_id=i + 1).write())
    protocol.acknowledge(inbox.frames[:1])
    protocol.data_received(PublishPacket("a", b"", qos=QoS(1), packet_id=1).write())
    assert not wire.closing
    protocol.data_received(PublishPacket("a", b"", qos=QoS(1), packet_id=40_000).write())
    assert wire.packets()[-1].reason_code == DisconnectReasonCode.RECEIVE_MAX_EXCEEDED


async def test_after_a_burst_the_socket_waits_until_the_pump_had_its_turn() -> None:
    protocol, wire, inbox = connected()
    message = PublishPacket("a", b"", qos=QoS(0)).write()
    protocol.data_received(message * (BURST - 1))
    assert not wire.paused
    protocol.data_received(message)
    assert wire.paused
    await asyncio.sleep(0)
    assert not wire.paused
    protocol.data_received(message)
    assert not wire.paused
    assert len(inbox.frames) == BURST + 1


async def test_acknowledgements_go_in_one_write_and_only_to_the_connection_that_they_belong_to() -> None:
    protocol, wire, inbox = connected()
    protocol.data_received(b"".join(PublishPacket("a", b"", qos=QoS(1), packet_id=i).write() for i in (5, 6, 65_535)))
    protocol.data_received(PublishPacket("a", b"").write())
    old = Frame(Nothing(), "a", b"", 0, 2 << 16 | 9)
    writes = len(wire.written)
    protocol.acknowledge([*inbox.frames, old])
    assert len(wire.written) == writes + 1
    assert [p.packet_id for p in wire.packets()[-3:]] == [5, 6, 65_535]
    protocol.acknowledge([old])
    assert len(wire.written) == writes + 1


async def test_a_session_is_asked_for_only_where_it_is_configured() -> None:
    for session in (0, 3_600):
        _, wire, _ = started(session=session)
        packet = wire.packets()[0]
        assert (packet.clean_start, packet.session_expiry_interval) == (session == 0, session)
        assert (packet.topic_alias_max, packet.receive_max) == (0, RECEIVE_MAX)


async def test_messages_of_a_resumed_session_are_marked() -> None:
    for session in (0, 3_600):
        protocol, _, inbox = connected(session=session)
        protocol.data_received(PublishPacket("a", b"").write())
        assert inbox.frames[0].backlog is (session > 0)


async def test_a_subscription_never_asks_for_qos_2_nor_for_the_senders_retain_flag() -> None:
    protocol, wire, _ = connected()
    protocol.subscribe()
    wanted = wire.packets()[-1].topic_filters[0]
    assert (wanted.pattern, int(wanted.max_qos), wanted.retain_as_published) == ("a/+", 1, False)


async def test_an_older_server_is_recognised() -> None:
    protocol, _, _ = started()
    protocol.data_received(b"\x20\x02\x00\x01")
    protocol.connection_lost(None)
    assert isinstance(protocol.lost.result(), Refused)
    assert "protocol: 3.1.1" in str(protocol.lost.result())


@pytest.mark.parametrize(
    ("code", "kind", "says"),
    [
        (DisconnectReasonCode.SERVER_SHUTTING_DOWN, Lost, "server shutting down (bye)"),
        (DisconnectReasonCode.SESSION_TAKEN_OVER, Refused, "another client uses the same client id"),
    ],
)
async def test_the_reason_of_a_server_that_disconnects_is_told(
    code: DisconnectReasonCode, kind: type[Exception], says: str
) -> None:
    protocol, _, _ = connected()
    protocol.data_received(DisconnectPacket(reason_code=code, reason_str="bye").write())
    protocol.connection_lost(None)
    assert isinstance(protocol.lost.result(), kind)
    assert says in str(protocol.lost.result())


async def test_the_server_may_set_the_keep_alive_and_a_silent_one_is_given_up_in_one_and_a_half() -> None:
    protocol, wire, _ = started(keep_alive=600)
    protocol.data_received(ConnAckPacket(server_keep_alive=1).write())
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(5):
        while not wire.closing:
            await asyncio.sleep(0.01)
    assert 0.9 < loop.time() - began < 1.6
    assert [type(p) for p in wire.packets()[1:]] == [PingReqPacket]
    protocol.connection_lost(None)
    assert "the server was silent" in str(protocol.lost.result())


@given(st.integers(0, 268_435_455))
def test_the_length_of_a_packet_is_read_from_its_head(length: int) -> None:
    digits = b""
    rest = length
    while True:
        rest, digit = divmod(rest, 128)[0], rest % 128
        digits += bytes([digit | (0x80 if rest else 0)])
        if not rest:
            break
    head = b"\x30" + digits
    assert frame_length(head + b"more") == len(head) + length
    assert all(frame_length(head[:n]) == 0 for n in range(len(head)))


def test_refused_subscriptions_are_named() -> None:
    options = LinkOptions("h", 1, "me", ("a", "b"), 1, 1, 0, 0)
    ok, low, no = SubAckReasonCode(1), SubAckReasonCode(0), SubAckReasonCode.NOT_AUTHORIZED
    assert judge_subscriptions(SubAckPacket(1, [ok, ok]), options) == ""
    assert "`b`: not authorized" in judge_subscriptions(SubAckPacket(1, [ok, no]), options)
    assert "QoS 0 only for `a`" in judge_subscriptions(SubAckPacket(1, [low, ok]), options)
    with pytest.raises(Refused, match="`a`: not authorized; `b`: not authorized"):
        judge_subscriptions(SubAckPacket(1, [no, no]), options)
    with pytest.raises(Lost, match="wrong length"):
        judge_subscriptions(SubAckPacket(1, [ok]), options)
