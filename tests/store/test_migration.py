"""A store of an older version goes on: copied first, changed in one transaction, and nothing in it lost."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from stressd.alerts.event import to_json
from stressd.store import ActionRow, Attempt, Commit, Store, StoreError, schema
from stressd.store.outbox import ATTEMPTS_KEPT
from stressd.store.ownership import LOCK
from stressd.store.schema import FILE, VERSION

Make = Callable[..., Any]
FIRST = Path(__file__).with_name("version_1.sql").read_text()


@pytest.fixture
def old(tmp_path: Path, event: Make) -> Path:
    """A store as version 1 made it, with one open episode whose first message is delivered and whose second waits."""
    with closing(sqlite3.connect(tmp_path / FILE)) as made:
        made.execute("PRAGMA journal_mode = WAL")
        made.executescript(FIRST)
        for seq, kind, state in ((1, "opened", "delivered"), (2, "escalated", "pending")):
            told = event(seq=seq, type=kind)
            made.execute(
                "INSERT INTO event VALUES (?, ?, ?, ?, 'market', 0, 7, ?)",
                (told.id, told.episode, seq, kind, to_json(told).decode()),
            )
            made.execute(
                "INSERT INTO delivery (event_id, episode, seq, sink, state, created_at, remote_ref) "
                "VALUES (?, ?, ?, 'slack', ?, 7, 'ts1')",
                (told.id, told.episode, seq, state),
            )
        made.execute("INSERT INTO machine VALUES ('episodes', x'7b7d')")
        made.commit()
    return tmp_path


def layout(file: Path) -> set[tuple[str, str]]:
    with closing(sqlite3.connect(file)) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            (t, f"{c[1]} {c[2]} {c[3]} {c[4]}") for t in tables for c in connection.execute(f"PRAGMA table_info({t})")
        } | {("index", row[0]) for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}


def version(file: Path) -> int:
    with closing(sqlite3.connect(file)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def test_a_store_of_version_1_goes_on_where_it_was_and_a_copy_of_it_stays(old: Path, sent: Make) -> None:
    store = Store.open(old)
    assert [(d.seq, d.state, d.fallback_for) for d in store.deliveries()] == [
        (1, "delivered", None),
        (2, "pending", None),
    ]
    assert store.told("slack", "JP-260120-aaaa").root_ref == "ts1"
    assert store.machine() == {"episodes": b"{}"}
    store.commit(
        Commit([sent("slack", seq=3)], actions=[ActionRow(5, "mika", "cli", "acknowledged", "JP-260120-aaaa")])
    ).result()
    assert [(a.author, a.verb) for a in store.actions(subject="JP-260120-aaaa")] == [("mika", "acknowledged")]
    store.close()
    copy = old / f"{FILE}.v1"
    assert (version(old / FILE), version(copy)) == (VERSION, 1)
    assert copy.stat().st_mode & 0o077 == 0
    with closing(sqlite3.connect(copy)) as kept:
        assert kept.execute("SELECT count(*) FROM delivery").fetchone() == (2,)
        assert kept.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_migrated_store_and_a_new_one_have_the_same_tables(old: Path, tmp_path: Path) -> None:
    Store.open(old).close()
    Store.open(tmp_path / "new").close()
    assert layout(old / FILE) == layout(tmp_path / "new" / FILE)
    assert not (tmp_path / "new" / f"{FILE}.v1").exists(), "there was nothing to copy"


def test_a_step_that_fails_leaves_the_old_store_as_it_was(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = layout(old / FILE)
    monkeypatch.setattr(schema, "STEPS", (schema.STEPS[0], schema.STEPS[1] + "CREATE TABLE event (n);"))
    with pytest.raises(StoreError, match="event"):
        Store.open(old)
    assert (version(old / FILE), layout(old / FILE)) == (1, before)
    monkeypatch.undo()
    Store.open(old).close()
    assert version(old / FILE) == VERSION


def test_no_copy_no_change(old: Path) -> None:
    (old / f"{FILE}.v1.partial").mkdir()
    with pytest.raises(StoreError, match=r"cannot be copied to stressd\.db\.v1"):
        Store.open(old)
    assert version(old / FILE) == 1


def test_two_processes_that_open_it_at_once_change_it_once(old: Path) -> None:
    faults: list[Exception] = []

    def opening() -> None:
        try:
            Store.open(old).close()
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=opening) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert (version(old / FILE), version(old / f"{FILE}.v1")) == (VERSION, 1)


def test_a_refused_transition_leaves_no_trace_of_who_asked_for_it(store: Store, sent: Make) -> None:
    store.commit(Commit([sent("slack")])).result()
    action = ActionRow(1, "mika", "http", "silenced", "JP.*")
    with pytest.raises(StoreError):
        store.commit(Commit([sent("slack", headline="another")], actions=[action])).result()
    assert store.actions() == []
    store.commit(Commit(actions=[action, ActionRow(2, "jo", "link", "labelled", "JP-260120-aaaa", "noise")])).result()
    assert [a.author for a in store.actions()] == ["mika", "jo"]
    assert [a.author for a in store.actions(verb="silenced")] == ["mika"]
    assert store.actions(limit=1) == [ActionRow(2, "jo", "link", "labelled", "JP-260120-aaaa", "noise")]


def test_the_log_of_attempts_is_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ATTEMPTS_KEPT >= 10_000
    monkeypatch.setattr("stressd.store.outbox.ATTEMPTS_KEPT", 3)
    for n in range(1, 6):
        store.log_attempt(Attempt("JP-260120-aaaa.1", "slack" if n % 2 else "mail", n, 7, 1.5, "failed", "retry", "x"))
    store.flush().result()
    assert [a.attempt for a in store.attempts("JP-260120-aaaa.1")] == [3, 4, 5]
    assert [a.attempt for a in store.attempts("JP-260120-aaaa.1", "mail")] == [4]
    assert store.attempts("JP-260120-aaaa.2") == []


def test_whoever_is_not_the_daemon_leaves_an_older_daemons_file_alone(old: Path) -> None:
    """After an upgrade, before the restart: a command of the new version must not change the tables of what runs."""
    held = os.open(old / LOCK, os.O_CREAT | os.O_RDWR)
    fcntl.flock(held, fcntl.LOCK_EX)
    os.write(held, b"4711\n")
    try:
        with pytest.raises(StoreError, match="the daemon there, process 4711, is of an older version"):
            Store.open(old, create=False)
        with pytest.raises(StoreError, match="process 4711 already keeps its state here"):
            Store.open(old, owner=True)
        assert version(old / FILE) == 1
        assert not (old / f"{FILE}.v1").exists()
    finally:
        os.close(held)
    store = Store.open(old, create=False)
    assert store.copied == old / f"{FILE}.v1"
    store.close()
    again = Store.open(old, owner=True)
    assert again.copied is None
    again.close()
