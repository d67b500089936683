"""What a daemon's state directory holds for a bundle: states of the engine, and ticks and inputs by their number."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from stressd.alerts.inputs import Input
from stressd.store import recordings, snapshotfile
from stressd.store.snapshotfile import Damaged

COLUMNS: Final = recordings.LAYOUT.count(b",") + 1
_RECEIVED: Final = recordings.LAYOUT.strip().split(b",").index(b"received")

_inputs = msgspec.json.Decoder(Input)


@dataclass(frozen=True, slots=True)
class Point:
    """A state of the engine from which a replay can go on. at: its engine time (ns UTC); first: number of the tick
    after it; inputs: number of the input after it; rest: all but the series (`runtime.checkpoints`)."""

    path: Path
    at: int
    first: int
    inputs: int
    method: str
    rest: dict[str, Any]

    @property
    def beside(self) -> dict[str, Any]:
        """What is kept beside the engine's own state."""
        found: dict[str, Any] = self.rest["beside"]
        return found


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a recording. line: without how far a feed had been read; received: ns UTC."""

    number: int
    line: bytes
    received: int


def points(state: Path) -> list[Point]:
    """All that are there, oldest first; what cannot be read is left out."""
    paths = [each.path for each in recordings.states(state / recordings.FOLDER)]
    found: dict[tuple[int, int], Point] = {}
    for path in [*paths, state / snapshotfile.OLD, state / snapshotfile.NAME]:
        try:
            about, rest = snapshotfile.peek(path)
            beside = rest["beside"]
            if rest["recorded"] is not None and beside:
                key = int(about["at"]), int(beside["inputs"])
                found[key] = Point(path, key[0], int(rest["recorded"]), key[1], str(about["method"]), rest)
        except (Damaged, FileNotFoundError, LookupError, TypeError, ValueError):
            continue
    return [found[key] for key in sorted(found)]


def inputs(state: Path, first: int) -> list[Input]:
    """Those from number `first` on, in their order. Raises OSError."""
    found = []
    for path in recordings.inputs(state / recordings.FOLDER):
        for line in path.read_bytes().split(b"\n"):
            try:
                given = _inputs.decode(line) if line else None
            except msgspec.MsgspecError:
                continue
            if given is not None and given.k >= first:
                found.append(given)
    return sorted(found, key=lambda each: each.k)


def rows(state: Path, first: int) -> Iterator[Row]:
    """The recorded ticks from number `first` on; a jump of the number says that some are missing. Raises OSError,
    EOFError."""
    there = recordings.files(state / recordings.FOLDER)
    wanted = [k for k, each in enumerate(there) if each.first <= first]
    for each in there[wanted[-1] :] if wanted else there:
        number = each.first - 1
        with recordings.opened(each) as stream:
            stream.readline()
            for line in stream:
                number += 1
                if number < first or not line.endswith(b"\n"):
                    continue
                row = _row(number, line)
                if row is not None:
                    yield row


def _row(number: int, line: bytes) -> Row | None:
    """None for a line that is none."""
    if b'"' in line:
        fields = next(csv.reader([line.decode("utf-8", "replace")]), [])[:COLUMNS]
        kept = ",".join('"' + each.replace('"', '""') + '"' if set(each) & set(',"') else each for each in fields)
        parts = [each.encode() for each in fields]
    else:
        parts = line.rstrip(b"\n").split(b",", COLUMNS)[:COLUMNS]
        kept = ""
    if len(parts) < COLUMNS or not parts[_RECEIVED].isdigit():
        return None
    return Row(number, (kept.encode() if kept else b",".join(parts)) + b"\n", int(parts[_RECEIVED]))
