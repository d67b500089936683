"""SQLite: episodes, deliveries (the outbox), history, engine snapshots."""

from stressd.store.database import Store
from stressd.store.rows import (
    ActionRow,
    Attempt,
    Commit,
    DailyBatch,
    Delivery,
    Episode,
    Fixing,
    HistorySource,
    Imported,
    LabelRow,
    RoutedEvent,
    Snapshot,
    TickBatch,
    Told,
)
from stressd.store.schema import NewerStore, StoreError
from stressd.store.standby import STANDBY

__all__ = [
    "STANDBY",
    "ActionRow",
    "Attempt",
    "Commit",
    "DailyBatch",
    "Delivery",
    "Episode",
    "Fixing",
    "HistorySource",
    "Imported",
    "LabelRow",
    "NewerStore",
    "RoutedEvent",
    "Snapshot",
    "Store",
    "StoreError",
    "TickBatch",
    "Told",
]
