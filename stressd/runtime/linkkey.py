"""The key that links in messages are signed with: the configured secret, else one of our own in the state directory."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from stressd.config.doors import SECOND, LinksConfig
from stressd.config.fields import SecretError, SecretRef
from stressd.runtime.build import BuildError
from stressd.web.links import Signer

FILE: Final = "links.key"
BYTES: Final = 32
SHORTEST: Final = 16
"""Characters of a configured secret."""


def signer(config: LinksConfig, state: Path) -> Signer:
    """Raises BuildError where the key cannot be read or kept, or is too weak."""
    try:
        return Signer(_own(state / FILE) if config.secret is None else _given(config.secret), config.expire // SECOND)
    except (SecretError, OSError, ValueError) as error:
        raise BuildError(f"links: {error}") from None


def _given(reference: SecretRef) -> bytes:
    secret = reference.read()
    if len(secret) < SHORTEST:
        raise ValueError(f"the secret is shorter than {SHORTEST} characters")
    return secret.encode()


def _own(file: Path) -> bytes:
    """The key in the file, which is made where there is none: readable by its owner alone."""
    try:
        descriptor = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return _read(file)
    key = secrets.token_hex(BYTES)
    with os.fdopen(descriptor, "w", encoding="ascii") as out:
        out.write(key + "\n")
        out.flush()
        os.fsync(out.fileno())
    return bytes.fromhex(key)


def _read(file: Path) -> bytes:
    try:
        key = bytes.fromhex(file.read_text(encoding="ascii"))
    except ValueError:
        key = b""
    if len(key) != BYTES:
        raise ValueError(f"{file}: is no key of links; remove it, and a new one is made (links sent so far then end)")
    return key
