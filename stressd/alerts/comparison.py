"""What two rule sets told of the same ticks, held against each other: episodes of one only, of both, of both but other.

An episode of the one is the same as one of the other if it is of the same market and direction and they overlap in
time; of several, one of the same rule comes first, then the one that opened nearest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec

from stressd.alerts.desk import Routed
from stressd.alerts.event import Event
from stressd.engine.spec import SEVERITIES
from stressd.market.times import iso, parse_time

KEPT: Final = 2_000
"""Episodes of each side that are kept; of older ones only their number."""

SLACK: Final = 60_000_000_000
"""ns: episodes that are apart by no more than this are of the same move, and those that open within it open alike."""

WEEK: Final = 7 * 86_400_000_000_000

Side = Literal["old", "new"]
SIDES: Final[tuple[Side, Side]] = ("old", "new")


class Told(msgspec.Struct):
    """One episode as one side told it. opened, ended: ns UTC, ended 0 while it is open; severity: its highest."""

    episode: str
    rule: str
    market: str
    direction: str
    opened: int
    severity: str
    headline: str
    ended: int = 0

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "episode": self.episode,
            "rule": self.rule,
            "market": self.market,
            "direction": self.direction or None,
            "opened": iso(self.opened),
            "ended": iso(self.ended) if self.ended else None,
            "severity": self.severity,
            "headline": self.headline,
        }


class Tally(msgspec.Struct):
    """Of one side. episodes: by id, in the order of their opening; forgotten: how many more there were; messages: by
    sink."""

    episodes: dict[str, Told] = {}
    forgotten: int = 0
    messages: dict[str, int] = {}


class Pair(msgspec.Struct):
    """What became of one move under both. how: what differs where both told it, "" where nothing does."""

    old: Told | None
    new: Told | None
    how: str = ""

    @property
    def verdict(self) -> str:
        """`only_old`, `only_new`, `other` or `same`."""
        if self.old is None:
            return "only_new"
        if self.new is None:
            return "only_old"
        return "other" if self.how else "same"


class Comparison:
    """Follows both sides from `since` (ns UTC) on; what was open then is of neither."""

    def __init__(self, since: int) -> None:
        self.since = since
        self.sides: dict[Side, Tally] = {side: Tally({}, 0, {}) for side in SIDES}

    def take(self, side: Side, told: Sequence[Routed]) -> None:
        """What one side told. Of what stressd says of itself nothing is compared."""
        tally = self.sides[side]
        for routed in told:
            event = routed.event
            if event.kind == "self":
                continue
            for sink in routed.sinks:
                tally.messages[sink] = tally.messages.get(sink, 0) + 1
            if event.type != "digest":
                self._follow(tally, event)

    def _follow(self, tally: Tally, event: Event) -> None:
        known = tally.episodes.get(event.episode)
        if known is None:
            if event.type != "opened":
                return
            at = parse_time(event.time)
            known = tally.episodes[event.episode] = Told(
                event.episode, event.rule, event.market, event.direction or "", at, event.severity, event.headline
            )
            if len(tally.episodes) > KEPT:
                del tally.episodes[next(iter(tally.episodes))]
                tally.forgotten += 1
        elif event.type == "reopened":
            known.ended = 0
        elif event.ends:
            known.ended = parse_time(event.time)
        if SEVERITIES.index(event.severity) > SEVERITIES.index(known.severity):
            known.severity, known.headline = event.severity, event.headline

    def pairs(self, now: int) -> list[Pair]:
        """Every move that either side told, in the order of opening. now: ns UTC."""
        waiting = list(self.sides["new"].episodes.values())
        found: list[Pair] = []
        for old in self.sides["old"].episodes.values():
            alike = [new for new in waiting if _overlap(old, new, now)]
            best = min(
                alike, key=lambda new: (new.rule != old.rule, abs(new.opened - old.opened)), default=None
            )  # fmt: skip
            if best is not None:
                waiting.remove(best)
            found.append(Pair(old, best, "" if best is None else _differs(old, best)))
        found += [Pair(None, new) for new in waiting]
        return sorted(found, key=_opened)

    def report(self, now: int, most: int = 200) -> dict[str, Any]:
        """For JSON: counts, by rule and market, messages a week, and the newest `most` moves that differ."""
        pairs = self.pairs(now)
        weeks = max(now - self.since, 1) / WEEK
        by_rule: dict[tuple[str, str], Counter[str]] = {}
        for pair in pairs:
            told = pair.old or pair.new
            assert told is not None
            by_rule.setdefault((told.rule, told.market), Counter())[pair.verdict] += 1
        sinks = dict.fromkeys(sink for side in SIDES for sink in self.sides[side].messages)
        differing = [pair for pair in pairs if pair.verdict != "same"]
        return {
            "since": iso(self.since),
            "weeks": weeks,
            "counts": _counted(Counter(pair.verdict for pair in pairs)),
            "forgotten": {side: self.sides[side].forgotten for side in SIDES},
            "rules": [
                {"rule": rule, "market": market, **_counted(counts)} for (rule, market), counts in by_rule.items()
            ],
            "sinks": [
                {
                    "sink": sink,
                    **{side: self.sides[side].messages.get(sink, 0) for side in SIDES},
                    **{f"{side}_a_week": self.sides[side].messages.get(sink, 0) / weeks for side in SIDES},
                }
                for sink in sinks
            ],
            "episodes": [
                {
                    "verdict": pair.verdict,
                    "how": pair.how or None,
                    "old": None if pair.old is None else pair.old.plain(),
                    "new": None if pair.new is None else pair.new.plain(),
                }
                for pair in differing[-most:]
            ],
            "more": max(len(differing) - most, 0),
        }

    def snapshot(self) -> dict[str, Any]:
        """The whole state as plain data for JSON."""
        return {"since": self.since, "sides": msgspec.to_builtins(self.sides)}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a snapshot. Raises msgspec.ValidationError, KeyError on any other data."""
        self.sides = {side: msgspec.convert(state["sides"][side], Tally) for side in SIDES}
        self.since = int(state["since"])


