"""Letting go of what is over: a few rows at a time, between the commits of the daemon's own writer."""

from __future__ import annotations

import sqlite3
from typing import Final

ROWS: Final = 200
"""At once: some milliseconds, for which a commit may have to wait."""

PAGES: Final = 64
"""That are given back to the disk at once."""

_OVER: Final = """
SELECT id FROM episode WHERE state != 'open' AND closed_at IS NOT NULL AND closed_at < ?
AND NOT EXISTS (SELECT 1 FROM delivery WHERE delivery.episode = episode.id AND delivery.state IN ('pending', 'sending'))
AND NOT EXISTS (SELECT 1 FROM action WHERE action.subject = episode.id)
ORDER BY opened_at LIMIT ?
"""
"""What somebody has acknowledged or labelled stays with what was said of it."""

_DIGESTS: Final = """
SELECT id FROM event WHERE type = 'digest' AND time < ?
AND NOT EXISTS (SELECT 1 FROM delivery WHERE delivery.event_id = event.id AND delivery.state IN ('pending', 'sending'))
ORDER BY time LIMIT ?
"""
"""Digests and summaries are of no episode."""

_DONE: Final = """
DELETE FROM delivery WHERE n IN (
  SELECT delivery.n FROM delivery JOIN episode ON episode.id = delivery.episode
  WHERE delivery.state IN ('delivered', 'superseded') AND delivery.created_at < ? AND episode.state != 'open'
  ORDER BY delivery.n LIMIT ?
)
"""
"""Of an open episode every sink must hear the end; a dead letter stays as long as its episode."""


def prune(connection: sqlite3.Connection, episodes: int, deliveries: int) -> int:
    """One slice. episodes, deliveries: what was over before (ns UTC). How many rows went; 0 when nothing is left."""
    gone = connection.execute(_DONE, (deliveries, ROWS)).rowcount
    gone += connection.execute(
        "DELETE FROM attempt WHERE n IN (SELECT n FROM attempt WHERE at < ? ORDER BY n LIMIT ?)", (deliveries, ROWS)
    ).rowcount
    for (episode,) in connection.execute(_OVER, (episodes, max(1, ROWS // 20))).fetchall():
        gone += connection.execute("DELETE FROM delivery WHERE episode = ?", (episode,)).rowcount
        connection.execute("DELETE FROM attempt WHERE event_id IN (SELECT id FROM event WHERE episode = ?)", (episode,))
        gone += connection.execute("DELETE FROM event WHERE episode = ?", (episode,)).rowcount
        gone += connection.execute("DELETE FROM episode WHERE id = ?", (episode,)).rowcount
    for (event,) in connection.execute(_DIGESTS, (episodes, max(1, ROWS // 20))).fetchall():
        gone += connection.execute("DELETE FROM delivery WHERE event_id = ?", (event,)).rowcount
        connection.execute("DELETE FROM attempt WHERE event_id = ?", (event,))
        gone += connection.execute("DELETE FROM event WHERE id = ?", (event,)).rowcount
    connection.execute(f"PRAGMA incremental_vacuum({PAGES})").fetchall()
    return gone
