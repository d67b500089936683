"""The push feed: desks whose yields never touch MQTT send them by HTTP, `POST /ticks`, JSON or NDJSON."""

from __future__ import annotations

import asyncio
import hmac
import ssl
import time
from collections.abc import Sequence
from typing import Annotated, Final, Self

import structlog
from aiohttp import web
from pydantic import Field, field_validator, model_validator

from stressd.backoff import Backoff
from stressd.config.fields import FeedConfig, File, SecretError, SecretRef
from stressd.feeds.base import FeedHealth, Frame, Inbox, SeriesResolver
from stressd.feeds.decoder import PayloadDecoder
from stressd.feeds.payload import PayloadMap
from stressd.feeds.tally import Fault, Tally
from stressd.market.tick import Tick
from stressd.web import guard

_NDJSON: Final = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl", "text/plain"})
_WAITING: Final = 1_000
"""Requests whose ticks the pump has not yet taken; beyond them a sender is told to come back."""
_SENDING: Final = 120.0
"""Seconds in which a request's body has come."""
_NAMED: Final = 1_000
"""Rejected lines that an answer lists."""


class PushMap(PayloadMap):
    """The columns of a tick file, where nothing else is said."""

    value: str | None = "value"
    """The key of the yield."""
    bid: str | None = "bid"
    """The key of the bid."""
    ask: str | None = "ask"
    """The key of the ask."""
    time: str | None = "time"
    """The key of the time; a value may lack it."""
    series: str | None = "series"
    """The key of the series' name."""
    source: str | None = "source"
    """The key of the venue's name; a value may lack it."""


class Config(FeedConfig):
    """Ticks that others bring, by `POST /ticks`."""

    listen: str = "127.0.0.1:8730"
    """Address and port of `POST /ticks`."""
    token: SecretRef
    """What senders present as `Authorization: Bearer TOKEN`. Example: `{file: push_token}`."""
    cert_file: File | None = None
    """A certificate (PEM), to serve HTTPS. Default: plain HTTP. Example: `/etc/stressd/push.pem`."""
    key_file: File | None = None
    """Its private key (PEM). Example: `/etc/stressd/push.key`."""
    max_body: Annotated[int, Field(ge=1_024, le=1 << 30)] = 4 * 1024 * 1024
    """Bytes of one request, at most."""
    payload: PushMap = Field(default_factory=PushMap)
    """As for MQTT; by default the columns of a tick file. Example: `{value: yield, time: ts}`."""

    @field_validator("listen")
    @classmethod
    def _address(cls, listen: str) -> str:
        _split(listen)
        return listen

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("`cert_file` and `key_file` go together")
        if self.payload.series is None or self.payload.format == "number":
            raise ValueError("`payload` needs a key for the series: nothing else names what is pushed")
        return self


def _split(listen: str) -> tuple[str, int]:
    host, colon, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise ValueError("an address to listen on is host:port, such as `127.0.0.1:8730` or `[::]:8730`")
    return host, int(port)


class _PushFrame(Frame):
    """A body, with the ticks that were read from it for the answer."""

    __slots__ = ("ticks",)

    def __init__(self, feed: PushFeed, body: bytes, received: int, token: int, ticks: list[Tick]) -> None:
        super().__init__(feed, "POST /ticks", body, received, token)
        self.ticks = ticks


