"""A bundle through the live pipeline: from each of its states over the ticks and inputs that follow, in their order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, Final

import msgspec

from stressd import METHOD, __version__
from stressd.alerts.event import Event
from stressd.alerts.inputs import Input, apply
from stressd.alerts.people.commands import CommandError
from stressd.alerts.pipeline import Pipeline, Routed
from stressd.config.faults import ConfigError
from stressd.config.load import Loaded
from stressd.config.replayable import revived
from stressd.config.rules import DetectorConfig
from stressd.feeds.tally import Fault
from stressd.feeds.ticklines import TickLines
from stressd.lab.bundle.manifest import BundleError, Manifest, Segment
from stressd.lab.offline import BATCH, Setup
from stressd.lab.ticks import CanonicalNames
from stressd.market.tick import Tick
from stressd.store import snapshotfile

REFUSALS: Final = (
    ConfigError, CommandError, snapshotfile.Damaged, msgspec.MsgspecError, ValueError, LookupError, TypeError,
    AttributeError, ArithmeticError, RecursionError,
)  # fmt: skip
"""What a pipeline raises on what none was ever given."""

Detectors = dict[str, type[DetectorConfig]]

_BLOCK: Final = 1 << 17

_given = msgspec.json.Decoder(Input)


def ready(file: Path | str, manifest: Manifest) -> None:
    """Raises BundleError where this version cannot replay it."""
    if manifest.method != METHOD:
        raise BundleError(
            f"{file}: was made by stressd {manifest.stressd} (its method is {manifest.method}, this version's is "
            f"{METHOD}): replay it with that version"
        )
    if not manifest.segments:
        raise BundleError(f"{file}: cannot be replayed: {'; '.join(manifest.missing) or 'it holds no state'}")
    total = {each.name for each in manifest.files}
    for segment in manifest.segments:
        for name in files_of(segment):
            if name not in total:
                raise BundleError(f"{file}: {name} is missing in it")


def files_of(segment: Segment) -> list[str]:
    """The names of what a segment consists of."""
    parts = (("state", "snapshot"), ("ticks", "csv"), ("inputs", "ndjson"), ("config", "json"))
    return [segment.file(what, ending) for what, ending in parts]


def replayed(folder: Path, segments: Sequence[Segment], detectors: Detectors) -> Iterator[Event]:
    """The events that were told, or would have been, from the first state to the end. Raises BundleError."""
    for segment in segments:
        try:
            for one in _told(folder, segment, detectors):
                if not one.again:
                    yield one.event
        except REFUSALS as error:
            what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            raise BundleError(f"segment {segment.number} cannot be replayed: {what[:300]}") from None
        except OSError as error:
            raise BundleError(f"segment {segment.number} cannot be replayed: {error.strerror or error}") from None


def _told(folder: Path, segment: Segment, detectors: Detectors) -> Iterator[Routed]:
    pipeline = before(folder, segment, detectors)
    given = iter(_inputs(folder / segment.file("inputs", "ndjson")))
    coming = next(given, None)
    number = segment.first
    for ticks in ticks_of(folder / segment.file("ticks", "csv")):
        at = 0
        while at < len(ticks):
            while coming is not None and coming.n <= number:
                yield from apply(pipeline, coming)
                coming = next(given, None)
            left = len(ticks) - at if coming is None else min(len(ticks) - at, coming.n - number)
            yield from pipeline.feed(ticks[at : at + left])
            at, number = at + left, number + left
    for one in chain([coming] if coming is not None else [], given):
        yield from apply(pipeline, one)
    yield from pipeline.advance(segment.until)


def configured(folder: Path, segment: Segment, detectors: Detectors) -> Loaded:
    """The configuration of a segment. Raises as of REFUSALS."""
    data = msgspec.json.decode((folder / segment.file("config", "json")).read_bytes(), type=dict[str, Any])
    return replace(revived(data, detectors), digest=segment.config)


def before(folder: Path, segment: Segment, detectors: Detectors) -> Pipeline:
    """The pipeline as it stood before a segment's ticks. Raises as of REFUSALS."""
    loaded = configured(folder, segment, detectors)
    setup = Setup(loaded.engine, loaded.instance, loaded.desk, loaded.digest, loaded.people, loaded.pace)
    about, rest, pieces = snapshotfile.read(folder / segment.file("state", "snapshot"))
    if about.get("at") != segment.at:
        raise ValueError("its state is of another instant")
    pipeline = setup.pipeline(segment.at, _origin(segment.origin))
    machine: Mapping[str, bytes] = rest["beside"]["machine"]
    pipeline.restore(
        {
            "engine": {**rest["engine"], "series": pieces},
            **{key: msgspec.json.decode(machine[name]) for key, name in MACHINE.items()},
        }
    )
    pipeline.episodes.load_covering(rest["beside"]["covering"])
    return pipeline


MACHINE: Final = {"episodes": "episodes", "desk": "router", "people": "people"}
"""Under which name the store keeps each part of the pipeline's state."""


def _origin(word: str) -> Any:
    if word not in ("live", "drill", "replay", "simulated"):
        raise ValueError(f"there is no origin {word[:20]!r}")
    return word


def _inputs(file: Path) -> list[Input]:
    return [_given.decode(line) for line in file.read_bytes().split(b"\n") if line]


def ticks_of(file: Path) -> Iterator[list[Tick]]:
    """In batches. Raises ValueError for a line that is none."""
    lines = TickLines(CanonicalNames())
    faults: list[Fault] = []
    rest = b""
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            whole, newline, rest = (rest + block).rpartition(b"\n")
            ticks = lines.parse(whole + newline, faults)
            if faults:
                raise ValueError(f"{file.name}:{faults[0].line}: {faults[0].text}")
            for k in range(0, len(ticks), BATCH):
                yield ticks[k : k + BATCH]
    if rest:
        raise ValueError(f"{file.name} ends within a line")


def same_version(manifest: Manifest) -> bool:
    """Whether this is the version that made it: events name theirs."""
    return manifest.stressd == __version__
