"""What is over goes after its time, in slices; what is open, waits or carries somebody's word stays."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from stressd.store import Store
from stressd.store.retention import ROWS

DAY = 86_400 * 10**9
NOW = 2_000 * DAY


def pages_of(file: Path) -> int:
    with closing(sqlite3.connect(file)) as connection:
        return int(connection.execute("PRAGMA page_count").fetchone()[0])


def fill(file: Path) -> None:
    """Closed episodes 0..299 of one a day, each with an event and two deliveries; the 10th is open, one of the 20th's
    deliveries waits, the 30th is labelled, the 40th has a dead letter."""
    with closing(sqlite3.connect(file)) as c:
        for k in range(300):
            at = NOW - (k + 1) * DAY
            name, state = f"E{k}", "open" if k == 10 else "closed"
            c.execute(
                "INSERT INTO episode VALUES (?, 'JP', 'r', 'up', 'market', 'live', 'warn', 'h', ?, ?, ?, ?, 1)",
                (name, state, at, at, None if k == 10 else at),
            )
            c.execute("INSERT INTO event VALUES (?, ?, 1, 'opened', 'market', ?, ?, '{}')", (f"{name}.1", name, at, at))
            for sink in ("mail", "slack"):
                how = {(20, "mail"): "pending", (40, "mail"): "dead"}.get((k, sink), "delivered")
                c.execute(
                    "INSERT INTO delivery (event_id, episode, seq, sink, state, created_at) VALUES (?, ?, 1, ?, ?, ?)",
                    (f"{name}.1", name, sink, how, at),
                )
            c.execute(
                "INSERT INTO attempt (event_id, sink, attempt, at, took_ms, outcome) VALUES (?, 'a', 1, ?, 1.0, 'ok')",
                (f"{name}.1", at),
            )
        c.execute(
            "INSERT INTO action (at, author, via, verb, subject, detail) VALUES (?, 'm', 'cli', 'label', 'E30', '')",
            (NOW,),
        )
        c.commit()


def count(file: Path, what: str) -> int:
    with closing(sqlite3.connect(file)) as c:
        return int(c.execute(f"SELECT count(*) FROM {what}").fetchone()[0])


def test_what_is_over_goes_and_what_somebody_needs_stays(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    try:
        fill(store.file)
        slices = 0
        while gone := store.prune(NOW - 5 * DAY, NOW - 2 * DAY).result(10):
            slices += 1
            assert gone <= 4 * ROWS
        assert slices > 10
        with closing(sqlite3.connect(store.file)) as c:
            left = {row[0] for row in c.execute("SELECT id FROM episode")}
            assert left == {"E0", "E1", "E2", "E3", "E4", "E10", "E20", "E30"}
            assert {row[0] for row in c.execute("SELECT episode FROM event")} == left
            assert set(c.execute("SELECT episode, sink FROM delivery WHERE episode IN ('E10', 'E20')")) == {
                ("E10", "mail"), ("E10", "slack"), ("E20", "mail"),
            }  # fmt: skip
            assert c.execute("PRAGMA foreign_key_check").fetchall() == []
        assert count(store.file, "action") == 1
        assert count(store.file, "attempt") == 2
    finally:
        store.close()


def test_a_dead_letter_stays_as_long_as_its_episode_and_room_is_given_back(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    try:
        fill(store.file)
        store.flush().result(10)
        while store.prune(0, NOW).result(10):
            pass
        assert count(store.file, "delivery WHERE state = 'dead'") == 1
        assert count(store.file, "episode") == 300
        pages = pages_of(store.file)
        for _ in range(20):
            while store.prune(NOW, NOW).result(10):
                pass
        assert pages_of(store.file) < pages
    finally:
        store.close()
