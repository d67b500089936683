"""What is kept on disk: for how long, and how much of it."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from stressd.config.fields import Duration, Model, written

_SIZE: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(kB|MB|GB|TB)")
_SIZES: Final = {"kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def parse_size(value: object) -> int:
    """Bytes of `10GB`; units kB MB GB TB, powers of ten. Raises ValueError."""
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            raise ValueError(f"a size needs a unit: write `{value}MB` or `{value}GB`")
        raise ValueError("not a size: write for example `10GB`; the units are kB, MB, GB and TB")
    return int(float(match[1]) * _SIZES[match[2]])


def format_size(size: int) -> str:
    """The shortest text of one unit that `parse_size` reads back; at least of kB."""
    unit = next((u for u in ("TB", "GB", "MB") if size and size % _SIZES[u] == 0), "kB")
    return f"{size / _SIZES[unit]:g}{unit}"


Size = Annotated[
    int,
    BeforeValidator(parse_size),
    PlainSerializer(format_size, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)? ?(kB|MB|GB|TB)$", "examples": ["500MB", "10GB"]}),
]
"""Bytes (int) from `10GB`."""


class RecordingConfig(Model):
    """Ticks as the daemon took them, in files that `stressd replay` reads. What is older or more goes, oldest first."""

    max_age: Duration = written("7d")
    """For how long."""
    max_bytes: Annotated[Size, Field(ge=1_000_000)] = written("10GB")
    """How much, all files together."""


class RetentionConfig(Model):
    """For how long the store keeps what is over. What is open, undelivered or a person's word is never deleted."""

    episodes: Annotated[Duration, Field(ge=86_400 * 10**9)] = written("1095d")
    """Closed episodes, with their events."""
    deliveries: Annotated[Duration, Field(ge=86_400 * 10**9)] = written("90d")
    """Deliveries that are done, and their log."""


class ReportsConfig(Model):
    """Post-mortems of episodes and summaries of days, kept as files in the state directory."""

    max_age: Annotated[Duration, Field(ge=86_400 * 10**9)] = written("1095d")
    """For how long."""
    max_bytes: Annotated[Size, Field(ge=1_000_000)] = written("1GB")
    """How much, all files together; the oldest go first."""


class DiskConfig(Model):
    """What the daemon does before the disk is full."""

    floor: Size | None = None
    """Free bytes below which the oldest recordings go first, then recording stops, and people are told. Default: 1GB,
    or a twentieth of the disk where that is less. Example: `2GB`."""


def _none(value: Any) -> Any:
    return None if value == "none" else value


Recording = Annotated[
    RecordingConfig | None,
    BeforeValidator(_none, json_schema_input_type=RecordingConfig | Literal["none"]),
]
"""`none` records nothing."""

Reports = Annotated[
    ReportsConfig | None,
    BeforeValidator(_none, json_schema_input_type=ReportsConfig | Literal["none"]),
]
"""`none` keeps none."""
