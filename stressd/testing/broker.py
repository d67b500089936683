"""A small MQTT 5 broker on the loopback, for the demo and for tests: `async with LoopbackBroker() as broker: ...`.

QoS 0 and 1 both ways, `+` and `#`, retained messages, sessions that are resumed, passwords, and switches for faults. It
is no broker for production: one process, nothing on disk, no shared subscriptions, no wills.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Final, Self, cast

from mqtt5 import (
    ConnAckPacket,
    ConnAckReasonCode,
    ConnectPacket,
    DisconnectPacket,
    DisconnectReasonCode,
    Packet,
    PingReqPacket,
    PingRespPacket,
    PubAckPacket,
    PublishPacket,
    QoS,
    SubAckPacket,
    SubAckReasonCode,
    SubscribePacket,
    TopicFilter,
    UnsubAckPacket,
    UnsubAckReasonCode,
    UnsubscribePacket,
    read,
)

from stressd.testing.topic_match import matches

_FLUSH: Final = 64 * 1024
_QUEUED: Final = 100_000
"""QoS 1 messages kept for one absent or slow client."""


class _Session:
    """What outlives a connection: subscriptions, messages under way and messages that wait."""

    def __init__(self, client_id: str) -> None:
        self.client_id = client_id
        self.filters: dict[str, TopicFilter] = {}
        self.connection: _Connection | None = None
        self.expiry = 0
        self.receive_max = 65_535
        self.under_way: dict[int, tuple[str, bytes, bool]] = {}
        self.waiting: deque[tuple[str, bytes, bool]] = deque(maxlen=_QUEUED)
        self.last_id = 0
        self.end: asyncio.TimerHandle | None = None

    def next_id(self) -> int:
        while True:
            self.last_id = self.last_id % 65_535 + 1
            if self.last_id not in self.under_way:
                return self.last_id


class LoopbackBroker:
    """Listens on `host`, `port` (0: a free one). accounts: user name to password; None lets anybody in.

    Faults, to be set at any time: `refuse` (answer CONNECT with this code), `mute` (read, and never write again),
    `denied` (filters whose subscription fails), `drop()` (cut all connections).
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, accounts: Mapping[str, str] | None = None) -> None:
        self.host = host
        self.port = port
        self.accounts = accounts
        self.refuse: ConnAckReasonCode | None = None
        self.mute = False
        self.denied: set[str] = set()
        self.received: list[tuple[str, bytes]] = []
        """What clients have published."""
        self.acknowledged = 0
        """PUBACKs from subscribers."""
        self.connects = 0
        self._server: asyncio.Server | None = None
        self._sessions: dict[str, _Session] = {}
        self._connections: set[_Connection] = set()
        self._retained: dict[str, tuple[bytes, int]] = {}
        self._routes: dict[str, list[tuple[_Session, int, bool]]] = {}
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        server = await asyncio.get_running_loop().create_server(lambda: _Connection(self), self.host, self.port)
        self._server = server
        self.port = server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for session in self._sessions.values():
            if session.end is not None:
                session.end.cancel()
        self.drop()
        if self._server is not None:
            await self._server.wait_closed()

    @property
    def url(self) -> str:
        """For a feed's config."""
        return f"mqtt://{self.host}:{self.port}"

    def drop(self) -> None:
        """Cuts all connections without a word."""
        for connection in list(self._connections):
            connection.abort()

    def disconnect(self, code: DisconnectReasonCode) -> None:
        """Sends all clients away, with the reason."""
        for connection in list(self._connections):
            connection.send(DisconnectPacket(reason_code=code).write())
            connection.close()

    def send_raw(self, data: bytes) -> None:
        """These very bytes to all clients."""
        for connection in list(self._connections):
            connection.send(data)

    async def until(self, condition: Callable[[LoopbackBroker], bool]) -> None:
        """Waits until it holds; looks again after every packet and every connection."""
        while not condition(self):
            self._changed.clear()
            await self._changed.wait()

    async def subscribed(self, subscriptions: int = 1) -> None:
        """Waits until connected clients hold so many subscriptions."""
        await self.until(lambda b: sum(len(s.filters) for s in b._sessions.values() if s.connection) >= subscriptions)

    async def publish(self, topic: str, payload: bytes, qos: int = 0, retain: bool = False) -> None:
        """Publishes from inside the process. It waits where a subscriber is slower, and lets the loop run now and then;
        so a tight loop of it is fine."""
        for connection in self.spread(topic, payload, qos, retain):
            await connection.drained()

    # -- for the connections

    def spread(self, topic: str, payload: bytes, qos: int, retain: bool) -> list[_Connection]:
        """Hands a message to all who subscribed; the connections whose sender should wait."""
        if retain and payload:
            self._retained[topic] = (payload, qos)
        elif retain:
            self._retained.pop(topic, None)
        full: list[_Connection] = []
        for session, granted, as_published in self._route(topic):
            slow = self.deliver(session, topic, payload, min(qos, granted), retain and as_published)
            if slow and session.connection is not None:
                full.append(session.connection)
        return full

    def deliver(self, session: _Session, topic: str, payload: bytes, qos: int, retain: bool) -> bool:
        """Hands a message to a session; whether its connection has so much to write that the sender should wait."""
        connection = session.connection
        if qos == 0:
            return connection is not None and connection.send(PublishPacket(topic, payload, retain=retain).write())
        session.waiting.append((topic, payload, retain))
        return self.pump(session)

    def pump(self, session: _Session) -> bool:
        """Sends of what waits as much as the client's receive maximum allows."""
        connection = session.connection
        full = False
        while connection is not None and session.waiting and len(session.under_way) < session.receive_max:
            topic, payload, retain = message = session.waiting.popleft()
            packet_id = session.next_id()
            session.under_way[packet_id] = message
            packet = PublishPacket(topic, payload, qos=QoS.AT_LEAST_ONCE, packet_id=packet_id, retain=retain)
            full = connection.send(packet.write())
        return full

    def connection_up(self, connection: _Connection, packet: ConnectPacket) -> _Session:
        """The session of a client, resumed or new; who held it before is sent away."""
        self.connects += 1
        client_id = packet.client_id or f"client-{self.connects}"
        session = self._sessions.get(client_id)
        if session is not None and session.connection is not None:
            session.connection.send(DisconnectPacket(reason_code=DisconnectReasonCode.SESSION_TAKEN_OVER).write())
            session.connection.close()
            session.connection.session = None
            session.connection = None
        if session is not None and session.end is not None:
            session.end.cancel()
            session.end = None
        resumed = session is not None and not packet.clean_start
        if session is None or not resumed:
            session = _Session(client_id)
            self._sessions[client_id] = session
            self._routes.clear()
        session.connection = connection
        session.expiry = packet.session_expiry_interval
        session.receive_max = packet.receive_max
        assigned = None if packet.client_id else client_id
        answer = ConnAckPacket(session_present=resumed, max_qos=QoS.AT_LEAST_ONCE, assigned_client_id=assigned)
        connection.send(answer.write())
        for packet_id, (topic, payload, retain) in session.under_way.items():
            again = PublishPacket(
                topic, payload, qos=QoS.AT_LEAST_ONCE, packet_id=packet_id, retain=retain, duplicate=True
            )
            connection.send(again.write())
        self.pump(session)
        return session

    def connection_down(self, connection: _Connection) -> None:
        """Ends a session at once, or after its expiry."""
        self._connections.discard(connection)
        session = connection.session
        self.notify()
        if session is None or session.connection is not connection:
            return
        session.connection = None
        if session.expiry == 0:
            self._expire(session)
        else:
            session.end = asyncio.get_running_loop().call_later(session.expiry, self._expire, session)

    def subscribe(self, session: _Session, packet: SubscribePacket) -> None:
        """Adds subscriptions, answers, and sends what is retained."""
        codes: list[SubAckReasonCode] = []
        fresh: list[TopicFilter] = []
        for wanted in packet.topic_filters:
            if wanted.pattern in self.denied:
                codes.append(SubAckReasonCode.NOT_AUTHORIZED)
                continue
            if wanted.pattern not in session.filters or wanted.retain_handling == 0:
                fresh.append(wanted)
            session.filters[wanted.pattern] = wanted
            codes.append(SubAckReasonCode(min(int(wanted.max_qos), 1)))
        self._routes.clear()
        assert session.connection is not None
        session.connection.send(SubAckPacket(packet.packet_id, codes).write())
        for wanted in fresh:
            if wanted.retain_handling == 2:
                continue
            for topic, (payload, qos) in self._retained.items():
                if matches(wanted.pattern, topic):
                    self.deliver(session, topic, payload, min(qos, int(wanted.max_qos)), True)

    def unsubscribe(self, session: _Session, packet: UnsubscribePacket) -> None:
        """Removes subscriptions, and answers."""
        codes = [UnsubAckReasonCode(0 if session.filters.pop(p, None) else 17) for p in packet.patterns]
        self._routes.clear()
        assert session.connection is not None
        session.connection.send(UnsubAckPacket(packet.packet_id, codes).write())

    def notify(self) -> None:
        """Wakes who waits in `until`."""
        self._changed.set()

    def _expire(self, session: _Session) -> None:
        if self._sessions.get(session.client_id) is session:
            del self._sessions[session.client_id]
            self._routes.clear()

    def _route(self, topic: str) -> list[tuple[_Session, int, bool]]:
        """Who gets a topic, with which QoS, and whether the retain flag is passed on; each session once."""
        route = self._routes.get(topic)
        if route is None:
            route = []
            for session in self._sessions.values():
                found = [f for f in session.filters.values() if matches(f.pattern, topic)]
                if found:
                    qos = max(int(f.max_qos) for f in found)
                    route.append((session, min(qos, 1), any(f.retain_as_published for f in found)))
            if len(self._routes) > _QUEUED:
                self._routes.clear()
            self._routes[topic] = route
        return route


