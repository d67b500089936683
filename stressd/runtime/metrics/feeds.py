"""The feeds: connected, how long ago, how much, how much of it unreadable."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from stressd.runtime.metrics.family import Report


def feed_metrics(feeds: Iterable[Report]) -> Iterable[Metric]:
    connected = GaugeMetricFamily("stressd_feed_connected", "1 while the feed is connected.", labels=["feed"])
    opened = GaugeMetricFamily("stressd_feed_market_open", "1 while a market of the feed is open.", labels=["feed"])
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
        opened.add_metric([feed["name"]], feed["market_open"])
        if feed["last_message_age_s"] is not None:
            age.add_metric([feed["name"]], feed["last_message_age_s"])
        for key, family in counters.items():
            family.add_metric([feed["name"]], feed[key])
    yield connected
    yield opened
    yield age
    yield from counters.values()
