"""The store: one SQLite file in the state directory, one writer, short reads."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TypeVar

from stressd.alerts.event import Event, from_json
from stressd.market.tick import Tick
from stressd.store import days, history, outbox, retention, standby
from stressd.store.ownership import no_daemon, take_ownership
from stressd.store.rows import (
    ActionRow,
    Attempt,
    Commit,
    DailyBatch,
    Delivery,
    Episode,
    Fixing,
    HistorySource,
    Imported,
    LabelRow,
    Progress,
    Snapshot,
    TickBatch,
    Told,
)
from stressd.store.schema import FILE, UNREADABLE, StoreError, connect, find, prepare
from stressd.store.writer import Writer

T = TypeVar("T")


class Store:
    """Everything that outlives the process. Methods that return a Future write, on the writer's thread, in the order in
    which they were called; the others read, from any thread. All raise StoreError, the futures too. copied: what was
    made of an older version's file before its tables were changed, where they were."""

    def __init__(self, file: Path, lock: int | None, now: Callable[[], int]) -> None:
        self.file = file
        self._lock = lock
        self._now = now
        self._writer = Writer(file)
        self._reading = threading.Lock()
        self._reader: sqlite3.Connection | None = None
        self.copied: Path | None = None

    @classmethod
    def open(
        cls, directory: Path | str, *, owner: bool = False, create: bool = True, now: Callable[[], int] = time.time_ns
    ) -> Store:
        """Open the store in `directory`. owner: as the daemon, of which there is one. create: make it where there is
        none. now: ns UTC. Raises StoreError."""
        file = Path(directory) / FILE
        find(file, create=create)
        lock = take_ownership(file.parent) if owner else None
        try:
            copied = prepare(file, nullcontext if owner else partial(no_daemon, file.parent))
        except BaseException:
            if lock is not None:
                os.close(lock)
            raise
        store = cls(file, lock, now)
        store.copied = copied
        return store

    def close(self, timeout: float = 10.0) -> None:
        """Write what is queued, then let go of the file. Raises StoreError where that cannot be done in time."""
        try:
            self._writer.close(timeout)
        finally:
            with self._reading:
                if self._reader is not None:
                    self._reader.close()
                    self._reader = None
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None

    # -- health

    def listen(self, on_trouble: Callable[[str], None], on_recovered: Callable[[], None]) -> None:
        """on_trouble(text): commits fail and stay queued; on_recovered(): they went through. Called once per trouble,
        on the writer's thread."""
        self._writer.on_trouble, self._writer.on_recovered = on_trouble, on_recovered

    def check(self) -> None:
        """Raises StoreError where this process can write nothing any more: the thread that writes has died."""
        self._writer.check()

    @property
    def trouble(self) -> str | None:
        """Why commits fail at present."""
        return self._writer.trouble

    @property
    def commits(self) -> int:
        """Transactions written."""
        return self._writer.commits

    @property
    def failed_commits(self) -> int:
        """Transactions that failed and were tried again."""
        return self._writer.failures

    @property
    def queued(self) -> int:
        """Writes that wait for the writer."""
        return self._writer.waiting

    # -- writing

    def commit(self, commit: Commit) -> Future[None]:
        """One transition; when the future is done it survives a crash."""
        at = self._now()
        return self._writer.submit(lambda connection: outbox.write(connection, commit, at))

    def flush(self) -> Future[None]:
        """Done when everything queued before it is on disk."""
        return self._writer.submit(lambda connection: None)

    def begin_delivery(self, event_id: str, sink: str, attempts: int) -> Future[None]:
        """Attempt number `attempts` is about to be made."""
        at = self._now()
        return self._writer.submit(lambda connection: outbox.begin(connection, event_id, sink, attempts, at))

    def fail_delivery(
        self, event_id: str, sink: str, *, attempts: int, next_at: int, fault: str, error: str
    ) -> Future[None]:
        """It failed; the next attempt is due at `next_at`, ns UTC."""
        return self._writer.submit(
            partial(
                outbox.fail,
                event_id=event_id,
                sink=sink,
                attempts=attempts,
                at=self._now(),
                next_at=next_at,
                fault=fault,
                error=error,
            )
        )

    def complete_delivery(
        self, event_id: str, sink: str, *, attempts: int, remote_ref: str, detail: str, merged: int
    ) -> Future[None]:
        """The other side accepted it; older events of its episode that waited for this sink are superseded."""
        return self._writer.submit(
            partial(
                outbox.deliver,
                event_id=event_id,
                sink=sink,
                attempts=attempts,
                at=self._now(),
                remote_ref=remote_ref,
                detail=detail,
                merged=merged,
            )
        )

    def bury_delivery(self, event_id: str, sink: str, *, attempts: int, fault: str, error: str) -> Future[int]:
        """Into the dead letters, with older events of its episode that it was to stand for."""
        return self._writer.submit(
            partial(outbox.bury, event_id=event_id, sink=sink, attempts=attempts, fault=fault, error=error)
        )

    def bury_sink(self, sink: str, *, fault: str, error: str) -> Future[int]:
        """Everything that waits for this sink into the dead letters."""
        return self._writer.submit(partial(outbox.bury_sink, sink=sink, fault=fault, error=error))

    def requeue(self, event_ids: Sequence[str] | None = None, sink: str | None = None) -> Future[list[tuple[str, str]]]:
        """Dead letters back into the queue, all or those named; (event id, sink) of each."""
        return self._writer.submit(partial(outbox.requeue, event_ids=event_ids, sink=sink))

    def drop(
        self, event_ids: Sequence[str] | None = None, sink: str | None = None, *, author: str
    ) -> Future[list[tuple[str, str]]]:
        """What waits into the dead letters, all or what is named; (event id, sink) of each."""
        return self._writer.submit(partial(outbox.drop, event_ids=event_ids, sink=sink, author=author, at=self._now()))

    def stand_in(self, event_ids: Sequence[str], sink: str, fallback_for: str) -> Future[list[str]]:
        """`sink` is told of these too, in the place of `fallback_for`; those that it was not to be told already."""
        return self._writer.submit(partial(outbox.stand_in, event_ids=event_ids, sink=sink, fallback_for=fallback_for))

    def stand_by(self) -> Future[int]:
        """What waits is another daemon's to tell: it counts as told."""
        return self._writer.submit(standby.stand_by)

    def take_over(self, since: int, author: str) -> Future[list[tuple[str, str]]]:
        """What counted as told by another daemon and was committed since then, ns UTC, is to be told as a possible
        repeat; (event id, sink) of each."""
        return self._writer.submit(partial(standby.take_over, since=since, author=author, at=self._now()))

    def log_attempt(self, attempt: Attempt) -> Future[None]:
        """Into the delivery log, which is bounded."""
        return self._writer.submit(partial(outbox.log_attempt, attempt=attempt))

    def save_snapshot(self, name: str, version: int, blob: bytes) -> Future[None]:
        """Keep `blob` in place of what was kept under `name`."""
        at = self._now()
        return self._writer.submit(lambda connection: _save(connection, Snapshot(name, version, at, blob)))

    def keep_fixings(self, rows: Sequence[tuple[str, int, float]]) -> Future[None]:
        """Keep fixings that the daemon made of live ticks: (series, ordinal day, percent), under the source "live"."""
        at = self._now()
        return self._writer.submit(lambda connection: history.keep_own(connection, rows, at))

    def prune(self, episodes: int, deliveries: int) -> Future[int]:
        """Let go of a few rows of what was over before (ns UTC): closed episodes, deliveries that are done. How many;
        0 when nothing is left."""
        return self._writer.submit(lambda connection: retention.prune(connection, episodes, deliveries))

    # -- reading the outbox

    def deliveries(
        self,
        *,
        states: Sequence[str] | None = None,
        sink: str | None = None,
        episode: str | None = None,
        event_id: str | None = None,
        limit: int | None = None,
    ) -> list[Delivery]:
        """The newest `limit` deliveries that match, in order of commit."""
        return self._read(
            partial(outbox.deliveries, states=states, sink=sink, episode=episode, event_id=event_id, limit=limit)
        )

    def pending(self) -> list[Delivery]:
        """Everything still to be delivered, in order of commit. `sending` ones may have arrived before a crash."""
        return self.deliveries(states=("pending", "sending"))

    def requeued(self) -> list[Delivery]:
        """What somebody put back into the queue and still waits."""
        return self._read(outbox.requeued)

    def dropped(self) -> list[tuple[str, str]]:
        """(event id, sink) of what somebody gave up."""
        return self._read(outbox.dropped)

    def standing(self, limit: int) -> list[tuple[str, str, str]]:
        """(failing sink, episode, the sink in its place), the newest `limit`, oldest first."""
        return self._read(partial(outbox.standing, limit=limit))

    def open_told(self, sink: str) -> list[str]:
        """Ids of the newest event that the sink was told of each open episode, oldest first. Raises StoreError."""
        return self._read(partial(outbox.open_told, sink=sink))

    def told(self, sink: str, episode: str) -> Told:
        """What the sink knows of the episode."""
        return self._read(partial(outbox.told, sink=sink, episode=episode))

    def attempts(self, event_id: str, sink: str | None = None) -> list[Attempt]:
        """What the delivery log still holds of an event, in the order of the attempts."""
        return self._read(partial(outbox.attempts, event_id=event_id, sink=sink))

    def actions(
        self, *, subject: str | None = None, verb: str | None = None, limit: int | None = None
    ) -> list[ActionRow]:
        """What people did, the newest `limit` that match, in their order."""
        return self._read(partial(outbox.actions, subject=subject, verb=verb, limit=limit))

    def labels(self, episode: str | None = None) -> list[LabelRow]:
        """What people think of episodes, of one or of all: the latest word of each author."""
        return self._read(partial(outbox.labels, episode=episode))

    def event(self, event_id: str) -> Event | None:
        """One event; None where there is none."""
        text = self._read(partial(outbox.event_json, event_id=event_id))
        return None if text is None else from_json(text)

    def events_of(self, episode: str) -> list[Event]:
        """All events of an episode, by seq."""
        statement = "SELECT json FROM event WHERE episode = ? ORDER BY seq"
        return [from_json(row[0]) for row in self._read(lambda c: c.execute(statement, (episode,)).fetchall())]

    def days(self, since: int, until: int) -> list[Event]:
        """The summaries of markets' sessions that were told from `since` to `until` (ns UTC), in their order."""
        return self._read(partial(days.told, since=since, until=until))

    def day(self, name: str) -> Event | None:
        """The summary that people call `JP-2026-01-20`; None where there is none."""
        return self._read(partial(days.named, name=name))

    def told_after(self, event_id: str, end: int) -> list[str]:
        """The JSON of the events that were committed after that one ("" for none) and are of a time up to `end` (ns
        UTC), in order of commit."""
        statement = (
            "SELECT json FROM event WHERE rowid > coalesce((SELECT rowid FROM event WHERE id = ?), 0) AND time <= ? "
            "ORDER BY rowid"
        )
        return [row[0] for row in self._read(lambda c: c.execute(statement, (event_id, end)).fetchall())]

    def newest_event(self) -> str:
        """The id of the event that was committed last, "" for none."""
        found = self._read(lambda c: c.execute("SELECT id FROM event ORDER BY rowid DESC LIMIT 1").fetchone())
        return "" if found is None else str(found[0])

    def episodes(
        self, *, open_only: bool = False, limit: int | None = None, prefix: str | None = None
    ) -> list[Episode]:
        """The newest `limit` episodes, in order of opening; of those whose id begins with `prefix`."""
        return self._read(partial(outbox.episodes, open_only=open_only, limit=limit, prefix=prefix))

    def machine(self) -> dict[str, bytes]:
        """The machine's state as of the last commit."""
        return dict(self._read(lambda c: c.execute("SELECT key, blob FROM machine").fetchall()))

    def load_snapshot(self, name: str) -> Snapshot | None:
        """What was last kept under `name`."""
        statement = "SELECT name, version, saved_at, blob FROM snapshot WHERE name = ?"
        row = self._read(lambda c: c.execute(statement, (name,)).fetchone())
        return None if row is None else Snapshot(*row)

    # -- history

    def import_all(self, batches: Sequence[DailyBatch | TickBatch]) -> list[Imported]:
        """Import history, all of the batches or nothing; a value that is there from the same source is replaced.
        Blocks. Whatever a batch's rows raise passes through."""
        with self._importing() as connection:
            return history.import_all(connection, batches, self._now())

    def import_daily(
        self,
        rows: Iterable[tuple[str, int, float]],
        *,
        source: str,
        convention: str,
        name: str = "",
        progress: Progress | None = None,
    ) -> Imported:
        """One batch of fixings."""
        return self.import_all([DailyBatch(rows, source, convention, name, progress)])[0]

    def import_ticks(
        self,
        rows: Iterable[tuple[str, int, float, str]],
        *,
        source: str,
        name: str = "",
        progress: Progress | None = None,
    ) -> Imported:
        """One batch of ticks."""
        return self.import_all([TickBatch(rows, source, name, progress)])[0]

    def history_daily(self, series: str, source: str | None = None) -> list[Fixing]:
        """Fixings of a series in order of date; of one source, or of all."""
        return self._read(partial(history.daily, series=series, source=source))

    def daily_sources(self, series: str | None = None) -> list[HistorySource]:
        """Who gave which fixings; per series the source with the most rows first."""
        return self._read(partial(history.daily_sources, series=series))

    def history_ticks(self, start: int, end: int, series: Sequence[str] | None = None) -> Iterator[Tick]:
        """Stored ticks with start <= time < end (ns UTC) in order of time."""
        with self._importing() as connection:
            yield from history.ticks(connection, start, end, series)

    def _read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        with self._reading:
            try:
                if self._reader is None:
                    self._reader = connect(self.file, reading=True)
                return query(self._reader)
            except UNREADABLE as error:
                if self._reader is not None:
                    self._reader.close()
                    self._reader = None
                raise StoreError(f"{self.file}: cannot be read: {error}") from error

    @contextmanager
    def _importing(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(connect(self.file)) as connection:
                yield connection
        except sqlite3.Error as error:
            raise StoreError(f"{self.file}: history: {error}") from error


def _save(connection: sqlite3.Connection, snapshot: Snapshot) -> None:
    connection.execute(
        "INSERT INTO snapshot (name, version, saved_at, blob) VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET "
        "version = excluded.version, saved_at = excluded.saved_at, blob = excluded.blob",
        (snapshot.name, snapshot.version, snapshot.saved_at, snapshot.blob),
    )
