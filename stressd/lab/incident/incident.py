"""Everything of one episode that a post-mortem tells, gathered from a state directory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from stressd import __version__
from stressd.engine.spec import EngineSpec
from stressd.lab.incident.effect import Effect, effect
from stressd.lab.incident.order import Mover, movers
from stressd.lab.incident.reversal import Reversal, reversal
from stressd.lab.incident.values import Point, Track, Values, joined, read_values
from stressd.market.calendar import Calendar
from stressd.market.series import market_of
from stressd.market.times import iso, parse_time
from stressd.store import Episode, Store
from stressd.store.story import Story, story_json

SCHEMA: Final = 1
SECOND: Final = 1_000_000_000
HOUR: Final = 3_600 * SECOND
DAY: Final = 24 * HOUR

BEFORE: Final = HOUR
"""ns of values before the opening, at least."""

LATER: Final = DAY
"""ns after the close for which a reversal is followed: its half-life is mostly longer than the alert."""

SERIES: Final = 12
"""Of the episode's own, by their part in it."""

OTHERS: Final = 8
"""Series of other markets that answered, or were asked whether they did."""

NEAR: Final = 10 * 60 * SECOND
"""ns before the opening in which trouble with a feed may have to do with it."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that was wrong with the data, or with stressd itself, while the episode went on. until: None while it
    lasts. episode: its own, or "" where it is said by an update of this one."""

    since: str
    until: str | None
    text: str
    episode: str


@dataclass(frozen=True, slots=True)
class Incident:
    """All that a post-mortem tells. made: ns UTC. zone: of the market, UTC where it is not known. values: what the
    recording has; empty where there is none. reversal, order: None and empty without values."""

    story: Story
    made: int
    zone: ZoneInfo
    values: Values
    reversal: Reversal | None
    order: Sequence[Mover]
    effect: Effect
    troubles: Sequence[Trouble]
    calendars: Mapping[str, Calendar]
    start: int
    end: int

    @property
    def episode(self) -> Episode:
        return self.story.episode

    @property
    def over(self) -> bool:
        return self.episode.closed_at is not None

    @property
    def place(self) -> str:
        """Whose clock the times are of."""
        return self.zone.key.rpartition("/")[2].replace("_", " ")

    @property
    def lead(self) -> str | None:
        """The series that led at the gravest; None where the episode is about none."""
        return self.story.track[-1].series if self.story.track else None

    def plain(self) -> dict[str, Any]:
        """For JSON: what was made of the story, and the story."""
        return {
            "schema": SCHEMA,
            "made": iso(self.made),
            "stressd": __version__,
            "over": self.over,
            "lead": self.lead,
            "order": [_plain_mover(each) for each in self.order],
            "reversal": None if self.reversal is None else _plain_reversal(self.reversal),
            "troubles": [msgspec.to_builtins(each) for each in self.troubles],
            "budget": self.effect.plain(),
            "values": {
                "series": {name: len(track) for name, track in self.values.tracks.items()},
                "until": iso(self.values.until),
                "of_an_earlier_report": self.values.kept,
            },
            "story": story_json(self.story),
        }


def gather(
    state: Path, store: Store, story: Story, now: int, spec: EngineSpec | None, kept: Mapping[str, Track] | None = None
) -> Incident:
    """now: ns UTC. spec: markets and rules, None where they are not known. kept: values of an earlier report. Blocks.
    Raises StoreError."""
    episode = story.episode
    calendars = {market.name: market.calendar for market in spec.markets} if spec is not None else {}
    start, end = _window(story, now)
    wanted = _series(story)
    values = read_values(state, wanted, start, end) if wanted else Values({}, end)
    values = joined(values, {name: track for name, track in (kept or {}).items() if name in wanted})
    everything = store.episodes()
    closed = episode.closed_at or now
    return Incident(
        story=story,
        made=now,
        zone=_zone(story, calendars.get(episode.market)),
        values=values,
        reversal=_reversal(story, values, closed, calendars),
        order=movers(_moved(story, values), _bases(story), _moving(story, start), closed, calendars),
        effect=effect(episode, everything, spec),
        troubles=_troubles(story, everything, now),
        calendars=calendars,
        start=start,
        end=end,
    )


def _window(story: Story, now: int) -> tuple[int, int]:
    """From where the first move was measured, within a day, to a day after the close."""
    opened = story.episode.opened_at
    begins = [parse_time(move.from_.time) for event in story.events[:1] for move in event.series if move.from_]
    begins += [parse_time(event.path.start) for event in story.events[:1] if event.path is not None]
    start = min([opened - BEFORE, *(at - 60 * SECOND for at in begins if at > opened - DAY)])
    closed = story.episode.closed_at
    return start, now if closed is None else min(now, closed + LATER)


