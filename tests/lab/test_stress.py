"""Stress days: the list as it was frozen, what counts as caught, and what chance would catch."""

from __future__ import annotations

import hashlib
import random
from itertools import pairwise

import pytest

from stressd.lab.naive import LAMBDA, WARM, ewma_moves, naive_rule
from stressd.lab.stress import StressDay, Told, recall, stress_days, windows
from stressd.market.times import day_iso, parse_day

NAMED = [
    "2008-09-15", "2008-09-29", "2009-03-18", "2013-04-04", "2016-01-29", "2016-11-09", "2020-03-09", "2020-03-17",
    "2022-12-20", "2023-03-13", "2025-04-07", "2025-04-09", "2026-01-20",
]  # fmt: skip
FROZEN = "2841a5a55d377245f90bbe5779decfbfb56cbc02bd34f0d7fcb6757042ed79ec"
TOLD = Told("opened", "warn", "")


def frozen(days: list[StressDay]) -> str:
    lines = [f"{day_iso(each.day)} {' '.join(each.markets)}" for each in days]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def test_the_list_is_the_one_that_was_frozen_before_any_recall_was_computed() -> None:
    assert frozen(stress_days()[:29]) == FROZEN, "days are added at the end of time, never moved or dropped"


def test_every_day_has_a_story_and_a_source() -> None:
    days = stress_days()
    assert set(NAMED) <= {day_iso(each.day) for each in days}
    assert all(each.what and each.source and each.markets for each in days)
    assert [each.day for each in days] == sorted({each.day for each in days})


def day(text: str, *markets: str) -> StressDay:
    return StressDay(parse_day(text), markets, "", "")


def days_of(*texts: str) -> list[int]:
    return [parse_day(text) for text in texts]


def test_the_date_and_the_next_session_count_and_a_closed_market_has_the_next_one_only() -> None:
    sessions = {
        "JP": days_of("2008-09-11", "2008-09-12", "2008-09-16", "2008-09-17"),
        "US": days_of("2008-09-12", "2008-09-15", "2008-09-16"),
    }
    found = windows(day("2008-09-15", "JP", "US"), sessions)
    assert found == {"JP": days_of("2008-09-16"), "US": days_of("2008-09-15", "2008-09-16")}


def test_a_day_outside_the_sample_is_not_scored() -> None:
    sessions = {"JP": days_of("2008-09-12", "2008-09-16")}
    for text in ("2008-09-11", "2008-09-16", "2008-09-20"):
        assert windows(day(text, "JP", "US"), sessions) == {}
    assert recall([day("2008-09-11", "JP")], sessions, {}).scores == []


def test_the_first_of_what_was_told_counts_and_another_market_does_not() -> None:
    sessions = {market: days_of("2013-04-03", "2013-04-04", "2013-04-05") for market in ("JP", "US")}
    told = {"JP": {parse_day("2013-04-05"): TOLD}, "US": {parse_day("2013-04-04"): TOLD}}
    found = recall([day("2013-04-04", "JP")], sessions, told)
    assert (found.caught(), found.on_the_day()) == (1, 0)
    both = recall([day("2013-04-04", "JP", "US")], sessions, told)
    assert (both.caught(), both.on_the_day(), both.scores[0].market) == (1, 1, "US")
    assert recall([day("2013-04-04", "DE")], sessions, told).scores == []


def test_chance_is_what_alerts_at_random_times_catch() -> None:
    """Brute force: as many alert days as there were, strewn anew over each market's sessions."""
    start = parse_day("2020-01-01")
    sessions = {"JP": list(range(start, start + 240)), "US": list(range(start, start + 300, 2))}
    alerts = {"JP": 18, "US": 12}
    days = [StressDay(start + 20 * i, ("JP", "US") if i % 2 else ("JP",), "", "") for i in range(1, 11)]
    told = {m: dict.fromkeys(sessions[m][: alerts[m]], TOLD) for m in alerts}
    found = recall(days, sessions, told)
    chance = random.Random(20)
    runs = 4_000
    counts = []
    for _ in range(runs):
        strewn = {m: dict.fromkeys(chance.sample(sessions[m], alerts[m]), TOLD) for m in alerts}
        counts.append(recall(days, sessions, strewn).caught())
    assert sum(counts) / runs == pytest.approx(found.expected(), rel=0.03)
    assert sum(count >= found.caught() for count in counts) / runs == pytest.approx(found.p(), abs=0.03)
    for bar in (2, 3):
        found.scores[0].on = None
        level = sum(count >= bar for count in counts) / runs
        assert at_least_caught(found.scores, bar) == pytest.approx(level, abs=0.035)


def at_least_caught(scores: list, count: int) -> float:  # type: ignore[type-arg]
    from stressd.lab.poisson import at_least

    return at_least(count, [score.chance for score in scores])


def test_the_naive_rule_is_an_ewma_over_its_own_past() -> None:
    chance = random.Random(3)
    rows, level = [], 2.0
    for i in range(400):
        level += chance.gauss(0.0, 0.04)
        rows.append((700_000 + i, level))
    found = ewma_moves(rows, 0.0)
    moves = [(b - a) * 100.0 for (_, a), (_, b) in pairwise(rows)]
    assert len(found) == len(moves) - WARM
    last = 300
    variance = weight = 0.0
    for back, move in enumerate(reversed(moves[:last])):
        variance += LAMBDA**back * move * move
        weight += LAMBDA**back
    assert abs(found[last - WARM][1]) == pytest.approx(abs(moves[last]) / (variance / weight) ** 0.5, rel=1e-3)


def test_the_naive_rule_opens_as_many_episodes_as_it_is_told() -> None:
    chance = random.Random(5)
    moves = {
        market: {
            f"{market}.{i}": [(k, chance.gauss(0.0, 1.0) / chance.gammavariate(2.0, 0.5) ** 0.5) for k in range(3_000)]
            for i in range(3)
        }
        for market in ("JP", "US")
    }
    for wanted in (20, 100, 400):
        found = naive_rule(moves, wanted)
        assert abs(found.episodes - wanted) <= 1
        assert sum(map(len, found.days.values())) >= found.episodes * 0.9


def test_an_episode_of_the_naive_rule_has_a_direction_and_ends_with_a_quiet_fixing() -> None:
    moves = {"JP": {"a": [(1, 5.0), (2, 5.0), (3, 0.0), (4, 5.0), (5, -5.0)], "b": [(2, 5.0), (3, 5.0), (4, 0.0)]}}
    found = naive_rule(moves, 2)
    # days 1 to 4 are one rise: b carries it over the quiet fixing of a; the fall of day 5 is another episode
    assert found.episodes == 2
    assert found.days == {"JP": {1, 2, 3, 4, 5}}
