"""Deliveries that another daemon makes: on a standby each counts as told, until it takes over.

Such a row is `delivered` with the fault `standby`, no attempt and no time of delivery. Runs on the writer's thread.
"""

from __future__ import annotations

import sqlite3
from typing import Final

STANDBY: Final = "standby"
"""The fault of a delivery which counts as told by another daemon."""

_WAITED: Final = "it waited when this daemon became a standby"
_TAKEN: Final = "taken over: the first daemon may have told it"


def stand_by(connection: sqlite3.Connection) -> int:
    """What waits counts as told. Returns how many."""
    return connection.execute(
        "UPDATE delivery SET state = 'delivered', next_at = NULL, fault = ?, last_error = ?, requeued = 0 "
        "WHERE state IN ('pending', 'sending')",
        (STANDBY, _WAITED),
    ).rowcount


def take_over(connection: sqlite3.Connection, since: int, author: str, at: int) -> list[tuple[str, str]]:
    """What was committed since then, ns UTC, is to be told as a possible repeat; who did it is kept. Returns (event id,
    sink) of each in order of commit."""
    rows = connection.execute(
        "UPDATE delivery SET state = 'pending', attempts = 0, first_at = NULL, fault = 'ambiguous', last_error = ?, "
        "requeued = 1 WHERE state = 'delivered' AND fault = ? AND created_at >= ? RETURNING n, event_id, sink",
        (_TAKEN, STANDBY, since),
    ).fetchall()
    connection.execute(
        "INSERT INTO action (at, author, via, verb, subject, detail) VALUES (?, ?, 'cli', 'took over', '', ?)",
        (at, author, f"{len(rows)} deliveries told again"),
    )
    return [(row[1], row[2]) for row in sorted(rows)]
