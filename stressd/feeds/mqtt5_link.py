"""One connection by MQTT 5: TCP or TLS, handshake, subscription, and what the server says to them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, TypeVar

from mqtt5 import ConnAckPacket, ConnAckReasonCode, DisconnectReasonCode, SubAckPacket

from stressd.config.printable import printable
from stressd.feeds.base import Feed, Frame, Inbox
from stressd.feeds.mqtt5_protocol import TOLD, Mqtt5Protocol, words
from stressd.feeds.mqtt_link import CONNECT_TIMEOUT, REFUSED_TOPICS, LinkOptions, Lost, Refused

_FOR_PEOPLE: Final = (
    ConnAckReasonCode.UNSUPPORTED_PROTOCOL_VERSION,
    ConnAckReasonCode.CLIENT_ID_NOT_VALID,
    ConnAckReasonCode.BAD_USER_NAME_OR_PASSWORD,
    ConnAckReasonCode.NOT_AUTHORIZED,
    ConnAckReasonCode.BANNED,
    ConnAckReasonCode.BAD_AUTHENTICATION_METHOD,
    ConnAckReasonCode.USE_ANOTHER_SERVER,
    ConnAckReasonCode.SERVER_MOVED,
)
"""Refusals that a quick retry does not change."""

T = TypeVar("T")


class Mqtt5Link:
    """A `Link` by MQTT 5."""

    def __init__(self, options: LinkOptions, feed: Feed, inbox: Inbox) -> None:
        self._options = options
        self._feed = feed
        self._inbox = inbox
        self._protocol: Mqtt5Protocol | None = None

    async def open(self) -> str:
        options = self._options
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                _, protocol = await asyncio.get_running_loop().create_connection(
                    lambda: Mqtt5Protocol(options, self._feed, self._inbox),
                    options.host,
                    options.port,
                    ssl=options.tls,
                    server_hostname=options.host if options.tls is not None else None,
                )
                self._protocol = protocol
                _judge_connection(await _unless_lost(protocol.connected, protocol), options)
                protocol.subscribe()
                return judge_subscriptions(await _unless_lost(protocol.subscribed, protocol), options)
        except TimeoutError:
            what = "connection (name, network or TLS)" if self._protocol is None else "answer"
            raise Lost(f"no {what} within {CONNECT_TIMEOUT:g} s") from None

    async def serve(self) -> None:
        assert self._protocol is not None
        raise await asyncio.shield(self._protocol.lost)

    async def close(self) -> None:
        if self._protocol is not None:
            self._protocol.close(Lost("closed by the feed"), DisconnectReasonCode.NORMAL_DISCONNECTION)

    def acknowledge(self, frames: Sequence[Frame]) -> None:
        if self._protocol is not None:
            self._protocol.acknowledge(frames)


async def _unless_lost(answer: asyncio.Future[T], protocol: Mqtt5Protocol) -> T:
    """The server's answer; raises what ended the connection where that came first."""
    await asyncio.wait((answer, protocol.lost), return_when=asyncio.FIRST_COMPLETED)
    if answer.done():
        return answer.result()
    raise protocol.lost.result()


def _judge_connection(answer: ConnAckPacket, options: LinkOptions) -> None:
    code = answer.reason_code
    if code != ConnAckReasonCode.SUCCESS:
        text = f"the server refused the connection: {words(code, answer.reason_str)}"
        if answer.server_reference:
            text += f", it names {printable(answer.server_reference, TOLD)}"
        raise Refused(text) if code in _FOR_PEOPLE else Lost(text)
    if not answer.wildcard_subscription_available and any(c in f for f in options.filters for c in "+#"):
        raise Refused("the server has no wildcard subscriptions: name each topic")
    if not answer.shared_subscription_available and any(f.startswith("$share/") for f in options.filters):
        raise Refused("the server has no shared subscriptions")


def judge_subscriptions(answer: SubAckPacket, options: LinkOptions) -> str:
    """What is not as asked, "" where all is. Raises Refused where no subscription was granted."""
    if len(answer.reason_codes) != len(options.filters):
        raise Lost("the server broke the protocol: its answer to the subscription has the wrong length")
    # the codec's codes are no integers, whatever its stubs say
    pairs = list(zip(options.filters, answer.reason_codes, strict=True))
    failed = [f"`{name}`: {words(code)}" for name, code in pairs if int(code) >= 0x80]
    notes = [f"{REFUSED_TOPICS} {'; '.join(failed)}"] if failed else []
    if len(failed) == len(pairs):
        raise Refused(notes[0])
    lower = [f"`{name}`" for name, code in pairs if int(code) < options.qos]
    if lower:
        notes.append(f"QoS 0 only for {', '.join(lower)}: messages can get lost on the way")
    return "; ".join(notes)