def summary(report: dict[str, Any]) -> str:
    """One sentence on `Comparison.report`."""
    counts = report["counts"]
    said = (
        f"{counts['same']} alike, {counts['other']} other, {counts['only_old']} only now, "
        f"{counts['only_new']} only in shadow"
    )
    sinks = ", ".join(f"{s['sink']} {s['old_a_week']:.1f} -> {s['new_a_week']:.1f}" for s in report["sinks"])
    return f"{said}; messages a week: {sinks}" if sinks else said


def _counted(counts: Counter[str]) -> dict[str, int]:
    return {verdict: counts[verdict] for verdict in ("same", "other", "only_old", "only_new")}


def _opened(pair: Pair) -> int:
    return min(told.opened for told in (pair.old, pair.new) if told is not None)


def _overlap(a: Told, b: Told, now: int) -> bool:
    if (a.market, a.direction) != (b.market, b.direction):
        return False
    return a.opened - SLACK <= (b.ended or now) and b.opened - SLACK <= (a.ended or now)


def _differs(old: Told, new: Told) -> str:
    said = []
    if old.rule != new.rule:
        said.append(f"by {old.rule}, now by {new.rule}")
    apart = new.opened - old.opened
    if abs(apart) > SLACK:
        said.append(f"opened {abs(apart) / SLACK:.0f} min {'later' if apart > 0 else 'earlier'}")
    if old.severity != new.severity:
        said.append(f"{old.severity}, now {new.severity}")
    if old.ended and new.ended and abs(new.ended - old.ended) > SLACK:
        apart = new.ended - old.ended
        said.append(f"ended {abs(apart) / SLACK:.0f} min {'later' if apart > 0 else 'earlier'}")
    return ", ".join(said)
