"""What is known across markets: the stress index, answers between them, scheduled events."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from stressd.runtime.metrics.family import Report, gauge


def stress_metrics(reading: Report | None) -> Iterable[Metric]:
    """The stress index; none before there is one. Its contributions, summed by market or by dimension, and the
    correlation add up to it."""
    if reading is None or reading["value"] is None:
        return
    yield gauge("stressd_stress_index", "Composite stress of all markets, 0 to 1.", reading["value"])
    yield gauge(
        "stressd_stress_correlation",
        "What the index is less than its contributions because not all markets are stressed together.",
        reading["correlation"],
    )
    parts = GaugeMetricFamily(
        "stressd_stress_contribution", "What an input adds to the index.", labels=["market", "dimension"]
    )
    ranks = GaugeMetricFamily(
        "stressd_stress_rank", "An input among its own past sessions, 0 to 1.", labels=["market", "dimension"]
    )
    for row in reading["inputs"]:
        parts.add_metric([row["market"], row["dimension"]], row["contribution"])
        ranks.add_metric([row["market"], row["dimension"]], row["stress"])
    yield parts
    yield ranks


def answer_metrics(rows: Iterable[Report]) -> Iterable[Metric]:
    """What was said of links between markets, by pair and wording."""
    answers = CounterMetricFamily(
        "stressd_link_responses",
        "Answers of other markets to a breach, by what was said of them.",
        labels=["source", "follower", "wording"],
    )
    for row in rows:
        answers.add_metric([row["source"], row["follower"], row["wording"]], row["count"])
    yield answers


def agenda_metrics(windows: Iterable[Report]) -> Iterable[Metric]:
    widened = GaugeMetricFamily(
        "stressd_bars_widened", "Factor on a market's bars while an event is on.", labels=["market"]
    )
    factors: dict[str, float] = {}
    for window in windows:
        if window["on"]:
            factors[window["market"]] = max(factors.get(window["market"], 1.0), window["widen"])
    for market, factor in factors.items():
        widened.add_metric([market], factor)
    yield widened
