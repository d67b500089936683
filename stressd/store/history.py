"""History in the store: daily fixings and ticks, imported whole or not at all."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from stressd.engine.breaches import LIVE
from stressd.market.tick import BACKLOG, Tick
from stressd.market.times import day_iso, iso
from stressd.store.rows import DailyBatch, Fixing, HistorySource, Imported, TickBatch

CHUNK: Final = 10_000


def import_all(connection: sqlite3.Connection, batches: Sequence[DailyBatch | TickBatch], at: int) -> list[Imported]:
    """All batches or none, in one transaction; a value that is there from the same source is replaced.

    Rows gather outside the store's tables first, so that an error half-way, in the rows or on the disk, leaves nothing
    behind and a running daemon is not kept waiting while a file is read. Of several rows for one instant the last
    counts.
    """
    read = [_stage(connection, f"staged_{k}", batch) for k, batch in enumerate(batches)]
    connection.execute("BEGIN IMMEDIATE")
    try:
        done = []
        for k, batch in enumerate(batches):
            table = f"staged_{k}"
            if isinstance(batch, DailyBatch):
                known, changed = _write_daily(connection, table, batch, at)
            else:
                known, changed = _write_ticks(connection, table)
            done.append(_log(connection, table, batch, at, read[k], known, changed))
        connection.execute("COMMIT")
        return done
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _stage(connection: sqlite3.Connection, table: str, batch: DailyBatch | TickBatch) -> int:
    rows: Iterator[Sequence[object]]
    columns: tuple[str, ...]
    if isinstance(batch, DailyBatch):
        rows, columns = _checked_daily(batch.rows), ("series TEXT", "day INTEGER", "value REAL")
        key = "series, day"
    else:
        rows = _checked_ticks(batch.rows, batch.source)
        columns = ("series TEXT", "time INTEGER", "source TEXT", "value REAL")
        key = "series, time, source"
    connection.execute(f"CREATE TEMP TABLE {table} ({', '.join(columns)}, PRIMARY KEY ({key})) WITHOUT ROWID")
    insert = f"INSERT OR REPLACE INTO {table} VALUES ({', '.join('?' * len(columns))})"
    read = 0
    connection.execute("BEGIN")
    while chunk := list(islice(rows, CHUNK)):
        connection.executemany(insert, chunk)
        read += len(chunk)
        if batch.progress is not None:
            batch.progress(read)
    connection.execute("COMMIT")
    return read


def _write_daily(connection: sqlite3.Connection, table: str, batch: DailyBatch, at: int) -> tuple[int, int]:
    """Known rows, and those of them that change."""
    known, changed = connection.execute(
        "SELECT count(*), count(*) FILTER (WHERE f.value <> s.value OR f.convention <> ?) "
        f"FROM {table} s JOIN fixing f ON f.series = s.series AND f.day = s.day AND f.source = ?",
        (batch.convention, batch.source),
    ).fetchone()
    connection.execute(
        "INSERT INTO fixing (series, day, source, value, convention, imported_at) "
        f"SELECT series, day, ?, value, ?, ? FROM {table} WHERE true ON CONFLICT (series, day, source) DO UPDATE SET "
        "value = excluded.value, convention = excluded.convention, imported_at = excluded.imported_at",
        (batch.source, batch.convention, at),
    )
    return known, changed


def _write_ticks(connection: sqlite3.Connection, table: str) -> tuple[int, int]:
    """Known rows, and those of them that change."""
    known, changed = connection.execute(
        f"SELECT count(*), count(*) FILTER (WHERE t.value <> s.value) FROM {table} s JOIN tick t "
        "ON t.series = s.series AND t.time = s.time AND t.source = s.source"
    ).fetchone()
    connection.execute(
        f"INSERT INTO tick (series, time, source, value) SELECT series, time, source, value FROM {table} WHERE true "
        "ON CONFLICT (series, time, source) DO UPDATE SET value = excluded.value"
    )
    return known, changed


def _checked_daily(rows: Iterable[tuple[str, int, float]]) -> Iterator[tuple[str, int, float]]:
    for series, day, value in rows:
        if not math.isfinite(value):
            raise ValueError(f"{series} on {day_iso(day)}: {value} is no yield")
        yield series, day, value


def _checked_ticks(rows: Iterable[tuple[str, int, float, str]], source: str) -> Iterator[tuple[str, int, str, float]]:
    for series, time, value, venue in rows:
        if not math.isfinite(value):
            raise ValueError(f"{series} at {iso(time)}: {value} is no yield")
        yield series, time, venue or source, value


def _log(
    connection: sqlite3.Connection,
    table: str,
    batch: DailyBatch | TickBatch,
    at: int,
    read: int,
    known: int,
    changed: int,
) -> Imported:
    staged = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    done = Imported(rows=read, added=staged - known, changed=changed)
    kind, convention = ("daily", batch.convention) if isinstance(batch, DailyBatch) else ("ticks", "")
    connection.execute(
        "INSERT INTO import (at, kind, name, source, convention, rows, added, changed) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (at, kind, batch.name, batch.source, convention, done.rows, done.added, done.changed),
    )
    return done


def keep_own(connection: sqlite3.Connection, rows: Sequence[tuple[str, int, float]], at: int) -> None:
    """The daemon's own fixings: (series, ordinal day, percent). One of a day that is there is replaced."""
    connection.executemany(
        "INSERT OR REPLACE INTO fixing (series, day, source, value, convention, imported_at) "
        "VALUES (?, ?, ?, ?, '', ?)",
        [(series, day, LIVE, value, at) for series, day, value in rows],
    )


def daily(connection: sqlite3.Connection, series: str, source: str | None) -> list[Fixing]:
    """All fixings of a series in order of date; of one source, or of all, those of one date in order of source."""
    clause, values = ("", [series]) if source is None else ("AND source = ?", [series, source])
    rows = connection.execute(
        f"SELECT series, day, value, source, convention FROM fixing WHERE series = ? {clause} ORDER BY day, source",
        values,
    ).fetchall()
    return [Fixing(*row) for row in rows]


def daily_sources(connection: sqlite3.Connection, series: str | None) -> list[HistorySource]:
    """Who gave what, by series; the source with the most rows first."""
    clause, values = ("", []) if series is None else ("WHERE series = ?", [series])
    rows = connection.execute(
        "SELECT series, source, max(convention), count(*), min(day), max(day) FROM fixing "
        f"{clause} GROUP BY series, source ORDER BY series, count(*) DESC, source",
        values,
    ).fetchall()
    return [HistorySource(*row) for row in rows]


def ticks(connection: sqlite3.Connection, start: int, end: int, series: Sequence[str] | None) -> Iterator[Tick]:
    """Ticks with start <= time < end in order of time, marked as backlog."""
    clause = "" if series is None else f"AND series IN ({', '.join('?' * len(series))})"
    rows = connection.execute(
        "SELECT series, value, time, source FROM tick WHERE time >= ? AND time < ? "
        f"{clause} ORDER BY time, series, source",
        [start, end, *(series or ())],
    )
    for name, value, time, source in rows:
        yield Tick(name, value, time, time, source, BACKLOG)
