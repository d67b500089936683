"""The outbox in the store: what is committed is there, in order, once."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stressd.alerts.event import Event
from stressd.store import Commit, NewerStore, Store, StoreError
from stressd.store.schema import FILE, VERSION, connect

Make = Callable[..., Any]


def test_a_commit_holds_events_deliveries_and_machine_state_together(tmp_path: Path, sent: Make) -> None:
    store = Store.open(tmp_path, now=lambda: 42)
    store.commit(
        Commit([sent("slack", "mail"), sent("slack", seq=2, type="escalated")], {"pipeline": b"state"})
    ).result()
    store.close()
    again = Store.open(tmp_path)
    assert [(d.event_id, d.sink, d.state, d.created_at) for d in again.pending()] == [
        ("JP-260120-aaaa.1", "slack", "pending", 42),
        ("JP-260120-aaaa.1", "mail", "pending", 42),
        ("JP-260120-aaaa.2", "slack", "pending", 42),
    ]
    assert again.machine() == {"pipeline": b"state"}
    assert [e.seq for e in again.events_of("JP-260120-aaaa")] == [1, 2]
    assert again.event("JP-260120-aaaa.2") == sent(seq=2, type="escalated").event
    assert again.event("nothing.1") is None
    again.close()


def test_an_episode_keeps_its_highest_severity_and_closes_and_reopens(store: Store, sent: Make) -> None:
    steps = [("opened", "high"), ("escalated", "critical"), ("resolved", "warn"), ("reopened", "warn")]
    seen = []
    for seq, (kind, severity) in enumerate(steps, 1):
        store.commit(Commit([sent(seq=seq, type=kind, severity=severity, headline=kind)])).result()
        (episode,) = store.episodes()
        seen.append(
            (episode.severity, episode.state, episode.closed_at is not None, episode.last_seq, episode.headline)
        )
    assert seen == [
        ("high", "open", False, 1, "opened"),
        ("critical", "open", False, 2, "escalated"),
        ("critical", "closed", True, 3, "resolved"),
        ("critical", "open", False, 4, "reopened"),
    ]
    assert [e.id for e in store.episodes(open_only=True)] == ["JP-260120-aaaa"]
    assert store.episodes(prefix="JP-260120-aa")
    assert not store.episodes(prefix="JP%")


def test_the_same_event_again_changes_nothing_and_another_content_is_refused(store: Store, sent: Make) -> None:
    store.commit(Commit([sent("slack")])).result()
    store.commit(Commit([sent("slack", "mail")])).result()
    assert [(d.event_id, d.sink) for d in store.deliveries()] == [
        ("JP-260120-aaaa.1", "slack"),
        ("JP-260120-aaaa.1", "mail"),
    ]
    refused = store.commit(Commit([sent("slack", headline="another")], {"pipeline": b"wrong"}))
    good = store.commit(Commit([sent("slack", seq=2)]))
    with pytest.raises(StoreError, match=r"JP-260120-aaaa\.1 is stored already with another content"):
        refused.result()
    assert good.result() is None
    assert store.machine() == {}, "a refused transition leaves nothing behind"


def test_a_delivered_update_supersedes_older_ones_of_its_episode_and_sink_only(store: Store, sent: Make) -> None:
    store.commit(Commit([sent("slack", "mail", seq=s) for s in (1, 2, 3)])).result()
    store.commit(Commit([sent("slack", episode="US-260120-bbbb")])).result()
    store.complete_delivery("JP-260120-aaaa.2", "slack", attempts=1, remote_ref="ts1", detail="", merged=1).result()
    states = {(d.event_id, d.sink): (d.state, d.merged_into) for d in store.deliveries()}
    assert states["JP-260120-aaaa.1", "slack"] == ("superseded", "JP-260120-aaaa.2")
    assert states["JP-260120-aaaa.2", "slack"] == ("delivered", None)
    assert states["JP-260120-aaaa.3", "slack"] == ("pending", None)
    assert all(states[f"JP-260120-aaaa.{s}", "mail"] == ("pending", None) for s in (1, 2, 3))
    assert states["US-260120-bbbb.1", "slack"] == ("pending", None)
    assert store.told("slack", "JP-260120-aaaa") == store.told("slack", "JP-260120-aaaa")
    told = store.told("slack", "JP-260120-aaaa")
    assert (told.root, told.seq, told.lost) == ("JP-260120-aaaa.2", 2, 0)


def test_a_buried_update_takes_what_it_stood_for_along_and_can_be_put_back(store: Store, sent: Make) -> None:
    store.commit(Commit([sent("slack", seq=s) for s in (1, 2, 3)])).result()
    buried = store.bury_delivery("JP-260120-aaaa.2", "slack", attempts=4, fault="permanent", error="HTTP 404")
    assert buried.result() == 2
    dead = store.deliveries(states=["dead"])
    assert [(d.seq, d.fault, d.last_error) for d in dead] == [
        (1, "permanent", "HTTP 404"),
        (2, "permanent", "HTTP 404"),
    ]
    assert store.told("slack", "JP-260120-aaaa").lost == 2
    assert store.requeue(["JP-260120-aaaa.1"], "mail").result() == []
    assert store.requeue(["JP-260120-aaaa.1"]).result() == [("JP-260120-aaaa.1", "slack")]
    assert [(d.seq, d.attempts, d.state) for d in store.requeued()] == [(1, 0, "pending")]
    assert store.bury_sink("slack", fault="disable", error="gone").result() == 2
    assert not store.pending()


def test_deliveries_are_filtered_and_the_newest_are_kept(store: Store, sent: Make) -> None:
    store.commit(Commit([sent("slack", "mail", seq=s) for s in range(1, 6)])).result()
    assert [d.seq for d in store.deliveries(sink="slack", limit=2)] == [4, 5]
    assert [d.sink for d in store.deliveries(event_id="JP-260120-aaaa.3")] == ["slack", "mail"]
    assert store.deliveries(episode="US") == []


def test_writes_made_at_once_share_a_transaction(store: Store, sent: Make) -> None:
    gate = threading.Event()
    held = store._writer.submit(lambda connection: gate.wait())
    futures = [store.commit(Commit([sent("slack", seq=s)])) for s in range(1, 201)]
    before = store.commits
    gate.set()
    for future in futures:
        future.result()
    held.result()
    assert store.commits - before <= 3
    assert [d.seq for d in store.pending()] == list(range(1, 201)), "in the order of the calls"


def test_a_cancelled_waiter_does_not_undo_its_transition(store: Store, sent: Make) -> None:
    future = store.commit(Commit([sent("slack")]))
    assert not future.cancel()
    future.result()
    assert len(store.pending()) == 1


def test_a_full_disk_keeps_transitions_queued_and_tells_once(
    tmp_path: Path, sent: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    Store.open(tmp_path).close()
    full = threading.Event()
    full.set()

    def small(file: Path) -> sqlite3.Connection:
        # A limit of pages, as a quota is one of blocks
        connection = connect(file)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        if full.is_set():
            connection.execute(f"PRAGMA max_page_count = {pages}")
        return connection

    monkeypatch.setattr("stressd.store.writer.connect", small)
    store = Store.open(tmp_path)
    troubled, recovered = threading.Event(), threading.Event()
    texts: list[str] = []

    def trouble(text: str) -> None:
        texts.append(text)
        troubled.set()

    store.listen(trouble, recovered.set)
    big = [store.commit(Commit([sent("slack", seq=s, headline="x" * 20_000)])) for s in (1, 2, 3)]
    assert troubled.wait(10)
    assert "full" in texts[0]
    assert texts == [store.trouble]
    assert not any(future.done() for future in big)
    full.clear()
    for future in big:
        future.result(timeout=20)
    assert recovered.wait(10)
    assert len(texts) == 1
    assert store.failed_commits >= 1
    assert [d.seq for d in store.pending()] == [1, 2, 3]
    store.close()


def test_a_lock_held_elsewhere_delays_a_commit_and_loses_nothing(
    store: Store, sent: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stressd.store.schema.BUSY_TIMEOUT_MS", 1)
    troubled = threading.Event()
    store.listen(lambda text: troubled.set(), lambda: None)
    other = sqlite3.connect(store.file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    future = store.commit(Commit([sent("slack")]))
    assert troubled.wait(10)
    assert not future.done()
    other.execute("ROLLBACK")
    other.close()
    future.result(timeout=20)
    assert len(store.pending()) == 1


def test_closing_a_store_in_trouble_says_what_is_lost(
    tmp_path: Path, sent: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stressd.store.schema.BUSY_TIMEOUT_MS", 1)
    store = Store.open(tmp_path)
    other = sqlite3.connect(store.file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    future = store.commit(Commit([sent("slack")]))
    with pytest.raises(StoreError, match=r"closed with unwritten transitions: .*locked"):
        store.close(timeout=0.5)
    with pytest.raises(StoreError, match="closed before it could be written"):
        future.result(timeout=5)
    with pytest.raises(StoreError, match="is closed"):
        store.flush()
    other.close()


def test_snapshots_replace_each_other_and_keep_their_version(store: Store) -> None:
    assert store.load_snapshot("engine") is None
    store.save_snapshot("engine", 1, b"one").result()
    store.save_snapshot("engine", 2, b"two").result()
    kept = store.load_snapshot("engine")
    assert kept is not None
    assert (kept.version, kept.blob) == (2, b"two")
    assert kept.saved_at > 0


def test_a_newer_schema_is_refused_in_words(tmp_path: Path) -> None:
    Store.open(tmp_path).close()
    file = sqlite3.connect(tmp_path / FILE)
    file.execute(f"PRAGMA user_version = {VERSION + 1}")
    file.close()
    with pytest.raises(NewerStore, match="written by a newer stressd .* run the newer version, or another state"):
        Store.open(tmp_path)
    (tmp_path / f"{FILE}.v{VERSION}").touch()
    with pytest.raises(NewerStore, match=rf"or go back to .*/stressd\.db\.v{VERSION}, which it was before the upgrade"):
        Store.open(tmp_path, owner=True)
    Store.open(tmp_path / "another", owner=True).close()


@pytest.mark.parametrize(
    "content", [b"this is no database, whatever its name says" * 40, b"SQLite format 3\0" + b"\xff" * 5000]
)
def test_a_corrupted_file_is_refused_with_the_way_out(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(StoreError, match=r"stressd\.db: is corrupted or no SQLite file .*restore a backup"):
        Store.open(tmp_path)


def test_a_damaged_page_is_found_at_the_start(tmp_path: Path, sent: Make) -> None:
    store = Store.open(tmp_path)
    store.commit(Commit([sent("slack", seq=s, headline="h" * 3000) for s in range(1, 60)])).result()
    store.close()
    connection = sqlite3.connect(tmp_path / FILE)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    root, size = connection.execute(
        "SELECT rootpage, (SELECT * FROM pragma_page_size) FROM sqlite_master WHERE name='event'"
    ).fetchone()
    connection.close()
    with (tmp_path / FILE).open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xee" * size)
    with pytest.raises(StoreError, match="corrupted"):
        Store.open(tmp_path)


def test_a_file_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / FILE)
    other.execute("CREATE TABLE theirs (x)")
    other.commit()
    other.close()
    with pytest.raises(StoreError, match="not one of stressd's"):
        Store.open(tmp_path)


def test_commands_find_no_store_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no store here"):
        Store.open(tmp_path / "nowhere", create=False)
    assert not (tmp_path / "nowhere").exists()


def test_the_file_is_private(tmp_path: Path) -> None:
    Store.open(tmp_path / "state").close()
    assert (tmp_path / "state" / FILE).stat().st_mode & 0o077 == 0


def test_a_second_daemon_is_refused_and_a_command_is_not(tmp_path: Path) -> None:
    first = Store.open(tmp_path, owner=True)
    with pytest.raises(StoreError, match=f"process {os.getpid()} already keeps its state here"):
        Store.open(tmp_path, owner=True)
    Store.open(tmp_path).close()
    first.close()
    Store.open(tmp_path, owner=True).close()


def test_reads_are_safe_from_many_threads_while_commits_run(store: Store, sent: Make) -> None:
    faults: list[BaseException] = []

    def read() -> None:
        try:
            for _ in range(60):
                seqs = [e.seq for e in store.events_of("JP-260120-aaaa")]
                assert seqs == list(range(1, len(seqs) + 1))
        except BaseException as error:
            faults.append(error)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for seq in range(1, 101):
        store.commit(Commit([sent("slack", seq=seq)]))
    for reader in readers:
        reader.join()
    store.flush().result()
    assert not faults
    assert len(store.events_of("JP-260120-aaaa")) == 100


CHILD = """
import sys
from stressd.alerts.event import from_json
from stressd.store import Commit, Store, NewerStore
from types import SimpleNamespace
store = Store.open(sys.argv[1])
base = from_json(sys.stdin.readline())
from msgspec.structs import replace
seq = 0
while True:
    seq += 1
    one = SimpleNamespace(event=replace(base, id=f"{base.episode}.{seq}", seq=seq), sinks=("slack",), withheld={})
    store.commit(Commit([one], {"n": str(seq).encode()})).add_done_callback(lambda f, s=seq: print(s, flush=True))
    if seq % 7 == 0:
        store.flush().result()
