"""Quotes: dirt is told from news, and spreads and presence are what a slow count over all of them says."""

from __future__ import annotations

import json
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressd.engine.clock import MarketClock
from stressd.engine.quotes import HALF_LIFE, LIVE_FOR, LOOKS, MEMORY, TENTH, WIDE_FOR, Quotes
from stressd.engine.spec import HOUR, MINUTE, SECOND
from stressd.market.sessions import calendar
from stressd.market.times import parse_time

START = parse_time("2026-01-20T00:00:00Z")
SPREADS = st.lists(
    st.tuples(st.integers(1, 20 * MINUTE), st.one_of(st.none(), st.floats(0.0, 0.2))), min_size=2, max_size=200
)


def clock(name: str = "always") -> MarketClock:
    return MarketClock(calendar(name))


def stood(name: str, rows: list[tuple[int, float | None]]) -> tuple[Quotes, MarketClock, int]:
    """Quotes after these pauses (ns) and spreads (percent, None for one that is not two-sided)."""
    quotes, watch, t = Quotes(), clock(name), START
    for pause, spread in rows:
        t += pause
        quotes.stand(t, math.nan if spread is None else spread, watch)
    return quotes, watch, t


def brute(name: str, rows: list[tuple[int, float | None]]) -> list[tuple[float, int]]:
    """Spread in bp and ns of open time for which each quote stood."""
    trades, t, standing, found = calendar(name), START, None, []
    for pause, spread in rows:
        at = t + pause
        if standing is not None:
            found.append((standing * 100.0, min(trades.open_between(t, at), LIVE_FOR)))
        t, standing = at, spread
    return found


@pytest.mark.once
@given(SPREADS, st.sampled_from(["always", "US"]))
def test_mean_and_widest_tenth_are_those_of_a_slow_count(rows: list[tuple[int, float | None]], name: str) -> None:
    # What stands is counted when it ends, or after a minute.
    rows = [*rows, (1, None)]
    quotes, _, _ = stood(name, rows)
    seen = [(spread, passed) for spread, passed in brute(name, rows) if passed > 0]
    if not seen:
        assert quotes.widest() != quotes.widest()
        return
    later = 0
    weighed, faded = [], []
    for spread, passed in reversed(seen):
        keep = -math.expm1(-math.log(2.0) * passed / HALF_LIFE)
        faded.append((spread, math.pow(2.0, -later / HALF_LIFE) * keep))
        weighed.append((spread, passed * math.pow(2.0, -later / MEMORY)))
        later += passed
    assert quotes.mean() == pytest.approx(sum(s * w for s, w in faded) / sum(w for _, w in faded), rel=1e-6)
    left = TENTH * sum(w for _, w in weighed)
    whole, total = left, 0.0
    for spread, weight in sorted(weighed, reverse=True):
        used = min(weight, left)
        total += spread * used
        left -= used
    # A bin is 15 % wide, and only one of them is used in part.
    assert quotes.widest() == pytest.approx(total / whole, rel=0.15, abs=0.002)
    assert quotes.widest() >= quotes.median() * 0.85 - 0.002


@given(SPREADS)
def test_presence_is_the_share_of_open_time_with_a_quote(rows: list[tuple[int, float | None]]) -> None:
    quotes, watch, t = stood("always", [(pause % MINUTE + 1, spread) for pause, spread in rows])
    opened = START
    present = sum(passed for _, passed in brute("always", [(pause % MINUTE + 1, spread) for pause, spread in rows]))
    assert quotes.presence(t, watch) == pytest.approx(min(present / (t - opened), 1.0), abs=1e-9)


def test_a_quote_that_nothing_replaces_stands_for_five_minutes() -> None:
    quotes, watch, t = stood("always", [(1, 0.01)])
    assert quotes.presence(t + HOUR, watch) == pytest.approx(1.0 / 12.0, rel=1e-6)


