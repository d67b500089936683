"""Further detectors."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from stressd.runtime.metrics.family import Report


def detector_metrics(rows: Iterable[Report]) -> Iterable[Metric]:
    series = GaugeMetricFamily("stressd_detector_series", "Series of a further detector.", labels=["rule", "state"])
    found = CounterMetricFamily("stressd_detector_findings", "What a further detector has found.", labels=["rule"])
    for row in rows:
        for state in ("on", "warming", "off"):
            series.add_metric([row["rule"], state], row[state])
        found.add_metric([row["rule"]], row["hits"])
    yield series
    yield found
