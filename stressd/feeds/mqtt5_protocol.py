"""MQTT 5 as an `asyncio.Protocol` over the `mqtt5` codec, which knows packets and nothing else.

All complete packets of a read go into the inbox at once, without a task, a queue or an await between. Ours: the
handshake, keep-alive, packet ids, receive maximum and packet size, and acknowledgements in batches. A subscription
never asks for QoS 2 and takes no topic alias.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Sequence
from enum import IntEnum
from typing import Final, cast

from mqtt5 import (
    ConnAckPacket,
    ConnAckReasonCode,
    ConnectPacket,
    DisconnectPacket,
    DisconnectReasonCode,
    Packet,
    PingReqPacket,
    PingRespPacket,
    PublishPacket,
    QoS,
    RetainHandling,
    SubAckPacket,
    SubscribePacket,
    TopicFilter,
    read,
)
from mypy_extensions import i64

from stressd.config.printable import printable
from stressd.feeds.base import Feed, Frame, Inbox
from stressd.feeds.mqtt5_usual import UNKNOWN, UsualMessages
from stressd.feeds.mqtt_link import LinkOptions, Lost, Refused, packet_ids

RECEIVE_MAX: Final = 16_384
"""QoS 1 messages that may wait for their acknowledgement."""

READ: Final = 65_536
"""Bytes of a read: more than fits the processor's cache is slower."""

BURST: Final = 512
"""Messages that are read before the pump has its turn: a fast socket brings more at once than the mailbox can hold."""

MAX_PACKET: Final = 16 * 1024 * 1024
"""Bytes of the largest packet that is taken."""

TOLD: Final = 200
"""Characters of the server's own words that are passed on."""

_PING: Final = PingReqPacket().write()
_PUBACK: Final = 0x40020000
_SUBSCRIBE_ID: Final = 1
_FOR_PEOPLE: Final = (
    DisconnectReasonCode.NOT_AUTHORIZED,
    DisconnectReasonCode.SESSION_TAKEN_OVER,
    DisconnectReasonCode.ADMINISTRATIVE_ACTION,
    DisconnectReasonCode.USE_ANOTHER_SERVER,
    DisconnectReasonCode.SERVER_MOVED,
)
"""Reasons that a quick retry makes worse."""


class _Violation(Exception):
    """The server broke the protocol."""

    def __init__(self, text: str, code: DisconnectReasonCode = DisconnectReasonCode.PROTOCOL_ERROR) -> None:
        super().__init__(text)
        self.code = code


def words(code: IntEnum, reason: str | None = None) -> str:
    """A reason code in words, with the server's own text behind it."""
    text = code.name.lower().replace("_", " ")
    return f"{text} ({printable(reason, TOLD)})" if reason else text


def frame_length(head: bytes | bytearray | memoryview) -> int:
    """Bytes of the packet that starts with `head`; 0 while its length is not complete. Raises ValueError."""
    length = 0
    for i in range(1, min(len(head), 5)):
        length |= (head[i] & 0x7F) << 7 * (i - 1)
        if head[i] < 0x80:
            return 1 + i + length
    if len(head) >= 5:
        raise ValueError("a packet's length has more than four bytes")
    return 0