"""


@pytest.mark.parametrize("lines", [1, 40, 300])
def test_what_was_promised_survives_kill_9(tmp_path: Path, event: Callable[..., Event], lines: int) -> None:
    from stressd.alerts.event import to_json

    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdin
    assert child.stdout
    child.stdin.write(to_json(event()).decode() + "\n")
    child.stdin.flush()
    promised = 0
    for _ in range(lines):
        promised = int(child.stdout.readline())
    child.send_signal(signal.SIGKILL)
    for line in child.stdout.read().split("\n")[:-1]:
        promised = int(line)
    child.wait()
    child.stdin.close()
    child.stdout.close()
    store = Store.open(tmp_path)
    seqs = [e.seq for e in store.events_of("JP-260120-aaaa")]
    assert seqs == list(range(1, len(seqs) + 1))
    assert len(seqs) >= promised
    assert store.machine() == {"n": str(len(seqs)).encode()}, "the machine's state is that of the last event"
    assert [d.seq for d in store.pending()] == seqs
    store.close()


@given(st.lists(st.sampled_from(["commit", "deliver", "bury", "requeue", "restart"]), max_size=25), st.data())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_no_delivery_ever_disappears(
    tmp_path_factory: pytest.TempPathFactory, sent: Make, steps: list[str], data: st.DataObject
) -> None:
    """Whatever is done, each committed (event, sink) has one row, in one of the known states."""
    directory = tmp_path_factory.mktemp("s")
    store = Store.open(directory)
    expected: list[str] = []
    for step in steps:
        ids = [d.event_id for d in store.deliveries()]
        if step == "commit":
            seq = len(expected) + 1
            store.commit(Commit([sent("slack", seq=seq)])).result()
            expected.append(f"JP-260120-aaaa.{seq}")
        elif step == "restart":
            store.close()
            store = Store.open(directory)
        elif step == "requeue":
            store.requeue().result()
        elif ids:
            chosen = data.draw(st.sampled_from(ids))
            if step == "deliver":
                store.complete_delivery(chosen, "slack", attempts=1, remote_ref="", detail="", merged=0).result()
            else:
                store.bury_delivery(chosen, "slack", attempts=1, fault="permanent", error="no").result()
        rows = store.deliveries()
        assert [row.event_id for row in rows] == expected
        ends = {row.event_id: row.state for row in rows}
        assert all(
            ends[row.merged_into] == "delivered" for row in rows if row.state == "superseded" and row.merged_into
        )
    store.close()


def test_group_commit_keeps_up_with_a_storm(store: Store, sent: Make) -> None:
    began = time.perf_counter()
    futures = [store.commit(Commit([sent("a", "b", episode=f"E-{n}")], {"m": b"x" * 2_000})) for n in range(2_000)]
    futures[-1].result(timeout=60)
    assert time.perf_counter() - began < 20.0
    assert len(store.pending()) == 4_000
    assert store.commits < 500
