"""Whether the secrets and files that a configuration refers to are there, before anything starts that needs them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any

from stressd.config.fields import Model, SecretError, SecretRef
from stressd.config.report import Report
from stressd.config.yaml_marks import Path

_FILES = ("ca_file", "cert_file", "key_file")
"""Keys of files that must be there from the start, wherever they occur."""


def check_environment(model: object, path: Path, report: Report) -> None:
    """Report every secret below `path` that cannot be read, and every certificate file that is not there."""
    for where, value in _walk(model, path):
        if isinstance(value, SecretRef):
            _check_secret(value, where, report)
        elif where[-1] in _FILES and isinstance(value, FilePath) and (problem := _unreadable(value)):
            report.value(where, f"file `{value}` {problem}")


def contents(model: object) -> str:
    """A digest of what the secrets and certificates below `model` are now, to tell whether they have changed. Raises
    SecretError, OSError."""
    found = hashlib.sha256()
    for where, value in _walk(model, ()):
        if isinstance(value, SecretRef):
            found.update(hashlib.sha256(value.read().encode()).digest())
        elif where and where[-1] in _FILES and isinstance(value, FilePath):
            found.update(hashlib.sha256(value.read_bytes()).digest())
    return found.hexdigest()


def _check_secret(ref: SecretRef, path: Path, report: Report) -> None:
    where = (*path, ref.kind)
    try:
        ref.read()
    except SecretError as error:
        env = "export it, or use {file: NAME} with systemd's LoadCredential="
        report.value(where, f"secret: {error}", env if ref.kind == "env" else "")
        return
    if ref.world_readable():
        report.value(where, f"secret: anybody may read file `{ref.path()}`", "chmod 600", "warning")


def _unreadable(file: FilePath) -> str:
    try:
        with file.open("rb"):
            return ""
    except FileNotFoundError:
        return "does not exist"
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _walk(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    yield path, value
    if isinstance(value, Model):
        for name, field in type(value).model_fields.items():
            yield from _walk(getattr(value, name), (*path, field.alias or name))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _walk(item, (*path, i))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _walk(item, (*path, key))