def test_lunch_and_night_do_not_count_as_time_without_quotes() -> None:
    quotes, watch = Quotes(), clock("JP")
    trades = calendar("JP")
    t = trades.session_at(START).open
    close = trades.session_at(START).close
    while t < close:
        quotes.stand(t, 0.005, watch)
        t += MINUTE
    assert quotes.presence(close - 1, watch) == pytest.approx(1.0, abs=1e-3)
    following = trades.session_at(close + HOUR).open
    quotes.stand(following, 0.005, watch)
    assert quotes.usual_presence() == pytest.approx(1.0, abs=1e-2)
    assert quotes.presence(following + HOUR, watch) == pytest.approx(5.0 / 60.0, rel=1e-6)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_usual_side_is_learned_and_the_other_is_crossed(sign: float) -> None:
    """The bid of a yield lies above its ask, that of a price below."""
    rng = random.Random(2)
    quotes, watch, t = Quotes(), clock(), START
    refused = crossed = 0
    for k in range(2_000):
        t += SECOND
        dirty = k > 2 and rng.random() < 0.1
        gap = sign * (-0.004 if dirty else 0.005)
        said = quotes.refuses(gap, True, 2.0, 2.0, t)
        crossed += dirty
        refused += said
        assert said == dirty
        if not said:
            quotes.stand(t, gap, watch)
    assert refused == quotes.crossed == crossed > 100


def test_a_crossed_quote_beside_a_value_of_its_own_costs_the_quote_only() -> None:
    quotes, watch = Quotes(), clock()
    for k in range(10):
        assert not quotes.refuses(0.005, False, 2.0, 2.0, START + k)
        quotes.stand(START + k, 0.005, watch)
    before = quotes.figures(START + 10, watch)
    assert not quotes.refuses(-0.005, False, 2.0, 2.0, START + 10)
    assert quotes.crossed == 1
    assert quotes.figures(START + 10, watch) == before


def wide_after(quotes: Quotes, watch: MarketClock) -> int:
    t = START
    for _ in range(LOOKS + 1):
        t += SECOND
        assert not quotes.refuses(0.005, True, 2.0, 2.0, t)
        quotes.stand(t, 0.005, watch)
    return t


def test_an_absurdly_wide_quote_around_the_last_value_is_dirt_until_there_is_nothing_else() -> None:
    quotes, watch = Quotes(), clock()
    t = wide_after(quotes, watch) + SECOND
    assert not quotes.refuses(0.02, True, 2.005, 2.0, t)
    assert quotes.refuses(0.04, True, 2.015, 2.0, t)
    assert quotes.wide == 1
    assert not quotes.refuses(0.04, False, 2.015, 2.0, t)
    assert not quotes.refuses(0.04, True, 2.015, 2.0, t + WIDE_FOR)


def test_a_wide_quote_that_leaves_the_last_value_behind_is_news() -> None:
    """In a crisis spreads widen with the move itself: no message waits for them to narrow."""
    quotes, watch = Quotes(), clock()
    t = wide_after(quotes, watch) + SECOND
    assert not quotes.refuses(0.04, True, 2.05, 2.0, t)


@settings(max_examples=20)
@given(SPREADS, st.integers(0, 200), st.sampled_from(["always", "JP"]))
def test_a_restart_changes_nothing(rows: list[tuple[int, float | None]], cut: int, name: str) -> None:
    whole, _, _ = stood(name, rows)
    quotes, watch, t = Quotes(), clock(name), START
    for k, (pause, spread) in enumerate(rows):
        if k == cut:
            again = Quotes()
            again.load(json.loads(json.dumps(quotes.state())))
            quotes, watch = again, clock(name)
        t += pause
        quotes.stand(t, math.nan if spread is None else spread, watch)
    assert quotes.state() == whole.state()


def test_the_histogram_holds_for_years() -> None:
    quotes, watch, t = Quotes(), clock(), START
    for _ in range(20_000):
        t += 5 * MINUTE
        quotes.stand(t, 0.01, watch)
    assert quotes.median() == quotes.widest() == pytest.approx(1.0)
    assert quotes.mean() == pytest.approx(1.0)
