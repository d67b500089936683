"""The MQTT feed: subscribes to topics of yields, and stays subscribed."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, Self

import structlog
from pydantic import Field, field_validator, model_validator

from stressd.backoff import Backoff, dialing
from stressd.config.fields import (
    Duration,
    FeedConfig,
    OneOrMany,
    SecretError,
    written,
)
from stressd.config.mqtt import BrokerOptions, client_id, in_words
from stressd.feeds.base import FeedHealth, Frame, Inbox, SeriesResolver
from stressd.feeds.decoder import PayloadDecoder, TopicDecoder
from stressd.feeds.mqtt5_link import Mqtt5Link
from stressd.feeds.mqtt311 import Mqtt311Link
from stressd.feeds.mqtt_link import REFUSED_TOPICS, Link, LinkOptions, Lost, Refused
from stressd.feeds.payload import PayloadMap
from stressd.feeds.tally import Tally
from stressd.feeds.topics import TopicMap
from stressd.market.tick import Tick

_SECOND: Final = 1_000_000_000


class Config(FeedConfig, BrokerOptions):
    """Ticks from an MQTT broker."""

    topics: OneOrMany[str]
    """Where ticks are: `{market}` `{tenor}` `{series}` are read off the topic, `+` and `#` as in MQTT. Example:
    `["yields/{market}/{tenor}"]`."""
    qos: Literal[0, 1] = 1
    """Quality of service that is asked for; with 1 a message is acknowledged once it is judged and on disk."""
    session: Duration = written("0s")
    """How long the broker keeps undelivered messages for us while we are away; the payload needs its own `time` then.
    """
    payload: PayloadMap = Field(default_factory=PayloadMap)
    """Which key of a payload means what. Example: `{format: json, value: yield, time: ts, unit: percent}`."""

    @field_validator("topics")
    @classmethod
    def _templates(cls, topics: list[str]) -> list[str]:
        TopicMap(topics)
        return topics

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.payload.series is None and not all(t.names_series for t in TopicMap(self.topics).templates):
            raise ValueError(
                "no series is named: put {market} and {tenor}, or {series}, into every topic, or name `payload.series`"
            )
        if self.session % _SECOND or self.session > 0xFFFF_FFFE * _SECOND:
            raise ValueError("a session is kept for whole seconds")
        if self.session and self.payload.time is None:
            raise ValueError(
                "`session` needs `payload.time`: only its own time tells a message that waited from a fresh one"
            )
        if self.session and self.qos == 0:
            raise ValueError("`session` needs `qos: 1`: a broker keeps nothing of QoS 0")
        return self


class MqttFeed:
    """A subscription that is always on its way back. backoff: after a lost connection; slow: after a refusal, which may
    end without us (a rotated password is read anew on every attempt)."""

    def __init__(
        self,
        config: Config,
        resolver: SeriesResolver,
        backoff: Backoff | None = None,
        slow: Backoff | None = None,
        link: Callable[[LinkOptions, MqttFeed, Inbox], Link] | None = None,
    ) -> None:
        self.name = config.name
        self.health = FeedHealth()
        self._config = config
        self._backoff = backoff or Backoff()
        self._slow = slow or Backoff(first=30.0, cap=300.0)
        self._make_link = link or (Mqtt5Link if config.protocol == "5" else Mqtt311Link)
        self._topics = TopicMap(config.topics)
        # the broker ends the older of two connections of one client id
        self.beside = config.client_id is None and config.session == 0
        self._decoder = PayloadDecoder(config.payload, resolver, config.name)
        self._reader = TopicDecoder(self._topics, self._decoder, Tally(config.name, self.health))
        # the compiled method itself: it runs once a message
        self.decode: Callable[[Frame], Sequence[Tick]] = self._reader.decode
        self._log: Any = structlog.get_logger("stressd.feeds").bind(feed=config.name, url=config.url)
        self._link: Link | None = None
        self._epoch = 0
        self._client_id = config.client_id or client_id(config.name, config.session > 0)

    # -- connection

    async def run(self, inbox: Inbox) -> None:
        """Connects for ever, until it is cancelled."""
        try:
            while True:
                wait = await self._connection(inbox)
                await asyncio.sleep(wait)
        finally:
            self.health.state = "stopped"

    async def _connection(self, inbox: Inbox) -> float:
        """One connection from beginning to end; the seconds to wait before the next."""
        health = self.health
        if health.state != "refused":
            health.state = "connecting"
        began = 0.0
        try:
            self._link = link = self._make_link(self._options(), self, inbox)
            # before the handshake: what the broker kept for us can come with its first answer
            self._reader.since = inbox.now()
            try:
                async with dialing():
                    note = await link.open()
                began = time.monotonic()
                self._up(note)
                await link.serve()
            finally:
                await link.close()
        except (Refused, SecretError, ssl.SSLError) as error:
            self._lived(began)
            return self._down("refused", in_words(error), self._slow)
        except (Lost, OSError) as error:
            self._lived(began)
            return self._down("waiting", in_words(error), self._backoff)
        return 0.0

    def _lived(self, began: float) -> None:
        held = time.monotonic() - began if began else 0.0
        self._backoff.lived(held)
        self._slow.lived(held)

    def _up(self, note: str) -> None:
        health = self.health
        health.state = "connected"
        health.detail = note
        health.partly = note if note.startswith(REFUSED_TOPICS) else ""
        health.connects += 1
        if note:
            self._log.warning("feed.refused", reason=note)
        self._log.info("feed.connected", client_id=self._client_id, connects=health.connects)

    def _down(self, state: str, why: str, backoff: Backoff) -> float:
        wait = backoff.next()
        was = self.health.state
        self.health.state = state
        self.health.detail = why
        self._log.warning(
            "feed.refused" if state == "refused" else "feed.disconnected",
            reason=why,
            was=was,
            retry_in_s=round(wait, 1),
        )
        return wait

    def _options(self) -> LinkOptions:
        """Raises SecretError, OSError (with ssl.SSLError)."""
        config = self._config
        self._epoch += 1
        return LinkOptions(
            host=config.host,
            port=config.port,
            client_id=self._client_id,
            filters=self._topics.filters,
            qos=config.qos,
            keep_alive=config.keep_alive // _SECOND,
            session=config.session // _SECOND,
            epoch=self._epoch,
            tls=config.context(),
            username=config.username,
            password=config.password.read() if config.password is not None else None,
        )

    # -- messages

    def rename(self, resolver: SeriesResolver) -> None:
        self._decoder.rename(resolver)

    def processed(self, frames: Sequence[Frame]) -> None:
        if self._link is not None:
            self._link.acknowledge(frames)


def build(config: Config, resolver: SeriesResolver) -> MqttFeed:
    """The feed of a config."""
    return MqttFeed(config, resolver)
