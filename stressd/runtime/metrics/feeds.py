"""The feeds: connected, how long ago, how much, how much of it unreadable."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from stressd.runtime.metrics.family import Report


def feed_metrics(feeds: Iterable[Report]) -> Iterable[Metric]:
    connected = GaugeMetricFamily("stressd_feed_connected", "1 while the feed is connected.", labels=["feed"])
    opened = GaugeMetricFamily("stressd_feed_market_open", "1 while a market of the feed is open.", labels=["feed"])
    age = GaugeMetricFamily("stressd_feed_last_message_age_seconds", "Since the feed's last message.", labels=["feed"])
    does = GaugeMetricFamily("stressd_feed_state", "1 for what the feed does, by its data.", labels=["feed", "state"])
    lag = GaugeMetricFamily(
        "stressd_feed_lag_seconds", "By which the last tick came after its own time.", labels=["feed"]
    )
    counters = {
        key: CounterMetricFamily(f"stressd_feed_{key}", text, labels=["feed"])
        for key, text in {
            "messages": "Messages received.",
            "ticks": "Ticks decoded.",
            "malformed": "Values that could not be read.",
            "unknown_series": "Values of series that are not configured.",
            "history": "Ticks that were history when they came.",
            "dropped": "Values dropped because they were old and had no time of their own.",
            "connects": "Connections made.",
            "crashes": "Times the feed's task crashed and was started again.",
        }.items()
    }
    for feed in feeds:
        connected.add_metric([feed["name"]], feed["state"] == "connected")
        opened.add_metric([feed["name"]], feed["market_open"])
        if feed["last_message_age_s"] is not None:
            age.add_metric([feed["name"]], feed["last_message_age_s"])
        for key, family in counters.items():
            family.add_metric([feed["name"]], feed.get(key, 0))
        if feed.get("does"):
            does.add_metric([feed["name"], feed["does"]], 1)
        if feed.get("lag_s") is not None:
            lag.add_metric([feed["name"]], feed["lag_s"])
    yield connected
    yield opened
    yield does
    yield lag
    yield age
    yield from counters.values()
