"""Field types and base models of the configuration, shared by the model, the feeds and the sinks.

Quantities carry their unit in the text (`30m`, `25bp`, `4.31%`); a bare number is refused with the fix in the message.
Defaults are written as in YAML too (`timeout: Duration = written("10s")`): defaults are validated like input.
All messages are complete plain sentences about the value; `config.load` adds file, line and column.
"""

from __future__ import annotations

import re
import ssl
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from stressd.alerts.event import EventType
from stressd.config.secret import SecretError, SecretRef

__all__ = [
    "Bp",
    "Duration",
    "EventType",
    "FeedConfig",
    "File",
    "HttpOptions",
    "HttpUrl",
    "KeyFault",
    "Level",
    "Model",
    "OneOrMany",
    "Percent",
    "SecretError",
    "SecretRef",
    "SeverityName",
    "SinkConfig",
    "Slug",
    "TlsOptions",
    "Url",
    "UrlScheme",
    "written",
]

_UNITS: Final = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
    "w": 604_800_000_000_000,
}
LONGEST: Final = 36_525 * _UNITS["d"]
_PART: Final = r"\d{1,19}(?:\.\d{1,9})?(?:ns|us|ms|s|m|h|d|w)"
_DURATION: Final = re.compile(rf"(?:{_PART})+")
_DURATION_PART: Final = re.compile(r"([\d.]+)([a-z]+)")
_NUMBER: Final = r"[-+]?\d{1,9}(?:\.\d{1,9})?"
_BP: Final = re.compile(rf"({_NUMBER}) ?bp")
_PERCENT: Final = re.compile(rf"({_NUMBER}) ?%")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _bare(value: object, what: str, *examples: str) -> ValueError | None:
    """The complaint about a number without a unit, or about what is no text at all; None for text."""
    if _is_number(value):
        fixes = " or ".join(f"`{value}{unit}`" for unit in examples)
        return ValueError(f"{what} needs a unit: write {fixes}")
    if not isinstance(value, str):
        return ValueError(f"expected {what} such as `{_EXAMPLES[what]}`")
    return None


_EXAMPLES: Final = {"a duration": "30m", "a size in bp": "25bp", "a yield": "4.31%"}


def parse_duration(value: object) -> int:
    """Nanoseconds of `30m`, `250ms`, `1h30m`, `90d`; units ns us ms s m h d w. Raises ValueError."""
    if (fault := _bare(value, "a duration", "s", "m")) is not None:
        raise fault
    assert isinstance(value, str)
    if not _DURATION.fullmatch(value):
        if re.fullmatch(r"[\d.]+", value):
            raise ValueError(f"a duration needs a unit: write `{value}s` or `{value}m`")
        raise ValueError("not a duration: write for example `30m`; the units are ns, us, ms, s, m, h, d and w")
    ns = int(sum(Decimal(number) * _UNITS[unit] for number, unit in _DURATION_PART.findall(value)))
    if ns > LONGEST:
        raise ValueError("longer than a hundred years")
    return ns


def format_duration(ns: int) -> str:
    """The shortest text of one unit that `parse_duration` reads back as `ns`."""
    unit = next((u for u in ("d", "h", "m", "s", "ms", "us") if ns and ns % _UNITS[u] == 0), "ns" if ns else "s")
    return f"{ns // _UNITS[unit]}{unit}"


def parse_bp(value: object) -> float:
    """Basis points of `25bp`. Raises ValueError."""
    return _quantity(value, "a size in bp", "bp", _BP)


def parse_percent(value: object) -> float:
    """Percent of `4.31%`. Raises ValueError."""
    return _quantity(value, "a yield", "%", _PERCENT)


def parse_level(value: object) -> float:
    """Percent of `4.31%`, or of a spread's `70bp`. Raises ValueError."""
    match = _BP.fullmatch(value) if isinstance(value, str) else None
    return float(match[1]) / 100.0 if match is not None else parse_percent(value)


def _quantity(value: object, what: str, unit: str, pattern: re.Pattern[str]) -> float:
    if (fault := _bare(value, what, unit)) is not None:
        raise fault
    assert isinstance(value, str)
    match = pattern.fullmatch(value)
    if match is None:
        if re.fullmatch(_NUMBER, value):
            raise ValueError(f"{what} needs a unit: write `{value}{unit}`")
        raise ValueError(f"not {what}: write for example `{_EXAMPLES[what]}`")
    return float(match[1])


