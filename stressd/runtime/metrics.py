"""Prometheus metrics, read from the daemon's own report when somebody scrapes: the hot path counts plain numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

BUCKETS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)

Report = Mapping[str, Any]


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
        yield from _daemon(report)
        yield from _pump(report["pump"], report["mailbox"])
        yield from _feeds(report["feeds"])
        yield from _sinks(report["sinks"], report["store"])
        yield from _engine(report["alerting"], report["episodes"])
        yield from _detectors(report["detectors"])
        yield from _agenda(report["agenda"])
        yield from stress_metrics(report["stress"])
        yield from answer_metrics(report["answers"])
        yield from _people(report["silences"], report["episodes"])
        yield from outward_metrics(report["heartbeats"], report["probe"])


def _people(silences: Sequence[Report], episodes: Sequence[Report]) -> Iterable[Metric]:
    on = sum(1 for each in silences if each["state"] == "on")
    yield _gauge("stressd_silences", "Silences that are on.", on)
    unseen = sum(1 for each in episodes if each["acknowledged"] is None)
    yield _gauge("stressd_episodes_unacknowledged", "Open episodes that nobody has acknowledged.", unseen)


def outward_metrics(heartbeats: Iterable[Report], probe: Report | None) -> Iterable[Metric]:
    """How the daemon stands with its watchers, and how long its last probe took through each sink."""
    age = GaugeMetricFamily("stressd_heartbeat_age_seconds", "Since a watcher's last beat.", labels=["watcher"])
    held = GaugeMetricFamily("stressd_heartbeat_withheld", "1 while a watcher is sent none.", labels=["watcher"])
    for row in heartbeats:
        if row["age_s"] is not None:
            age.add_metric([row["watcher"]], row["age_s"])
        held.add_metric([row["watcher"]], bool(row["withheld"]))
    yield age
    yield held
    took = GaugeMetricFamily("stressd_probe_seconds", "Of the last probe, from tick to receipt.", labels=["sink"])
    failed = GaugeMetricFamily("stressd_probe_failed", "1 where the last probe did not come in time.", labels=["sink"])
    for row in probe["sinks"] if probe is not None else ():
        if row["seconds"] is not None:
            took.add_metric([row["sink"]], row["seconds"])
        failed.add_metric([row["sink"]], row["error"] is not None)
    yield took
    yield failed


def stress_metrics(reading: Report | None) -> Iterable[Metric]:
    """The stress index; none before there is one. Its contributions, summed by market or by dimension, and the
    correlation add up to it."""
    if reading is None or reading["value"] is None:
        return
    yield _gauge("stressd_stress_index", "Composite stress of all markets, 0 to 1.", reading["value"])
    yield _gauge(
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


def _detectors(rows: Iterable[Report]) -> Iterable[Metric]:
    series = GaugeMetricFamily("stressd_detector_series", "Series of a further detector.", labels=["rule", "state"])
    found = CounterMetricFamily("stressd_detector_findings", "What a further detector has found.", labels=["rule"])
    for row in rows:
        for state in ("on", "warming", "off"):
            series.add_metric([row["rule"], state], row[state])
        found.add_metric([row["rule"]], row["hits"])
    yield series
    yield found


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


def _agenda(windows: Iterable[Report]) -> Iterable[Metric]:
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


def _daemon(report: Report) -> Iterable[Metric]:
    info = GaugeMetricFamily(
        "stressd_build_info", "Version, method and form of the engine.", labels=["version", "method", "engine"]
    )
    info.add_metric([report["version"], report["method"], report["engine"]], 1)
    yield info
    yield _gauge("stressd_uptime_seconds", "Since the daemon started.", report["uptime_s"])
    yield _gauge(
        "stressd_config_rejected",
        "1 while the last reload was refused and the old configuration runs on.",
        report["config"]["rejected"] is not None,
    )
    yield _gauge("stressd_ready", "1 while nothing is known that could make it miss something.", not report["reasons"])
    if report["snapshot"]["age_s"] is not None:
        yield _gauge(
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


def _pump(pump: Report, mailbox: Report) -> Iterable[Metric]:
    yield _counter("stressd_pump_passes", "Passes of the pump.", pump["passes"])
    yield _counter("stressd_frames", "Messages decoded.", pump["frames"])
    yield _counter("stressd_ticks", "Ticks given to the engine.", pump["ticks"])
    yield _counter("stressd_malformed_frames", "Messages that no tick could be read from.", pump["malformed"])
    yield _counter("stressd_decoder_faults", "Messages on which a decoder failed in a way it must not.", pump["faults"])
    yield _gauge("stressd_pump_idle_seconds", "Since the last pass of the pump.", pump["idle_s"])
    events = CounterMetricFamily("stressd_events", "Events by type.", labels=["type"])
    for kind, count in sorted(pump["events"].items()):
        events.add_metric([kind], count)
    yield events
    yield _gauge("stressd_mailbox_frames", "Messages that wait for the pump.", mailbox["frames"])
    yield _gauge("stressd_mailbox_bytes", "Memory of messages that wait for the pump.", mailbox["bytes"])
    yield _counter(
        "stressd_mailbox_folded_ticks", "Ticks folded into envelopes because the mailbox was full.", mailbox["folded"]
    )


def _feeds(feeds: Iterable[Report]) -> Iterable[Metric]:
    connected = GaugeMetricFamily("stressd_feed_connected", "1 while the feed is connected.", labels=["feed"])
    age = GaugeMetricFamily("stressd_feed_last_message_age_seconds", "Since the feed's last message.", labels=["feed"])
    counters = {
        key: CounterMetricFamily(f"stressd_feed_{key}", text, labels=["feed"])
        for key, text in {
            "messages": "Messages received.",
            "ticks": "Ticks decoded.",
            "malformed": "Values that could not be read.",
            "unknown_series": "Values of series that are not configured.",
            "dropped": "Values dropped because they were old and had no time of their own.",
            "connects": "Connections made.",
            "crashes": "Times the feed's task crashed and was started again.",
        }.items()
    }
    for feed in feeds:
        connected.add_metric([feed["name"]], feed["state"] == "connected")
        if feed["last_message_age_s"] is not None:
            age.add_metric([feed["name"]], feed["last_message_age_s"])
        for key, family in counters.items():
            family.add_metric([feed["name"]], feed[key])
    yield connected
    yield age
    yield from counters.values()


def _sinks(sinks: Iterable[Report], store: Report) -> Iterable[Metric]:
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
    yield _counter("stressd_store_commits", "Transactions written.", store["commits"])
    yield _counter(
        "stressd_store_failed_commits", "Transactions that failed and were tried again.", store["failed_commits"]
    )
    yield _gauge("stressd_store_queued", "Writes that wait for the store.", store["queued"])


def _engine(alerting: Report, episodes: list[Report]) -> Iterable[Metric]:
    yield _gauge("stressd_engine_series", "Series that are watched.", alerting["series"])
    yield _gauge(
        "stressd_engine_series_alerting", "Series on which at least one horizon can alert now.", alerting["ready"]
    )
    yield _gauge("stressd_episodes_open", "Episodes that are open.", len(episodes))
    age = GaugeMetricFamily(
        "stressd_series_last_tick_age_seconds", "Since the series' last accepted tick.", labels=["series"]
    )
    for series in alerting["detail"]:
        if series["age_s"] is not None:
            age.add_metric([series["series"]], series["age_s"])
    yield age
    yield from series_metrics(alerting["detail"])


def series_metrics(detail: Iterable[Report]) -> Iterable[Metric]:
    """Per series: whether it can be seen, what its ticks were worth, and its quotes."""
    state = GaugeMetricFamily(
        "stressd_series_state", "1 for the state that the series is in.", labels=["series", "state"]
    )
    dirt = CounterMetricFamily(
        "stressd_series_ticks", "Ticks by what came of them; `ticks` are those accepted.", labels=["series", "outcome"]
    )
    gauges = {
        key: GaugeMetricFamily(f"stressd_series_{name}", text, labels=["series"])
        for key, name, text in (
            ("bid_ask_bp", "bid_ask_bp", "Bid-ask spread of the quote that stands."),
            ("mean_bp", "bid_ask_mean_bp", "Decayed mean of the bid-ask spread."),
            ("widest_decile_bp", "bid_ask_widest_decile_bp", "Mean spread of the tenth of the time with the widest."),
            ("presence", "quote_presence_ratio", "Share of this session's open time with a two-sided quote."),
        )
    }
    for series in detail:
        state.add_metric([series["series"], series["state"]], 1)
        for outcome, count in series["counts"].items():
            dirt.add_metric([series["series"], outcome], count)
        for key, family in gauges.items():
            if series["quotes"] is not None and series["quotes"][key] is not None:
                family.add_metric([series["series"]], series["quotes"][key])
    yield state
    yield dirt
    yield from gauges.values()


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=float(value))


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(name, text, value=float(value))
