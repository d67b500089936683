"""The pump and the mailbox before it."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, Metric

from stressd.runtime.metrics.family import Report, counter, gauge


def pump_metrics(pump: Report, mailbox: Report) -> Iterable[Metric]:
    yield counter("stressd_pump_passes", "Passes of the pump.", pump["passes"])
    yield counter("stressd_frames", "Messages decoded.", pump["frames"])
    yield counter("stressd_ticks", "Ticks given to the engine.", pump["ticks"])
    yield counter("stressd_malformed_frames", "Messages that no tick could be read from.", pump["malformed"])
    yield counter("stressd_decoder_faults", "Messages on which a decoder failed in a way it must not.", pump["faults"])
    yield gauge("stressd_pump_idle_seconds", "Since the last pass of the pump.", pump["idle_s"])
    events = CounterMetricFamily("stressd_events", "Events by type.", labels=["type"])
    for kind, count in sorted(pump["events"].items()):
        events.add_metric([kind], count)
    yield events
    yield gauge("stressd_pump_lag_seconds", "For how long the oldest tick waits to be judged.", mailbox["lag_s"])
    yield gauge("stressd_mailbox_frames", "Messages that wait for the pump.", mailbox["frames"])
    yield gauge("stressd_mailbox_bytes", "Memory of messages that wait for the pump.", mailbox["bytes"])
    yield counter(
        "stressd_mailbox_folded_ticks", "Ticks folded into envelopes because the mailbox was full.", mailbox["folded"]
    )