class _Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, broker: LoopbackBroker) -> None:
        self.session: _Session | None = None
        self._broker = broker
        self._transport: asyncio.Transport | None = None
        self._in = bytearray()
        self._out = bytearray()
        self._flushing = False
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods but not the base class.
        self._transport = cast(asyncio.Transport, transport)
        self._broker._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._writable.set()
        self._broker.connection_down(self)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        self._flush()
        if self._transport is not None:
            self._transport.close()

    def send(self, data: bytes) -> bool:
        """Buffers it for the next turn of the loop; whether so much is buffered that the sender should wait."""
        if self._broker.mute:
            return False
        self._out += data
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush)
        return len(self._out) >= _FLUSH

    async def drained(self) -> None:
        """Waits until the client takes more."""
        self._flush()
        await asyncio.sleep(0)
        await self._writable.wait()

    def _flush(self) -> None:
        self._flushing = False
        if self._out and self._transport is not None and not self._transport.is_closing():
            self._transport.write(bytes(self._out))
        self._out.clear()

    def data_received(self, data: bytes) -> None:
        self._in += data
        whole = bytes(self._in)
        view = memoryview(whole)
        at = 0
        try:
            while at < len(whole):
                try:
                    packet, used = read(view[at:])
                except IndexError:
                    break
                at += used
                self._handle(packet)
        except ValueError:
            self.abort()
        del self._in[:at]
        self._broker.notify()

    def _handle(self, packet: Packet) -> None:
        broker = self._broker
        session = self.session
        if isinstance(packet, ConnectPacket):
            self._connect(packet)
        elif session is None:
            self.abort()
        elif isinstance(packet, PubAckPacket):
            broker.acknowledged += 1
            session.under_way.pop(packet.packet_id, None)
            broker.pump(session)
        elif isinstance(packet, PublishPacket):
            self._published(packet)
        elif isinstance(packet, SubscribePacket):
            broker.subscribe(session, packet)
        elif isinstance(packet, UnsubscribePacket):
            broker.unsubscribe(session, packet)
        elif isinstance(packet, PingReqPacket):
            self.send(PingRespPacket().write())
        elif isinstance(packet, DisconnectPacket):
            self.close()
        else:
            self.abort()

    def _connect(self, packet: ConnectPacket) -> None:
        broker = self._broker
        code = broker.refuse
        if code is None and broker.accounts is not None:
            known = broker.accounts.get(packet.username or "")
            if known is None or packet.password != known.encode():
                code = ConnAckReasonCode.BAD_USER_NAME_OR_PASSWORD
        if code is not None:
            self.send(ConnAckPacket(reason_code=code).write())
            self.close()
            return
        self.session = broker.connection_up(self, packet)

    def _published(self, packet: PublishPacket) -> None:
        broker = self._broker
        broker.received.append((packet.topic, packet.payload))
        if packet.packet_id is not None:
            self.send(PubAckPacket(packet.packet_id).write())
        broker.spread(packet.topic, packet.payload, int(packet.qos), packet.retain)
