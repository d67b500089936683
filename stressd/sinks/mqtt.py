"""Events by MQTT, for machines: a topic of news, a retained one of each open episode, one for whether stressd is up.

The connection is kept and found again by itself. What is retained is the newest event of each episode that is open, so
that a screen which subscribes late knows what is on; it is cleared when the episode is over. `status` is `online`, and
the broker says `offline` for us when we are gone (a will).
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import string
import time
from collections.abc import Sequence
from typing import Any, Final, Literal

import aiomqtt
import structlog
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.reasoncodes import ReasonCode
from pydantic import field_validator

from stressd.alerts.notification import Notification
from stressd.backoff import Backoff
from stressd.config.fields import Duration, SecretError, SinkConfig, written
from stressd.config.mqtt import BrokerOptions, client_id, in_words
from stressd.sinks.base import Receipt, SinkError, Traits
from stressd.sinks.exchange import Exchange, fingerprint, note

WORDS: Final = ("instance", "kind", "market", "rule", "severity", "direction", "episode", "type", "origin")
FIRST_WAIT: Final = 0.5
LONGEST_WAIT: Final = 30.0
"""Seconds between two attempts to connect, doubling."""

log = structlog.get_logger()


def _template(topic: str) -> str:
    try:
        named = [name for _, name, _, _ in string.Formatter().parse(topic) if name is not None]
    except ValueError:
        raise ValueError("a topic is a template such as `stressd/{instance}/{market}`") from None
    for name in named:
        if name not in WORDS:
            raise ValueError(f"`{{{name}}}` is not known in a topic; there are {', '.join(f'{{{w}}}' for w in WORDS)}")
    bare = re.sub(r"\{[^}]*\}", "", topic)
    if not topic or any(c in bare for c in "+#\0") or topic.startswith(("$", "/")):
        raise ValueError("a topic that is published to holds no `+`, `#` or `$`, and does not begin with `/`")
    return topic


class Config(SinkConfig, BrokerOptions):
    """Events as JSON on an MQTT broker, for machines."""

    type: Literal["mqtt"]
    """Its kind."""
    topic: str = "stressd/{instance}/{kind}/{market}"
    """Where every event goes; {instance}, {kind}, {market}, {rule}, {severity}, {direction}, {episode}, {type} and
    {origin} are filled in."""
    retained: str | None = "stressd/{instance}/episodes/{episode}"
    """Where the broker keeps the newest event of each open episode, cleared at its end; or null."""
    status: str | None = "stressd/{instance}/status"
    """Where `online` and `offline` (a will) are; or null."""
    timeout: Duration = written("10s")
    """For the broker's acknowledgement."""

    @field_validator("topic")
    @classmethod
    def _topic(cls, topic: str) -> str:
        return _template(topic)

    @field_validator("retained")
    @classmethod
    def _retained(cls, topic: str | None) -> str | None:
        if topic is None:
            return None
        if "{episode}" not in topic:
            raise ValueError("episodes need a topic each: write `{episode}` into it")
        return _template(topic)

    @field_validator("status")
    @classmethod
    def _status(cls, topic: str | None) -> str | None:
        if topic is not None and set(re.findall(r"\{([^}]*)\}", _template(topic))) - {"instance"}:
            raise ValueError("only `{instance}` is known in the topic of the status")
        return topic


def build(config: Config, instance: str) -> MqttSink:
    """Secrets are read at each connection."""
    return MqttSink(config, instance)


