"""References to secrets: where one is kept, never the secret itself."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema


class SecretError(Exception):
    """A secret that cannot be read. The text names the file or variable, never its content."""


class SecretRef:
    """`{file: NAME}` or `{env: NAME}`. A relative file lies in $CREDENTIALS_DIRECTORY (systemd's LoadCredential=).

    Shown as `<secret>`; equal where it refers to the same place.
    """

    __slots__ = ("kind", "name")

    def __init__(self, *, file: str | None = None, env: str | None = None) -> None:
        if (file is None) == (env is None):
            raise ValueError("write a secret as `{file: NAME}` or `{env: NAME}`")
        self.kind = "file" if file is not None else "env"
        self.name: str = file if file is not None else env or ""

    def path(self) -> Path | None:
        """The file it is read from; None for a variable. Raises SecretError where a relative file has no directory."""
        if self.kind == "env":
            return None
        path = Path(self.name)
        if path.is_absolute():
            return path
        directory = os.environ.get("CREDENTIALS_DIRECTORY")
        if not directory:
            raise SecretError(
                f"`{self.name}` is looked up in $CREDENTIALS_DIRECTORY, which is not set: "
                "run under systemd with LoadCredential=, or write an absolute path"
            )
        return Path(directory) / path

    def read(self) -> str:
        """The secret, without one trailing newline. Read anew each time. Raises SecretError."""
        path = self.path()
        if path is None:
            value = os.environ.get(self.name)
            if value is None:
                raise SecretError(f"environment variable `{self.name}` is not set")
        else:
            value = _text(path)
        value = value.removesuffix("\n").removesuffix("\r")
        if not value:
            raise SecretError(f"`{self.name}` is empty")
        return value

    def world_readable(self) -> bool:
        """Whether anybody on this machine may read its file."""
        try:
            path = self.path()
            return path is not None and bool(path.stat().st_mode & stat.S_IROTH)
        except (SecretError, OSError):
            return False

    def __repr__(self) -> str:
        return "<secret>"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretRef) and (self.kind, self.name) == (other.kind, other.name)

    def __hash__(self) -> int:
        return hash((self.kind, self.name))

    @classmethod
    def _validate(cls, value: object) -> SecretRef:
        if isinstance(value, SecretRef):
            return value
        if not isinstance(value, dict) or len(value) != 1 or next(iter(value)) not in ("file", "env"):
            plain = "the secret itself is never written here: " if isinstance(value, str | int | float) else ""
            raise ValueError(f"{plain}write a secret as `{{file: NAME}}` or `{{env: NAME}}`")
        kind, name = next(iter(value.items()))
        if not isinstance(name, str) or not name or "\0" in name or (kind == "env" and "=" in name):
            raise ValueError(f"`{kind}` needs the name of {'a file' if kind == 'file' else 'an environment variable'}")
        return cls(**{kind: name})

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._validate,
            serialization=core_schema.plain_serializer_function_ser_schema(lambda ref: {ref.kind: ref.name}),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        name = {"type": "string", "minLength": 1}
        return {
            "description": "Where a secret is kept: a file (relative: a systemd credential) or a variable.",
            "oneOf": [
                {"type": "object", "properties": {k: name}, "required": [k], "additionalProperties": False}
                for k in ("file", "env")
            ],
        }


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SecretError(f"file `{path}` does not exist") from None
    except UnicodeDecodeError:
        raise SecretError(f"file `{path}` is not UTF-8 text") from None
    except OSError as error:
        raise SecretError(f"file `{path}` cannot be read: {error.strerror}") from None
