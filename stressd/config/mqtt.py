"""How a broker is reached, for whatever subscribes or publishes."""

from __future__ import annotations

import os
import re
import socket
import ssl
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, field_validator, model_validator

from stressd.config.fields import Duration, Model, SecretRef, TlsOptions, UrlScheme, written
from stressd.config.printable import printable

_SECOND: Final = 1_000_000_000
_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}

MqttUrl = Annotated[
    str,
    AfterValidator(UrlScheme("mqtt", "mqtts")),
    WithJsonSchema({"type": "string", "format": "uri", "pattern": "^mqtts?://"}),
]


def _version(value: object) -> object:
    return "5" if value == 5 and not isinstance(value, bool) else value


class BrokerOptions(Model):
    """How a broker is reached; certificates are always verified. Inherit from it."""

    url: MqttUrl
    """Of the broker: `mqtt://`, or `mqtts://` for TLS. Example: `mqtts://broker.bank.example:8883`."""
    protocol: Annotated[
        Literal["5", "3.1.1"], BeforeValidator(_version), WithJsonSchema({"enum": [5, "5", "3.1.1"]})
    ] = "5"
    """The version of MQTT that the broker speaks."""
    username: str | None = None
    """Of the account. Example: `stressd`."""
    password: SecretRef | None = None
    """Of the account. Example: `{file: mqtt_password}`."""
    client_id: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    """Under which the broker knows us. Example: `stressd-tokyo`."""
    tls: TlsOptions = Field(default_factory=TlsOptions)
    """A private authority, or a client certificate. Default: the system's authorities. Example: `{ca_file:
    /etc/stressd/bank-ca.pem}`."""
    keep_alive: Duration = written("30s")
    """How often the connection is checked."""

    @field_validator("url")
    @classmethod
    def _only_a_server(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.username is not None:
            raise ValueError("a user name does not belong in the URL: write `username:`")
        if parts.path not in ("", "/") or parts.query or parts.fragment:
            raise ValueError("the URL names a server only; topics have a key of their own")
        return url

    @field_validator("keep_alive")
    @classmethod
    def _some_seconds(cls, keep_alive: int) -> int:
        if not _SECOND <= keep_alive <= 65_535 * _SECOND or keep_alive % _SECOND:
            raise ValueError("keep-alive is whole seconds, from 1s to 18h")
        return keep_alive

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.password is not None and self.username is None:
            raise ValueError("`password` needs `username`")
        if self.url.startswith("mqtt:") and self.tls != TlsOptions():
            raise ValueError("`tls` needs an mqtts:// URL")
        return self

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        parts = urlsplit(self.url)
        return parts.port or _PORTS[parts.scheme]

    def context(self) -> ssl.SSLContext | None:
        """None without TLS. Raises SecretError, OSError (ssl.SSLError is one)."""
        return self.tls.context() if self.url.startswith("mqtts:") else None


def client_id(name: str, stable: bool) -> str:
    """Stable for what the broker must find again by it; else unlike any other's, so that two daemons do not drive each
    other out."""
    host = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname().split(".")[0])
    return f"stressd-{host}-{name}" if stable else f"stressd-{host}-{name}-{os.urandom(3).hex()}"


def in_words(error: BaseException) -> str:
    """Why a connection failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or error}"
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there (connection refused)"
    if isinstance(error, socket.gaierror):
        return f"the host name cannot be resolved: {error.strerror}"
    return printable(str(error), 300) or type(error).__name__