def _text(value: float) -> str:
    return f"{value:.9f}".rstrip("0").rstrip(".")


Duration = Annotated[
    int,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": f"^({_PART})+$", "examples": ["30s", "10m", "90d"]}),
]
"""Nanoseconds (int) from `30m`."""

Bp = Annotated[
    float,
    BeforeValidator(parse_bp),
    PlainSerializer(lambda bp: f"{_text(bp)}bp", return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": f"^{_NUMBER} ?bp$", "examples": ["2bp", "25bp"]}),
]
"""Basis points (float) from `25bp`."""

Percent = Annotated[
    float,
    BeforeValidator(parse_percent),
    PlainSerializer(lambda percent: f"{_text(percent)}%", return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": f"^{_NUMBER} ?%$", "examples": ["4.31%"]}),
]
"""Percent (float) from `4.31%`."""

Level = Annotated[
    float,
    BeforeValidator(parse_level),
    PlainSerializer(lambda percent: f"{_text(percent)}%", return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": f"^{_NUMBER} ?(%|bp)$", "examples": ["4.31%", "70bp"]}),
]
"""Percent (float) from `4.31%`, or from a spread's `70bp`."""

SLUG_PATTERN: Final = r"^[a-z0-9][a-z0-9_-]{0,62}$"


def _slug(value: str) -> str:
    if not re.fullmatch(SLUG_PATTERN[1:-1], value):
        raise ValueError("a name is made of small letters, digits, `-` and `_` (at most 63), such as `desk-slack`")
    return value


Slug = Annotated[str, AfterValidator(_slug), WithJsonSchema({"type": "string", "pattern": SLUG_PATTERN})]
"""The name of a feed, a rule, a sink or an instance."""

SeverityName = Literal["info", "warn", "high", "critical"]


class UrlScheme:
    """Validates a URL: one of `schemes` (any where none is named), a host, no password in it."""

    def __init__(self, *schemes: str) -> None:
        self.schemes = schemes

    def __call__(self, value: str) -> str:
        known = " or ".join(f"{s}://" for s in self.schemes)
        try:
            parts = urlsplit(value)
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise ValueError("not a URL: host or port cannot be read") from None
        if not parts.scheme or "://" not in value:
            raise ValueError(f"not a URL: it starts with {known or 'a scheme such as https://'}")
        if self.schemes and parts.scheme not in self.schemes:
            raise ValueError(f"the URL must start with {known}")
        if not host:
            raise ValueError("the URL names no host")
        if any(c.isspace() for c in value):
            raise ValueError("a URL holds no white space")
        if parts.password is not None:
            raise ValueError("a password does not belong in a URL: write `username:` and `password: {file: NAME}`")
        return value


Url = Annotated[str, AfterValidator(UrlScheme()), WithJsonSchema({"type": "string", "format": "uri"})]
"""Any absolute URL, as text. For certain schemes: `Annotated[str, AfterValidator(UrlScheme("mqtt", "mqtts"))]`."""

HttpUrl = Annotated[
    str,
    AfterValidator(UrlScheme("http", "https")),
    WithJsonSchema({"type": "string", "format": "uri", "pattern": "^https?://"}),
]


def _path(value: object) -> Path:
    if isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueError("expected the path of a file")
    return Path(value)


File = Annotated[Path, BeforeValidator(_path), WithJsonSchema({"type": "string"})]
"""A path, which need not exist. Plain `Path` is no use here: strict models take no text for it."""

T = TypeVar("T")


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


class _OneOrManySchema:
    """In JSON Schema: an item, or the list of them."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        listed = handler(core)
        return {"anyOf": [listed.get("items", {}), listed]}


OneOrMany = Annotated[list[T], Field(min_length=1), BeforeValidator(_listed), _OneOrManySchema()]
"""A list that may be written as a single value: `severity: high` or `severity: [high, critical]`."""


class KeyFault(ValueError):
    """What a validator of a whole mapping raises about one of its keys; told at that key's value."""

    def __init__(self, path: str | tuple[str | int, ...], text: str) -> None:
        super().__init__(text)
        self.path: tuple[str | int, ...] = (path,) if isinstance(path, str) else path


def written(default: Any, **more: Any) -> Any:
    """A default as it would be written in YAML: `timeout: Duration = written("10s")`. more: of pydantic's Field."""
    return Field(default, **more)


class Model(BaseModel):
    """Base of all configuration: no unknown keys, no coercion, immutable, and no input echoed in errors."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        hide_input_in_errors=True,
        validate_default=True,
        populate_by_name=True,
    )

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """With the meaning of each key, as it stands under its field."""
        from stressd.config.described import key_texts

        schema = handler(core)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for field, text in key_texts(cls).items():
            if (name := cls.model_fields[field].alias or field) in properties:
                properties[name] = properties[name] | {"description": text}
        return schema


class FeedConfig(Model):
    """What every feed has. Where two carry one series, the one written first is active and the other confirms it."""

    name: Slug
    """A name of its own; stands in messages, metrics and logs. Example: `desk`."""
    type: str
    """Its kind."""
    markets: OneOrMany[str] | None = None
    """Markets that it carries. Default: all. Example: `[JP, US]`."""
    series: OneOrMany[str] | None = None
    """Globs over the series that it carries. Default: all. Example: `"*.GOV.10Y"`."""


class SinkConfig(Model):
    """What every sink has."""

    name: Slug
    """A name of its own; stands in routes, metrics and logs. Example: `desk-slack`."""
    type: str
    """Its kind."""
    fallback: str | None = None
    """The sink that is told too where this one fails or lets a message wait; it has none of its own. Default: none.
    Example: `ops-mail`."""
    fallback_after: Duration = written("60s")
    """For which a message may wait until the fallback is told too."""

    @model_validator(mode="after")
    def _with_a_fallback(self) -> Self:
        if self.fallback is None and "fallback_after" in self.model_fields_set:
            raise KeyFault("fallback_after", "`fallback_after` goes with `fallback`, the sink that is told then")
        if self.fallback_after < 0:
            raise KeyFault("fallback_after", "`fallback_after` cannot be negative")
        return self

    def wrong_secret(self) -> tuple[str, str] | None:
        """(key, why) of a secret that can be read and cannot be right, for those that check theirs. Raises
        SecretError."""
        return None


class TlsOptions(Model):
    """TLS as a client; certificates are always verified. Inherit from it, or nest it under a key."""

    ca_file: File | None = None
    """A private authority (PEM), in the place of the system's. Example: `/etc/stressd/bank-ca.pem`."""
    cert_file: File | None = None
    """A client certificate (PEM). Example: `/etc/stressd/stressd.pem`."""
    key_file: File | None = None
    """Its private key (PEM), where that is not in the same file. Example: `/etc/stressd/stressd.key`."""
    key_password: SecretRef | None = None
    """Of an encrypted key. Example: `{file: key_password}`."""

    def context(self) -> ssl.SSLContext:
        """A verifying client context. Raises OSError (ssl.SSLError is one), SecretError."""
        context = ssl.create_default_context(cafile=self.ca_file)
        if self.cert_file is not None:
            context.load_cert_chain(
                self.cert_file, self.key_file, self.key_password.read if self.key_password else _no_password
            )
        return context


def _no_password() -> str:
    """OpenSSL would ask on the terminal for an encrypted key's password; a daemon must fail instead."""
    raise SecretError("the private key is encrypted and no `key_password` is given")


class HttpOptions(Model):
    """What everything that speaks HTTP has; inherit from it beside SinkConfig."""

    proxy: HttpUrl | None = None
    """A forward proxy. Default: none; the environment is not read. Example: `http://proxy.bank.example:3128`."""
    proxy_username: str | None = None
    """Of the account at the proxy. Example: `stressd`."""
    proxy_password: SecretRef | None = None
    """Of the account at the proxy. Example: `{file: proxy_password}`."""
    ca_file: File | None = None
    """A private authority (PEM), in the place of the system's. Example: `/etc/stressd/bank-ca.pem`."""
    timeout: Duration = written("10s")
    """Of one attempt."""

    def context(self) -> ssl.SSLContext:
        """A verifying client context. Raises OSError (ssl.SSLError is one)."""
        return ssl.create_default_context(cafile=self.ca_file)
