"""Those who have the page open."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, Metric

from stressd.runtime.metrics.family import Report, gauge


def page_metrics(page: Report) -> Iterable[Metric]:
    """How many read along, what they were sent, and how many did not keep up."""
    yield gauge("stressd_page_clients", "Streams of the page that are open.", page["clients"])
    sent = CounterMetricFamily("stressd_page_sent_bytes", "Sent on streams of the page.")
    sent.add_metric([], page["sent_bytes"])
    yield sent
    dropped = CounterMetricFamily("stressd_page_dropped", "Streams that were let go since they did not keep up.")
    dropped.add_metric([], page["dropped"])
    yield dropped
