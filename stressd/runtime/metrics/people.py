"""Silences, and episodes that nobody has acknowledged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from prometheus_client.core import Metric

from stressd.runtime.metrics.family import Report, gauge


def people_metrics(silences: Sequence[Report], episodes: Sequence[Report]) -> Iterable[Metric]:
    on = sum(1 for each in silences if each["state"] == "on")
    yield gauge("stressd_silences", "Silences that are on.", on)
    unseen = sum(1 for each in episodes if each["acknowledged"] is None)
    yield gauge("stressd_episodes_unacknowledged", "Open episodes that nobody has acknowledged.", unseen)
