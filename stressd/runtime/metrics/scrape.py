"""Prometheus metrics, read from the daemon's own report when somebody scrapes: the hot path counts plain numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import Metric

from stressd.runtime.metrics.daemon import daemon_metrics
from stressd.runtime.metrics.detectors import detector_metrics
from stressd.runtime.metrics.disk import disk_metrics
from stressd.runtime.metrics.family import Report
from stressd.runtime.metrics.feeds import feed_metrics
from stressd.runtime.metrics.markets import agenda_metrics, answer_metrics, stress_metrics
from stressd.runtime.metrics.memory import memory_metrics
from stressd.runtime.metrics.outward import outward_metrics
from stressd.runtime.metrics.page import page_metrics
from stressd.runtime.metrics.people import people_metrics
from stressd.runtime.metrics.pump import pump_metrics
from stressd.runtime.metrics.series import engine_metrics
from stressd.runtime.metrics.shadow import shadow_metrics
from stressd.runtime.metrics.sinks import sink_metrics

BUCKETS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


class Metrics:
    """All metrics of one daemon."""

    def __init__(self) -> None:
        self._passes = Histogram(
            "stressd_pump_pass_seconds",
            "Time of one pass of the pump, from taking frames to handing over the commit.",
            buckets=BUCKETS,
            registry=None,
        )

    def observe_pass(self, seconds: float) -> None:
        self._passes.observe(seconds)

    def exposition(self, report: Report, limit: int) -> bytes:
        """Text format 0.0.4 of what `runtime.report` says. limit: most series that are told one by one."""
        return generate_latest(_Scrape(self._passes, report, limit))


class _Scrape(CollectorRegistry):
    """One scrape."""

    def __init__(self, passes: Histogram, report: Report, limit: int) -> None:
        super().__init__()
        self._kept = passes
        self._report = report
        self._limit = limit

    def collect(self) -> Iterable[Metric]:
        report = self._report
        yield from self._kept.collect()
        yield from daemon_metrics(report)
        yield from disk_metrics(report["state_dir"])
        yield from pump_metrics(report["pump"], report["mailbox"])
        yield from memory_metrics(report["memory"])
        yield from feed_metrics(report["feeds"])
        yield from sink_metrics(report["sinks"], report["store"])
        yield from engine_metrics(report["alerting"], report["episodes"], self._limit)
        yield from detector_metrics(report["detectors"])
        yield from agenda_metrics(report["agenda"])
        yield from stress_metrics(report["stress"])
        yield from answer_metrics(report["answers"])
        yield from people_metrics(report["silences"], report["episodes"])
        yield from shadow_metrics(report["shadow"])
        yield from page_metrics(report["page"])
        yield from outward_metrics(report["heartbeats"], report["probe"])
