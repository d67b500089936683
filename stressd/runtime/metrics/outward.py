"""Watchers outside, and probes through the sinks."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily, Metric

from stressd.runtime.metrics.family import Report


def outward_metrics(heartbeats: Iterable[Report], probe: Report | None) -> Iterable[Metric]:
    """How the daemon stands with its watchers, and how long its last probe took through each sink."""
    age = GaugeMetricFamily("stressd_heartbeat_age_seconds", "Since a watcher's last beat.", labels=["watcher"])
    held = GaugeMetricFamily("stressd_heartbeat_withheld", "1 while a watcher is sent none.", labels=["watcher"])
    for row in heartbeats:
        if row["age_s"] is not None:
            age.add_metric([row["watcher"]], row["age_s"])
        held.add_metric([row["watcher"]], bool(row["withheld"]))
    yield age
    yield held
    took = GaugeMetricFamily("stressd_probe_seconds", "Of the last probe, from tick to receipt.", labels=["sink"])
    failed = GaugeMetricFamily("stressd_probe_failed", "1 where the last probe did not come in time.", labels=["sink"])
    for row in probe["sinks"] if probe is not None else ():
        if row["seconds"] is not None:
            took.add_metric([row["sink"]], row["seconds"])
        failed.add_metric([row["sink"]], row["error"] is not None)
    yield took
    yield failed
