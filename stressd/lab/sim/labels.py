"""What is true in a simulated world, as records of a labels file (NDJSON, the run first).

Times are ISO 8601 UTC, sizes bp, spans of time seconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

from stressd.lab.faults import Fault, UnreadFile

MoveKind = Literal["primary", "child", "cluster", "retrace", "burst"]


class Run(msgspec.Struct, frozen=True, kw_only=True, tag_field="record", tag="run"):
    """One run: what was simulated, and the stretch that counts, scored_from <= t < end. sessions: of each market within
    that stretch. primaries: whether there are jumps at all."""

    seed: int
    start: str
    scored_from: str
    end: str
    nu: float
    jumps: bool
    dirt: list[str]
    tenors: list[str]
    sessions: dict[str, int]


class Move(msgspec.Struct, frozen=True, kw_only=True, tag_field="record", tag="move"):
    """A true move. k: in sigmas of five minutes at its onset; bp: of `tenor`; both signed. root, parent: ids; its own
    and none for a primary. lag_s, open_lag_s: from its parent's onset, on the wall and in this market's open time.
    at_open: the market was closed when its parent jumped. A retrace undoes half of its parent; a burst is a stretch in
    which all markets move more, and together."""

    id: str
    kind: MoveKind
    root: str
    parent: str | None
    market: str
    tenor: str
    onset: str
    ramp_s: float
    k: float
    bp: float
    lag_s: float | None = None
    open_lag_s: float | None = None
    at_open: bool = False


class Dirt(msgspec.Struct, frozen=True, kw_only=True, tag_field="record", tag="dirt"):
    """Something wrong with a market's feed, from `time` on. flag: one of DIRT. count: ticks that it touched.
    duplicated: a bad tick that was delivered twice."""

    flag: str
    market: str
    series: str | None
    time: str
    lasts_s: float = 0.0
    count: int = 1
    duplicated: bool = False


Label = Run | Move | Dirt

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Label] = msgspec.json.Decoder(Label)


def to_line(label: Label) -> bytes:
    """One line of a labels file."""
    return _encoder.encode(label) + b"\n"


def read_labels(path: Path | str, lines: Iterable[bytes]) -> list[Label]:
    """The records of a labels file. Raises UnreadFile where a line is none, or where no run comes first."""
    labels: list[Label] = []
    faults: list[Fault] = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                labels.append(_decoder.decode(line))
            except msgspec.MsgspecError as error:
                faults.append(Fault(str(path), number, f"no label: {error}"))
    if not faults and not (labels and isinstance(labels[0], Run)):
        faults.append(Fault(str(path), 1, "a labels file begins with its run"))
    if faults:
        raise UnreadFile(faults[:5])
    return labels
