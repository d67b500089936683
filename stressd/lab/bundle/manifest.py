"""What a bundle says of itself, and the names of what is in it."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import msgspec

FORMAT: Final = 1
NAME: Final = "manifest.json"
LARGEST: Final = 1 << 20
"""Bytes of a manifest."""

ALLOWED: Final = re.compile(
    r"(README\.txt|(episode|deliveries|people|events|state|ticks|inputs|config)[a-z0-9.-]{1,40})"
)
"""Names of files in a bundle: none of them leads anywhere."""

EVENTS: Final = "events.ndjson"
SHOWN: Final = 5
"""Ids that a verdict names."""

PACKAGES: Final = ("holidays", "tzdata", "msgspec", "numpy", "river")
"""Of which a replay depends: calendars, time zones, the reading of numbers, the curve."""


class BundleError(Exception):
    """A file that is no bundle, a damaged one, or one that this version cannot replay. The text says what to do."""


class Held(msgspec.Struct, frozen=True):
    """A file in a bundle. bytes: its size."""

    name: str
    bytes: int
    sha256: str


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch without a break: from a state of the engine over so many ticks and inputs up to `until` (ns UTC).

    at: engine time of the state; first: number of the tick after it; inputs: how many entered beside ticks; config:
    digest of the configuration, as events carry it; origin: as they do. begins, ends: why it is not longer, in words.
    """

    number: int
    at: int
    first: int
    ticks: int
    inputs: int
    until: int
    config: str
    origin: str
    begins: str
    ends: str

    def file(self, what: str, ending: str) -> str:
        """The name of one of its files."""
        return f"{what}-{self.number}.{ending}"


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay gave against what was told. told: events of the store between the first state and the end; same:
    those that came out byte for byte; other: that came out otherwise; missed: that did not come out; further: that came
    out and were never told; whole: the replay went to its end in the time that it had. version: only the version that
    events name was left out of the comparison."""

    told: int
    same: int
    other: list[str] = []
    missed: list[str] = []
    further: list[str] = []
    whole: bool = True
    version: bool = False
    engine: str = ""

    @property
    def identical(self) -> bool:
        return self.whole and not self.other and not self.missed and not self.further

    def text(self) -> str:
        """The verdict in one sentence."""
        apart = ", apart from the version that they name" if self.version else ""
        if self.identical:
            return f"identical: all {self.told} events come out byte for byte{apart}"
        said = [f"{self.same} of {self.told} events come out byte for byte{apart}"]
        said += [f"{len(self.other)} otherwise ({_some(self.other)})"] if self.other else []
        said += [f"{len(self.missed)} were told and do not come out ({_some(self.missed)})"] if self.missed else []
        said += [f"{len(self.further)} come out and were not told ({_some(self.further)})"] if self.further else []
        said += [] if self.whole else ["it was not replayed to its end"]
        return f"not identical: {'; '.join(said)}"


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """made: when, start and end: engine time of what is in it (all ns UTC). missing: what is not in it and why, one
    sentence each. check: the replay on the machine that made it, None where none was made."""

    format: int
    stressd: str
    method: str
    instance: str
    episode: str
    made: int
    start: int
    end: int
    opened: int
    closed: int | None
    python: str
    packages: dict[str, str]
    segments: list[Segment]
    missing: list[str]
    check: Check | None
    verdict: str
    files: list[Held]


def packages() -> dict[str, str]:
    """What is installed of `PACKAGES`."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _some(ids: list[str]) -> str:
    more = f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else ""
    return ", ".join(ids[:SHOWN]) + more
