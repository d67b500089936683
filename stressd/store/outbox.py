"""Statements of the outbox: events, episodes and deliveries. Those that write run on the writer's thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, cast

import msgspec

from stressd.alerts.event import Event, to_json
from stressd.market.times import parse_time
from stressd.store.rows import ActionRow, Attempt, Commit, Delivery, Episode, LabelRow, Told
from stressd.store.schema import StoreError
from stressd.store.standby import STANDBY

_SEVERITIES: Final = ("info", "warn", "high", "critical")
ATTEMPTS_KEPT: Final = 50_000
"""Rows of the delivery log: some 20 MB, and weeks of ordinary traffic."""

_WAITING: Final = "state IN ('pending', 'sending')"
_DELIVERY: Final = (
    "SELECT d.n, d.event_id, d.episode, d.seq, d.sink, d.state, d.created_at, d.attempts, d.first_at, d.next_at, "
    "d.fault, d.last_error, d.delivered_at, d.remote_ref, d.detail, d.merged_into, d.merged, d.fallback_for, "
    "e.type, e.kind, d.withheld "
    "FROM delivery d JOIN event e ON e.id = d.event_id "
)
_EPISODE: Final = (
    "SELECT id, market, rule, direction, kind, origin, severity, headline, state, opened_at, updated_at, closed_at, "
    "last_seq FROM episode "
)


def write(connection: sqlite3.Connection, commit: Commit, at: int) -> None:
    """One transition. An event that is stored already with the same content is left alone; with another content it is
    refused (StoreError)."""
    for routed in commit.routed:
        if _insert_event(connection, routed.event, at) and routed.event.type != "digest":
            _fold_into_episode(connection, routed.event)
        connection.executemany(
            "INSERT INTO delivery (event_id, episode, seq, sink, created_at, withheld, state, fault) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (event_id, sink) DO NOTHING",
            [
                (routed.event.id, routed.event.episode, routed.event.seq, sink, at, _lines(routed.withheld.get(sink)))
                + (("delivered", STANDBY) if commit.standby else ("pending", None))
                for sink in routed.sinks
            ],
        )
    connection.executemany(
        "INSERT INTO machine (key, blob) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET blob = excluded.blob",
        list(commit.machine.items()),
    )
    connection.executemany(
        "INSERT INTO action (at, author, via, verb, subject, detail) VALUES (?, ?, ?, ?, ?, ?)",
        [(a.at, a.author, a.via, a.verb, a.subject, a.detail) for a in commit.actions],
    )


def _lines(withheld: Sequence[str] | None) -> str | None:
    return msgspec.json.encode(list(withheld)).decode() if withheld else None


def _insert_event(connection: sqlite3.Connection, event: Event, at: int) -> bool:
    text = to_json(event).decode()
    known = connection.execute("SELECT json FROM event WHERE id = ?", (event.id,)).fetchone()
    if known is not None:
        if known[0] != text:
            raise StoreError(f"event {event.id} is stored already with another content")
        return False
    connection.execute(
        "INSERT INTO event (id, episode, seq, type, kind, time, committed_at, json) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (event.id, event.episode, event.seq, event.type, event.kind, parse_time(event.time), at, text),
    )
    return True


def _fold_into_episode(connection: sqlite3.Connection, event: Event) -> None:
    known = connection.execute(
        "SELECT severity, opened_at, closed_at FROM episode WHERE id = ?", (event.episode,)
    ).fetchone()
    time = parse_time(event.time)
    severity, opened_at, closed_at = (event.severity, time, None) if known is None else known
    if _SEVERITIES.index(event.severity) > _SEVERITIES.index(severity):
        severity = event.severity
    if event.ends or event.type == "reopened":
        # Another market's answer may come after the end: it opens nothing again.
        closed_at = None if event.type == "reopened" else closed_at or time
    connection.execute(
        "INSERT INTO episode (id, market, rule, direction, kind, origin, severity, headline, state, opened_at, "
        "updated_at, closed_at, last_seq) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (id) DO UPDATE SET severity = excluded.severity, headline = excluded.headline, "
        "state = excluded.state, updated_at = excluded.updated_at, "
        "closed_at = excluded.closed_at, last_seq = excluded.last_seq",
        (
            event.episode, event.market, event.rule, event.direction, event.kind, event.origin, severity,
            event.headline, "open" if closed_at is None else "closed", opened_at, time, closed_at, event.seq,
        ),
    )  # fmt: skip


def begin(connection: sqlite3.Connection, event_id: str, sink: str, attempts: int, at: int) -> None:
    """An attempt is about to be made."""
    connection.execute(
        "UPDATE delivery SET state = 'sending', attempts = ?, first_at = coalesce(first_at, ?) "
        f"WHERE event_id = ? AND sink = ? AND {_WAITING}",
        (attempts, at, event_id, sink),
    )


def fail(
    connection: sqlite3.Connection,
    event_id: str,
    sink: str,
    *,
    attempts: int,
    at: int,
    next_at: int,
    fault: str,
    error: str,
) -> None:
    """An attempt failed and there will be another."""
    connection.execute(
        "UPDATE delivery SET state = 'pending', attempts = ?, first_at = coalesce(first_at, ?), next_at = ?, "
        f"fault = ?, last_error = ? WHERE event_id = ? AND sink = ? AND {_WAITING}",
        (attempts, at, next_at, fault, error, event_id, sink),
    )


def deliver(
    connection: sqlite3.Connection,
    event_id: str,
    sink: str,
    *,
    attempts: int,
    at: int,
    remote_ref: str,
    detail: str,
    merged: int,
) -> None:
    """The other side has it, and with it every older event of the episode that still waited."""
    connection.execute(
        "UPDATE delivery SET state = 'delivered', attempts = ?, first_at = coalesce(first_at, ?), delivered_at = ?, "
        "next_at = NULL, remote_ref = ?, detail = ?, merged = ?, requeued = 0 WHERE event_id = ? AND sink = ?",
        (attempts, at, at, remote_ref or None, detail or None, merged, event_id, sink),
    )
    connection.execute(
        f"UPDATE delivery SET state = 'superseded', merged_into = :event, next_at = NULL WHERE sink = :sink "
        f"AND {_WAITING} AND (episode, seq) IN (SELECT d.episode, d.seq FROM delivery d JOIN event e ON e.id = :event "
        "WHERE d.episode = e.episode AND d.sink = :sink AND d.seq < e.seq)",
        {"event": event_id, "sink": sink},
    )


def bury(connection: sqlite3.Connection, event_id: str, sink: str, *, attempts: int, fault: str, error: str) -> int:
    """Give up an event, with every older one of its episode that it was to stand for. Returns how many."""
    connection.execute("UPDATE delivery SET attempts = ? WHERE event_id = ? AND sink = ?", (attempts, event_id, sink))
    return connection.execute(
        f"UPDATE delivery SET state = 'dead', next_at = NULL, fault = ?, last_error = ?, requeued = 0 "
        f"WHERE sink = ? AND {_WAITING} AND episode = (SELECT episode FROM event WHERE id = ?) "
        "AND seq <= (SELECT seq FROM event WHERE id = ?)",
        (fault, error, sink, event_id, event_id),
    ).rowcount


def bury_sink(connection: sqlite3.Connection, sink: str, *, fault: str, error: str) -> int:
    """Give up everything that waits for this sink. Returns how many."""
    return connection.execute(
        f"UPDATE delivery SET state = 'dead', next_at = NULL, fault = ?, last_error = ?, requeued = 0 "
        f"WHERE sink = ? AND {_WAITING}",
        (fault, error, sink),
    ).rowcount


def requeue(connection: sqlite3.Connection, event_ids: Sequence[str] | None, sink: str | None) -> list[tuple[str, str]]:
    """Dead letters back into the queue, as new: all, or those named. Returns (event id, sink) of each."""
    clause, values = _clause({"event_id": event_ids, "sink": None if sink is None else [sink]})
    rows = connection.execute(
        "UPDATE delivery SET state = 'pending', attempts = 0, first_at = NULL, next_at = NULL, fault = NULL, "
        f"requeued = 1 WHERE state = 'dead' {clause} RETURNING n, event_id, sink",
        values,
    ).fetchall()
    return [(row[1], row[2]) for row in sorted(rows)]


def actions(
    connection: sqlite3.Connection, *, subject: str | None, verb: str | None, limit: int | None
) -> list[ActionRow]:
    """Newest `limit` that match, in the order in which they were done."""
    clause, values = _clause(
        {"subject": None if subject is None else [subject], "verb": None if verb is None else [verb]}
    )
    rows = connection.execute(
        f"SELECT at, author, via, verb, subject, detail FROM action WHERE 1 {clause} ORDER BY n DESC LIMIT ?",
        [*values, -1 if limit is None else limit],
    ).fetchall()
    return [ActionRow(*row) for row in reversed(rows)]


def labels(connection: sqlite3.Connection, episode: str | None) -> list[LabelRow]:
    """The latest label of each episode and author, in the order in which they were given."""
    rows = connection.execute(
        "SELECT subject, author, at, detail FROM action WHERE n IN (SELECT max(n) FROM action WHERE verb = 'labelled' "
        "AND (:episode IS NULL OR subject = :episode) GROUP BY subject, author) ORDER BY n",
        {"episode": episode},
    ).fetchall()
    return [LabelRow(subject, author, at, *_label(detail)) for subject, author, at, detail in rows]


def _label(detail: str) -> tuple[str, str]:
    """Label and note of "noise: a fat finger"."""
    label, _, note = detail.partition(": ")
    return label, note


def log_attempt(connection: sqlite3.Connection, attempt: Attempt) -> None:
    """Keep it, and of all the newest ATTEMPTS_KEPT."""
    row = connection.execute(
        "INSERT INTO attempt (event_id, sink, attempt, at, took_ms, outcome, fault, error, request, response) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            attempt.event_id, attempt.sink, attempt.attempt, attempt.at, attempt.took_ms, attempt.outcome,
            attempt.fault, attempt.error, attempt.request, attempt.response,
        ),
    ).lastrowid or 0  # fmt: skip
    connection.execute("DELETE FROM attempt WHERE n <= ?", (row - ATTEMPTS_KEPT,))


def attempts(connection: sqlite3.Connection, event_id: str, sink: str | None) -> list[Attempt]:
    """Those of one event that are still kept, in their order; to one sink, or to all."""
    clause, values = _clause({"sink": None if sink is None else [sink]})
    rows = connection.execute(
        "SELECT event_id, sink, attempt, at, took_ms, outcome, fault, error, request, response FROM attempt "
        f"WHERE event_id = ? {clause} ORDER BY n",
        [event_id, *values],
    ).fetchall()
    return [Attempt(*row) for row in rows]


def stand_in(connection: sqlite3.Connection, event_ids: Sequence[str], sink: str, fallback_for: str) -> list[str]:
    """`sink` is to be told of these too, in the place of another. Returns those that it was not to be told already."""
    statement = (
        "INSERT INTO delivery (event_id, episode, seq, sink, state, created_at, fallback_for, withheld) "
        "SELECT e.id, e.episode, e.seq, :sink, 'pending', e.committed_at, :instead_of, "
        "(SELECT d.withheld FROM delivery d WHERE d.event_id = e.id AND d.sink = :instead_of) "
        "FROM event e WHERE e.id = :event "
        "ON CONFLICT (event_id, sink) DO NOTHING RETURNING event_id"
    )
    named = {"sink": sink, "instead_of": fallback_for}
    rows = [connection.execute(statement, {**named, "event": event_id}).fetchone() for event_id in event_ids]
    return [row[0] for row in rows if row is not None]


def standing(connection: sqlite3.Connection, limit: int) -> list[tuple[str, str, str]]:
    """(failing sink, episode, the sink in its place) of the newest `limit` episodes told that way, oldest first."""
    rows = connection.execute(
        "SELECT fallback_for, episode, sink FROM delivery WHERE fallback_for IS NOT NULL "
        "GROUP BY fallback_for, episode, sink ORDER BY max(n) DESC LIMIT ?",
        (limit,),
    ).fetchall()
    return rows[::-1]


def open_told(connection: sqlite3.Connection, sink: str) -> list[str]:
    """The newest event that the sink was told of each open episode, oldest first."""
    rows = connection.execute(
        "SELECT d.event_id, max(d.seq) FROM delivery d JOIN episode e ON e.id = d.episode "
        "WHERE d.sink = ? AND d.state = 'delivered' AND e.state = 'open' GROUP BY d.episode ORDER BY max(d.n)",
        (sink,),
    ).fetchall()
    return [row[0] for row in rows]


def drop(
    connection: sqlite3.Connection, event_ids: Sequence[str] | None, sink: str | None, author: str, at: int
) -> list[tuple[str, str]]:
    """Somebody gives up what waits, all or what is named: dead letters, with the name. Returns (event id, sink)."""
    clause, values = _clause({"event_id": event_ids, "sink": None if sink is None else [sink]})
    rows = connection.execute(
        "UPDATE delivery SET state = 'dead', next_at = NULL, fault = 'dropped', last_error = ?, requeued = 0 "
        f"WHERE {_WAITING} {clause} RETURNING n, event_id, sink",
        [f"dropped by {author}", *values],
    ).fetchall()
    dropped = [(row[1], row[2]) for row in sorted(rows)]
    connection.executemany(
        "INSERT INTO action (at, author, via, verb, subject, detail) VALUES (?, ?, 'cli', 'dropped', ?, ?)",
        [(at, author, event_id, of) for event_id, of in dropped],
    )
    return dropped


def dropped(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """(event id, sink) of all that somebody gave up."""
    return connection.execute(
        "SELECT event_id, sink FROM delivery WHERE state = 'dead' AND fault = 'dropped'"
    ).fetchall()


def _clause(columns: dict[str, Sequence[str] | None]) -> tuple[str, list[str]]:
    """`AND column IN (...)` for each column that is restricted, with its values."""
    parts: list[str] = []
    values: list[str] = []
    for column, allowed in columns.items():
        if allowed is not None:
            parts.append(f"AND {column} IN ({', '.join('?' * len(allowed))})")
            values.extend(allowed)
    return " ".join(parts), values


def deliveries(
    connection: sqlite3.Connection,
    *,
    states: Sequence[str] | None = None,
    sink: str | None = None,
    episode: str | None = None,
    event_id: str | None = None,
    limit: int | None = None,
) -> list[Delivery]:
    """Newest `limit` that match, in order of commit."""
    clause, values = _clause(
        {
            "d.state": states,
            "d.sink": None if sink is None else [sink],
            "d.episode": None if episode is None else [episode],
            "d.event_id": None if event_id is None else [event_id],
        }
    )
    rows = connection.execute(
        f"{_DELIVERY} WHERE 1 {clause} ORDER BY d.n DESC LIMIT ?", [*values, -1 if limit is None else limit]
    ).fetchall()
    return [_delivery(row) for row in reversed(rows)]


def requeued(connection: sqlite3.Connection) -> list[Delivery]:
    """Those that somebody put back into the queue and that still wait, in order of commit."""
    rows = connection.execute(
        f"{_DELIVERY} WHERE d.state IN ('pending', 'sending') AND d.requeued = 1 ORDER BY d.n"
    ).fetchall()
    return [_delivery(row) for row in rows]


def _delivery(row: tuple[Any, ...]) -> Delivery:
    delivery = Delivery(*row[:-1])
    return replace(delivery, withheld=tuple(msgspec.json.decode(row[-1]))) if row[-1] else delivery


def told(connection: sqlite3.Connection, sink: str, episode: str) -> Told:
    """What the sink knows of the episode."""
    named = {"episode": episode, "sink": sink}
    delivered = "FROM delivery WHERE episode = :episode AND sink = :sink AND state = 'delivered'"
    root, root_ref = connection.execute(
        f"SELECT (SELECT event_id {delivered} ORDER BY seq LIMIT 1), "
        f"(SELECT remote_ref {delivered} AND remote_ref <> '' ORDER BY seq DESC LIMIT 1)",
        named,
    ).fetchone()
    newest, lost = connection.execute(
        "SELECT coalesce(max(seq) FILTER (WHERE state = 'delivered'), -1), "
        "count(*) FILTER (WHERE state = 'dead' AND seq > coalesce("
        "(SELECT max(seq) FROM delivery WHERE episode = :episode AND sink = :sink AND state = 'delivered'), -1)) "
        "FROM delivery WHERE episode = :episode AND sink = :sink",
        named,
    ).fetchone()
    return Told(root, root_ref, newest, lost)


def episodes(
    connection: sqlite3.Connection, *, open_only: bool, limit: int | None, prefix: str | None = None
) -> list[Episode]:
    """Newest `limit`, in order of opening. prefix: of the id."""
    clause = "AND state = 'open'" if open_only else ""
    values: list[str | int] = []
    if prefix is not None:
        clause += " AND substr(id, 1, length(?)) = ?"
        values += [prefix, prefix]
    rows = connection.execute(
        f"{_EPISODE} WHERE 1 {clause} ORDER BY opened_at DESC, id DESC LIMIT ?",
        [*values, -1 if limit is None else limit],
    ).fetchall()
    return [Episode(*row) for row in reversed(rows)]


def event_json(connection: sqlite3.Connection, event_id: str) -> str | None:
    row = connection.execute("SELECT json FROM event WHERE id = ?", (event_id,)).fetchone()
    return None if row is None else cast(str, row[0])
