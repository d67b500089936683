"""Recall: on which of the days known from the news a rule set spoke, beside chance."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any, Final

import yaml

from stressd.lab.poisson import at_least, hit_by_chance
from stressd.market.times import day_iso, parse_day

LIST: Final = "stress_days.yaml"


class StressDay:
    """A day of the list. day: ordinal; markets: where bonds were hit."""

    __slots__ = ("day", "markets", "source", "what")

    def __init__(self, day: int, markets: tuple[str, ...], what: str, source: str) -> None:
        self.day = day
        self.markets = markets
        self.what = what
        self.source = source


def stress_days() -> list[StressDay]:
    """The bundled list, in order of time."""
    text = resources.files("stressd.lab").joinpath(LIST).read_text(encoding="utf-8")
    given = yaml.safe_load(text)
    days = [
        StressDay(parse_day(str(each["date"])), tuple(each["markets"]), each["what"], each["source"])
        for each in given["days"]
    ]
    return sorted(days, key=lambda each: each.day)


class Told:
    """What was told on one day of one market: the gravest of it. how: "opened", "escalated" or "went on"."""

    __slots__ = ("headline", "how", "severity")

    def __init__(self, how: str, severity: str, headline: str) -> None:
        self.how = how
        self.severity = severity
        self.headline = headline


class Score:
    """One stress day. on: the day of what was told, None where nothing was; chance: that alerts at random times, as
    many of them, would have caught it."""

    __slots__ = ("chance", "market", "on", "stress", "told")

    def __init__(self, stress: StressDay, chance: float) -> None:
        self.stress = stress
        self.chance = chance
        self.market = ""
        self.on: int | None = None
        self.told: Told | None = None

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        told = self.told
        return {
            "date": day_iso(self.stress.day),
            "markets": list(self.stress.markets),
            "caught": self.on is not None,
            "on": day_iso(self.on) if self.on is not None else None,
            "market": self.market or None,
            "how": told.how if told else None,
            "headline": told.headline if told else None,
            "chance": round(self.chance, 4),
        }


class Recall:
    """All stress days that lie in the sample."""

    __slots__ = ("scores",)

    def __init__(self, scores: list[Score]) -> None:
        self.scores = scores

    def caught(self) -> int:
        return sum(score.on is not None for score in self.scores)

    def on_the_day(self) -> int:
        """Those caught on the very date, not on the next session."""
        return sum(score.on == score.stress.day for score in self.scores)

    def expected(self) -> float:
        """How many alerts at random times would have caught."""
        return sum(score.chance for score in self.scores)

    def p(self) -> float:
        """The chance that alerts at random times catch as many or more."""
        return at_least(self.caught(), [score.chance for score in self.scores])


def windows(stress: StressDay, sessions: Mapping[str, Sequence[int]]) -> dict[str, list[int]]:
    """By market hit, the days that count: the date where it was a session, and the next session. sessions: ascending.
    A market whose sample does not reach so far is left out."""
    found = {}
    for market in stress.markets:
        days = sessions.get(market, ())
        if not days or stress.day < days[0]:
            continue
        after = bisect_right(days, stress.day)
        if after < len(days):
            found[market] = list(days[bisect_left(days, stress.day) : after + 1])
    return found


def recall(
    days: Sequence[StressDay], sessions: Mapping[str, Sequence[int]], told: Mapping[str, Mapping[int, Told]]
) -> Recall:
    """sessions: by market, the days on which it could have spoken, ascending; told: by market and day, what it did
    say."""
    scores = []
    for stress in days:
        counted = windows(stress, sessions)
        if not counted:
            continue
        missed = 1.0
        for market, window in counted.items():
            missed *= 1.0 - hit_by_chance(len(window), len(told.get(market, ())), len(sessions[market]))
        score = Score(stress, 1.0 - missed)
        hits = [
            (day, market, found)
            for market, window in counted.items()
            for day in window
            if (found := told.get(market, {}).get(day)) is not None
        ]
        if hits:
            score.on, score.market, score.told = min(hits, key=lambda hit: hit[0])
        scores.append(score)
    return Recall(scores)