class PushFeed:
    """An HTTP server of one path. A request is answered when its ticks are in the inbox, with every line that was
    refused; a refused line costs the others nothing."""

    def __init__(self, config: Config, resolver: SeriesResolver, backoff: Backoff | None = None) -> None:
        self.name = config.name
        self.health = FeedHealth()
        self.port = 0
        """The port that is listened on; 0 until it is."""
        self._config = config
        self._backoff = backoff or Backoff(first=1.0)
        kinds = ("json", "ndjson") if config.payload.format == "json" else (config.payload.format,)
        self._decoders = {
            kind: PayloadDecoder(config.payload.model_copy(update={"format": kind}), resolver, config.name, True)
            for kind in kinds
        }
        self._tally = Tally(config.name, self.health)
        self._log = structlog.get_logger("stressd.feeds").bind(feed=config.name, listen=config.listen)
        self._inbox: Inbox | None = None
        self._sent = 0
        self._waiting: set[int] = set()

    def rename(self, resolver: SeriesResolver) -> None:
        for decoder in self._decoders.values():
            decoder.rename(resolver)

    async def run(self, inbox: Inbox) -> None:
        """Serves until it is cancelled; where the port is taken or the token unreadable it tries again."""
        self._inbox = inbox
        try:
            while True:
                began = time.monotonic()
                try:
                    self._config.token.read()
                    await self._serve()
                except (OSError, SecretError) as error:
                    self.health.state = "refused" if isinstance(error, SecretError | ssl.SSLError) else "waiting"
                    self.health.detail = str(error)
                    self._log.warning("feed.disconnected", reason=self.health.detail)
                    self._backoff.lived(time.monotonic() - began)
                    await asyncio.sleep(self._backoff.next())
        finally:
            self.port = 0
            self.health.state = "stopped"

    async def _serve(self) -> None:
        config = self._config
        context: ssl.SSLContext | None = None
        if config.cert_file is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(config.cert_file, config.key_file)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
        runner = web.AppRunner(self.app(), access_log=None, shutdown_timeout=2.0)
        await runner.setup()
        listening = None
        try:
            listening = await guard.listen(runner, *_split(config.listen), context)
            self.port = guard.port_of(listening)
            self.health.state = "connected"
            self.health.detail = ""
            self.health.connects += 1
            self._log.info("feed.connected", port=self.port)
            await asyncio.get_running_loop().create_future()
        finally:
            if listening is not None:
                listening.close()
            await runner.cleanup()

    def app(self) -> web.Application:
        """What is served."""
        app = web.Application(client_max_size=self._config.max_body, middlewares=[guard.guarded(whole=_SENDING)])
        app.on_response_prepare.append(guard.add_headers)
        app.router.add_post("/ticks", self._ticks)
        app.router.add_get("/healthz", self._healthz)
        return app

    # -- requests

    async def _healthz(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _ticks(self, request: web.Request) -> web.Response:
        if not self._authorised(request):
            return web.json_response(
                {"error": "a valid bearer token is needed"}, status=401, headers={"WWW-Authenticate": "Bearer"}
            )
        if len(self._waiting) >= _WAITING:
            return _busy()
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return web.json_response(
                {"error": f"the body is larger than {self._config.max_body} bytes: send it in parts"}, status=413
            )
        inbox = self._inbox
        assert inbox is not None
        received = inbox.now()
        faults: list[Fault] = []
        ticks = self._decoder(request.content_type, body).decode(body, "", received, 0, faults)
        self.health.messages += 1
        self.health.last_received = received
        if faults:
            self._tally.record(faults, received, "POST /ticks")
        rejected = [{"line": fault.line, "error": fault.text} for fault in faults[:_NAMED]]
        if not ticks:
            return web.json_response({"accepted": 0, "rejected": rejected}, status=400)
        self._sent += 1
        self._waiting.add(self._sent)
        inbox.put(_PushFrame(self, body, received, self._sent, ticks))
        return web.json_response({"accepted": len(ticks), "rejected": rejected}, status=202)

    def _authorised(self, request: web.Request) -> bool:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        try:
            token = self._config.token.read()
        except SecretError as error:
            self.health.detail = str(error)
            return False
        # in constant time: how long the comparison takes must not tell how much of the token was right
        return (
            hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), token.encode())
            and scheme.lower() == "bearer"
        )

    def _decoder(self, content_type: str, body: bytes) -> PayloadDecoder:
        """JSON and NDJSON are told apart by the header, and where that says neither by the body."""
        json = self._decoders.get("json")
        if json is None:
            return next(iter(self._decoders.values()))
        head = body.lstrip()[:1]
        several = head == b"{" and b"\n" in body.strip()
        if head != b"[" and (content_type in _NDJSON or (several and content_type != "application/json")):
            return self._decoders["ndjson"]
        return json

    # -- the pump

    def decode(self, frame: Frame) -> Sequence[Tick]:
        """The ticks that the answer counted; of a body that comes from elsewhere (a recording), those read anew."""
        if isinstance(frame, _PushFrame):
            self._tally.count(frame.ticks, frame.received)
            return frame.ticks
        faults: list[Fault] = []
        ticks = self._decoder("", frame.payload).decode(frame.payload, "", frame.received, 0, faults)
        self._tally.settle(ticks, faults, frame.received, frame.topic)
        return ticks

    def processed(self, frames: Sequence[Frame]) -> None:
        self._waiting.difference_update(f.token for f in frames if f.token is not None)


def _busy() -> web.Response:
    return web.json_response(
        {"error": "too many ticks are waiting: send them again"}, status=503, headers={"Retry-After": "1"}
    )


def build(config: Config, resolver: SeriesResolver) -> PushFeed:
    """The feed of a config."""
    return PushFeed(config, resolver)
