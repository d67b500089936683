"""The picture of an event: drawn once, in time or not at all, and never in the way of its message."""

from __future__ import annotations

import asyncio
import struct
import sys
import threading
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from stressd.alerts.canned import canned
from stressd.alerts.event import Event, Path, Point
from stressd.runtime.chart import LARGEST, NoChart, draw
from stressd.runtime.charts import Charts
from stressd.sinks.base import Traits

EVENT = next(event for event in canned() if event.path is not None)


def size(png: bytes) -> tuple[int, int]:
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def test_every_made_up_event_with_a_path_has_a_picture_that_mail_carries() -> None:
    drawn = [draw(event) for event in canned() if event.path is not None]
    assert drawn
    for png in drawn:
        assert len(png) <= LARGEST
        assert size(png) == (840, 560)


levels = st.floats(-1.0, 20.0).map(lambda v: round(v, 4))


@st.composite
def paths(rest: st.DrawFn) -> Path:
    values = rest(st.lists(st.none() | levels, min_size=1, max_size=60))
    low = [None if v is None else v - rest(st.sampled_from((0.0, 0.004))) for v in values]
    high = [None if v is None else v + rest(st.sampled_from((0.0, 0.004))) for v in values]
    return Path(
        series=rest(st.sampled_from(("JP.GOV.30Y", "IT-DE.GOV.10Y", "US.GOV.2s10s"))),
        resolution=rest(st.sampled_from(("intraday", "1d"))),
        start="2026-03-08T06:30:00Z",
        step_s=rest(st.sampled_from((1.0, 60.0, 900.0, 86_400.0))),
        values=values,
        low=low,
        high=high,
        at=Point(value=rest(levels), time="2026-03-08T06:40:00Z"),
        base=rest(st.none() | levels.map(lambda v: Point(value=v, time="2026-03-08T06:30:00Z"))),
        lower=rest(st.none() | levels),
        upper=rest(st.none() | levels),
        zone=rest(st.sampled_from((None, "America/New_York", "Asia/Tokyo"))),
    )


@settings(max_examples=12, deadline=None)
@given(paths(), st.sampled_from(("live", "drill", "replay", "simulated")), st.text(max_size=200))
def test_whatever_the_path_is_there_is_a_picture_or_a_reason(path: Path, origin: Any, headline: str) -> None:
    event = replace(EVENT, path=path, origin=origin, headline=headline)
    if sum(v is not None for v in path.values) < 2:
        with pytest.raises(NoChart, match="too few values"):
            draw(event)
    else:
        assert size(draw(event)) == (840, 560)


async def test_sinks_share_one_picture_of_an_event_drawn_beside_the_loop() -> None:
    threads: list[str] = []

    def drawing(event: Event) -> bytes:
        threads.append(threading.current_thread().name)
        return event.id.encode()

    charts = Charts(draw=drawing)
    assert await asyncio.gather(*(charts.of(EVENT) for _ in range(5))) == [EVENT.id.encode()] * 5
    assert len(threads) == 1
    assert threads[0] != threading.current_thread().name
    assert await charts.of(replace(EVENT, path=None)) is None
    charts.close()


async def test_a_picture_that_takes_too_long_or_fails_is_left_out_and_later_ones_do_not_wait_for_it() -> None:
    held = threading.Event()

    def stuck(event: Event) -> bytes:
        held.wait(5.0)
        return b""

    charts = Charts(draw=stuck, limit=0.05)
    began = time.monotonic()
    assert await charts.of(EVENT) is None
    assert await charts.of(replace(EVENT, id="JP-260120-7q2f.9")) is None
    assert time.monotonic() - began < 2.0
    held.set()
    charts.close()

    def broken(event: Event) -> bytes:
        raise MemoryError

    failing = Charts(draw=broken)
    assert await failing.of(EVENT) is None
    failing.close()


async def test_without_matplotlib_messages_go_without_a_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(NoChart, match="matplotlib is not installed"):
        draw(EVENT)

    class Showing:
        traits = Traits(charts=True)

    charts = Charts()
    charts.warm([Showing()])  # type: ignore[list-item]
    assert await charts.of(EVENT) is None
    charts.close()
