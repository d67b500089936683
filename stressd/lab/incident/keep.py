"""The post-mortem of an episode made, and kept at its close: which ones are due, and their files."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from stressd.engine.spec import SEVERITIES, EngineSpec
from stressd.lab.incident.document import document
from stressd.lab.incident.incident import LATER, Incident, gather
from stressd.lab.incident.values import Track, from_csv, to_csv
from stressd.lab.report.files import files
from stressd.store import Episode, Store
from stressd.store.reports import EPISODES, file_of, made, write
from stressd.store.story import read_story

RECENT: Final = 8 * 86_400_000_000_000
"""ns since the close of an episode for which a report of it is still made where there is none: recordings are gone
after that."""

TURN: Final = 300.0
"""Seconds for which a turn begins further ones: after a storm the gravest are made first, and others later."""


def due(state: Path, store: Store, now: int) -> list[Episode]:
    """Closed episodes of markets whose report is missing, or older than the newest word on them; the gravest first. A
    day after its close an episode's report is made once more: by then half of its move may have been given back. now:
    ns UTC. Raises StoreError, OSError."""
    there = made(state, EPISODES)
    words: dict[str, int] = {}
    for action in store.actions():
        words[action.subject] = max(words.get(action.subject, 0), action.at)
    found = []
    for episode in store.episodes():
        if episode.kind != "market" or episode.closed_at is None:
            continue
        at, newest = there.get(episode.id), as_of(episode, words.get(episode.id, 0), now)
        if (at is None and episode.closed_at >= now - RECENT) or (at is not None and at < newest):
            found.append(episode)
    return sorted(found, key=lambda each: (-SEVERITIES.index(each.severity), -each.opened_at))


def as_of(episode: Episode, said: int, now: int) -> int:
    """The newest instant (ns UTC) that has changed what is told of an episode. said: of the last word of a person."""
    closed = episode.closed_at or 0
    later = closed + LATER if closed and closed + LATER <= now else 0
    return max(episode.updated_at, closed, said, later)


def make_due(state: Path, store: Store, spec: EngineSpec | None, now: int, turn: float = TURN) -> Iterator[str]:
    """The names of the reports made, one after the other. turn: seconds after which no further one is begun. Raises
    StoreError, OSError."""
    end = time.monotonic() + turn
    for episode in due(state, store, now):
        if time.monotonic() > end:
            return
        said = max((each.at for each in store.actions(subject=episode.id)), default=0)
        incident = of_episode(state, store, episode, spec, now)
        if incident is not None:
            keep(state, incident, as_of(episode, said, now))
            yield episode.id


def of_episode(state: Path, store: Store, episode: Episode, spec: EngineSpec | None, now: int) -> Incident | None:
    """Everything that is known of it; None where the store holds none of its events. Raises StoreError."""
    story = read_story(store, episode.id)
    return None if story is None else gather(state, store, story, now, spec, kept_values(state, episode.id))


def kept_values(state: Path, name: str, kind: str = EPISODES) -> dict[str, Track]:
    """What an earlier report of that name kept; none where there is no such file, or another one."""
    try:
        with file_of(state, kind, name, ".csv").open(encoding="utf-8", newline="") as lines:
            return from_csv(lines)
    except (OSError, ValueError):
        return {}


def texts(incident: Incident) -> dict[str, str]:
    """The report's files, by ending."""
    return files(document(incident), incident.plain(), to_csv(incident.values.tracks))


def keep(state: Path, incident: Incident, at: int) -> Path:
    """Its files in the state directory. at: as of when (ns UTC). Raises OSError."""
    return write(state, EPISODES, incident.episode.id, texts(incident), at)
