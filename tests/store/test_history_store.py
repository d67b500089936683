"""History in the store: whole or not at all."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stressd.market.tick import BACKLOG
from stressd.store import DailyBatch, Imported, Store, StoreError, TickBatch

DAY = date(2026, 1, 20).toordinal()
LENIENT = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


def test_a_second_import_replaces_values_and_counts_what_it_changed(store: Store) -> None:
    rows = [("JP.GOV.30Y", DAY - 1, 3.562), ("JP.GOV.30Y", DAY, 3.765)]
    assert store.import_daily(rows, source="mof", convention="par", name="a.csv") == Imported(2, 2, 0)
    again = [("JP.GOV.30Y", DAY, 3.766), ("JP.GOV.30Y", DAY + 1, 3.647)]
    assert store.import_daily(again, source="mof", convention="par") == Imported(2, 1, 1)
    assert [(f.day, f.value) for f in store.history_daily("JP.GOV.30Y")] == [
        (DAY - 1, 3.562),
        (DAY, 3.766),
        (DAY + 1, 3.647),
    ]


def test_sources_stay_apart(store: Store) -> None:
    store.import_daily([("US.GOV.10Y", DAY, 4.30), ("US.GOV.10Y", DAY + 1, 4.26)], source="fred", convention="cmt")
    store.import_daily([("US.GOV.10Y", DAY, 4.31)], source="desk", convention="on-the-run")
    assert [(f.source, f.value) for f in store.history_daily("US.GOV.10Y")][:2] == [("desk", 4.31), ("fred", 4.30)]
    assert [f.convention for f in store.history_daily("US.GOV.10Y", "desk")] == ["on-the-run"]
    first, second = store.daily_sources("US.GOV.10Y")
    assert (first.source, first.rows, first.first, first.last) == ("fred", 2, DAY, DAY + 1)
    assert second.source == "desk"
    assert len(store.daily_sources()) == 2


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_bad_row_leaves_nothing_behind(store: Store, bad: float) -> None:
    rows = [("JP.GOV.10Y", DAY - n, 1.0) for n in range(25_000)] + [("JP.GOV.10Y", DAY + 1, bad)]
    with pytest.raises(ValueError, match=r"JP\.GOV\.10Y on 2026-01-21: (nan|inf) is no yield"):
        store.import_daily(rows, source="mof", convention="par")
    assert store.history_daily("JP.GOV.10Y") == []
    store.import_daily(rows[:-1], source="mof", convention="par")
    assert len(store.history_daily("JP.GOV.10Y")) == 25_000


def test_an_error_of_the_reader_leaves_nothing_behind(store: Store) -> None:
    def rows() -> Iterator[tuple[str, int, float]]:
        yield "JP.GOV.10Y", DAY, 1.0
        raise OSError("the file went away")

    with pytest.raises(OSError, match="went away"):
        store.import_daily(rows(), source="mof", convention="par")
    assert store.daily_sources() == []


def test_progress_is_told_and_a_running_writer_is_not_kept_waiting(store: Store) -> None:
    seen: list[int] = []

    def rows() -> Iterator[tuple[str, int, float]]:
        for n in range(30_000):
            if n == 15_000:
                store.flush().result(timeout=5)
            yield "JP.GOV.10Y", DAY - n, 1.0

    done = store.import_daily(rows(), source="mof", convention="par", progress=seen.append)
    assert done.rows == 30_000
    assert seen == [10_000, 20_000, 30_000]


def test_ticks_come_back_in_order_of_time_as_backlog(store: Store) -> None:
    rows = [("B", 20, 1.2, ""), ("A", 30, 1.3, "x"), ("A", 10, 1.1, ""), ("A", 10, 1.15, "")]
    assert store.import_ticks(rows, source="file") == Imported(4, 3, 0)
    ticks = list(store.history_ticks(0, 100))
    assert [(t.series, t.time, t.value, t.source) for t in ticks] == [
        ("A", 10, 1.15, "file"),
        ("B", 20, 1.2, "file"),
        ("A", 30, 1.3, "x"),
    ]
    assert all(t.flags & BACKLOG for t in ticks)
    assert [t.time for t in store.history_ticks(10, 30, ["A"])] == [10]
    assert store.import_ticks(rows, source="file") == Imported(4, 0, 0)
    with pytest.raises(ValueError, match="is no yield"):
        store.import_ticks([("A", 10, float("nan"), "")], source="file")


@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from("AB"), st.integers(1, 6), st.floats(-5, 20)), max_size=8),
        max_size=4,
    )
)
@settings(max_examples=30, suppress_health_check=LENIENT)
def test_imports_are_the_last_word_on_each_date(
    tmp_path_factory: pytest.TempPathFactory, imports: list[list[tuple[str, int, float]]]
) -> None:
    store = Store.open(tmp_path_factory.mktemp("h"))
    expected: dict[tuple[str, int], float] = {}
    for rows in imports:
        before = dict(expected)
        expected.update({(series, day): value for series, day, value in rows})
        last = {(series, day): value for series, day, value in rows}
        done = store.import_daily(rows, source="s", convention="c")
        assert done.rows == len(rows)
        assert done.added == len(last.keys() - before.keys())
        assert done.changed == sum(1 for key, value in last.items() if key in before and before[key] != value)
    stored = {(f.series, f.day): f.value for series in "AB" for f in store.history_daily(series)}
    assert stored == expected
    store.close()


def test_fifty_years_of_jgbs_are_imported_in_seconds(store: Store, shared: Path) -> None:
    def rows() -> Iterator[tuple[str, int, float]]:
        with (shared / "data" / "jgb" / "jgbcme_all.csv").open(encoding="utf-8") as file:
            next(file)
            reader = csv.reader(file)
            tenors = next(reader)[1:]
            for line in reader:
                year, month, day = line[0].split("/")
                ordinal = date(int(year), int(month), int(day)).toordinal()
                for tenor, value in zip(tenors, line[1:], strict=False):
                    if value not in ("-", ""):
                        yield f"JP.GOV.{tenor}", ordinal, float(value)

    done = store.import_daily(rows(), source="mof", convention="par-fitted")
    assert done.added == done.rows > 100_000
    thirty = {f.day: f.value for f in store.history_daily("JP.GOV.30Y")}
    assert round((thirty[DAY] - thirty[DAY - 1]) * 100, 1) == 20.3


def test_a_store_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    connection = sqlite3.connect(store.file)
    connection.execute("DROP TABLE fixing")
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match=r"stressd\.db: cannot be read: no such table"):
        store.history_daily("JP.GOV.10Y")
    with pytest.raises(StoreError, match=r"history: no such table"):
        store.import_daily([("A", 1, 1.0)], source="s", convention="c")
    store.close()


def test_several_publishers_are_imported_together_or_not_at_all(store: Store) -> None:
    good = DailyBatch([("JP.GOV.10Y", DAY, 2.3)], "mof", "semi-annual", "jgb.csv")
    ticks = TickBatch([("JP.GOV.10Y", 10, 2.31, "")], "desk", "ticks.csv")
    bad = DailyBatch([("US.GOV.10Y", DAY, float("nan"))], "fred", "semi-annual", "dgs.csv")
    with pytest.raises(ValueError, match="is no yield"):
        store.import_all([good, ticks, bad])
    assert store.history_daily("JP.GOV.10Y") == []
    assert list(store.history_ticks(0, 100)) == []
    connection = sqlite3.connect(store.file)
    connection.execute("CREATE TRIGGER full BEFORE INSERT ON tick BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    connection.commit()
    with pytest.raises(StoreError, match="disk full"):
        store.import_all([good, ticks])
    assert store.history_daily("JP.GOV.10Y") == []
    connection.execute("DROP TRIGGER full")
    connection.commit()
    connection.close()
    assert store.import_all([good, ticks]) == [Imported(1, 1, 0), Imported(1, 1, 0)]
