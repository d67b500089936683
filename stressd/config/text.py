"""A YAML file as text, and as a mapping whose faults have places."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from stressd.config.faults import ConfigError, Fault
from stressd.config.report import Report
from stressd.config.yaml_marks import YamlFault, parse

LARGEST: Final = 1 << 20
"""Bytes of a file that is read at all."""


def mapping(path: Path, text: str, first: str, secret_names: Iterable[str] = ()) -> Report:
    """The report of a file whose data is a mapping. first: the key with which it begins. Raises ConfigError."""
    report = Report(str(path), text, secret_names)
    try:
        report.parsed(parse(text))
    except YamlFault as fault:
        report.unparsed(fault)
        raise ConfigError(report.faults()) from None
    if not isinstance(report.marked.data, dict):
        report.value((), f"the file must be a mapping of `key: value`, beginning with `{first}:`")
        raise ConfigError(report.faults())
    return report


def read_text(path: Path) -> str:
    """Raises ConfigError."""

    def refuse(message: str) -> ConfigError:
        return ConfigError([Fault(str(path), 1, 1, message)])

    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except OSError as error:
        raise refuse(f"cannot be read: {(error.strerror or str(error)).lower()}") from None
    except ValueError:
        raise refuse("this is no path of a file") from None
    if len(raw) > LARGEST:
        raise refuse("larger than 1 MiB: this is no configuration")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8-sig", errors="replace").split("\n")
        fault = Fault(str(path), len(before), len(before[-1]) + 1, "this is not UTF-8 text")
        raise ConfigError([fault]) from None
