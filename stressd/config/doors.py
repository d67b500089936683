"""Through what people and machines reach the daemon, and how it says that it is well."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from stressd.config.fields import (
    Duration,
    HttpOptions,
    KeyFault,
    Model,
    OneOrMany,
    SecretRef,
    Slug,
    UrlScheme,
    format_duration,
    parse_duration,
    written,
)

SECOND: Final = 1_000_000_000
Right = Literal["read", "silence", "ack", "label", "test", "drill"]


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

Bound = Annotated[
    int | None,
    BeforeValidator(_never),
    PlainSerializer(lambda ns: "none" if ns is None else format_duration(ns), return_type=str, when_used="json"),
    WithJsonSchema({"type": "string"}),
]
"""A Duration, or None for `none`."""


def address(value: object) -> str:
    """The URL of an Address. Raises SecretError, and ValueError where a secret is no URL."""
    return UrlScheme("http", "https")(value.read()) if isinstance(value, SecretRef) else str(value)


class TokenConfig(Model):
    """Who may use the API over TCP."""

    name: Slug
    """Under which what its holder does is kept. Example: `grafana`."""
    token: SecretRef
    """What the holder sends as `Authorization: Bearer TOKEN`. Example: `{file: grafana_token}`."""
    may: OneOrMany[Right] = written(["read", "silence", "ack", "label"])
    """What it is for. `test` (a message through a sink) and `drill` (an exercise, told to everybody) must be named."""


class PageConfig(Model):
    """The page that the daemon serves."""

    read: Literal["open", "token"] | None = None
    """Who may read it: everybody who reaches it, or holders of a token. Default: `open` where only this machine reaches
    it (`listen` on loopback, and no `page_url` that leads elsewhere), else `token`. Example: `token`."""


class LinksConfig(Model):
    """Links in messages, by which a reader acknowledges, silences or labels."""

    secret: SecretRef | None = None
    """What they are signed with. Default: a key in the state directory; another key ends all links. Example: `{file:
    link_secret}`."""
    expire: Duration = written("24h")
    """After which a link is worth nothing; at least a minute."""

    @model_validator(mode="after")
    def _positive(self) -> LinksConfig:
        if self.expire < 60 * SECOND:
            raise KeyFault("expire", "`expire` must be at least a minute")
        return self


class HealthConfig(Model):
    """What counts as well, for /readyz, the status and heartbeats."""

    silent: Bound = written("30m")
    """Open time of its markets for which a feed may bring nothing; `none` where it may."""
    lag: Duration = written("10s")
    """For which a tick may wait to be judged."""
    undelivered: Duration = written("15m")
    """For which a message may wait for its sink."""


class MetricsConfig(Model):
    """What /metrics tells."""

    series: Annotated[int, Field(ge=0, le=100_000)] = 1_000
    """Most series that it tells one by one, with up to twenty lines each; where there are more, only their sums."""


class HeartbeatConfig(HttpOptions):
    """A watcher outside, which raises the alarm when it hears nothing."""

    url: Address
    """What is asked while all is well; as text, or a secret where whoever knows it could beat. Example: `{file:
    heartbeat_url}`."""
    every: Duration = written("30s")
    """How often; at least a second."""
    method: Literal["GET", "POST"] = "GET"
    """How it is asked."""
    fail_url: Address | None = None
    """Where it is told the reasons, once something has been wrong for a minute. Default: nobody is. Example:
    `https://watcher.bank.example/fail`."""

    @model_validator(mode="after")
    def _positive(self) -> HeartbeatConfig:
        if self.every < SECOND:
            raise KeyFault("every", "`every` must be at least a second")
        return self


class ProbeConfig(Model):
    """A synthetic tick that must come out as a message."""

    every: Duration = written("6h")
    """How often; at least a minute, and twice `within`."""
    sinks: OneOrMany[str]
    """Through which sinks. Example: `[ops-mail]`."""
    within: Duration = written("60s")
    """How long it may take from tick to receipt."""

    @model_validator(mode="after")
    def _apart(self) -> ProbeConfig:
        if self.within < SECOND:
            raise KeyFault("within", "`within` must be at least a second")
        if self.every < 2 * self.within or self.every < 60 * SECOND:
            raise KeyFault("every", "`every` must be at least a minute, and twice `within`")
        return self
