"""The one thread that writes: a queue, group commit, and no transition lost while the disk is in trouble."""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final, TypeVar

from stressd.backoff import Backoff
from stressd.store.schema import StoreError, connect

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], Any]
_Job = tuple[Work, "Future[Any]"]

GROUP: Final = 512
"""Most jobs in one transaction: bounds how long the first of them waits."""

LEAST_WAIT, FIRST_WAIT, LAST_WAIT = 0.01, 0.05, 5.0
"""Seconds between attempts while commits fail."""

_CALLERS_FAULT: Final = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.DataError)

_TROUBLE: Final = (sqlite3.Error, OSError, MemoryError)
"""Nobody's fault: the same work may succeed later."""


def _hear_nothing(text: str = "") -> None:
    """Until the runtime listens."""


class Writer:
    """Runs jobs in their order, many to one transaction.

    A job that is itself wrong fails alone, and its future holds the error. Trouble of the file (disk full, I/O error,
    locked) is nobody's fault: the group stays queued in its order and is tried again, with back-off, until it is
    written. on_trouble(text) and on_recovered() are called on the writer's thread, once per trouble.
    """

    def __init__(self, file: Path) -> None:
        self.on_trouble: Callable[[str], None] = _hear_nothing
        self.on_recovered: Callable[[], None] = _hear_nothing
        self.failures = 0
        self.commits = 0
        self.trouble: str | None = None
        self.dead: BaseException | None = None
        self._file = file
        self._connection: sqlite3.Connection | None = None
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._hurry = threading.Event()
        self._give_up = threading.Event()
        self._closing = False
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._group: list[_Job] = []

    @property
    def waiting(self) -> int:
        """Jobs not yet begun."""
        return self._jobs.qsize()

    def check(self) -> None:
        """Raises StoreError where nothing can be written any more in this process."""
        if self.dead is not None:
            raise StoreError(f"{self._file}: the thread that writes has died: {self.dead!r}")

    def submit(self, work: Callable[[sqlite3.Connection], T]) -> Future[T]:
        """Queue `work`; the future ends when it is on disk. Cancelling it does not unqueue the work."""
        future: Future[T] = Future()
        # Running from the start: a cancelled waiter must not undo a transition that was promised
        future.set_running_or_notify_cancel()
        with self._lock:
            if self._closing or self.dead is not None:
                why = "is closed" if self._closing else f"the thread that writes has died: {self.dead!r}"
                raise StoreError(f"{self._file}: {why}")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
                self._thread.start()
            self._jobs.put((work, future))
        return future

    def close(self, timeout: float) -> None:
        """Write what is queued and end the thread. Raises StoreError where that takes longer than `timeout` seconds."""
        with self._lock:
            self._closing = True
            thread, self._thread = self._thread, None
        if thread is None:
            return
        self._jobs.put(None)
        self._hurry.set()
        thread.join(timeout)
        if thread.is_alive():
            self._give_up.set()
            thread.join(5.0)
            raise StoreError(
                f"{self._file}: closed with unwritten transitions: {self.trouble or 'the disk is too slow'}"
            )

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:
            # a fault of ours: whoever waits for a commit must hear of it, and the process ends
            with self._lock:
                self.dead = error
            for _, future in self._group:
                if not future.done():
                    future.set_exception(StoreError(f"{self._file}: the thread that writes has died: {error!r}"))
            self._refuse_rest()

    def _work(self) -> None:
        last = False
        while not last:
            group = self._group = []
            job = self._jobs.get()
            while job is not None:
                group.append(job)
                if len(group) == GROUP:
                    break
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    break
            last = job is None
            if group and not self._write(group):
                self._refuse_rest()
                break
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _write(self, group: list[_Job]) -> bool:
        """Commit the group, however long it takes. False where the store was closed first."""
        waits = Backoff(FIRST_WAIT, LAST_WAIT, least=LEAST_WAIT)
        while True:
            try:
                outcomes = self._attempt([work for work, _ in group])
                break
            except _TROUBLE as error:
                self._abandon(error)
                if self._give_up.wait(0.0) or (self._hurry.is_set() and self._give_up.wait(FIRST_WAIT)):
                    for _, future in group:
                        future.set_exception(StoreError(f"{self._file}: closed before it could be written: {error}"))
                    return False
                if not self._hurry.is_set():
                    self._hurry.wait(waits.next())
        self.commits += 1
        if self.trouble is not None:
            self.trouble = None
            self.on_recovered()
        for (_, future), (result, fault) in zip(group, outcomes, strict=True):
            if fault is not None:
                future.set_exception(fault)
            else:
                future.set_result(result)
        return True

    def _refuse_rest(self) -> None:
        """Nobody may wait for ever on a store that is gone."""
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return
            if job is not None:
                job[1].set_exception(StoreError(f"{self._file}: closed before it could be written"))

    def _attempt(self, works: list[Work]) -> list[tuple[Any, Exception | None]]:
        if self._connection is None:
            self._connection = connect(self._file)
        connection = self._connection
        outcomes: list[tuple[Any, Exception | None]] = []
        connection.execute("BEGIN IMMEDIATE")
        for work in works:
            connection.execute("SAVEPOINT job")
            try:
                outcomes.append((work(connection), None))
            except Exception as error:
                if isinstance(error, _TROUBLE) and not isinstance(error, _CALLERS_FAULT):
                    raise
                connection.execute("ROLLBACK TO job")
                outcomes.append((None, error))
            connection.execute("RELEASE job")
        connection.execute("COMMIT")
        return outcomes

    def _abandon(self, error: Exception) -> None:
        """Drop the connection with its transaction: after an I/O error nothing in it can be trusted."""
        self.failures += 1
        if self._connection is not None:
            try:
                self._connection.close()
            except sqlite3.Error:
                self._connection = None
            self._connection = None
        if self.trouble is None:
            self.trouble = f"{self._file}: transitions cannot be written and stay queued: {error}"
            self.on_trouble(self.trouble)
