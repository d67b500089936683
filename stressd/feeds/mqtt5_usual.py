"""MQTT 5 messages of the usual kind, read without the codec's objects: they cost three times as much as all of this.

Usual is a complete PUBLISH of QoS 0 or 1, sent for the first time, without properties, of less than 16 kB, on a topic
that the codec has read before. Every other packet is the codec's, so that what is malformed is judged in one place.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

TOPICS: Final = 100_000
"""Topics that are remembered: a sender that invents topics must not fill the memory."""

LONGEST: Final = 512
"""Bytes of one."""

UNUSUAL: Final = 0
UNKNOWN: Final = -1
"""A message that would be usual on a known topic."""


class UsualMessages:
    """Reads one after the other. topic, payload, packet_id (-1: QoS 0), retain: of the last."""

    __slots__ = ("_topics", "packet_id", "payload", "retain", "topic")

    def __init__(self) -> None:
        self._topics: dict[bytes, str] = {}
        self.topic = ""
        self.payload = b""
        self.packet_id = -1
        self.retain = False

    def read(self, data: bytes, at: i64, most: i64) -> i64:
        """Bytes of the message that begins at `at` and has at most `most` of them; UNUSUAL or UNKNOWN where it is the
        codec's."""
        size: i64 = len(data)
        if size - at < 5:
            return UNUSUAL
        first: i64 = data[at]
        if first & 0xFC != 0x30:
            return UNUSUAL
        length: i64 = data[at + 1]
        body: i64 = at + 2
        if length >= 0x80:
            more: i64 = data[body]
            if more == 0 or more >= 0x80:
                return UNUSUAL
            length = length - 0x80 + (more << 7)
            body += 1
        end: i64 = body + length
        if length < 3 or end > size or end - at > most:
            return UNUSUAL
        high: i64 = data[body]
        low: i64 = data[body + 1]
        name: i64 = body + 2
        after: i64 = name + (high << 8) + low
        properties: i64 = after + (first & 2)
        if properties >= end or data[properties] != 0:
            return UNUSUAL
        topic = self._topics.get(data[name:after])
        if topic is None:
            return UNKNOWN
        self.topic = topic
        self.payload = data[properties + 1 : end]
        self.packet_id = data[after] << 8 | data[after + 1] if first & 2 != 0 else -1
        self.retain = first & 1 != 0
        return end - at

    def learn(self, topic: str) -> None:
        """The codec has read it, so that its bytes are known to be a topic."""
        name = topic.encode()
        if len(name) <= LONGEST:
            if len(self._topics) >= TOPICS:
                self._topics.clear()
            self._topics[name] = topic
