"""The agenda: what is in force when, whatever is asked in whatever order, and how bars are widened."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd.engine.agenda import NEVER, Agenda, AgendaItem, MarketAgenda, Recurrence, widened
from stressd.engine.spec import DAY, HOUR, MINUTE, SECOND
from stressd.market.times import iso, parse_time

START = parse_time("2026-01-05T00:00:00Z")
times = st.integers(START, START + 40 * DAY).map(lambda t: t // MINUTE * MINUTE)
items = st.builds(
    AgendaItem,
    name=st.sampled_from(["BoJ", "CPI", "auction"]),
    markets=st.just(("JP",)),
    before=st.sampled_from([0, 5 * MINUTE, HOUR]),
    after=st.sampled_from([MINUTE, 30 * MINUTE, 5 * HOUR]),
    widen=st.sampled_from([1.2, 1.5, 3.0]),
    at=st.lists(times, max_size=6).map(lambda found: tuple(sorted(set(found)))),
    again=st.sampled_from(
        [
            (),
            (Recurrence("Asia/Tokyo", 12 * 60, weekdays=(4,)),),
            (Recurrence("UTC", 0), Recurrence("America/New_York", 830, day=-1)),
        ]
    ),
)


def occurrences(item: AgendaItem) -> list[int]:
    """Every time at which it takes place around the tested months, day by day."""
    found = list(item.at)
    for each in item.again:
        first = datetime.fromtimestamp(START // SECOND, UTC).toordinal() - 2
        for ordinal in range(first, first + 90):
            if each.holds(ordinal):
                local = datetime.fromordinal(ordinal).replace(
                    hour=each.minute // 60, minute=each.minute % 60, tzinfo=ZoneInfo(each.zone)
                )
                found.append(int(local.timestamp()) * SECOND)
    return found


@given(st.lists(items, max_size=4), st.lists(times | times.map(lambda t: t - 1), min_size=1, max_size=40))
def test_what_is_in_force_is_what_a_look_at_every_window_finds(given_items: list[AgendaItem], asked: list[int]) -> None:
    """In any order of asking, so that no answer depends on what was asked before."""
    agenda = MarketAgenda(given_items)
    windows = [
        (at - item.before, at + item.after, item.widen, item.name) for item in given_items for at in occurrences(item)
    ]
    for t in asked:
        on = [(widen, name) for start, end, widen, name in windows if start <= t < end]
        assert agenda.factor_at(t) == max((widen for widen, _ in on), default=1.0)
        assert set(agenda.name_at(t).split(" and ")) - {""} == {name for _, name in on}
        assert agenda.start <= t < agenda.end


@given(st.lists(items, min_size=1, max_size=3), times)
def test_the_windows_told_are_those_in_force_and_the_next(given_items: list[AgendaItem], t: int) -> None:
    agenda = MarketAgenda(given_items)
    told = agenda.windows(t)
    on = [(window.name, window.at, window.widen) for window in told if window.start <= t < window.end]
    windows = [(item, at) for item in given_items for at in sorted(set(occurrences(item)))]
    assert sorted(on) == sorted(
        (item.name, at, item.widen) for item, at in windows if at - item.before <= t < at + item.after
    )
    later = [at - item.before for item, at in windows if t < at - item.before]
    assert [window.start for window in told[len(on) :]] == ([min(later)] if later else [])


def dates(recurrence: Recurrence, since: str, count: int) -> list[str]:
    found: list[str] = []
    t = parse_time(since)
    while len(found) < count:
        t = recurrence.next_at(t)
        found.append(iso(t))
        t += 1
    return found


def test_payrolls_are_on_the_first_friday_at_half_past_eight_in_new_york_through_the_clock_change() -> None:
    payrolls = Recurrence("America/New_York", 8 * 60 + 30, weekdays=(4,), nth=1)
    assert dates(payrolls, "2026-01-01T00:00:00Z", 4) == [
        "2026-01-02T13:30:00Z",
        "2026-02-06T13:30:00Z",
        "2026-03-06T13:30:00Z",
        "2026-04-03T12:30:00Z",
    ]


def test_recurrences_name_last_days_days_and_months() -> None:
    since = "2026-01-01T00:00:00Z"
    last_thursday = Recurrence("UTC", 600, weekdays=(3,), nth=-1)
    assert dates(last_thursday, since, 2) == ["2026-01-29T10:00:00Z", "2026-02-26T10:00:00Z"]
    month_end = Recurrence("UTC", 0, day=-1)
    assert dates(month_end, since, 2) == ["2026-01-31T00:00:00Z", "2026-02-28T00:00:00Z"]
    quarterly = Recurrence("UTC", 0, day=15, months=(3, 6, 9, 12))
    assert dates(quarterly, since, 2) == ["2026-03-15T00:00:00Z", "2026-06-15T00:00:00Z"]
    leap = Recurrence("UTC", 0, day=29, months=(2,))
    assert dates(leap, since, 1) == ["2028-02-29T00:00:00Z"]
    assert Recurrence("UTC", 0, day=30, months=(2,)).next_at(parse_time(since)) == NEVER


def test_a_market_without_events_and_one_after_its_last_are_never_widened() -> None:
    agenda = Agenda([AgendaItem("BoJ", ("JP",), MINUTE, HOUR, 2.0, at=(START,))])
    assert agenda.factor("US", START) == 1.0
    assert agenda.active("US", START) == ""
    assert agenda.of("US").windows(START) == []
    assert (agenda.factor("JP", START), agenda.active("JP", START)) == (2.0, "BoJ")
    assert agenda.factor("JP", START + HOUR) == 1.0
    assert agenda.of("JP").windows(START + HOUR) == []
    assert agenda.factor("JP", START + 900 * DAY) == 1.0


def test_a_spread_between_two_markets_has_the_events_of_both() -> None:
    agenda = Agenda(
        [
            AgendaItem("ECB", ("DE", "IT"), 0, HOUR, 1.5, at=(START,)),
            AgendaItem("BoJ", ("JP",), 0, HOUR, 2.0, at=(START,)),
            AgendaItem("BTP auction", ("IT",), 0, HOUR, 1.2, at=(START,)),
        ]
    )
    assert agenda.active("IT-DE", START) == "ECB and BTP auction"
    assert agenda.factor("IT-DE", START) == 1.5
    assert agenda.active("JP", START) == "BoJ"


@given(st.floats(0.1, 20.0), st.floats(1.0, 10.0), st.floats(0.1, 20.0))
def test_widened_bars_never_pass_the_critical_bar_which_never_moves(bar: float, factor: float, critical: float) -> None:
    assert widened(critical, factor, critical) == critical
    if bar < critical:
        assert bar <= widened(bar, factor, critical) <= critical
    assert widened(bar, 1.0, critical) == bar
    assert widened(bar, factor, float("inf")) == pytest.approx(bar * factor)
