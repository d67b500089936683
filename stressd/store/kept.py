"""Who has not been told of an episode so far, and why: a silence, something larger, a storm, a digest to come."""

from __future__ import annotations

from typing import Final

import msgspec

from stressd.alerts.ledger import Page
from stressd.market.times import iso
from stressd.store.database import Store

DESK: Final = "router"
"""Under which the machine keeps what the desk knows."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What one sink was not told of an episode. why: in words; events: how many updates; time: of the newest, ISO.
    listed: another message of it has named the episode."""

    sink: str
    why: str
    events: int
    time: str
    listed: bool


class _Ledger(msgspec.Struct):
    pages: dict[str, Page] = {}


class _Desk(msgspec.Struct):
    ledger: _Ledger = msgspec.field(default_factory=_Ledger)


def kept_back(store: Store, episode: str) -> list[Kept]:
    """As of the last commit, by sink; what was told since, or listed in a digest, is not in it. Raises StoreError."""
    blob = store.machine().get(DESK)
    if blob is None:
        return []
    pages = msgspec.json.decode(blob, type=_Desk).ledger.pages
    return [
        Kept(
            sink=sink,
            why=entry.item.why or f"for the digest {entry.digest}".strip(),
            events=entry.item.events,
            time=iso(entry.at),
            listed=entry.listed,
        )
        for sink, page in sorted(pages.items())
        if (entry := page.entries.get(episode)) is not None
    ]
