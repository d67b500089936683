"""What a rule test expected against what was told, and the difference in words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from stressd.alerts.event import Event
from stressd.lab.ruletest.model import WINDOW, Expected
from stressd.market.times import parse_time

SEVERITIES: Final = ("info", "warn", "high", "critical")


@dataclass(slots=True)
class Seen:
    """One episode of the test: its events in order, and every sink that was told of it."""

    events: list[Event] = field(default_factory=list)
    sinks: set[str] = field(default_factory=set)
    zone: str = "UTC"

    @property
    def last(self) -> Event:
        return self.events[-1]

    @property
    def severity(self) -> str:
        return max((event.severity for event in self.events), key=SEVERITIES.index)

    @property
    def state(self) -> str:
        ends = [event.type for event in self.events if event.type in ("resolved", "reopened")]
        return "resolved" if ends and ends[-1] == "resolved" else "open"

    def opened(self) -> datetime:
        """On the market's clock."""
        return datetime.fromtimestamp(parse_time(self.events[0].time) / 1e9, ZoneInfo(self.zone))

    def line(self) -> str:
        """ "JP up critical, opened 13:04:30 Asia/Tokyo, resolved: JP 30Y +25.1bp to ..."."""
        first = self.events[0]
        about = " ".join(part for part in (first.market or first.kind, first.direction or "", self.severity) if part)
        opened = f"opened {self.opened():%d %b %H:%M:%S} {self.zone}"
        return f"{about}, rule {first.rule}, {opened}, {self.state}: {self.worst().headline}"

    def worst(self) -> Event:
        """The first event at the highest severity."""
        return next(event for event in self.events if event.severity == self.severity)


@dataclass(frozen=True, slots=True)
class Difference:
    """One expectation that was not met (`wanted` ""; `got`: unexpected). fields: (what, wanted, got)."""

    wanted: str
    got: str
    fields: tuple[tuple[str, str, str], ...] = ()

    def __str__(self) -> str:
        if not self.wanted:
            return f"not expected:  {self.got}"
        if not self.got:
            return f"never came:    {self.wanted}"
        lines = [f"expected:      {self.wanted}", f"the nearest:   {self.got}"]
        lines += [f"    {what}: expected {wanted}, got {got}" for what, wanted, got in self.fields]
        return "\n".join(lines)


def compare(expected: Sequence[Expected], seen: Sequence[Seen], others_fail: bool) -> list[Difference]:
    """Empty where everything is as expected. An expectation takes the first episode that meets it; the rest are set
    beside the episode that differs in the fewest points."""
    left = list(seen)
    unmet = []
    for each in expected:
        found = next((episode for episode in left if not _points(each, episode)), None)
        if found is None:
            unmet.append(each)
        else:
            left.remove(found)
    differences = []
    for each in unmet:
        near = min(left, key=lambda episode: _distance(each, episode), default=None)
        if near is None or _distance(each, near) >= _ALIEN:
            differences.append(Difference(wanted(each), ""))
            continue
        left.remove(near)
        differences.append(Difference(wanted(each), near.line(), tuple(_points(each, near))))
    if others_fail:
        differences += [Difference("", episode.line()) for episode in left if episode.last.kind == "market"]
    return differences


def wanted(expected: Expected) -> str:
    """An expectation in one line, as far as it is stated."""
    about = " ".join(
        part for part in (expected.market or expected.kind, expected.direction or "", expected.severity or "") if part
    )
    parts = [about]
    parts += [f"rule {expected.rule}"] if expected.rule else []
    parts += [f"opened {expected.opened}"] if expected.opened else []
    parts += [expected.state] if expected.state else []
    parts += [f"following {expected.source}"] if expected.source else []
    parts += [f"{market} {wording}" for market, wording in expected.followers.items()]
    headline = " / ".join(expected.headline or [])
    return ", ".join(parts) + (f": {headline}" if headline else "")


_ALIEN: Final = 100


def _distance(expected: Expected, seen: Seen) -> int:
    """Points that differ; an episode of another market, kind or direction is no neighbour."""
    points = _points(expected, seen)
    alien = any(what in ("market", "kind", "direction") for what, _, _ in points)
    return len(points) + (_ALIEN if alien else 0)


def _points(expected: Expected, seen: Seen) -> list[tuple[str, str, str]]:
    """(what, wanted, got) of everything that is stated and differs."""
    first, last = seen.events[0], seen.last
    found = [
        (what, str(want), str(got))
        for what, want, got in (
            ("kind", expected.kind, first.kind),
            ("market", expected.market, first.market),
            ("rule", expected.rule, first.rule),
            ("direction", expected.direction, first.direction),
            ("severity", expected.severity, seen.severity),
            ("state", expected.state, seen.state),
        )
        if want is not None and want != got
    ]
    if expected.opened is not None and not _within(expected.opened, seen.opened()):
        found.append(("opened", expected.opened, f"{seen.opened():%H:%M:%S}"))
    headlines = [event.headline for event in seen.events]
    for pattern in expected.headline or ():
        if not any(_like(pattern, headline) for headline in headlines):
            found.append(("headline", pattern, " | ".join(dict.fromkeys(headlines))))
    said = {follower.market: follower.wording for follower in last.followers}
    for market, wording in expected.followers.items():
        if said.get(market) != wording:
            found.append((f"follower {market}", wording, said.get(market, "not mentioned")))
    source = last.source.market if last.source is not None else "none"
    if expected.source is not None and expected.source != source:
        found.append(("source", expected.source, source))
    types = list(dict.fromkeys(event.type for event in seen.events))
    lacking = [update for update in expected.updates or () if update not in types]
    if lacking:
        found.append(("updates", ", ".join(lacking), ", ".join(types)))
    if expected.sinks is not None and set(expected.sinks) != seen.sinks:
        found.append(
            ("sinks", ", ".join(sorted(expected.sinks)) or "nobody", ", ".join(sorted(seen.sinks)) or "nobody")
        )
    return found


def _within(window: str, at: datetime) -> bool:
    found = WINDOW.fullmatch(window)
    assert found is not None
    clock = f"{at:%H:%M}"
    return found["first"] <= clock <= (found["last"] or found["first"])


def _like(pattern: str, text: str) -> bool:
    return re.fullmatch(".*".join(re.escape(part) for part in pattern.split("*")), text) is not None
