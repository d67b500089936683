"""Daily fixings through the same engine and episodes as live: what would have been told, and how often a year."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from stressd.alerts.event import Event
from stressd.alerts.evidence import ordered, short_text
from stressd.engine.spec import SEVERITIES, EngineSpec
from stressd.lab.faults import SHOWN, Fault, UnreadFile
from stressd.lab.publishers import DailyFile
from stressd.market.calendar import Calendar
from stressd.market.tick import FIXING, Tick
from stressd.market.times import day_iso


class Daily:
    """The fixings of one series from one source: (ordinal day, percent), ascending."""

    __slots__ = ("rows", "source")

    def __init__(self, source: str, rows: list[tuple[int, float]]) -> None:
        self.source = source
        self.rows = rows


def merged(files: Sequence[DailyFile]) -> dict[str, Daily]:
    """All files' fixings by series. Raises UnreadFile where two files contradict each other or differ in source."""
    out: dict[str, Daily] = {}
    origin: dict[str, str] = {}
    faults: list[Fault] = []
    for file in files:
        for series, rows in file.series.items():
            known = out.get(series)
            if known is None:
                out[series], origin[series] = Daily(file.source, rows), file.path
                continue
            if known.source != file.source:
                faults.append(
                    Fault(
                        file.path,
                        0,
                        f"{series} is by {file.source} here but by {known.source} in {origin[series]}",
                    )
                )
                continue
            values = dict(known.rows)
            for day, value in rows:
                if values.setdefault(day, value) != value:
                    text = f"{series} on {day_iso(day)} is {value:g} here, {values[day]:g} in {origin[series]}"
                    faults.append(Fault(file.path, 0, text))
            out[series] = Daily(known.source, sorted(values.items()))
    if faults:
        raise UnreadFile(faults[:SHOWN])
    return out


def daily_only(spec: EngineSpec) -> EngineSpec:
    """The specification for fixings alone: they come from no feed, and the hours between two are no silence."""
    series = tuple(replace(each, sources=()) for each in spec.series)
    return replace(spec, series=series, silence_rules=())


def fixing_ticks(daily: Mapping[str, Daily], spec: EngineSpec) -> list[Tick]:
    """Each fixing as a tick at its market's fixing time on its date, in order of time. Series that `spec` does not have
    are left out."""
    calendars = {market.name: market.calendar for market in spec.markets}
    times: dict[tuple[str, int], int] = {}
    ticks = []
    for series in spec.series:
        given = daily.get(series.id)
        if given is not None:
            for day, value in given.rows:
                at = _fixing_time(times, calendars, series.market, day)
                ticks.append(Tick(series.id, value, at, at, given.source, FIXING))
    ticks.sort(key=lambda tick: tick.received)
    return ticks


def _fixing_time(times: dict[tuple[str, int], int], calendars: Mapping[str, Calendar], market: str, day: int) -> int:
    at = times.get((market, day))
    if at is None:
        at = times[market, day] = calendars[market].fixing_on(day)
    return at


class EpisodeLine:
    """What a reader wants of one episode: when, where, how grave at its gravest, and the last headline of that."""

    __slots__ = ("direction", "first", "followers", "headline", "last", "market", "rule", "severity")

    def __init__(self, event: Event) -> None:
        self.first = self.last = event.time
        self.rule = event.rule
        self.market = event.market
        self.direction = event.direction or ""
        self.severity: str = event.severity
        self.headline = event.headline
        self.followers = ""

    def add(self, event: Event) -> None:
        """A further event of the same episode."""
        self.last = event.time
        if event.type == "resolved":
            return
        if SEVERITIES.index(event.severity) >= SEVERITIES.index(self.severity):
            self.severity, self.headline = event.severity, event.headline
        if event.followers:
            self.followers = ", ".join(short_text(each) for each in ordered(event.followers))


def episode_lines(events: Iterable[Event]) -> list[EpisodeLine]:
    """One line an episode, in order of opening."""
    lines: dict[str, EpisodeLine] = {}
    for event in events:
        line = lines.get(event.episode)
        if line is None:
            lines[event.episode] = EpisodeLine(event)
        else:
            line.add(event)
    return list(lines.values())
