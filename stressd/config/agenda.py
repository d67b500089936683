"""The `events:` of a file: policy meetings, auctions and data releases, single, recurring, or from a CSV beside it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from stressd.config.faults import did_you_mean, shown, suggest
from stressd.config.fields import Duration, File, KeyFault, Model, OneOrMany, written
from stressd.config.report import Report
from stressd.config.yaml_marks import Path as Place
from stressd.engine.agenda import AgendaItem, Recurrence
from stressd.market.calendar import Calendar
from stressd.market.hours import minutes
from stressd.market.times import parse_day, parse_time

DAY: Final = 86_400_000_000_000
LARGEST: Final = 1 << 20
"""Bytes of a file of events that is read at all."""
MOST_TOLD: Final = 8
"""Faults of one file of events that are told."""
COLUMNS: Final = ("date", "time", "zone", "markets", "name")
WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_INSTANT: Final = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2})?(Z|[+-]\d{2}:\d{2})?")
_CLOCK: Final = re.compile(r"([01]?\d|2[0-3]):[0-5]\d")

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Month = Annotated[int, Field(ge=1, le=12)]


def _name(value: str) -> str:
    if not 0 < len(value.strip()) <= 60 or not value.isprintable():
        raise ValueError("an event's name is one line of at most 60 characters")
    return value.strip()


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        hint = did_you_mean(value, available_timezones()) or "write for example `America/New_York`"
        raise ValueError(f"unknown time zone {shown(value)}; {hint}") from None
    return value


def _last(value: Any) -> Any:
    return -1 if value == "last" else value


def _on(value: Any) -> Any:
    if value == "daily":
        return {}
    if value == "weekdays":
        return {"weekday": list(WEEKDAYS[:5])}
    if isinstance(value, str):
        if value not in WEEKDAYS:
            known = ("daily", "weekdays", *WEEKDAYS)
            raise ValueError(f"`on` cannot be {shown(value)}; {suggest(value, known)}")
        return {"weekday": [value]}
    return value


Zone = Annotated[str, AfterValidator(_zone)]
Nth = Annotated[int, BeforeValidator(_last), WithJsonSchema({"anyOf": [{"enum": [1, 2, 3, 4]}, {"const": "last"}]})]
MonthDay = Annotated[
    int,
    BeforeValidator(_last),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1, "maximum": 31}, {"const": "last"}]}),
]


class OnConfig(Model):
    """Days on which an event recurs."""

    weekday: OneOrMany[Weekday] | None = None
    """A day of the week. Example: `friday`."""
    nth: Nth | None = None
    """Which of these in its month, 1 to 4 or `last`. Example: `1`."""
    day: MonthDay | None = None
    """A day of the month, or `last`. Example: `15`."""
    months: OneOrMany[Month] | None = None
    """Only these, 1 to 12. Default: all. Example: `[3, 6, 9, 12]`."""

    @model_validator(mode="after")
    def _consistent(self) -> OnConfig:
        if self.nth is not None and self.nth not in (-1, 1, 2, 3, 4):
            raise KeyFault("nth", "`nth` must be 1, 2, 3, 4 or `last`")
        if self.nth is not None and not self.weekday:
            raise KeyFault("nth", "`nth` needs a `weekday`: `{weekday: friday, nth: 1}` is the first Friday of a month")
        if self.day is not None and not (self.day == -1 or 1 <= self.day <= 31):
            raise KeyFault("day", "`day` must be 1 to 31 or `last`")
        if self.day is not None and (self.weekday or self.nth):
            raise KeyFault("day", "`day` and `weekday` exclude each other")
        if self.day is not None and self.months and self.day > max(_LENGTHS[month - 1] for month in self.months):
            raise KeyFault("day", f"none of these months has a day {self.day}")
        return self


_LENGTHS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

_ON_SCHEMA: Final = Literal["daily", "weekdays"] | Weekday | OnConfig

Recurring = Annotated[OnConfig, BeforeValidator(_on, json_schema_input_type=_ON_SCHEMA)]
"""`daily`, `weekdays`, `sunday`, or the mapping of `OnConfig`."""


class EventConfig(Model):
    """A scheduled event: around each `at` it widens bars."""

    name: Annotated[str, AfterValidator(_name)]
    """What messages call it. Example: `BoJ decision`."""
    markets: OneOrMany[str] | None = None
    """Whose bars it widens. Default: all. Example: `[JP]`."""
    at: OneOrMany[str] | None = None
    """Single times, or with `on` times of day. Example: `[2026-01-23 12:00]`."""
    on: Recurring | None = None
    """Days on which it recurs: daily, weekdays, a weekday's name, or a mapping. Example: `{weekday: friday, nth: 1}`.
    """
    zone: Zone | None = None
    """Of times without one. Default: the market's own. Example: `Asia/Tokyo`."""
    file: File | None = None
    """CSV of `date,time,zone,markets,name`, in the place of `at`. Example: `auctions.csv`."""
    before: Duration = written("5m")
    """How long before its time the window begins."""
    after: Duration = written("30m")
    """How long after its time the window ends."""
    widen: float = written(1.5, gt=1, le=10)
    """Factor on all bars but the critical one, which caps the others."""

    @model_validator(mode="after")
    def _consistent(self) -> EventConfig:
        if self.file is not None:
            for key in ("at", "on"):
                if getattr(self, key) is not None:
                    raise KeyFault(key, f"`{key}` and `file` exclude each other: the file says when")
        elif not self.at:
            raise ValueError("an event needs `at`, such as `at: 2026-01-23T12:00+09:00`, or `file`")
        for i, time in enumerate(self.at or []):
            if self.on is not None and not _CLOCK.fullmatch(time):
                raise KeyFault(("at", i), f"with `on`, `at` is a time of day such as `08:30`, not {shown(time)}")
            if self.on is None and _CLOCK.fullmatch(time):
                raise KeyFault(("at", i), f"{shown(time)} is of no day: say `on: daily`, `on: {{weekday: friday}}`")
            if self.on is None and not _INSTANT.fullmatch(time):
                raise KeyFault(("at", i), f"{shown(time)} is no time: write `2026-01-23T12:00+09:00`")
        for key in ("before", "after"):
            if getattr(self, key) > DAY:
                raise KeyFault(key, f"`{key}` is longer than a day")
        if self.before + self.after == 0:
            raise KeyFault("after", "the event's window is empty: give `before` or `after`")
        return self


