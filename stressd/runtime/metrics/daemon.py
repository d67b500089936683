"""The daemon as a whole: what runs, whether it is ready, what people were told of it."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from stressd.runtime.metrics.family import Report, gauge


def daemon_metrics(report: Report) -> Iterable[Metric]:
    info = GaugeMetricFamily(
        "stressd_build_info", "Version, method and form of the engine.", labels=["version", "method", "engine"]
    )
    info.add_metric([report["version"], report["method"], report["engine"]], 1)
    yield info
    yield gauge("stressd_uptime_seconds", "Since the daemon started.", report["uptime_s"])
    yield gauge(
        "stressd_config_rejected",
        "1 while the last reload was refused and the old configuration runs on.",
        report["config"]["rejected"] is not None,
    )
    reloads = CounterMetricFamily(
        "stressd_config_reloads", "Reloads by how they ended: reloaded, unchanged, refused.", labels=["outcome"]
    )
    for outcome, count in report["config"]["reloads"].items():
        reloads.add_metric([outcome], count)
    yield reloads
    yield gauge("stressd_ready", "1 while nothing is known that could make it miss something.", not report["reasons"])
    standing = report["standby"] is not None and report["standby"]["standing"]
    yield gauge("stressd_standby", "1 while it is a standby and tells nobody.", standing)
    yield gauge("stressd_blind", "1 while nothing at all could be seen or said.", report["state"] == "blind")
    if report["snapshot"]["age_s"] is not None:
        yield gauge(
            "stressd_snapshot_age_seconds", "Age of the engine's last saved state.", report["snapshot"]["age_s"]
        )
    conditions = GaugeMetricFamily(
        "stressd_condition_active",
        "1 for every condition that people were told of and that lasts.",
        labels=["rule", "source"],
    )
    for condition in report["conditions"]:
        conditions.add_metric([condition["rule"], condition["source"]], 1)
    yield conditions
