"""The file `stressd.db`: its tables, their version, and how a connection to it is made."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Final

FILE: Final = "stressd.db"
BUSY_TIMEOUT_MS: Final = 5_000


class StoreError(Exception):
    """The store cannot be used, or what was asked of it cannot be. The text names the file and what to do."""


class NewerStore(StoreError):
    """It was written by a newer version, and no waiting or restart will change that."""


_FIRST: Final = """
CREATE TABLE event (
  id TEXT PRIMARY KEY, episode TEXT NOT NULL, seq INTEGER NOT NULL, type TEXT NOT NULL, kind TEXT NOT NULL,
  time INTEGER NOT NULL, committed_at INTEGER NOT NULL, json TEXT NOT NULL,
  UNIQUE (episode, seq)
) STRICT;
CREATE INDEX event_time ON event (time);

CREATE TABLE episode (
  id TEXT PRIMARY KEY, market TEXT NOT NULL, rule TEXT NOT NULL, direction TEXT, kind TEXT NOT NULL,
  origin TEXT NOT NULL, severity TEXT NOT NULL, headline TEXT NOT NULL, state TEXT NOT NULL,
  opened_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, closed_at INTEGER, last_seq INTEGER NOT NULL
) STRICT;
CREATE INDEX episode_opened ON episode (opened_at);
CREATE INDEX episode_open ON episode (opened_at) WHERE state = 'open';

CREATE TABLE delivery (
  n INTEGER PRIMARY KEY, event_id TEXT NOT NULL REFERENCES event (id), episode TEXT NOT NULL, seq INTEGER NOT NULL,
  sink TEXT NOT NULL, state TEXT NOT NULL CHECK (state IN ('pending', 'sending', 'delivered', 'dead', 'superseded')),
  created_at INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, first_at INTEGER, next_at INTEGER,
  fault TEXT, last_error TEXT, delivered_at INTEGER, remote_ref TEXT, detail TEXT,
  merged_into TEXT, merged INTEGER NOT NULL DEFAULT 0, requeued INTEGER NOT NULL DEFAULT 0,
  UNIQUE (event_id, sink)
) STRICT;
CREATE INDEX delivery_episode ON delivery (episode, sink, seq);
CREATE INDEX delivery_waiting ON delivery (sink) WHERE state IN ('pending', 'sending');
CREATE INDEX delivery_dead ON delivery (n) WHERE state = 'dead';

CREATE TABLE machine (key TEXT PRIMARY KEY, blob BLOB NOT NULL) STRICT;

CREATE TABLE snapshot (
  name TEXT PRIMARY KEY, version INTEGER NOT NULL, saved_at INTEGER NOT NULL, blob BLOB NOT NULL
) STRICT;

CREATE TABLE fixing (
  series TEXT NOT NULL, day INTEGER NOT NULL, source TEXT NOT NULL, value REAL NOT NULL, convention TEXT NOT NULL,
  imported_at INTEGER NOT NULL,
  PRIMARY KEY (series, day, source)
) STRICT, WITHOUT ROWID;

CREATE TABLE tick (
  series TEXT NOT NULL, time INTEGER NOT NULL, source TEXT NOT NULL, value REAL NOT NULL,
  PRIMARY KEY (series, time, source)
) STRICT, WITHOUT ROWID;

CREATE TABLE import (
  n INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, source TEXT NOT NULL,
  convention TEXT NOT NULL, rows INTEGER NOT NULL, added INTEGER NOT NULL, changed INTEGER NOT NULL
) STRICT;
"""
"""Times are ns UTC, days proleptic ordinals, values percent. delivery.n is the order of commit."""

_SECOND: Final = """
ALTER TABLE delivery ADD COLUMN fallback_for TEXT;
ALTER TABLE delivery ADD COLUMN withheld TEXT;
CREATE INDEX delivery_fallback ON delivery (episode) WHERE fallback_for IS NOT NULL;

CREATE TABLE action (
  n INTEGER PRIMARY KEY, at INTEGER NOT NULL, author TEXT NOT NULL, via TEXT NOT NULL, verb TEXT NOT NULL,
  subject TEXT NOT NULL, detail TEXT NOT NULL
) STRICT;
CREATE INDEX action_subject ON action (subject);

