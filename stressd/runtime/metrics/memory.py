"""Memory of the process and of the series, and the pauses of the garbage collector."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import Metric, SummaryMetricFamily

from stressd.runtime.metrics.family import Report, gauge


def memory_metrics(memory: Report) -> Iterable[Metric]:
    yield gauge("stressd_resident_bytes", "Memory of the process.", memory["resident_bytes"])
    for key, name, text in (
        ("series_bytes", "stressd_engine_bytes", "State of all series, by the mean of those measured."),
        ("series_mean_bytes", "stressd_series_mean_bytes", "State of a series, the mean of those measured."),
    ):
        if memory[key] is not None:
            yield gauge(name, text, memory[key])
    if (largest := memory["series_largest"]) is not None:
        yield gauge("stressd_series_largest_bytes", "State of the series that takes most.", largest["bytes"])
    yield gauge(
        "stressd_series_bound_bytes", "What the state of one series never exceeds.", memory["series_bound_bytes"]
    )
    yield SummaryMetricFamily(
        "stressd_garbage_collection_seconds",
        "Pauses by the garbage collector.",
        count_value=memory["collections"],
        sum_value=memory["collecting_s"],
    )
    yield gauge(
        "stressd_garbage_collection_longest_seconds",
        "The longest pause by the garbage collector since the start.",
        memory["longest_collection_s"],
    )
