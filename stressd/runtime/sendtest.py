"""One labelled message through one real sink, beside everything that waits for it: one attempt, no retry."""

from __future__ import annotations

from dataclasses import replace

from stressd import METHOD, __version__
from stressd.alerts.event import Event
from stressd.alerts.notification import Notification, Telling
from stressd.alerts.spec import EpisodesSpec
from stressd.config.load import Loaded
from stressd.config.registry import Registry
from stressd.market.times import iso
from stressd.runtime.build import episodes_spec, make_sink
from stressd.runtime.rendering import Renderer
from stressd.sinks.base import Receipt


async def send_test(loaded: Loaded, registry: Registry, sink: str, at: int, why: str) -> Receipt:
    """What the other side answers. sink: its name, which is configured; at: ns UTC; why: who wants it, as a sentence
    without its end. Raises SinkError, BuildError."""
    made = make_sink(loaded, registry, sink)
    try:
        return await made.send(message(loaded, at, sink, why))
    finally:
        await made.close()


def message(loaded: Loaded, at: int, sink: str, why: str) -> Notification:
    """The test message, in that sink's wording."""
    spec: EpisodesSpec = episodes_spec(loaded, "drill")
    day = iso(at)[2:10].replace("-", "")
    episode = f"SELF-{day}-{at // 1_000_000 % 36**4:04x}"
    event = Event(
        id=f"{episode}.1",
        episode=episode,
        seq=1,
        type="opened",
        kind="self",
        origin="drill",
        time=iso(at),
        instance=spec.instance,
        rule="send-test",
        market="",
        direction=None,
        severity="info",
        headline=f"Test message from stressd {spec.instance}",
        series=[],
        note=f"This is a test: {why}. No market has moved, and nothing needs to be done.",
        version=__version__,
        method=METHOD,
        config=spec.config,
    )
    # Nothing will end it: a pager must not keep it open
    return replace(Renderer(loaded)(event, Telling(first=True, page_url=loaded.page_url, sink=sink)), life="once")
