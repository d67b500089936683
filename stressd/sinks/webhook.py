"""The contract's event by HTTP POST, signed as Standard Webhooks 1.0.0 says.

Signed content is `<id>.<timestamp>.<body>`, so an id holds no dot: event `E.3` is sent as `msg_E_3`, the same on every
attempt. The timestamp is the attempt's, and the signature covers the exact bytes of the body.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

from pydantic import Field, field_validator, model_validator

from stressd.alerts.notification import Notification
from stressd.config.fields import HttpOptions, HttpUrl, OneOrMany, SecretError, SecretRef, SinkConfig
from stressd.sinks.base import Receipt, SinkError, Traits
from stressd.sinks.http import Endpoint, failure

PREFIX: Final = "whsec_"
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS: Final = re.compile(r"webhook-.*|content-type|content-length|host|transfer-encoding|connection", re.IGNORECASE)


class Config(SinkConfig, HttpOptions):
    """Standard Webhooks 1.0.0: each event as JSON, signed."""

    type: Literal["webhook"]
    """Its kind."""
    url: HttpUrl
    """Where events are posted. Example: `https://risk.bank.example/hooks/stressd`."""
    secret: OneOrMany[SecretRef] | None = None
    """One or several signing secrets (`whsec_...`), several while they are rotated. Example: `{file: risk_secret}`."""
    unsigned: bool = False
    """`true` where the receiver checks nothing, in the place of a secret."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Further headers, sent as they are. Example: `{X-Desk: rates}`."""
    secret_headers: dict[str, SecretRef] = Field(default_factory=dict)
    """Likewise, for what is secret. Example: `{Authorization: {file: risk_authorization}}`."""

    @field_validator("headers", "secret_headers")
    @classmethod
    def _headers(cls, headers: dict[str, Any]) -> dict[str, Any]:
        for name, value in headers.items():
            if not _TOKEN.fullmatch(name):
                raise ValueError(f"`{name}` is no name of a header")
            if _OURS.fullmatch(name):
                raise ValueError(f"the header `{name}` is set by stressd itself")
            if isinstance(value, str) and not _sendable(value):
                raise ValueError(f"the value of header `{name}` holds a control character")
        return headers

    @model_validator(mode="after")
    def _signed_or_not(self) -> Config:
        if self.secret is None and not self.unsigned:
            raise ValueError("a webhook is signed: write `secret: {file: NAME}`, or `unsigned: true` if it must not be")
        if self.secret is not None and self.unsigned:
            raise ValueError("`secret` and `unsigned: true` exclude each other")
        return self


def build(config: Config, instance: str) -> WebhookSink:
    """Raises SecretError, OSError."""
    keys = [_key(ref) for ref in config.secret or ()]
    secret_headers = {name: _header(name, ref) for name, ref in config.secret_headers.items()}
    return WebhookSink(config.name, config.url, config, keys, config.headers, secret_headers)


def _sendable(value: str) -> bool:
    return not any(ord(c) < 32 or ord(c) == 127 for c in value)


def _header(name: str, ref: SecretRef) -> str:
    value = ref.read()
    if not _sendable(value):
        raise SecretError(f"`{ref.name}`, for the header `{name}`, holds a control character")
    return value


def _key(ref: SecretRef) -> bytes:
    text = ref.read().strip()
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(PREFIX) or not 24 <= len(key) <= 64:
        raise SecretError(f"`{ref.name}` is no signing secret: that is `{PREFIX}` and 24 to 64 bytes in base64")
    return key


def message_id(event_id: str) -> str:
    """The event's id as one that may be signed."""
    return "msg_" + event_id.replace(".", "_")


def envelope(n: Notification) -> bytes:
    """The body: type, the event's time, and the event itself, byte for byte as everywhere else."""
    return b'{"type":%s,"timestamp":%s,"data":%s}' % (
        json.dumps(f"episode.{n.type}").encode(),
        json.dumps(n.time).encode(),
        n.body,
    )


def sign(keys: Sequence[bytes], id_: str, timestamp: int, body: bytes) -> str:
    """One v1 signature per key, separated by spaces."""
    content = b"%s.%d.%s" % (id_.encode(), timestamp, body)
    return " ".join("v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode() for key in keys)


class WebhookSink:
    """Success is any 2xx; the receiver tells repeats by the id."""

    traits = Traits(idempotent=True, concurrency=4)

    def __init__(
        self,
        name: str,
        url: str,
        options: HttpOptions,
        keys: Sequence[bytes],
        headers: dict[str, str],
        secret_headers: dict[str, str],
        now: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self._keys = keys
        self._headers = {**headers, **secret_headers, "Content-Type": "application/json"}
        self._endpoint = Endpoint(url, options, list(secret_headers.values()))
        self._now = now

    async def send(self, notification: Notification) -> Receipt:
        id_, timestamp, body = message_id(notification.event_id), int(self._now()), envelope(notification)
        headers = {**self._headers, "webhook-id": id_, "webhook-timestamp": str(timestamp)}
        if self._keys:
            headers["webhook-signature"] = sign(self._keys, id_, timestamp, body)
        answer = await self._endpoint.post(body, headers)
        if not 200 <= answer.status < 300:
            raise failure(self._endpoint, answer)
        return Receipt(remote_ref=id_)

    async def probe(self) -> str:
        """A HEAD request: any answer but a server error shows that host, certificate and proxy are right."""
        answer = await self._endpoint.request("HEAD", None, self._headers)
        if answer.status >= 500:
            raise SinkError("retry", f"{self._endpoint.host}: HTTP {answer.status}")
        return f"{self._endpoint.host}: reached, HTTP {answer.status} to HEAD"

    async def close(self) -> None:
        await self._endpoint.close()
