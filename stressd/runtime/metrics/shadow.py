"""Rules on trial: what they cost, and how much of what they told is different."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric

from stressd.runtime.metrics.family import counter, gauge


def shadow_metrics(shadow: dict[str, Any] | None) -> Iterable[Metric]:
    """shadow: of the report; None where no rules are on trial."""
    yield gauge(
        "stressd_shadow_running", "1 while rules are on trial.", shadow is not None and shadow["state"] == "running"
    )
    if shadow is None:
        return
    yield gauge(
        "stressd_shadow_off", "1 where the trial was switched off: it would have done harm.", shadow["state"] == "off"
    )
    cost = shadow["cost"]
    yield counter("stressd_shadow_seconds", "CPU time that the trial took.", cost["seconds"])
    yield gauge("stressd_shadow_longest_pass_seconds", "The longest pass of the trial.", cost["longest_s"])
    if cost["bytes"] is not None:
        yield gauge("stressd_shadow_bytes", "Memory of the trial's series, about.", cost["bytes"])
    episodes = GaugeMetricFamily(
        "stressd_shadow_episodes",
        "Episodes since the trial began: same, other (times or severity), only_old, only_new.",
        labels=["verdict"],
    )
    for verdict, count in shadow["counts"].items():
        episodes.add_metric([verdict], count)
    yield episodes