class Mqtt5Protocol(asyncio.BufferedProtocol):
    """The bytes of one connection. Where it ends, `lost` holds the reason."""

    def __init__(self, options: LinkOptions, feed: Feed, inbox: Inbox, max_packet: int = MAX_PACKET) -> None:
        loop = asyncio.get_running_loop()
        self.connected: asyncio.Future[ConnAckPacket] = loop.create_future()
        self.subscribed: asyncio.Future[SubAckPacket] = loop.create_future()
        self.lost: asyncio.Future[Lost | Refused] = loop.create_future()
        self._loop = loop
        self._options = options
        self._feed = feed
        self._inbox = inbox
        self._max_packet = max_packet
        self._transport: asyncio.Transport | None = None
        self._partial = bytearray()
        self._need = 0
        self._resumed = False
        self._unacknowledged = 0
        self._burst = 0
        self._buffer = memoryview(bytearray(READ))
        self._usual = UsualMessages()
        self._why: Lost | Refused | None = None
        self._keep_alive = float(options.keep_alive)
        self._heard = loop.time()
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods but not the base class.
        self._transport = cast(asyncio.Transport, transport)
        options = self._options
        packet = ConnectPacket(
            options.client_id,
            username=options.username,
            password=None if options.password is None else options.password.encode(),
            clean_start=options.session == 0,
            keep_alive=options.keep_alive,
            session_expiry_interval=options.session,
            receive_max=RECEIVE_MAX,
            topic_alias_max=0,
            max_packet_size=self._max_packet,
        )
        self._transport.write(packet.write())

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if not self.lost.done():
            self.lost.set_result(self._why or Lost(str(exc) if exc is not None else "the server closed the connection"))

    def subscribe(self) -> None:
        """Asks for all filters in one packet. Needs CONNACK."""
        # without `retain_as_published=False` a live message of a sender that retains everything looks like a stored one
        filters = [
            TopicFilter(
                name,
                max_qos=QoS(self._options.qos),
                retain_as_published=False,
                retain_handling=RetainHandling.SEND_IF_SUBSCRIPTION_NOT_EXISTS,
            )
            for name in self._options.filters
        ]
        self._write(SubscribePacket(_SUBSCRIBE_ID, filters).write())

    def acknowledge(self, frames: Sequence[Frame]) -> None:
        """One write for all of them."""
        ids = packet_ids(frames, self._options.epoch)
        if ids:
            self._unacknowledged -= len(ids)
            self._write(struct.pack(f">{len(ids)}I", *[_PUBACK | i for i in ids]))

    def close(self, why: Lost | Refused, code: DisconnectReasonCode | None = None) -> None:
        """Ends the connection from our side; with a code the server is told."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        self._why = self._why or why
        if code is not None:
            transport.write(DisconnectPacket(reason_code=code).write())
        transport.close()

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    # -- reading

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(bytes(self._buffer[:nbytes]))

    def data_received(self, data: bytes) -> None:
        """Takes what came."""
        if self._why is not None:
            return
        self._heard = self._loop.time()
        if data[:2] == b"\x20\x02" and not self.connected.done():
            # the CONNACK of an older version, which has no properties and is no packet of ours
            self.close(Refused("the server does not speak MQTT 5: set `protocol: 3.1.1`"))
            return
        try:
            self._drain(data)
        except _Violation as error:
            self.close(Lost(f"the server broke the protocol: {error}"), error.code)
        if self._burst >= BURST and self._transport is not None and not self._transport.is_closing():
            self._burst = 0
            self._transport.pause_reading()
            self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def _drain(self, data: bytes) -> None:
        view = memoryview(data)
        size: i64 = len(data)
        at: i64 = self._complete(view) if self._partial else 0
        received = self._inbox.now()
        put = self._inbox.put
        feed = self._feed
        resumed = self._resumed
        connected = self.connected.done()
        # names of the module would be looked up for every packet
        parse, publish = read, PublishPacket
        epoch = self._options.epoch << 16
        messages = 0
        usual, most = self._usual, i64(self._max_packet)
        try:
            while at < size:
                length = usual.read(data, at, most) if connected and self._unacknowledged < RECEIVE_MAX else 0
                if length > 0:
                    at += length
                    messages += 1
                    token: int | None = None
                    if usual.packet_id >= 0:
                        self._unacknowledged += 1
                        token = epoch | usual.packet_id
                    put(Frame(feed, usual.topic, usual.payload, received, token, usual.retain, resumed))
                    continue
                try:
                    packet, used = parse(view[at:])
                except IndexError:
                    self._keep(view[at:])
                    return
                except BaseException as error:  # the codec panics, with a BaseException, on text that is not UTF-8
                    raise _malformed(error) from None
                at += used
                if type(packet) is not publish:
                    self._control(packet)
                    resumed = self._resumed
                    connected = self.connected.done()
                    continue
                packet_id = packet.packet_id
                topic = packet.topic
                if used > self._max_packet or not topic or not connected:
                    self._check(packet, used)
                messages += 1
                if length == UNKNOWN:
                    usual.learn(topic)
                if packet_id is None:
                    put(Frame(feed, topic, packet.payload, received, None, packet.retain, resumed))
                    continue
                self._unacknowledged += 1
                if self._unacknowledged > RECEIVE_MAX or packet.qos != 1:
                    self._check(packet, used)
                put(Frame(feed, topic, packet.payload, received, epoch | packet_id, packet.retain, resumed))
        finally:
            if messages:
                feed.health.messages += messages
                feed.health.last_received = received
                self._burst += messages

    def _keep(self, rest: memoryview) -> None:
        """The start of a packet whose end is still on its way."""
        try:
            self._need = frame_length(rest)
        except ValueError as error:
            raise _malformed(error) from None
        if self._need and self._need <= len(rest):
            raise _Violation("a malformed packet", DisconnectReasonCode.MALFORMED_PACKET)
        self._bound()
        self._partial += rest

    def _complete(self, view: memoryview) -> int:
        """Adds to the packet begun earlier what is still missing and no more, so that no byte is copied twice; hands
        it over when it is complete. How many bytes that took."""
        partial = self._partial
        taken = 0
        while not self._need and taken < len(view):
            partial.append(view[taken])
            taken += 1
            try:
                self._need = frame_length(partial)
            except ValueError as error:
                raise _malformed(error) from None
            self._bound()
        end = min(len(view), taken + self._need - len(partial)) if self._need else taken
        partial += view[taken:end]
        if self._need and len(partial) == self._need:
            whole = bytes(partial)
            self._partial = bytearray()
            self._need = 0
            self._drain(whole)
        return end

    def _bound(self) -> None:
        if self._need > self._max_packet:
            raise _Violation(
                f"a packet of {self._need} bytes, {self._max_packet} are allowed", DisconnectReasonCode.PACKET_TOO_LARGE
            )

    def _check(self, packet: PublishPacket, size: int) -> None:
        """Says what is wrong with a message."""
        if size > self._max_packet:
            self._need = size
            self._bound()
        if not packet.topic:
            raise _Violation("a topic alias, none was allowed", DisconnectReasonCode.TOPIC_ALIAS_INVALID)
        if int(packet.qos) > 1:
            raise _Violation("a message with QoS 2, which was never asked for", DisconnectReasonCode.QOS_NOT_SUPPORTED)
        if self._unacknowledged > RECEIVE_MAX:
            raise _Violation(
                f"more than {RECEIVE_MAX} messages without an acknowledgement",
                DisconnectReasonCode.RECEIVE_MAX_EXCEEDED,
            )
        raise _Violation("a message before the connection was accepted")

    def _control(self, packet: Packet) -> None:
        if isinstance(packet, PingRespPacket):
            return
        if isinstance(packet, ConnAckPacket) and not self.connected.done():
            self._accepted(packet)
        elif isinstance(packet, SubAckPacket) and not self.subscribed.done():
            self.subscribed.set_result(packet)
        elif isinstance(packet, DisconnectPacket):
            text = f"the server disconnected: {words(packet.reason_code, packet.reason_str)}"
            if packet.reason_code == DisconnectReasonCode.SESSION_TAKEN_OVER:
                text += ": another client uses the same client id"
            self.close(Refused(text) if packet.reason_code in _FOR_PEOPLE else Lost(text))
        else:
            raise _Violation(f"an unexpected {type(packet).__name__.removesuffix('Packet').upper()}")

    def _accepted(self, packet: ConnAckPacket) -> None:
        if packet.session_present and self._options.session == 0:
            raise _Violation("a session was resumed that was not asked for")
        self._resumed = packet.session_present
        self.connected.set_result(packet)
        if packet.reason_code != ConnAckReasonCode.SUCCESS:
            return
        if packet.server_keep_alive is not None:
            self._keep_alive = float(packet.server_keep_alive)
        if self._keep_alive:
            self._schedule()

    # -- keep-alive

    def _schedule(self) -> None:
        self._due = self._loop.time() + self._keep_alive / 2
        self._timer = self._loop.call_at(self._due, self._tick)

    def _tick(self) -> None:
        """Pings twice a keep-alive, and gives up on a peer that was silent for a whole one: at the latest after 1.5,
        with two pings unanswered."""
        now = self._loop.time()
        late = now - self._due > self._keep_alive / 4
        # after a stall of our own, what the peer sent is still waiting in the socket: it is not the silent one
        if not late and now - self._heard >= self._keep_alive:
            self._why = Lost(f"the server was silent for {now - self._heard:.1f} s (keep-alive {self._keep_alive:g} s)")
            if self._transport is not None:
                self._transport.abort()
            return
        self._write(_PING)
        self._schedule()


def _malformed(error: BaseException) -> BaseException:
    """What the codec says, as ours; an interrupt stays what it is."""
    if isinstance(error, KeyboardInterrupt | SystemExit | asyncio.CancelledError):
        return error
    return _Violation(f"a malformed packet ({error})", DisconnectReasonCode.MALFORMED_PACKET)
