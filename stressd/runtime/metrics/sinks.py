"""The sinks, what waits for them, and the store behind it."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from stressd.runtime.metrics.family import Report, counter, gauge


def sink_metrics(sinks: Iterable[Report], store: Report) -> Iterable[Metric]:
    deliveries = CounterMetricFamily(
        "stressd_deliveries", "Attempts to deliver, by sink and outcome.", labels=["sink", "outcome"]
    )
    pending = GaugeMetricFamily("stressd_deliveries_pending", "Deliveries that wait or are under way.", labels=["sink"])
    oldest = GaugeMetricFamily(
        "stressd_deliveries_oldest_age_seconds", "Age of the oldest delivery that waits.", labels=["sink"]
    )
    well = GaugeMetricFamily(
        "stressd_sink_up", "1 while the sink takes messages, 0 while it fails or is disabled.", labels=["sink"]
    )
    templates = CounterMetricFamily(
        "stressd_template_failures", "Messages that a sink's own template could not word.", labels=["sink"]
    )
    for sink in sinks:
        templates.add_metric([sink["name"]], sink.get("template_failures", 0))
        for outcome in sorted(sink["outcomes"]):
            deliveries.add_metric([sink["name"], outcome], sink["outcomes"][outcome])
        pending.add_metric([sink["name"]], sink["pending"])
        oldest.add_metric([sink["name"]], sink["oldest_age_s"] or 0.0)
        well.add_metric([sink["name"]], float(sink["disabled"] is None and sink["breaker"] == "closed"))
    yield deliveries
    yield pending
    yield oldest
    yield well
    yield templates
    yield counter("stressd_store_commits", "Transactions written.", store["commits"])
    yield counter(
        "stressd_store_failed_commits", "Transactions that failed and were tried again.", store["failed_commits"]
    )
    yield gauge("stressd_store_queued", "Writes that wait for the store.", store["queued"])
