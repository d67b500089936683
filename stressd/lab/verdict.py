"""What a trial comes to: rates beside budgets, recall beside chance and beside the naive rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypedDict

from stressd.lab.naive import Naive, ewma_moves, naive_rule
from stressd.lab.promise import Promise
from stressd.lab.rates import Rate, rate
from stressd.lab.ruleset import DAILY, Trial
from stressd.lab.stress import Recall, StressDay, Told, recall, windows
from stressd.market.series import market_of
from stressd.market.times import day_iso, day_of, parse_time


class SeriesSummary(Rate):
    """One series of the summary, as on the wire. observations: values in the sample; episodes: those that it opened,
    each counted once; floor_share: by horizon, share of the time in which the floor was the bar."""

    observations: int
    floor_share: dict[str, float]


class Largest(TypedDict):
    """The move of a stress day that came nearest to its bar, or went farthest beyond it."""

    series: str
    date: str
    move_bp: float
    sigma: float
    bar_bp: float


class Verdict:
    """series, markets: summaries; markets has those with a budget of their own. naive, naive_recall: None where there
    are no daily moves."""

    __slots__ = ("largest", "markets", "naive", "naive_recall", "recall", "series", "trial")

    def __init__(
        self,
        trial: Trial,
        series: dict[str, SeriesSummary],
        markets: dict[str, Rate],
        found: Recall,
        naive: Naive | None,
        naive_recall: Recall | None,
        largest: dict[int, Largest],
    ) -> None:
        self.trial = trial
        self.series = series
        self.markets = markets
        self.recall = found
        self.naive = naive
        self.naive_recall = naive_recall
        self.largest = largest

    def episodes(self) -> int:
        return len(self.trial.opened())

    def years(self) -> float:
        """Of the longest series."""
        return max((each["years"] for each in self.series.values()), default=0.0)

    def rates(self) -> list[Rate]:
        """All rates that have a budget to be held against."""
        return [each for each in (*self.series.values(), *self.markets.values()) if each["inside"] is not None]

    def worst_miss(self) -> Largest | None:
        """The largest move, in sigma, of a stress day that was not caught."""
        missed = [
            self.largest[s.stress.day] for s in self.recall.scores if s.on is None and s.stress.day in self.largest
        ]
        return max(missed, key=lambda each: abs(each["sigma"]), default=None)

    def plain(self) -> dict[str, Any]:
        """The last line of `--json`."""
        days = [score.plain() | {"largest": self.largest.get(score.stress.day)} for score in self.recall.scores]
        caught: dict[str, Any] = {
            "days": len(days),
            "caught": self.recall.caught(),
            "on_the_day": self.recall.on_the_day(),
            "by_chance": round(self.recall.expected(), 2),
            "p": self.recall.p(),
            "list": days,
        }
        if self.naive is not None and self.naive_recall is not None:
            caught["naive_ewma"] = {
                "bar_sigma": round(self.naive.bar, 2),
                "episodes": self.naive.episodes,
                "caught": self.naive_recall.caught(),
            }
        return {
            "summary": self.series,
            "config": self.trial.setup.config,
            "markets": self.markets,
            "recall": caught,
            "bars": self.trial.paths.plain(),
        }


def judge(trial: Trial, days: Sequence[StressDay]) -> Verdict:
    """Hold a trial against its budgets and against the days of stress."""
    promise = Promise(trial.setup.spec)
    opened = [(e.rule, e.market, e.series[0].series if e.series else "", _day(e.time)) for e in trial.opened()]
    series = {}
    for name, (first, last) in trial.ends.items():
        own = [at for rule, _, opener, at in opened if opener == name and (not promise.rules or rule in promise.rules)]
        total = sum(opener == name for _, _, opener, _ in opened)
        found = rate(first, last, own, promise.series.get(name), trial.paths.floored(name))
        series[name] = SeriesSummary(
            observations=trial.observations[name], floor_share=trial.paths.floor_shares(name), **found
        )
        series[name]["episodes"] = total
    markets = {}
    for market, budget in promise.markets.items():
        ends = [trial.ends[name] for name in trial.ends if market_of(name) == market]
        if ends:
            own = [at for rule, where, _, at in opened if where == market and rule in promise.rules]
            markets[market] = rate(min(e[0] for e in ends), max(e[1] for e in ends), own, budget)
    found_recall = recall(days, trial.sessions, trial.told())
    naive = naive_recall = None
    if trial.daily and trial.sessions:
        naive = _naive(trial)
        marks = {market: dict.fromkeys(sorted(on), _NAIVE) for market, on in naive.days.items()}
        naive_recall = recall(days, trial.sessions, marks)
    return Verdict(trial, series, markets, found_recall, naive, naive_recall, _largest(trial, days))


_NAIVE: Final = Told("went on", "warn", "")


def _day(time: str) -> float:
    return float(day_of(parse_time(time)))


def _naive(trial: Trial) -> Naive:
    """The naive rule over the series that the sigma rules watch, above the lowest of their floors."""
    floors: dict[str, float] = {}
    for rule in trial.setup.spec.sigma_rules:
        for name in rule.series:
            floor = rule.floor_bp.get(DAILY[0], 0.0)
            floors[name] = min(floor, floors.get(name, floor))
    moves: dict[str, dict[str, list[tuple[int, float]]]] = {}
    for name, floor in floors.items():
        if name in trial.daily:
            moves.setdefault(market_of(name), {})[name] = ewma_moves(trial.daily[name].rows, floor)
    rules = {rule.name for rule in trial.setup.spec.sigma_rules}
    return naive_rule(moves, sum(event.rule in rules for event in trial.opened()))


def _largest(trial: Trial, days: Sequence[StressDay]) -> dict[int, Largest]:
    """By stress day, the move nearest to or farthest beyond its bar."""
    wanted: dict[tuple[str, int], list[int]] = {}
    for stress in days:
        for market, window in windows(stress, trial.sessions).items():
            for day in window:
                wanted.setdefault((market, day), []).append(stress.day)
    best: dict[int, tuple[float, Largest]] = {}
    for (name, _), path in trial.paths.of.items():
        market = market_of(name)
        for i, day in enumerate(path.days):
            move = path.moves_bp[i]
            if move is None or (market, day) not in wanted or path.sigma_bp[i] <= 0.0:
                continue
            size = abs(move) / path.bar_bp[i]
            found = Largest(
                series=name,
                date=day_iso(day),
                move_bp=round(move, 1),
                sigma=round(move / path.sigma_bp[i], 2),
                bar_bp=round(path.bar_bp[i], 1),
            )
            for stress_day in wanted[market, day]:
                if stress_day not in best or size > best[stress_day][0]:
                    best[stress_day] = size, found
    return {day: found for day, (_, found) in best.items()}
