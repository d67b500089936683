"""Learned silence: its false alarms against the budget, how soon a mute socket is told, and what an outage teaches."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressd.engine.pausetail import LEVELS, PauseTail
from stressd.engine.silence import WARMING, SilenceWatch
from stressd.engine.spec import HOUR, MINUTE, SECOND, SilenceRule
from stressd.market.calendar import Calendar
from stressd.market.sessions import calendar
from stressd.market.times import DAY, parse_time
from tests.engine.arrivals import KINDS, arrivals

START = parse_time("2026-01-05T00:00Z")
JP: Calendar = calendar("JP")
ALWAYS: Calendar = calendar("always")
MONTH = JP.open_between(START, START + 365 * DAY) / 12.0


def learned(trades: Calendar = JP, floor: int = SECOND, budget: float = 1.0) -> SilenceWatch:
    """A floor of a second, where the tail is to be seen and not the floor."""
    watch = SilenceWatch(SilenceRule("quiet", ("X",), 1, budget=budget, floor=floor), "X", "JP", trades)
    watch.begin(START)
    return watch


def listen(watch: SilenceWatch, at: int) -> bool:
    """A tick at `at`. Whether a silence was told before it."""
    deadline = watch.deadline()
    told = deadline is not None and deadline <= at
    if told:
        watch.tell(deadline or 0)
    watch.tick(at, at)
    return told


@pytest.mark.parametrize(("mean", "days"), [(20 * SECOND, 130), (5 * MINUTE, 700)])
@pytest.mark.parametrize("kind", KINDS)
def test_false_silences_stay_below_their_budget(kind: str, mean: int, days: int) -> None:
    false, months = 0, 0.0
    for seed in (1, 2):
        watch = learned()
        warm = START + 30 * DAY
        for at in arrivals(kind, JP, START, days, mean, seed):
            # The deadline is looked at only where it can have come.
            if JP.open_between(watch.since, at) > 2 * mean:
                told = listen(watch, at)
                false += told and at > warm
            else:
                watch.tick(at, at)
        months += JP.open_between(warm, START + days * DAY) / MONTH
    assert months > 6.0
    assert false <= months


@pytest.mark.parametrize("mean", [SECOND, 20 * SECOND, 5 * MINUTE])
@pytest.mark.parametrize("kind", KINDS)
def test_a_mute_socket_is_told_within_five_times_the_longest_usual_pause(kind: str, mean: int) -> None:
    days = max(6, min(60, 20_000 * mean // (9 * HOUR)))
    rng = random.Random(5)
    for floor in (SECOND, MINUTE):
        watch = learned(floor=floor)
        looked = 0
        for n, at in enumerate(arrivals(kind, JP, START, int(days), mean, 9)):
            watch.tick(at, at)
            if n % 10 or rng.random() > 0.3 or watch.warming():
                continue
            deadline = watch.deadline()
            assert deadline is not None
            opened = JP.span_at(at).end <= deadline
            usual = watch.usual_gap(at)
            if opened:
                continue
            # Half an hour later it may usually be quieter; the bar follows that.
            usual = max(usual, watch.usual_gap(deadline))
            assert deadline - at <= max(5 * usual, floor) + 10
            assert deadline - at >= floor
            looked += 1
        assert looked > 20


def at_random() -> tuple[SilenceWatch, list[int], int]:
    """A watch that has seen 60,000 pauses of ten seconds in the mean, these (ns), and when the last of them ended."""
    rng = random.Random(3)
    watch = learned(ALWAYS)
    at = START
    gaps = []
    for _ in range(60_000):
        gap = int(rng.expovariate(1.0) * 10 * SECOND) + 1
        gaps.append(gap)
        at += gap
        watch.tick(at, at)
    return watch, gaps, at


def test_the_longest_usual_pause_is_the_quantile_of_the_pauses() -> None:
    watch, gaps, at = at_random()
    brute = sorted(gaps)[int(0.999 * len(gaps))]
    assert watch.usual_gap(at) == pytest.approx(brute, rel=0.15)


@given(st.lists(st.floats(LEVELS[0] + 1e-6, 2_000.0), min_size=0, max_size=400), st.floats(1e-3, 50.0))
def test_a_rarer_pause_is_longer_and_none_is_below_the_lowest_level(sizes: list[float], count: float) -> None:
    tail = PauseTail()
    for size in sizes:
        tail.add(size)
    rare = tail.exceeded_by(count)
    assert rare >= LEVELS[0]
    assert tail.exceeded_by(count * 0.5) >= rare - 1e-9 or len(sizes) > 20
    again = PauseTail()
    again.load(json.loads(json.dumps(tail.state())))
    assert again.exceeded_by(count) == rare


@given(st.lists(st.floats(LEVELS[0] + 1e-6, 200.0), max_size=400), st.floats(LEVELS[0], 300.0), st.floats(1.0, 2.0))
def test_fewer_pauses_exceed_a_longer_one_and_none_more_than_there_are(
    sizes: list[float], size: float, times: float
) -> None:
    tail = PauseTail()
    for each in sizes:
        tail.add(each)
    count = tail.count_beyond(size)
    assert 0.0 < count <= len(sizes) + 0.5
    assert tail.exceeded_by(count) == pytest.approx(size, rel=1e-6) or len(sizes) > 20
    assert tail.count_beyond(LEVELS[0]) >= count or len(sizes) > 20


def test_the_share_of_pauses_as_long_as_one_is_that_of_the_pauses_themselves() -> None:
    watch, gaps, at = at_random()
    assert watch.pauses is not None
    shares = [watch.pauses.as_long(at, at + seconds * SECOND) for seconds in range(0, 200, 5)]
    assert shares[0] == 1.0
    assert shares == sorted(shares, reverse=True)
    for seconds in (5, 20, 45, 60):
        brute = sum(gap >= seconds * SECOND for gap in gaps) / len(gaps)
        assert 0.5 * brute < shares[seconds // 5] < 2.0 * brute


def test_the_tail_of_exponential_pauses_is_found() -> None:
    rng = random.Random(8)
    tail = PauseTail()
    n = 200_000
    for _ in range(n):
        size = rng.expovariate(1.0)
        if size > LEVELS[0]:
            tail.add(size)
    assert tail.exceeded_by(0.001 * n) == pytest.approx(6.9, rel=0.05)
    assert tail.exceeded_by(0.1) == pytest.approx(14.5, rel=0.15)


def test_while_too_little_is_known_the_bar_is_an_hour_or_more() -> None:
    watch = learned()
    over = watch.deadline()
    assert over is not None
    assert JP.open_between(START, over) == WARMING
    at = JP.next_open(START) + MINUTE
    for _ in range(50):
        at += 10 * SECOND
        watch.tick(at, at)
    assert watch.warming()
    over = watch.deadline()
    assert over is not None
    assert JP.open_between(at, over) == WARMING


def test_a_sparse_series_waits_longer_while_it_is_learned() -> None:
    watch = learned(ALWAYS)
    at = START
    for _ in range(8):
        at += 40 * MINUTE
        watch.tick(at, at)
    over = watch.deadline()
    assert over is not None
    assert over - at >= 4 * 40 * MINUTE


def test_an_outage_teaches_little() -> None:
    watch = learned(ALWAYS)
    rng = random.Random(4)
    at = START
    for k in range(120_000):
        at += int(rng.expovariate(1.0) * 5 * SECOND) + 1
        listen(watch, at)
        if k == 100_000:
            before = (watch.usual_gap(at), (watch.deadline() or 0) - at)
            at += 2 * HOUR
            assert listen(watch, at)
    after = (watch.usual_gap(at), (watch.deadline() or 0) - at)
    assert after[0] < 1.15 * before[0]
    assert after[1] < 1.5 * before[1]


def test_the_wait_for_the_first_tick_of_a_session_has_its_own_time() -> None:
    """A feed that begins a quarter of an hour late each morning is not silent each morning."""
    watch = learned()
    told = 0
    at = START
    for day in range(30):
        session = JP.session_at(at)
        at = session.open + 15 * MINUTE
        while at < session.close:
            if JP.span_at(at).is_open:
                told += listen(watch, at) and day > 8
            at += 5 * SECOND
        at = session.close
    assert told == 0
    assert watch.usual_gap(JP.session_at(at).open + HOUR) < MINUTE


@settings(max_examples=10)
@given(st.sampled_from(KINDS), st.integers(0, 1_000), st.floats(0.0, 1.0))
def test_a_restart_changes_nothing_that_was_learned(kind: str, seed: int, share: float) -> None:
    times = list(arrivals(kind, JP, START, 4, 20 * SECOND, seed))
    kept = learned()
    cut = int(share * len(times))
    for n, at in enumerate(times):
        if n == cut:
            again = learned()
            again.load(json.loads(json.dumps(kept.state())))
            assert again.state() == kept.state()
            assert again.deadline() == kept.deadline()
            kept = again
        listen(kept, at)
    whole = learned()
    for at in times:
        listen(whole, at)
    assert kept.state() == whole.state()
    assert kept.deadline() == whole.deadline()


@settings(max_examples=10)
@given(st.integers(0, 1_000))
def test_no_check_comes_after_the_deadline(seed: int) -> None:
    """However the bar falls between two checks."""
    watch = learned(floor=5 * SECOND)
    rng = random.Random(seed)
    check = watch.check_at(START)
    for at in arrivals("thin days", JP, START, 3, 20 * SECOND, seed):
        while check <= at:
            deadline = watch.deadline()
            assert deadline is None or deadline >= check
            if deadline is not None and deadline <= check:
                watch.tell(deadline)
            following = watch.check_at(check)
            assert following > check
            check = following
        if rng.random() < 0.999:
            watch.tick(at, at)