class MqttSink:
    """Publishes with QoS 1; receivers tell repeats by the event's id."""

    traits = Traits(idempotent=True)

    def __init__(self, config: Config, instance: str) -> None:
        self.name = config.name
        self._config = config
        self._instance = instance
        self._client_id = config.client_id or client_id(config.name, stable=False)
        self._client: aiomqtt.Client | None = None
        self._ready = asyncio.Event()
        self._refused: ReasonCode | None = None
        self._why = "not connected yet"
        self._link: asyncio.Task[None] | None = None
        self._one = asyncio.Lock()
        self._kept: dict[str, bytes] = {}

    async def send(self, notification: Notification) -> Receipt:
        event = json.loads(notification.body)
        topic = self._fill(self._config.topic, event)
        client = await self._connected()
        await self._publish(client, topic, notification.body, retain=False)
        await self._retain(client, notification, event)
        return Receipt(remote_ref=topic)

    async def keep(self, standing: Sequence[Notification]) -> None:
        """After a start: what the broker keeps of these episodes, which are open, may be lost or old."""
        for notification in standing:
            self._note(notification, json.loads(notification.body))
        self._begin()

    async def probe(self) -> str:
        """Connects, and publishes nothing."""
        await self._connected()
        return f"{self._config.host}: the broker accepts us"

    async def close(self) -> None:
        """Says that we leave: `offline`, as the will would."""
        if self._client is not None and self._ready.is_set() and self._config.status is not None:
            try:
                await self._client.publish(self._status_topic, b"offline", qos=1, retain=True, timeout=2.0)
            except aiomqtt.MqttError as error:
                log.info("mqtt.left_silently", sink=self.name, error=str(error))
        if self._link is not None:
            self._link.cancel()
            await asyncio.gather(self._link, return_exceptions=True)
            self._link = None

    @property
    def _status_topic(self) -> str:
        return self._fill(self._config.status or "", {})

    async def _retain(self, client: aiomqtt.Client, notification: Notification, event: dict[str, Any]) -> None:
        topic = self._note(notification, event)
        if topic is not None:
            await self._publish(client, topic, self._kept.get(topic, b""), retain=True)

    def _note(self, notification: Notification, event: dict[str, Any]) -> str | None:
        """Remember what the broker is to keep of this episode, and say where; None where nothing."""
        if self._config.retained is None or notification.life == "once":
            return None
        topic = self._fill(self._config.retained, event)
        if notification.life == "over":
            self._kept.pop(topic, None)
        else:
            self._kept[topic] = notification.body
        return topic

    def _fill(self, template: str, event: dict[str, Any]) -> str:
        words = {word: _level(str(event.get(word) or "-")) for word in WORDS}
        return template.format(**{**words, "instance": _level(self._instance)})

    async def _publish(self, client: aiomqtt.Client, topic: str, payload: bytes, *, retain: bool) -> None:
        """Raises SinkError."""
        async with self._one:
            self._refused = None
            asked = f"MQTT {self._config.host}, {topic}, {fingerprint(payload)}"
            try:
                await client.publish(topic, payload, qos=1, retain=retain, timeout=self._config.timeout / 1e9)
            except aiomqtt.MqttError as error:
                note(Exchange(asked))
                why = f"{self._config.host}: {error}"
                raise SinkError("ambiguous", f"{why}, after it was sent: it may have arrived") from None
            if (refused := self._refusal()) is not None:
                note(Exchange(asked, f"refused: {refused}"))
                raise SinkError("permanent", f"{self._config.host}: `{topic}` is refused: {refused}")
            note(Exchange(asked, "acknowledged"))

    def _refusal(self) -> ReasonCode | None:
        """What the broker had against the last message; set while it is waited for."""
        return self._refused

    # -- the connection

    def _begin(self) -> None:
        if self._link is None or self._link.done():
            self._link = asyncio.create_task(self._stay(), name=f"mqtt[{self.name}]")

    async def _connected(self) -> aiomqtt.Client:
        """Raises SinkError."""
        self._begin()
        try:
            await asyncio.wait_for(self._ready.wait(), self._config.timeout / 1e9)
        except TimeoutError:
            raise SinkError("retry", f"{self._config.host}: {self._why}") from None
        assert self._client is not None
        return self._client

    async def _stay(self) -> None:
        """Connected for ever, until it is cancelled."""
        waits = Backoff(FIRST_WAIT, LONGEST_WAIT)
        while True:
            began = None
            try:
                client = self._make()
                async with client:
                    if self._config.status is not None:
                        await client.publish(self._status_topic, b"online", qos=1, retain=True)
                    for topic, body in list(self._kept.items()):
                        # A broker that was restarted may have forgotten it
                        await client.publish(topic, body, qos=1, retain=True)
                    self._client, began = client, time.monotonic()
                    self._ready.set()
                    log.info("mqtt.connected", sink=self.name, client_id=self._client_id)
                    async for _ in client.messages:
                        continue
            except MqttConnectError as error:
                self._why = f"the broker refuses us: {error.rc}"
            except aiomqtt.MqttError as error:
                self._why = in_words(error.__context__) if isinstance(error.__context__, OSError) else str(error)
            except (SecretError, OSError, ssl.SSLError) as error:
                self._why = in_words(error)
            except Exception as error:
                self._why = f"a fault of stressd: {error!r}"
                log.exception("mqtt.crashed", sink=self.name)
            finally:
                self._ready.clear()
                self._client = None
            waits.lived(0.0 if began is None else time.monotonic() - began)
            wait = waits.next()
            log.warning("mqtt.disconnected", sink=self.name, reason=self._why, retry_in_s=round(wait, 1))
            await asyncio.sleep(wait)

    def _make(self) -> aiomqtt.Client:
        """Raises SecretError, OSError."""
        config = self._config
        newest = config.protocol == "5"
        client = aiomqtt.Client(
            config.host,
            config.port,
            username=config.username,
            password=config.password.read() if config.password is not None else None,
            identifier=self._client_id,
            protocol=aiomqtt.ProtocolVersion.V5 if newest else aiomqtt.ProtocolVersion.V311,
            clean_session=None if newest else True,
            will=aiomqtt.Will(self._status_topic, b"offline", qos=1, retain=True) if config.status else None,
            timeout=config.timeout / 1e9,
            keepalive=config.keep_alive // 1_000_000_000,
            tls_context=config.context(),
        )
        # aiomqtt drops the reason of an acknowledgement: a topic that is forbidden would look delivered
        paho = client._client
        told: Any = paho.on_publish

        def published(client: Any, userdata: Any, mid: int, reason: ReasonCode, properties: Any) -> None:
            if reason.is_failure:
                self._refused = reason
            if told is not None:
                told(client, userdata, mid, reason, properties)

        paho.on_publish = published
        return client


def _level(text: str) -> str:
    """As one level of a topic."""
    return re.sub(r"[/+#$\x00-\x1f]", "-", text)