CREATE TABLE attempt (
  n INTEGER PRIMARY KEY, event_id TEXT NOT NULL, sink TEXT NOT NULL, attempt INTEGER NOT NULL, at INTEGER NOT NULL,
  took_ms REAL NOT NULL, outcome TEXT NOT NULL, fault TEXT, error TEXT, request TEXT, response TEXT
) STRICT;
CREATE INDEX attempt_event ON attempt (event_id);
"""
"""action: what people did, who and by which way. attempt: the log of deliveries, bounded by its rows.
delivery.fallback_for: the sink in whose place this one is told; delivery.withheld: a JSON list of what was not told to
it meanwhile."""

STEPS: Final = (_FIRST, _SECOND)
"""What makes each version of the previous one; a new file goes through all of them."""

VERSION: Final = len(STEPS)

UNREADABLE: Final = (sqlite3.Error, UnicodeDecodeError)
"""What reading a store may raise: Python cannot even decode SQLite's words where they quote a damaged page."""

_ESSENTIAL: Final = ("event", "episode", "delivery", "machine")


def connect(file: Path, *, reading: bool = False) -> sqlite3.Connection:
    """A connection with explicit transactions, usable from any one thread at a time. Raises sqlite3.Error."""
    connection = sqlite3.connect(file, timeout=BUSY_TIMEOUT_MS / 1000, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        if reading:
            connection.execute("PRAGMA query_only = ON")
    except UNREADABLE:
        connection.close()
        raise
    return connection


def find(file: Path, *, create: bool) -> None:
    """See that there is a file, or make it. Raises StoreError."""
    if not file.exists():
        if not create:
            raise StoreError(f"{file}: there is no store here; `stressd run` or `stressd history import` makes one")
        _make_private(file)


def prepare(file: Path, alone: Callable[[], AbstractContextManager[None]]) -> Path | None:
    """See that it is a store which this version can use, or make it one; the copy that was made of an older version's
    before. alone: as long as it lasts no daemon runs on the file; raises StoreError where one does. Raises
    StoreError."""
    try:
        connection = connect(file)
    except UNREADABLE as error:
        raise StoreError(_in_words(file, error)) from None
    try:
        return _bring_up(connection, file, alone)
    except UNREADABLE as error:
        raise StoreError(_in_words(file, error)) from None
    finally:
        connection.close()


def _make_private(file: Path) -> None:
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreError(f"{file}: cannot be created: {error.strerror}") from None


def _bring_up(
    connection: sqlite3.Connection, file: Path, alone: Callable[[], AbstractContextManager[None]]
) -> Path | None:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version == 0:
        # takes effect in a file that is still empty: what is let go of later is given back to the disk
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    copy = None
    if version > VERSION:
        former = _copy_of(file, VERSION)
        back = f"or go back to {former}, which it was before the upgrade" if former.exists() else "or another state"
        raise NewerStore(
            f"{file}: was written by a newer stressd (its schema is {version}, this version knows {VERSION}): "
            f"run the newer version, {back} (docs/upgrade.md)"
        )
    if version == 0:
        copy = _migrate(connection, file)
    elif version < VERSION:
        with alone():
            copy = _migrate(connection, file)
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise StoreError(f"{file}: this file system does not allow SQLite's WAL mode; keep the state on a local disk")
    for table in _ESSENTIAL:
        verdict = str(connection.execute(f"PRAGMA quick_check({table})").fetchone()[0])
        if verdict != "ok":
            raise StoreError(f"{file}: is corrupted ({verdict}): {_RESTORE}")
    return copy


def _copy_of(file: Path, version: int) -> Path:
    return file.with_name(f"{file.name}.v{version}")


def _migrate(connection: sqlite3.Connection, file: Path) -> Path | None:
    """The copy. All steps in one transaction, after a copy of what there was; two processes may try at once."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if version == 0 and connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise StoreError(f"{file}: is a SQLite file, but not one of stressd's")
        copy = _copy_of(file, version) if 0 < version < VERSION else None
        if copy is not None:
            _copy(file, copy)
        for statement in ";".join(STEPS[version:]).split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    return copy


def _copy(file: Path, to: Path) -> None:
    """A consistent copy, complete or absent, while the write lock is held by the caller's transaction."""
    partial = to.with_name(f"{to.name}.partial")
    try:
        partial.unlink(missing_ok=True)
        _make_private(partial)
        with closing(connect(file, reading=True)) as source, closing(sqlite3.connect(partial)) as target:
            source.backup(target)
        os.replace(partial, to)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"{file}: cannot be copied to {to.name} before its tables are changed: {error}") from None


_RESTORE: Final = (
    "restore a backup (stressd restore), or move it away and start with an empty one (open episodes and history are "
    "lost then)"
)


def _in_words(file: Path, error: sqlite3.Error | UnicodeDecodeError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"{file}: is corrupted: {_RESTORE}"
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return f"{file}: is corrupted or no SQLite file ({error}): {_RESTORE}"
    return f"{file}: cannot be used: {error}"
