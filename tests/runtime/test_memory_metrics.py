"""What /metrics says of memory."""

from __future__ import annotations

import gc

from stressd.engine.engine import Engine
from stressd.market.times import parse_time
from stressd.runtime.footprint import BOUND, Footprints
from stressd.runtime.garbage import Garbage
from stressd.runtime.metrics.memory import memory_metrics
from stressd.runtime.report import memory
from stressd.testing.worlds import world


def test_the_bytes_of_series_and_the_pauses_of_the_collector_are_published() -> None:
    engine = Engine(world({"AA": "always"}, tenors=("2Y", "10Y")), parse_time("2026-01-13T00:00:00Z"))
    sizes, garbage = Footprints(), Garbage()
    before = {sample.name for family in memory_metrics(memory(sizes, garbage, 2)) for sample in family.samples}
    assert "stressd_engine_bytes" not in before
    sizes.measure(engine)
    garbage.watch()
    gc.collect()
    garbage.close()
    gc.collect()
    found = {
        sample.name: sample.value for family in memory_metrics(memory(sizes, garbage, 2)) for sample in family.samples
    }
    assert found["stressd_engine_bytes"] == 2.0 * found["stressd_series_mean_bytes"]
    assert 1_000.0 < found["stressd_series_largest_bytes"] < found["stressd_series_bound_bytes"] == BOUND
    assert found["stressd_resident_bytes"] > 10e6
    assert found["stressd_garbage_collection_seconds_count"] == 1.0
    assert 0.0 < found["stressd_garbage_collection_longest_seconds"] <= found["stressd_garbage_collection_seconds_sum"]
