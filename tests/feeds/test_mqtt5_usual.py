"""Usual messages are read as the codec reads them, and nothing else is taken for one."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from mqtt5 import PublishPacket, QoS, read

from stressd.feeds.mqtt5_usual import LONGEST, TOPICS, UNKNOWN, UNUSUAL, UsualMessages

MOST = 1 << 20
TOPIC = "yields/JP/30Y"
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0#+"), min_size=1, max_size=40)


def knowing(*topics: str) -> UsualMessages:
    usual = UsualMessages()
    for topic in topics:
        usual.learn(topic)
    return usual


def as_the_codec_reads(usual: UsualMessages, data: bytes, at: int, taken: int) -> None:
    packet, used = read(data[at:])
    assert isinstance(packet, PublishPacket)
    assert taken == used
    assert (usual.topic, usual.payload, usual.retain) == (packet.topic, packet.payload, packet.retain)
    assert usual.packet_id == (-1 if packet.packet_id is None else packet.packet_id)
    assert int(packet.qos) == (usual.packet_id >= 0)
    assert not packet.user_properties
    assert packet.content_type is None
    assert packet.topic_alias is None


@given(NAMES, st.binary(max_size=300), st.integers(0, 65_535), st.booleans(), st.booleans(), st.binary(max_size=5))
def test_a_usual_message_is_read_as_the_codec_reads_it_wherever_it_begins(
    topic: str, payload: bytes, packet_id: int, acknowledged: bool, retain: bool, before: bytes
) -> None:
    qos, number = (QoS.AT_LEAST_ONCE, packet_id) if acknowledged else (QoS.AT_MOST_ONCE, None)
    data = before + PublishPacket(topic, payload, qos=qos, packet_id=number, retain=retain).write() + b"\x30\x00"
    usual = knowing(TOPIC)
    if topic != TOPIC:
        assert usual.read(data, len(before), MOST) == UNKNOWN
    usual.learn(topic)
    taken = usual.read(data, len(before), MOST)
    assert taken == len(data) - len(before) - 2
    as_the_codec_reads(usual, data, len(before), taken)


@given(
    st.one_of(
        st.binary(max_size=40),
        st.tuples(st.integers(0x30, 0x3F), st.binary(max_size=30)).map(lambda t: bytes([t[0], len(t[1])]) + t[1]),
    ),
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), max_size=3),
)
@example(b"\x30\x84\x00\x00\x00x", [])
@example(b"\x30\x85\x80\x00\x00\x01a\x00x", [])
@example(b"\x30\x04\x00\x00\x00x", [])
@example(PublishPacket(TOPIC, b"3.7").write(), [(1, 0x80), (2, 0x01)])
def test_whatever_is_taken_the_codec_takes_alike(data: bytes, bent: list[tuple[int, int]]) -> None:
    usual = knowing("a", "ab", "\u00e9", TOPIC)
    for start in (data, PublishPacket(TOPIC, b"3.7", qos=QoS.AT_LEAST_ONCE, packet_id=7).write() + data):
        bytes_ = bytearray(start)
        for at, byte in bent:
            if at < len(bytes_):
                bytes_[at] = byte
        for at in range(len(bytes_)):
            taken = usual.read(bytes(bytes_), at, MOST)
            if taken > 0:
                as_the_codec_reads(usual, bytes(bytes_), at, taken)


def test_a_message_that_is_not_complete_or_too_large_is_left_to_the_codec() -> None:
    usual = knowing(TOPIC)
    for payload in (b"", b"3.765", b"x" * 200, b"x" * 16_000):
        data = PublishPacket(TOPIC, payload).write()
        assert all(usual.read(data[:end], 0, MOST) == UNUSUAL for end in range(min(len(data), 300)))
        assert usual.read(data, 0, len(data)) == len(data)
        assert usual.read(data, 0, len(data) - 1) == UNUSUAL
    assert usual.read(PublishPacket(TOPIC, b"x" * 20_000).write(), 0, MOST) == UNUSUAL


def test_messages_with_properties_or_sent_again_are_left_to_the_codec() -> None:
    usual = knowing(TOPIC)
    for packet in (
        PublishPacket(TOPIC, b"3.7", content_type="text/plain"),
        PublishPacket(TOPIC, b"3.7", user_properties=[("a", "b")]),
        PublishPacket(TOPIC, b"3.7", message_expiry_interval=5),
        PublishPacket(TOPIC, b"3.7", qos=QoS.AT_LEAST_ONCE, packet_id=1, duplicate=True),
        PublishPacket(TOPIC, b"3.7", qos=QoS.EXACTLY_ONCE, packet_id=1),
    ):
        assert usual.read(packet.write(), 0, MOST) == UNUSUAL


def test_of_endless_topics_only_so_many_are_remembered_and_none_that_is_long() -> None:
    usual = knowing("x" * (LONGEST + 1))
    assert usual.read(PublishPacket("x" * (LONGEST + 1), b"3.7").write(), 0, MOST) == UNKNOWN
    usual.learn(TOPIC)
    for i in range(TOPICS):
        usual.learn(f"invented/{i}")
    assert usual.read(PublishPacket(TOPIC, b"3.7").write(), 0, MOST) == UNKNOWN
    assert usual.read(PublishPacket(f"invented/{TOPICS - 1}", b"3.7").write(), 0, MOST) > 0
