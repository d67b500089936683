"""Through what people and machines reach the daemon, and how it says that it is well."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, WithJsonSchema, model_validator

from stressd.config.fields import (
    Duration,
    HttpOptions,
    KeyFault,
    Model,
    OneOrMany,
    SecretRef,
    Slug,
    UrlScheme,
    parse_duration,
    written,
)

SECOND: Final = 1_000_000_000
Right = Literal["read", "silence", "ack", "label"]


def _address(value: Any) -> Any:
    if isinstance(value, SecretRef):
        return value
    if isinstance(value, dict) and len(value) == 1 and next(iter(value)) in ("file", "env"):
        kind, name = next(iter(value.items()))
        if isinstance(name, str) and name:
            return SecretRef(**{kind: name})
    if not isinstance(value, str):
        raise ValueError("write the URL, or where it is kept: `{file: NAME}` or `{env: NAME}`")
    return UrlScheme("http", "https")(value)


def _never(value: Any) -> Any:
    return None if value in (None, "none") else parse_duration(value)


_REFERENCE: Final = {
    "oneOf": [
        {"type": "object", "properties": {k: {"type": "string"}}, "required": [k], "additionalProperties": False}
        for k in ("file", "env")
    ]
}
Address = Annotated[
    object,
    BeforeValidator(_address),
    WithJsonSchema({"anyOf": [{"type": "string", "format": "uri", "pattern": "^https?://"}, _REFERENCE]}),
]
"""A URL as text, or a SecretRef where the URL itself is a secret."""

Bound = Annotated[int | None, BeforeValidator(_never), WithJsonSchema({"type": "string"})]
"""A Duration, or None for `none`."""


def address(value: object) -> str:
    """The URL of an Address. Raises SecretError, and ValueError where a secret is no URL."""
    return UrlScheme("http", "https")(value.read()) if isinstance(value, SecretRef) else str(value)


class TokenConfig(Model):
    """Who may use the API over TCP. name: under which what its holder does is kept. may: what it may do."""

    name: Slug
    token: SecretRef
    may: OneOrMany[Right] = written(["read", "silence", "ack", "label"])


class LinksConfig(Model):
    """Links in messages, by which a reader acknowledges, silences or labels. secret: what they are signed with, by
    default a key in the state directory. expire: after which a link is worth nothing."""

    secret: SecretRef | None = None
    expire: Duration = written("24h")

    @model_validator(mode="after")
    def _positive(self) -> LinksConfig:
        if self.expire < 60 * SECOND:
            raise KeyFault("expire", "`expire` must be at least a minute")
        return self


class HealthConfig(Model):
    """What counts as well, for /readyz, the status and heartbeats. silent: open time of its markets for which a feed
    may bring nothing. lag: for which a tick may wait to be judged. undelivered: for which a message may wait.
    """

    silent: Bound = written("30m")
    lag: Duration = written("10s")
    undelivered: Duration = written("15m")


class HeartbeatConfig(HttpOptions):
    """A watcher outside, which raises the alarm when it hears nothing. fail_url: where it is told why not."""

    url: Address
    every: Duration = written("30s")
    method: Literal["GET", "POST"] = "GET"
    fail_url: Address | None = None

    @model_validator(mode="after")
    def _positive(self) -> HeartbeatConfig:
        if self.every < SECOND:
            raise KeyFault("every", "`every` must be at least a second")
        return self


class ProbeConfig(Model):
    """A synthetic tick that must come out as a message. sinks: through which; within: how long it may take."""

    every: Duration = written("6h")
    sinks: OneOrMany[str]
    within: Duration = written("60s")

    @model_validator(mode="after")
    def _apart(self) -> ProbeConfig:
        if self.within < SECOND:
            raise KeyFault("within", "`within` must be at least a second")
        if self.every < 2 * self.within or self.every < 60 * SECOND:
            raise KeyFault("every", "`every` must be at least a minute, and twice `within`")
        return self
