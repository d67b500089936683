"""Episode ids: unique, the same on replay of the same input, short enough to say on the phone."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable
from datetime import datetime
from itertools import count
from typing import Final

from stressd.alerts.episode import Key
from stressd.alerts.spec import SECOND, EpisodesSpec

ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32 in lower case: no i, l, o or u, which are misheard or misread."""

LENGTH: Final = 4


def digits(number: int) -> str:
    """The last digits of a number in that alphabet."""
    return "".join(ALPHABET[(number >> 5 * place) & 31] for place in range(LENGTH))


def episode_id(spec: EpisodesSpec, key: Key, kind: str, market: str, opened_at: int, known: Container[str]) -> str:
    """`JP-260120-7q2f`: market, opening date in the market's zone, and a hash that avoids the ids in `known`.

    opened_at: ns UTC, by the source's clock where a source says it. An episode without a market is named by its kind.
    Episodes of one key that open at the same instant (two levels crossed by one tick) are told apart by an ordinal in
    the hash.
    """
    rule, scope, direction = key
    day = datetime.fromtimestamp(opened_at // SECOND, spec.zone(market)).strftime("%y%m%d")
    identity = "\x1f".join((spec.instance, rule, scope, str(direction), str(opened_at)))
    for ordinal in count():
        number = int.from_bytes(hashlib.sha256(f"{identity}\x1f{ordinal}".encode()).digest()[:4], "big")
        name = f"{market or kind.upper()}-{day}-{digits(number)}"
        if name not in known:
            return name
    raise AssertionError("count() does not end")


def named(wanted: str, ids: Iterable[str]) -> list[str]:
    """The ids that are meant by a part of one: itself, else those that end so, else those that begin so. wanted: in
    small letters."""
    if not wanted:
        return []
    lower = {name: name.lower() for name in ids}
    exact = [name for name, low in lower.items() if low == wanted]
    ending = [name for name, low in lower.items() if low.endswith(wanted)]
    return exact or ending or [name for name, low in lower.items() if low.startswith(wanted)]
