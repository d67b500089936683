"""The series: how many can alert, and per series its state, ticks and quotes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from stressd.runtime.metrics.family import Report, gauge


def engine_metrics(alerting: Report, episodes: list[Report], limit: int) -> Iterable[Metric]:
    """limit: of series; where there are more, only their sums are told."""
    yield gauge("stressd_engine_series", "Series that are watched.", alerting["series"])
    yield gauge(
        "stressd_engine_series_alerting", "Series on which at least one horizon can alert now.", alerting["ready"]
    )
    yield gauge("stressd_episodes_open", "Episodes that are open.", len(episodes))
    yield from sum_metrics(alerting["detail"])
    if alerting["series"] > limit:
        return
    age = GaugeMetricFamily(
        "stressd_series_last_tick_age_seconds", "Since the series' last accepted tick.", labels=["series"]
    )
    for series in alerting["detail"]:
        if series["age_s"] is not None:
            age.add_metric([series["series"]], series["age_s"])
    yield age
    yield from series_metrics(alerting["detail"])


def sum_metrics(detail: Iterable[Report]) -> Iterable[Metric]:
    """Of all series: how many are in which state, by market, and what came of their ticks."""
    states: Counter[tuple[str, str]] = Counter()
    outcomes: Counter[str] = Counter()
    for series in detail:
        states[series["market"], series["state"]] += 1
        outcomes.update(series["counts"])
    state = GaugeMetricFamily("stressd_engine_series_state", "Series by market and state.", labels=["market", "state"])
    for labels, count in sorted(states.items()):
        state.add_metric(labels, count)
    yield state
    dirt = CounterMetricFamily(
        "stressd_engine_ticks",
        "Ticks of all series by what came of them; `ticks` are those accepted.",
        labels=["outcome"],
    )
    for outcome, count in sorted(outcomes.items()):
        dirt.add_metric([outcome], count)
    yield dirt


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
    source_age = GaugeMetricFamily(
        "stressd_series_source_age_seconds",
        "Since the last tick of each feed, of a series that several bring.",
        labels=["series", "source"],
    )
    for series in detail:
        known = [each for each in series.get("sources", ()) if each["age_s"] is not None]
        for each in known if len(known) > 1 else ():
            source_age.add_metric([series["series"], each["source"]], each["age_s"])
        state.add_metric([series["series"], series["state"]], 1)
        for outcome, count in series["counts"].items():
            dirt.add_metric([series["series"], outcome], count)
        for key, family in gauges.items():
            if series["quotes"] is not None and series["quotes"][key] is not None:
                family.add_metric([series["series"]], series["quotes"][key])
    yield state
    yield source_age
    yield dirt
    yield from gauges.values()