def agenda(
    events: Sequence[tuple[int, EventConfig]], calendars: Mapping[str, Calendar], folder: Path, report: Report
) -> tuple[tuple[AgendaItem, ...], list[str]]:
    """What the engine is told of the events (index in the file, event), and the texts of the files that they name.
    Faults are reported. folder: where relative paths start."""
    items: list[AgendaItem] = []
    texts: list[str] = []
    for i, event in events:
        place: Place = ("events", i)
        markets = _markets(event.markets, calendars, place, report)
        if event.file is not None:
            text = _read(folder / event.file, (*place, "file"), report)
            if text is not None:
                texts.append(text)
                items += _Rows(event, markets, calendars, (*place, "file"), report).read(text)
        elif markets:
            items += _item(event, markets, calendars, place, report)
    return tuple(items), texts


def _markets(
    wanted: Sequence[str] | None, calendars: Mapping[str, Calendar], place: Place, report: Report
) -> tuple[str, ...]:
    for i, name in enumerate(wanted or []):
        if name not in calendars:
            report.value((*place, "markets", i), f"unknown market {shown(name)}", suggest(name, list(calendars)))
    return tuple(name for name in (calendars if wanted is None else wanted) if name in calendars)


def _item(
    event: EventConfig, markets: tuple[str, ...], calendars: Mapping[str, Calendar], place: Place, report: Report
) -> list[AgendaItem]:
    zone = event.zone or _common_zone(markets, calendars)
    if zone is None and (event.on is not None or any(_is_local(time) for time in event.at or [])):
        report.mapping(place, "`zone` is missing: its markets are in different time zones", "write `zone: Asia/Tokyo`")
        return []
    if event.on is not None:
        again = tuple(recurrence(event.on, str(zone), time) for time in event.at or [])
        return [AgendaItem(event.name, markets, event.before, event.after, event.widen, again=again)]
    instants = []
    for k, time in enumerate(event.at or []):
        try:
            instants.append(_instant(time, zone))
        except ValueError as error:
            report.value((*place, "at", k), str(error))
    return [AgendaItem(event.name, markets, event.before, event.after, event.widen, at=tuple(sorted(set(instants))))]


