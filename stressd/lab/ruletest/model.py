"""A file of rule tests as a typed model, every fault with its line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, WithJsonSchema

from stressd.alerts.event import Direction, EventType, Wording
from stressd.config.faults import ConfigError
from stressd.config.fields import Bp, File, Model, OneOrMany, Percent, SeverityName, parse_bp, parse_duration, written
from stressd.config.model import Day, MarketName
from stressd.config.text import mapping, read_text
from stressd.config.translate import tell

MOVE: Final = re.compile(
    r"(?P<by>[-+][0-9.]+ ?bp)(?: over (?P<over>[0-9a-z.]+))? (?:from|at) "
    r"(?:(?P<day>\d{4}-\d{2}-\d{2}) )?(?P<clock>([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?)"
)
SILENT: Final = re.compile(
    r"silent from (?:(?P<day>\d{4}-\d{2}-\d{2}) )?(?P<clock>([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?)"
    r"(?: for (?P<over>[0-9a-z.]+))?"
)
WINDOW: Final = re.compile(r"(?P<first>([01]\d|2[0-3]):[0-5]\d)(?: to (?P<last>([01]\d|2[0-3]):[0-5]\d))?")


@dataclass(frozen=True, slots=True)
class Move:
    """What one series does. bp: by how much it moves, None where it falls silent. over: ns, from when (`day`, an ISO
    date or "" for the test's own, and `clock` on its market's clock) it takes; of a silence how long, 0 for to the
    end."""

    bp: float | None
    over: int
    day: str
    clock: str


def _move(value: Any) -> Move:
    if isinstance(value, Move):
        return value
    text = value if isinstance(value, str) else ""
    if found := MOVE.fullmatch(text):
        over = parse_duration(found["over"]) if found["over"] else 0
        return Move(parse_bp(found["by"].replace(" ", "")), over, found["day"] or "", found["clock"])
    if found := SILENT.fullmatch(text):
        over = parse_duration(found["over"]) if found["over"] else 0
        return Move(None, over, found["day"] or "", found["clock"])
    raise ValueError("a move is written `+25bp over 30m from 13:00`, `-4bp at 2026-01-21 09:10` or `silent from 14:00`")


def _window(value: str) -> str:
    if not WINDOW.fullmatch(value):
        raise ValueError("a time is written `13:05`, or `13:00 to 13:10`")
    return value


MoveText = Annotated[Any, BeforeValidator(_move), WithJsonSchema({"type": "string"})]
Window = Annotated[str, AfterValidator(_window)]
State = Literal["open", "resolved"]


class Expected(Model):
    """One episode. What is not stated may be anything. severity: the highest that it reaches. headline: what one of its
    headlines must be, `*` for anything. opened: when, on its market's clock. followers: the last word on each market.
    updates: transitions that must be among its events. sinks: exactly who is told of it. state: how it stands at the
    end of the test."""

    market: MarketName | None = None
    kind: Literal["market", "feed", "self"] = "market"
    rule: str | None = None
    direction: Direction | None = None
    severity: SeverityName | None = None
    headline: OneOrMany[str] | None = None
    opened: Window | None = None
    state: State | None = None
    followers: dict[MarketName, Wording] = Field(default_factory=dict)
    source: MarketName | None = None
    updates: OneOrMany[EventType] | None = None
    sinks: list[str] | None = None


class RuleTest(Model):
    """One test. day: on which it begins, at the first open of any market; days: how many it lasts. closed: markets shut
    all that time. before: sessions of made-up ordinary trading from which sigmas are learned. sigma: of an ordinary
    day, by series (globs, the first that matches). noise: of the test's own days, as a share of ordinary. levels: at
    its beginning. moves: by series (globs). expect: the episodes, in any order; others: whether further market episodes
    are a failure (`none`) or not (`any`)."""

    name: str = Field(min_length=1)
    day: Day
    days: Annotated[int, Field(ge=1, le=10)] = 1
    closed: list[MarketName] = written([])
    before: Annotated[int, Field(ge=2, le=60)] = 10
    seed: int = 1
    sigma: dict[str, Bp] = written({"*": "4bp"})
    noise: Annotated[float, Field(ge=0.0, le=2.0)] = 0.3
    levels: dict[str, Percent] = Field(default_factory=dict)
    moves: dict[str, OneOrMany[MoveText]] = Field(default_factory=dict)
    expect: list[Expected]
    others: Literal["none", "any"] = "none"


class RuleTests(Model):
    """The file. config: the configuration under test, beside this file."""

    config: File
    tests: list[RuleTest] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class TestFile:
    """A file that could be read. lines: of each test."""

    path: Path
    config: Path
    tests: list[RuleTest]
    lines: list[int]


def read_tests(path: Path) -> TestFile:
    """Raises ConfigError with every fault."""
    report = mapping(path, read_text(path), "config")
    found: RuleTests | None = None
    try:
        found = RuleTests.model_validate(report.marked.data)
    except ValidationError as error:
        tell(error, RuleTests, (), report)
    if found is None or report.has_errors():
        raise ConfigError(report.faults())
    lines = [report.line_of(("tests", i)) for i in range(len(found.tests))]
    return TestFile(path, path.parent / found.config, found.tests, lines)
