"""One connection by MQTT 3.1.1, through aiomqtt: for brokers without MQTT 5. It costs some 60 times the CPU a message.

aiomqtt acknowledges a QoS 1 message when it has read it. paho under it has manual acknowledgements, which are switched
on here through aiomqtt's own client object, so that a message is acknowledged when it has been processed, as by MQTT 5.
The protocol has no session expiry: how long a session is kept is the broker's setting. It does not say either whether
aiomqtt resumed one, so every message of a kept session may be backlog, which its own time decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import aiomqtt
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.reasoncodes import ReasonCode

from stressd.feeds.base import Feed, Frame, Inbox
from stressd.feeds.mqtt5_protocol import MAX_PACKET
from stressd.feeds.mqtt_link import CONNECT_TIMEOUT, REFUSED_TOPICS, LinkOptions, Lost, Refused, packet_ids, token

LOOK_EVERY: Final = 1.0
"""Seconds between two looks at the size of the packet that is coming."""

_FOR_PEOPLE: Final = frozenset(
    {
        "Unsupported protocol version",
        "Client identifier not valid",
        "Bad user name or password",
        "Not authorized",
    }
)


class Mqtt311Link:
    """A `Link` by MQTT 3.1.1."""

    def __init__(self, options: LinkOptions, feed: Feed, inbox: Inbox) -> None:
        self._options = options
        self._feed = feed
        self._inbox = inbox
        self._client = client = aiomqtt.Client(
            options.host,
            options.port,
            username=options.username,
            password=options.password,
            identifier=options.client_id,
            protocol=aiomqtt.ProtocolVersion.V311,
            clean_session=options.session == 0,
            timeout=CONNECT_TIMEOUT,
            keepalive=options.keep_alive,
            tls_context=options.tls,
        )
        self._paho = client._client
        self._paho.manual_ack_set(True)
        self._told = self._paho.on_disconnect
        self._paho.on_disconnect = self._disconnected
        self._loop = asyncio.get_running_loop()
        self._entered = False
        self._watching: asyncio.TimerHandle | None = None

    async def open(self) -> str:
        options = self._options
        try:
            await self._enter()
            self._entered = True
            granted = await self._client.subscribe([(name, options.qos) for name in options.filters])
        except MqttConnectError as error:
            raise _refusal(error.rc) from None
        except aiomqtt.MqttError as error:
            if isinstance(error.__context__, OSError):
                # aiomqtt keeps only the text of what failed below it
                raise error.__context__ from None
            raise Lost(str(error)) from None
        codes = [code.value if isinstance(code, ReasonCode) else code for code in granted]
        failed = [f"`{name}`" for name, code in zip(options.filters, codes, strict=True) if code >= 0x80]
        note = f"{REFUSED_TOPICS} {', '.join(failed)}" if failed else ""
        if len(failed) == len(codes):
            raise Refused(note)
        return note

    async def _enter(self) -> None:
        """Connects. paho resolves names on a thread of its own, for as long as the system takes: it is not waited for
        without end. Raises Lost, and what aiomqtt raises."""
        entering = asyncio.ensure_future(self._client.__aenter__())
        try:
            await asyncio.wait([entering], timeout=2 * CONNECT_TIMEOUT)
            if not entering.done():
                raise Lost(f"no answer within {2 * CONNECT_TIMEOUT:g} s")
            await entering
        finally:
            if not entering.done():
                entering.add_done_callback(self._too_late)

    def _too_late(self, entering: asyncio.Future[Any]) -> None:
        if not entering.cancelled() and entering.exception() is None:
            self._paho.disconnect()

    async def serve(self) -> None:
        put = self._inbox.put
        now = self._inbox.now
        feed = self._feed
        health = feed.health
        options = self._options
        self._watch()
        try:
            async for message in self._client.messages:
                received = now()
                payload = message.payload
                health.messages += 1
                health.last_received = received
                handle = token(options.epoch, message.mid) if message.qos else None
                body = bytes(payload)
                put(Frame(feed, message.topic.value, body, received, handle, message.retain, options.session > 0))
        except aiomqtt.MqttError as error:
            raise Lost(str(error)) from None
        finally:
            if self._watching is not None:
                self._watching.cancel()
        raise Lost("the server closed the connection")

    def _watch(self) -> None:
        """paho takes packets of 256 MiB, and is deaf until one has come: what is too large ends the connection."""
        size = self._paho._in_packet["remaining_length"]
        ending = self._client._disconnected
        if size > MAX_PACKET and not ending.done():
            ending.set_exception(aiomqtt.MqttError(f"a packet of {size} bytes, {MAX_PACKET} are allowed"))
            return
        self._watching = self._loop.call_later(LOOK_EVERY, self._watch)

    async def close(self) -> None:
        if not self._entered:
            return
        self._entered = False
        try:
            await asyncio.wait_for(self._client.__aexit__(None, None, None), CONNECT_TIMEOUT)
        except (aiomqtt.MqttError, TimeoutError):
            return

    def _disconnected(self, *given: Any) -> None:
        """aiomqtt does not notice a connection that ends before CONNACK (a refused client certificate), and would wait
        for its whole timeout."""
        self._loop.call_soon_threadsafe(self._never_connected)
        if self._told is not None:
            self._told(*given)

    def _never_connected(self) -> None:
        waiting = self._client._connected
        if not self._entered and not waiting.done():
            waiting.set_exception(aiomqtt.MqttError("the server closed the connection before it answered"))

    def acknowledge(self, frames: Sequence[Frame]) -> None:
        for packet_id in packet_ids(frames, self._options.epoch):
            self._paho.ack(packet_id, 1)


def _refusal(code: object) -> Refused | Lost:
    name = str(code)
    text = f"the server refused the connection: {name.lower()}"
    return Refused(text) if name in _FOR_PEOPLE else Lost(text)
