"""The stress index in the metrics, in the API and on the status page."""

from __future__ import annotations

from typing import Any

import pytest

from stressd.cli.status_screen import stress_lines
from stressd.runtime.metrics.markets import stress_metrics

READING: dict[str, Any] = {
    "method": "1",
    "time": "2026-01-20T05:15:00Z",
    "value": 0.71,
    "correlation": -0.12,
    "markets": {"JP": 0.52, "US": 0.31},
    "dimensions": {"volatility": 0.83},
    "young": False,
    "sessions": 1250,
    "inputs": [
        {"market": "JP", "dimension": "volatility", "contribution": 0.52, "stress": 0.98},
        {"market": "US", "dimension": "volatility", "contribution": 0.31, "stress": 0.6},
    ],
    "left_out": [{"market": "US", "dimension": "bid-ask", "reason": "no quotes"}],
}


def test_contributions_and_correlation_in_the_metrics_add_up_to_the_index() -> None:
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in stress_metrics(READING)
        for sample in family.samples
    }
    parts = [value for key, value in found.items() if key[0] == "stressd_stress_contribution"]
    assert sum(parts) + found["stressd_stress_correlation",] == pytest.approx(found["stressd_stress_index",])
    assert found["stressd_stress_rank", "JP", "volatility"] == 0.98
    assert list(stress_metrics(None)) == list(stress_metrics({**READING, "value": None})) == []


def test_the_status_says_it_in_a_line_with_what_is_not_in_it() -> None:
    assert stress_lines(READING) == [
        "stress 0.71: JP .52 US .31 correlation -.12, 2026-01-20 05:15 UTC",
        "  without bid-ask of US (no quotes)",
    ]
    young = {**READING, "young": True, "sessions": 40, "left_out": [], "correlation": -0.0004}
    assert stress_lines(young) == [
        "stress 0.71: JP .52 US .31 correlation .00, 2026-01-20 05:15 UTC (young: ranks of 40 sessions)"
    ]
    quotes = [{"market": market, "dimension": "bid-ask", "reason": "no quotes"} for market in ("JP", "US")]
    assert stress_lines({**READING, "left_out": quotes})[1:] == ["  without bid-ask of JP, US (no quotes)"]
    assert stress_lines({**READING, "value": None}) == [
        "no stress index yet: 20 sessions of a market's inputs have to be known"
    ]
