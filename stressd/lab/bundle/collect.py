"""An incident out of a state directory: the stretches of recording that lead through an episode, each from a state of
the engine, written into a folder as the files of a bundle."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from stressd.alerts.inputs import BREAKS, Input
from stressd.engine.spec import MINUTE, SECOND
from stressd.lab.bundle.manifest import Segment
from stressd.lab.bundle.source import Point, Row, inputs, points, rows
from stressd.market.times import iso
from stressd.store import recordings, snapshotfile
from stressd.store.rows import Episode

LEAD: Final = 5 * MINUTE
"""ns of ticks before the episode, at least, where they are there."""

TAIL: Final = MINUTE
"""ns after the end of the episode."""

HELD: Final = 3 * SECOND
"""ns for which what was taken may not be on disk yet."""

MOST: Final = 1_000_000_000
"""Bytes of ticks and states."""

SEGMENTS: Final = 99


class Collected:
    """start, end: engine time (ns UTC) of what was found; start is 0 where nothing was. last: id of the event that was
    told before, "" for none. missing: what was not, and why,
    one sentence each."""

    def __init__(self, end: int) -> None:
        self.start = 0
        self.last = ""
        self.end = end
        self.segments: list[Segment] = []
        self.missing: list[str] = []


def collect(state: Path, episode: Episode, folder: Path, now: int, most: int = MOST) -> Collected:
    """Write states, ticks, inputs and configurations of an episode into `folder`. now: ns UTC, for one that is open.
    Raises OSError, EOFError,
    snapshotfile.Damaged."""
    is_open = episode.closed_at is None
    found = Collected(now - HELD if episode.closed_at is None else min(now - HELD, episode.closed_at + TAIL))
    there = points(state)
    given = inputs(state, there[0].inputs if there else 0)
    start = _first(there, given, episode.opened_at)
    if start is None:
        found.missing.append(
            "no state of the engine from then is kept (`recording` in the configuration says for how long), so that "
            "nothing can be replayed"
        )
        return found
    found.start, found.last = start.at, str(start.beside["last"])
    if start.at > episode.opened_at:
        found.missing.append(f"the first state of the engine that is kept is of {iso(start.at)}, after the opening")
    begins = "before the episode"
    point: Point | None = start
    while point is not None and len(found.segments) < SEGMENTS:
        stretch = _Stretch(state, folder, point, given, found.end, is_open, len(found.segments) + 1, most)
        segment = stretch.write(begins)
        found.segments.append(segment)
        most -= stretch.bytes
        if stretch.after is None:
            found.end = min(found.end, segment.until)
            found.missing += [stretch.why] if stretch.why else []
            break
        point = _next(there, stretch.after)
        begins = segment.ends
        if point is None or point.at > found.end:
            found.missing.append(
                f"what came after {iso(segment.until)}: {segment.ends}, and no state is kept from then"
            )
            break
        if point.at > segment.until:
            found.missing.append(f"what was told from {iso(segment.until)} to {iso(point.at)}: {segment.ends}")
    return found


def _first(there: Sequence[Point], given: Sequence[Input], opened: int) -> Point | None:
    """Where to begin: LEAD before the opening with nothing between that breaks the line, else as early as can be."""
    before = [each for each in there if each.at <= opened]
    breaks = [each.k for each in given if each.what in BREAKS and each.at <= opened]
    last = breaks[-1] if breaks else 0
    unbroken = [each for each in before if each.inputs > last] or before
    early = [each for each in unbroken if each.at <= opened - LEAD]
    return early[-1] if early else next(iter(unbroken or there), None)


def _next(there: Sequence[Point], after: tuple[int, int]) -> Point | None:
    """The first state from tick and input number on."""
    number, k = after
    return next((each for each in there if each.first >= number and each.inputs >= k), None)


class _Stretch:
    """One segment being written. after: numbers of the tick and the input from which on the next one begins, None where
    there is to be none; why: what is missing then."""

    def __init__(
        self, state: Path, folder: Path, point: Point, given: Sequence[Input], end: int, is_open: bool, number: int,
        most: int,
    ) -> None:  # fmt: skip
        self._state = state
        self._folder = folder
        self._point = point
        self._end = end
        self._is_open = is_open
        self._number = number
        self._most = most
        self._break = next((each for each in given if each.k >= point.inputs and each.what in BREAKS), None)
        last = self._break.k if self._break is not None else None
        self._inputs = [each for each in given if each.k >= point.inputs and (last is None or each.k < last)]
        self.after: tuple[int, int] | None = None
        self.why = ""
        self.bytes = 0

    def write(self, begins: str) -> Segment:
        point, number = self._point, self._number
        self._write_state()
        ticks, until, ends = self._write_ticks()
        given = [each for each in self._inputs if each.n <= point.first + ticks and each.at <= self._end]
        if given:
            until = max(until, given[-1].at)
        (self._folder / f"inputs-{number}.ndjson").write_bytes(b"".join(msgspec.json.encode(e) + b"\n" for e in given))
        beside = point.beside
        config = json.dumps(beside["data"], ensure_ascii=False, indent=2)
        (self._folder / f"config-{number}.json").write_text(config + "\n", encoding="utf-8")
        return Segment(
            number=number, at=point.at, first=point.first, ticks=ticks, inputs=len(given), until=until,
            config=str(beside["config"]), origin=str(beside["origin"]), begins=begins, ends=ends,
        )  # fmt: skip

    def _write_state(self) -> None:
        """Without how far feeds had been read, and what the engine was warmed with."""
        about, rest, pieces = snapshotfile.read(self._point.path)
        beside = {key: rest["beside"][key] for key in ("machine", "covering")}
        with (self._folder / f"state-{self._number}.snapshot").open("xb") as out:
            out.write(snapshotfile.head(about, {"engine": rest["engine"], "beside": beside}))
            for name in pieces:
                out.write(snapshotfile.packed_piece(name, pieces.packed(name)))
            out.write(snapshotfile.tail(len(pieces)))
            self.bytes += out.tell()

    def _write_ticks(self) -> tuple[int, int, str]:
        """How many there are, engine time up to which they lead, and why they end there."""
        point, stop = self._point, self._break
        count, last = 0, point.at
        with (self._folder / f"ticks-{self._number}.csv").open("xb") as out:
            out.write(recordings.LAYOUT)
            for row in self._rows():
                if stop is not None and row.number >= stop.n:
                    break
                if row.number != point.first + count:
                    self.after = row.number, point.inputs
                    return count, last, "ticks are missing in the recording"
                if row.received > self._end:
                    return count, self._end, "the end"
                if self.bytes + len(row.line) > self._most:
                    self.why = f"ticks after {iso(last)}: the bundle would be too large"
                    return count, last, "its size"
                out.write(row.line)
                self.bytes += len(row.line)
                count, last = count + 1, max(last, row.received)
        if stop is not None and stop.at <= self._end:
            self.after = max(stop.n, point.first + count), stop.k + 1
            # a daemon that was killed has not said up to when its timers had run
            return count, last if stop.what == "started" else max(last, stop.at), stop.why
        if self._inputs and self._inputs[-1].what == "stopped":
            return count, last, "the daemon was stopped"
        # of one that is open nobody can say that the daemon was there up to now
        return count, last if self._is_open else self._end, "the end"

    def _rows(self) -> Iterator[Row]:
        return rows(self._state, self._point.first)
