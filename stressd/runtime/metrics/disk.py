"""The disk that holds the state. Asking a disk that hangs takes for ever: never on the event loop."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric

from stressd.runtime.metrics.family import gauge

KINDS: Final = {
    "store": "stressd.db",
    "wal": "stressd.db-wal",
    "copies": "stressd.db.v*",
    "snapshot": "engine.snapshot*",
    "recordings": "recordings/*",
}


def disk_metrics(state: str) -> Iterable[Metric]:
    """state: the state directory."""
    try:
        disk = shutil.disk_usage(state)
    except OSError:
        return
    yield gauge("stressd_state_free_bytes", "Room on the disk that holds the state.", disk.free)
    yield gauge("stressd_state_size_bytes", "Size of the disk that holds the state.", disk.total)
    kept = GaugeMetricFamily("stressd_state_bytes", "What is kept on disk.", labels=["kind"])
    for kind, pattern in KINDS.items():
        kept.add_metric([kind], _size(Path(state), pattern))
    yield kept


def _size(state: Path, pattern: str) -> int:
    total = 0
    for file in state.glob(pattern):
        with suppress(OSError):
            total += file.stat().st_size
    return total