def recurrence(on: OnConfig, zone: str, time: str) -> Recurrence:
    """Days and time of day. time: "08:30"."""
    weekdays = tuple(sorted({WEEKDAYS.index(name) for name in on.weekday or []}))
    return Recurrence(zone, minutes(time), weekdays, on.nth or 0, on.day or 0, tuple(sorted(set(on.months or []))))


def _instant(text: str, zone: str | None) -> int:
    """ns UTC of a time with a zone, or of a local one."""
    if zone is not None and _is_local(text):
        local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
        return int(local.timestamp()) * 1_000_000_000
    return parse_time(text)


def _is_local(text: str) -> bool:
    match = _INSTANT.fullmatch(text)
    return match is not None and match[1] is None


def _common_zone(markets: Sequence[str], calendars: Mapping[str, Calendar]) -> str | None:
    zones = {calendars[name].zone for name in markets}
    return zones.pop() if len(zones) == 1 else None


def _read(path: Path, place: Place, report: Report) -> str | None:
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except OSError as error:
        report.value(place, f"{path} cannot be read: {(error.strerror or str(error)).lower()}")
        return None
    if len(raw) > LARGEST:
        report.value(place, f"{path} is larger than 1 MiB")
        return None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        report.value(place, f"{path} is not UTF-8 text")
        return None


class _Rows:
    """The rows of one file of events: each an instant of a name in some markets."""

    def __init__(
        self,
        event: EventConfig,
        markets: tuple[str, ...],
        calendars: Mapping[str, Calendar],
        place: Place,
        report: Report,
    ) -> None:
        self._event = event
        self._markets = markets
        self._calendars = calendars
        self._place = place
        self._report = report
        self._faults = 0

    def read(self, text: str) -> list[AgendaItem]:
        """One item per name and set of markets."""
        reader = csv.DictReader(io.StringIO(text), skipinitialspace=True, restkey="", restval="")
        header = [name.strip() for name in reader.fieldnames or []]
        reader.fieldnames = header
        for name in header:
            if name not in COLUMNS:
                self._tell(1, f"unknown column {shown(name)}, {suggest(name, COLUMNS, always=True)}")
        for name in ("date", "time", "name"):
            if name not in header:
                self._tell(1, f"the column `{name}` is missing; the first line is `{','.join(COLUMNS)}`")
        if self._faults:
            return []
        found: dict[tuple[str, tuple[str, ...]], set[int]] = {}
        for row in reader:
            try:
                key, at = self._row(row)
            except ValueError as error:
                self._tell(reader.line_num, str(error))
                continue
            found.setdefault(key, set()).add(at)
        event = self._event
        return [
            AgendaItem(name, markets, event.before, event.after, event.widen, at=tuple(sorted(instants)))
            for (name, markets), instants in found.items()
        ]

    def _row(self, row: dict[str, str]) -> tuple[tuple[str, tuple[str, ...]], int]:
        """Raises ValueError with a sentence that says what is wrong."""
        if row.get(""):
            raise ValueError("more values than columns; put a name with a comma in quotes")
        names = re.split(r"[\s;|]+", row.get("markets", "").strip())
        markets = tuple(name for name in names if name) or self._markets
        for name in markets:
            if name not in self._calendars:
                raise ValueError(f"unknown market {shown(name)}; {suggest(name, list(self._calendars))}".rstrip("; "))
        zone = row.get("zone", "").strip() or self._event.zone or _common_zone(markets, self._calendars)
        if zone is None:
            raise ValueError("`zone` is empty, and its markets are in different time zones")
        date, time = row["date"].strip(), row["time"].strip()
        if not _CLOCK.fullmatch(time):
            raise ValueError(f"{shown(time)} is no time of day such as 08:30")
        day = datetime.fromordinal(parse_day(date)).replace(hour=minutes(time) // 60, minute=minutes(time) % 60)
        at = int(day.replace(tzinfo=ZoneInfo(_zone(zone))).timestamp()) * 1_000_000_000
        return (_name(row["name"]), markets), at

    def _tell(self, line: int, text: str) -> None:
        self._faults += 1
        if self._faults <= MOST_TOLD:
            self._report.value(self._place, f"{self._event.file}:{line}: {text}")
