"""Detectors and scheduled events in the metrics."""

from __future__ import annotations

from typing import Any

from prometheus_client.core import Metric

from stressd.runtime.metrics.detectors import detector_metrics
from stressd.runtime.metrics.markets import agenda_metrics


def samples(metrics: Any) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    found: list[Metric] = list(metrics)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for metric in found for s in metric.samples}


def test_each_rule_counts_its_series_by_state_and_its_findings() -> None:
    row = {"rule": "trees", "on": 3, "warming": 1, "off": 2, "hits": 7}
    assert samples(detector_metrics([row])) == {
        ("stressd_detector_series", (("rule", "trees"), ("state", "on"))): 3,
        ("stressd_detector_series", (("rule", "trees"), ("state", "warming"))): 1,
        ("stressd_detector_series", (("rule", "trees"), ("state", "off"))): 2,
        ("stressd_detector_findings_total", (("rule", "trees"),)): 7,
    }


def test_a_market_is_widened_by_the_largest_factor_that_is_on() -> None:
    windows = [
        {"market": "JP", "on": True, "widen": 1.5},
        {"market": "JP", "on": True, "widen": 2.0},
        {"market": "US", "on": False, "widen": 3.0},
    ]
    assert samples(agenda_metrics(windows)) == {("stressd_bars_widened", (("market", "JP"),)): 2.0}
