"""The disk that holds the state. Asking a disk that hangs takes for ever: never on the event loop."""

from __future__ import annotations

import shutil
from collections.abc import Iterable

from prometheus_client.core import Metric

from stressd.runtime.metrics.family import gauge


def disk_metrics(state: str) -> Iterable[Metric]:
    """state: the state directory."""
    try:
        disk = shutil.disk_usage(state)
    except OSError:
        return
    yield gauge("stressd_state_free_bytes", "Room on the disk that holds the state.", disk.free)
    yield gauge("stressd_state_size_bytes", "Size of the disk that holds the state.", disk.total)