def _moving(story: Story, start: int) -> int:
    """Where the move of the leading series was measured from, if that is within the values."""
    first = story.events[0].series[0] if story.events[0].series else None
    if first is None or first.from_ is None:
        return start
    return max(start, parse_time(first.from_.time))


def _moved(story: Story, values: Values) -> dict[str, Track]:
    """What belongs to the episode. A market that did not respond has moves of its own, which are not in this order."""
    followed = {each.follower.series for each in story.followed}
    asked = {each.follower.series for each in story.did_not} - followed
    return {name: track for name, track in values.tracks.items() if name not in asked}


def _bases(story: Story) -> dict[str, float]:
    """Where the answers of other markets were measured from (percent): of a market that was shut, its last close."""
    told = [each.follower for each in (*story.followed, *story.did_not)]
    return {
        each.series: each.value - each.change_bp / 100.0
        for each in told
        if each.series is not None and each.value is not None and each.change_bp is not None
    }


def _series(story: Story) -> list[str]:
    """Own series by their part in the episode, then those of the markets that answered."""
    own = list(dict.fromkeys([*(point.series for point in reversed(story.track)), *(n.series for n in story.numbers)]))
    answers = [*story.followed, *story.did_not]
    others = dict.fromkeys(each.follower.series for each in answers if each.follower.series is not None)
    return [*own[:SERIES], *[name for name in others if name not in own][:OTHERS]]


def _zone(story: Story, calendar: Calendar | None) -> ZoneInfo:
    if calendar is not None:
        return ZoneInfo(calendar.zone)
    return ZoneInfo(story.path.zone if story.path is not None and story.path.zone else "UTC")


def _reversal(
    story: Story, values: Values, closed: int, calendars: Mapping[str, Calendar]
) -> Reversal | None:  # fmt: skip
    """Of the leading series from where its gravest move was measured; without a recording by what the updates say."""
    episode = story.episode
    gravest = max(
        (point for point in story.track if point.change_bp is not None),
        key=lambda point: (abs(point.change_bp or 0.0), -point.seq),
        default=None,
    )
    if gravest is None or episode.direction not in ("up", "down") or gravest.change_bp is None:
        return None
    rising = episode.direction == "up"
    lead, calendar = gravest.series, calendars.get(market_of(gravest.series))
    event = next(event for event in story.events if event.seq == gravest.seq)
    from_ = event.series[0].from_
    if from_ is None:
        return None
    began: Point = (parse_time(from_.time), from_.value)
    track = values.tracks.get(lead, [])
    if track and track[-1][0] > parse_time(gravest.time):
        return reversal(track, began, rising, closed, calendar)
    told = {parse_time(each.time): each.value for each in story.track if each.series == lead}
    if story.outcome is not None and story.outcome.series == lead:
        points = (story.outcome.peak, story.outcome.now)
        told |= {parse_time(each.time): each.value for each in points if each is not None}
    return reversal(sorted(told.items()), began, rising, closed, calendar, recorded=False)


def _troubles(story: Story, everything: Sequence[Episode], now: int) -> list[Trouble]:
    """Of the data of this episode by its own updates, and episodes of feeds and of stressd itself at the time."""
    episode = story.episode
    since, until = episode.opened_at - NEAR, episode.closed_at or now
    found = [Trouble(each.time, None, each.text, "") for each in story.data if each.incident and each.state != "closed"]
    found += [
        Trouble(
            since=iso(each.opened_at),
            until=None if each.closed_at is None else iso(each.closed_at),
            text=f"{each.rule}: {each.headline}",
            episode=each.id,
        )
        for each in everything
        if each.kind in ("feed", "self")
        and each.id != episode.id
        and each.origin == episode.origin
        and each.opened_at <= until
        and (each.closed_at or now) >= since
    ]
    return sorted(found, key=lambda each: each.since)


def _plain_mover(each: Mover) -> dict[str, Any]:
    return {
        "place": each.place,
        "series": each.series,
        "moved_bp": round(each.moved_bp, 3),
        "half_at": iso(each.half_at),
        "after_s": round(each.after_s, 3),
        "open_s": None if each.open_s is None else round(each.open_s, 3),
        "base": _plain_point(each.base),
        "extreme": _plain_point(each.extreme),
    }


def _plain_reversal(each: Reversal) -> dict[str, Any]:
    return {
        "began": _plain_point(each.began),
        "peak": _plain_point(each.peak),
        "last": _plain_point(each.last),
        "moved_bp": round(each.moved_bp, 3),
        "given_back": round(each.given_back, 4),
        "half_life_s": each.half_life_s,
        "open_s": each.open_s,
        "recorded": each.recorded,
    }


def _plain_point(point: Point) -> dict[str, Any]:
    return {"time": iso(point[0]), "value": round(point[1], 6)}
