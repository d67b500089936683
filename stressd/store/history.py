"""History in the store: daily fixings and ticks, imported whole or not at all."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from stressd.market.tick import BACKLOG, Tick
from stressd.market.times import day_iso, iso
from stressd.store.rows import Fixing, HistorySource, Imported

CHUNK: Final = 10_000
Progress = Callable[[int], None]
"""Called with the rows read so far."""

_STAGES: Final = {
    "fixing": "CREATE TEMP TABLE staged (series TEXT, day INTEGER, value REAL, "
    "PRIMARY KEY (series, day)) WITHOUT ROWID",
    "tick": "CREATE TEMP TABLE staged (series TEXT, time INTEGER, source TEXT, value REAL, "
    "PRIMARY KEY (series, time, source)) WITHOUT ROWID",
}


def import_daily(
    connection: sqlite3.Connection,
    rows: Iterable[tuple[str, int, float]],
    *,
    source: str,
    convention: str,
    name: str,
    at: int,
    progress: Progress | None,
) -> Imported:
    """Rows are (series, ordinal day, percent). They gather outside the store's tables, so that an error half-way, in
    the rows or on the disk, leaves nothing behind and a running daemon is not kept waiting while a file is read."""
    read = _stage(connection, "fixing", _checked_daily(rows), progress)
    connection.execute("BEGIN IMMEDIATE")
    try:
        matching = "FROM staged s JOIN fixing f ON f.series = s.series AND f.day = s.day AND f.source = ?"
        known, changed = connection.execute(
            f"SELECT count(*), count(*) FILTER (WHERE f.value <> s.value OR f.convention <> ?) {matching}",
            (convention, source),
        ).fetchone()
        connection.execute(
            "INSERT INTO fixing (series, day, source, value, convention, imported_at) "
            "SELECT series, day, ?, value, ?, ? FROM staged WHERE true ON CONFLICT (series, day, source) DO UPDATE SET "
            "value = excluded.value, convention = excluded.convention, imported_at = excluded.imported_at",
            (source, convention, at),
        )
        return _conclude(connection, "daily", name, source, convention, at, read, known, changed)
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def import_ticks(
    connection: sqlite3.Connection,
    rows: Iterable[tuple[str, int, float, str]],
    *,
    source: str,
    name: str,
    at: int,
    progress: Progress | None,
) -> Imported:
    """Rows are (series, ns UTC, percent, source or "" for `source`). Of several at one instant the last counts."""
    read = _stage(connection, "tick", _checked_ticks(rows, source), progress)
    connection.execute("BEGIN IMMEDIATE")
    try:
        known, changed = connection.execute(
            "SELECT count(*), count(*) FILTER (WHERE t.value <> s.value) FROM staged s JOIN tick t "
            "ON t.series = s.series AND t.time = s.time AND t.source = s.source"
        ).fetchone()
        connection.execute(
            "INSERT INTO tick (series, time, source, value) SELECT series, time, source, value FROM staged WHERE true "
            "ON CONFLICT (series, time, source) DO UPDATE SET value = excluded.value"
        )
        return _conclude(connection, "ticks", name, source, "", at, read, known, changed)
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _stage(
    connection: sqlite3.Connection, table: str, rows: Iterator[Sequence[object]], progress: Progress | None
) -> int:
    connection.execute(_STAGES[table])
    columns = 3 if table == "fixing" else 4
    insert = f"INSERT OR REPLACE INTO staged VALUES ({', '.join('?' * columns)})"
    read = 0
    connection.execute("BEGIN")
    while chunk := list(islice(rows, CHUNK)):
        connection.executemany(insert, chunk)
        read += len(chunk)
        if progress is not None:
            progress(read)
    connection.execute("COMMIT")
    return read


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


def _conclude(
    connection: sqlite3.Connection,
    kind: str,
    name: str,
    source: str,
    convention: str,
    at: int,
    read: int,
    known: int,
    changed: int,
) -> Imported:
    staged = connection.execute("SELECT count(*) FROM staged").fetchone()[0]
    done = Imported(rows=read, added=staged - known, changed=changed)
    connection.execute(
        "INSERT INTO import (at, kind, name, source, convention, rows, added, changed) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (at, kind, name, source, convention, done.rows, done.added, done.changed),
    )
    connection.execute("COMMIT")
    return done


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
