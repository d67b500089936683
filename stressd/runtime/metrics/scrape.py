"""Prometheus metrics, read from the daemon's own report when somebody scrapes: the hot path counts plain numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from stressd.runtime.metrics.daemon import daemon_metrics
from stressd.runtime.metrics.detectors import detector_metrics
from stressd.runtime.metrics.family import Report
from stressd.runtime.metrics.feeds import feed_metrics
from stressd.runtime.metrics.markets import agenda_metrics, answer_metrics, stress_metrics
from stressd.runtime.metrics.memory import memory_metrics
from stressd.runtime.metrics.outward import outward_metrics
from stressd.runtime.metrics.people import people_metrics
from stressd.runtime.metrics.pump import pump_metrics
from stressd.runtime.metrics.series import engine_metrics
from stressd.runtime.metrics.sinks import sink_metrics

BUCKETS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


class Metrics:
    """All metrics of one daemon in a registry of its own. report: what `runtime.report` says now."""

    def __init__(self, report: Callable[[], Report]) -> None:
        self._registry = CollectorRegistry()
        self._passes = Histogram(
            "stressd_pump_pass_seconds",
            "Time of one pass of the pump, from taking frames to handing over the commit.",
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._registry.register(_FromReport(report))

    def observe_pass(self, seconds: float) -> None:
        self._passes.observe(seconds)

    def exposition(self) -> bytes:
        """Text format 0.0.4."""
        return generate_latest(self._registry)


class _FromReport(Collector):
    def __init__(self, report: Callable[[], Report]) -> None:
        self._report = report

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        report = self._report()
        yield from daemon_metrics(report)
        yield from pump_metrics(report["pump"], report["mailbox"])
        yield from memory_metrics(report["memory"])
        yield from feed_metrics(report["feeds"])
        yield from sink_metrics(report["sinks"], report["store"])
        yield from engine_metrics(report["alerting"], report["episodes"])
        yield from detector_metrics(report["detectors"])
        yield from agenda_metrics(report["agenda"])
        yield from stress_metrics(report["stress"])
        yield from answer_metrics(report["answers"])
        yield from people_metrics(report["silences"], report["episodes"])
        yield from outward_metrics(report["heartbeats"], report["probe"])
