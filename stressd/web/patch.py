"""What has changed between two documents, as a JSON merge patch (RFC 7396)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def known(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document without what is not known (None): a merge patch cannot tell that from what is absent."""
    return {
        key: known(value) if isinstance(value, Mapping) else value
        for key, value in document.items()
        if value is not None
    }


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The patch that makes `after` of `before`; empty where they are equal. Neither holds None."""
    patch: dict[str, Any] = {}
    for key, value in after.items():
        old = before.get(key)
        if old is value:
            continue
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            inner = difference(old, value)
            if inner:
                patch[key] = inner
        elif value != old or type(value) is not type(old):
            patch[key] = value
    for key in before:
        if key not in after:
            patch[key] = None
    return patch
