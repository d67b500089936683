"""The engine's state, saved every minute and at the stop, so that a restart does not begin from nothing."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import structlog

from stressd import METHOD
from stressd.engine.breaches import LIVE
from stressd.store import Store

NAME: Final = "engine"
FORMAT: Final = 1

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Saved:
    """A snapshot. at: engine time (ns UTC) of its making. engine: `Engine.snapshot()`. history: what each series had
    been warmed with (`warm.History.signature`). method: of the statistics in it; another's are of no use."""

    at: int
    engine: dict[str, Any]
    history: dict[str, str] = field(default_factory=dict)
    method: str = METHOD


_decoder = msgspec.json.Decoder(Saved)


def own_fixings(engine: dict[str, Any]) -> list[tuple[str, int, float]]:
    """Of an engine's snapshot, the last fixing of every series that it made of live ticks: (series, ordinal day,
    percent)."""
    rows = []
    for series, state in engine.get("series", {}).items():
        value, _, day, source = state["fixings"][:4]
        if source == LIVE and value is not None:
            rows.append((series, int(day), float(value)))
    return rows


class Snapshots:
    """Saves and loads through the store, and keeps the fixings that the engine makes. saved_at: engine time of the
    newest on disk, None before the first; saved_steady: monotonic s of this process' last save."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: dict[str, int] = {}
        self.saved_at: int | None = None
        self.saved_steady: float | None = None

    async def save(self, saved: Saved) -> None:
        """Encoded off the loop, written on the store's thread. Raises StoreError."""
        blob = await asyncio.to_thread(msgspec.json.encode, saved)
        await asyncio.wrap_future(self._store.save_snapshot(NAME, FORMAT, blob))
        self.saved_at, self.saved_steady = saved.at, time.monotonic()
        fixed = own_fixings(saved.engine)
        new = [row for row in fixed if self._kept.get(row[0]) != row[1]]
        if new:
            await asyncio.wrap_future(self._store.keep_fixings(new))
            self._kept |= {series: day for series, day, _ in new}

    def load(self) -> Saved | None:
        """The newest that this version can use; None where there is none."""
        kept = self._store.load_snapshot(NAME)
        if kept is None:
            return None
        if kept.version != FORMAT:
            log.warning("snapshot.refused", reason=f"its format is {kept.version}, this version reads {FORMAT}")
            return None
        try:
            saved = _decoder.decode(kept.blob)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            log.warning("snapshot.refused", reason=f"it cannot be read: {error}")
            return None
        if saved.method != METHOD:
            log.warning("snapshot.refused", reason=f"its method is {saved.method}, this version's is {METHOD}")
            return None
        return saved
