"""What an episode's series did around it: out of the recording, or out of what an earlier report kept of it."""

from __future__ import annotations

import csv
import io
import time
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from stressd.market.times import iso, parse_time
from stressd.store import recordings

Point = tuple[int, float]
"""When a value was true (ns UTC), and the value (percent)."""

Track = list[Point]
"""Of one series, in the order of time."""

PATIENCE: Final = 60.0
"""Seconds for reading: a recording of many thousand series is gigabytes a day."""

LATE: Final = 1_800_000_000_000
"""ns by which a tick may be received after it was true and still belongs to a move."""

MOST: Final = 4_000
"""Points of one series that are kept. Of more, each stretch of time keeps its first, lowest, highest and last."""

HEADER: Final = ("time", "series", "value")

_BLOCK: Final = 1 << 16
"""Lines between two looks at the clock."""


UNREADABLE: Final = (OSError, EOFError, zlib.error)
"""What a damaged file of a recording raises."""


class Values:
    """tracks: by series, as read; a lone tick that the next one takes back is left out of them. until: up to when (ns
    UTC of receipt) the recording was read; it is short of what was asked for where reading took too long. kept: whether
    an earlier report's values stand in for a recording that is gone. damaged: files of which not all could be read."""

    def __init__(self, tracks: Mapping[str, Track], until: int, *, kept: bool = False, damaged: int = 0) -> None:
        self.tracks = {name: settled(track) for name, track in tracks.items()}
        self.until = until
        self.kept = kept
        self.damaged = damaged


def read_values(state: Path, series: Collection[str], start: int, end: int, patience: float = PATIENCE) -> Values:
    """The ticks of these series that were true from `start` to `end` (ns UTC), by the recording in a state directory as
    far as it can be read."""
    wanted = {name.encode(): name for name in series}
    tracks: dict[str, Track] = {name: [] for name in series}
    try:
        there = recordings.files(state / recordings.FOLDER)
    except OSError:
        there = []
    first = max((k for k, each in enumerate(there) if each.start <= start), default=0)
    give_up = time.monotonic() + patience
    until, damaged = start, 0
    for each in there[first:]:
        if each.start > end + LATE:
            break
        bent = False
        try:
            with recordings.opened(each) as stream:
                stream.readline()
                for k, line in enumerate(stream):
                    # most lines are of other series, and a day may have hundreds of millions
                    name = wanted.get(line.split(b",", 2)[1] if b"," in line else b"")
                    if name is not None and len(parts := line.split(b",", 5)) > 5:
                        tick = _tick(parts)
                        bent = bent or tick is None
                        if tick is not None:
                            at, value, received = tick
                            until = max(until, received)
                            if start <= at <= end:
                                tracks[name].append((at, value))
                    if k % _BLOCK == 0 and time.monotonic() > give_up:
                        return Values(_ordered(tracks), min(until, end), damaged=damaged)
        except UNREADABLE:
            bent = True
        damaged += bent
    return Values(_ordered(tracks), end, damaged=damaged)


def _tick(parts: list[bytes]) -> tuple[int, float, int] | None:
    """Time (ns UTC), value (percent) and time of receipt of a line; None for one that is none."""
    try:
        return int(parts[0]), float(parts[2]), int(parts[4])
    except ValueError:
        return None


def _ordered(tracks: Mapping[str, Track]) -> dict[str, Track]:
    """By time; of two sources' ticks at one instant the later one counts."""
    return {name: sorted(dict(track).items()) for name, track in tracks.items() if track}


def settled(track: Track) -> Track:
    """Each value as the middle one of itself and its neighbours: a lone bad tick has no part in what is measured. The
    ends are as they came."""
    if len(track) < 3:
        return list(track)
    middle = [
        (at, sorted((before, value, after))[1])
        for (_, before), (at, value), (_, after) in zip(track, track[1:], track[2:], strict=False)
    ]
    return [track[0], *middle, track[-1]]


def thinned(track: Sequence[Point], most: int = MOST) -> Track:
    """At most so many points, with every extreme among them."""
    if len(track) <= most:
        return list(track)
    start, end = track[0][0], track[-1][0] + 1
    count = max(1, most // 4)
    buckets: dict[int, list[Point]] = {}
    for point in track:
        buckets.setdefault((point[0] - start) * count // (end - start), []).append(point)
    kept: Track = []
    for bucket in buckets.values():
        low, high = min(bucket, key=lambda p: p[1]), max(bucket, key=lambda p: p[1])
        kept += sorted({bucket[0], low, high, bucket[-1]})
    return kept


def to_csv(tracks: Mapping[str, Sequence[Point]]) -> str:
    """A tick file (`stressd replay` reads it), by time."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    rows = sorted((at, name, value) for name, track in tracks.items() for at, value in thinned(track))
    writer.writerows((iso(at), name, f"{value:.10g}") for at, name, value in rows)
    return out.getvalue()


def from_csv(lines: Iterable[str]) -> dict[str, Track]:
    """The tracks of `to_csv`. Raises ValueError on anything else."""
    reader = csv.reader(lines)
    if tuple(next(reader, ())) != HEADER:
        raise ValueError("its header is another one")
    tracks: dict[str, Track] = {}
    for row in reader:
        at, name, value = row
        tracks.setdefault(name, []).append((parse_time(at), float(value)))
    return tracks


def joined(recorded: Values, kept: Mapping[str, Track]) -> Values:
    """What is recorded, and of series that are no longer recorded as far back what was kept."""
    tracks: dict[str, Track] = dict(recorded.tracks)
    used = False
    for name, track in kept.items():
        own = tracks.get(name, [])
        if track and (not own or track[0][0] < own[0][0]):
            until = own[0][0] if own else track[-1][0] + 1
            tracks[name] = [point for point in track if point[0] < until] + own
            used = True
    return Values(tracks, recorded.until, kept=used, damaged=recorded.damaged)
