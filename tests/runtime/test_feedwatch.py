"""What a feed does, by its data: each state with its own words, when it begins and when it ends, in virtual time."""

from __future__ import annotations

import random

import pytest

from stressd.engine.spec import WARN
from stressd.feeds.base import FeedHealth
from stressd.market.calendar import Calendar
from stressd.market.sessions import calendar
from stressd.market.times import parse_time
from stressd.runtime import notes
from stressd.runtime.feedwatch import PATIENCE, FeedWatch

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
TUESDAY = parse_time("2026-01-20T00:30:00Z")  # 09:30 in Tokyo
ALWAYS = calendar("always")
SILENT = 30 * MINUTE


class Rig:
    """A feed whose health the test writes, looked at once a second."""

    def __init__(self, at: int = TUESDAY, *calendars: Calendar) -> None:
        self.health = FeedHealth(state="connected", connects=1)
        self.now = at
        self.steady = 0.0
        self.calendars = calendars or (ALWAYS,)
        near = {"JP.GOV.30YR": ["JP.GOV.30Y"]}
        self.watch = FeedWatch("desk", self.health, at, 0.0, SILENT, 2 * MINUTE, lambda name: near.get(name, []))
        self.value = 1.0
        self.step()

    def step(self, seconds: float = 1.0) -> None:
        self.now += int(seconds * SECOND)
        self.steady += seconds
        self.watch.look(self.now, self.steady, self.calendars)

    def wait(self, ns: int, every: float = 1.0) -> None:
        until = self.now + ns
        while self.now < until:
            self.step(min(every, (until - self.now) / SECOND))

    def tick(self, lag: int = 0, *, moves: bool = True, history: bool = False) -> None:
        health = self.health
        health.messages += 1
        health.ticks += 1
        health.last_received = self.now
        if history:
            health.backlog += 1
            return
        health.newest, health.lag = self.now - lag, lag
        health.flat = 0 if moves else health.flat + 1
        if moves:
            health.changed_at = self.now

    def bad(self, name: str = "") -> None:
        health = self.health
        health.messages += 1
        health.last_received = self.now
        if name:
            health.unknown_series += 1
            health.unknown[name] = health.unknown.get(name, 0) + 1
        else:
            health.malformed += 1
            health.rejects.append((self.now, "yields/\x1b[31mJP", "no \x07 JSON", b'{"yield": \x1b[2J' + b"9" * 100))

    def ticking(self, ns: int, every: float = 1.0, lag: int = 0, *, moves: bool = True) -> None:
        until = self.now + ns
        while self.now < until:
            self.tick(lag, moves=moves)
            self.step(every)

    @property
    def told(self) -> list[str]:
        return [each.rule for each in self.watch.conditions() if not each.brewing]

    @property
    def word(self) -> str:
        return self.watch.state.word


def test_a_feed_that_brings_ticks_is_live_and_one_whose_markets_are_closed_is_expected_to_bring_nothing() -> None:
    rig = Rig(TUESDAY, calendar("JP"))
    rig.ticking(5 * MINUTE)
    assert (rig.word, rig.told) == ("live", [])
    saturday = Rig(parse_time("2026-01-24T03:00:00Z"), calendar("JP"))
    saturday.wait(6 * HOUR, 30)
    assert (saturday.word, saturday.told) == ("closed", [])


def test_connected_but_mute_is_told_after_the_configured_time_and_ends_with_the_first_message() -> None:
    rig = Rig()
    rig.wait(SILENT - 5 * SECOND)
    assert (rig.word, rig.told) == ("waiting for data", [])
    rig.wait(5 * SECOND)
    assert (rig.word, rig.told) == ("mute", [notes.MUTE])
    assert "is connected, but no message has come for 30 min of open time" in rig.watch.state.text
    rig.tick()
    rig.step()
    assert (rig.word, rig.told) == ("live", [])


def test_once_its_habits_are_known_a_feed_is_mute_after_four_of_its_longest_pauses_and_a_restart_forgets_none() -> None:
    rig = Rig()
    rng = random.Random(3)
    end = rig.now + 25 * HOUR
    while rig.now < end:
        rig.tick()
        rig.step(rng.uniform(5.0, 60.0))
    assert rig.told == []
    again = Rig(rig.now)
    again.watch.restore(rig.watch.snapshot())
    again.tick()
    again.step()
    for each in (rig, again):
        each.tick()
        each.step()
        each.wait(225 * SECOND)
        assert each.told == []
        each.wait(20 * SECOND)
        assert each.told == [notes.MUTE]
        assert "(never more than 1 min before)" in each.watch.state.text


def test_closed_hours_and_lunch_do_not_count_as_silence_and_each_open_begins_anew() -> None:
    tokyo = calendar("JP")
    closes = tokyo.span_at(TUESDAY).end
    opens = tokyo.next_open(closes)
    rig = Rig(closes - 10 * MINUTE, tokyo)
    rig.ticking(MINUTE)
    rig.wait(opens - rig.now + 25 * MINUTE, 10)
    assert rig.told == [], "nine minutes before the break and twenty-five after it"
    rig.wait(6 * MINUTE)
    assert rig.told == [notes.MUTE]
    saturday = Rig(parse_time("2026-01-24T03:00:00Z"), tokyo)
    saturday.wait(tokyo.next_open(saturday.now) - saturday.now + 29 * MINUTE, 60)
    assert saturday.told == []
    saturday.wait(2 * MINUTE)
    assert saturday.told == [notes.MUTE]


def test_what_was_told_as_mute_is_not_over_because_the_market_closes() -> None:
    rig = Rig(parse_time("2026-01-20T08:30:00Z"), calendar("JP"))
    rig.wait(31 * MINUTE, 10)
    assert rig.told == [notes.MUTE]
    rig.wait(12 * HOUR, 60)
    assert rig.told == [notes.MUTE]
    rig.tick()
    rig.step()
    assert rig.told == []


def test_only_what_the_server_had_kept_is_mute_and_says_so() -> None:
    rig = Rig()
    for _ in range(3):
        rig.tick(history=True)
    rig.step()
    rig.wait(SILENT + MINUTE)
    assert rig.told == [notes.MUTE]
    assert "all that came was kept by the server from before" in rig.watch.state.text


def test_a_connection_after_a_silence_gets_its_own_time_but_not_for_ever() -> None:
    rig = Rig()
    rig.wait(SILENT - MINUTE)
    rig.health.connects += 1
    rig.wait(SILENT - MINUTE)
    assert rig.told == []
    for _ in range(4):
        rig.health.connects += 1
        rig.wait(11 * MINUTE)
    assert notes.MUTE in rig.told, "connections that bring nothing are no fresh start"


def test_messages_of_other_symbols_are_a_state_that_names_them_and_what_they_may_mean() -> None:
    rig = Rig()
    rig.tick()
    rig.step()
    for n in range(40):
        rig.bad("JP.GOV.30YR" if n % 2 else f"X{n % 6}")
        rig.step()
    assert (rig.word, rig.told) == ("no known symbol", [notes.UNKNOWN])
    text = rig.watch.state.text
    assert "`JP.GOV.30YR` (did you mean `JP.GOV.30Y`?)" in text
    assert text.endswith("and 1 more")
    rig.tick()
    rig.step()
    assert rig.told == [notes.UNKNOWN], "one tick among many others is no recovery yet"
    rig.ticking(12 * SECOND)
    assert (rig.word, rig.told) == ("live", [])


def test_unreadable_messages_show_the_last_of_them_escaped_and_cut() -> None:
    rig = Rig()
    for _ in range(40):
        rig.bad()
        rig.step()
    assert rig.told == [notes.MALFORMED]
    text = rig.watch.state.text
    assert text.isprintable()
    assert "\\u001b[31mJP" in text
    assert "9" * 61 not in text


def test_one_good_tick_in_between_keeps_a_feed_from_being_called_unreadable() -> None:
    rig = Rig()
    for n in range(600):
        if n % 20:
            rig.bad()
        else:
            rig.tick()
        rig.step()
    assert rig.told == []


def test_a_slow_feed_of_unreadable_messages_is_told_after_as_long_as_a_silence() -> None:
    rig = Rig()
    rig.bad()
    rig.wait(20 * MINUTE)
    rig.bad()
    rig.wait(9 * MINUTE)
    assert rig.told == []
    rig.wait(2 * MINUTE)
    assert rig.told == [notes.MALFORMED]


def test_old_values_only_are_a_state_of_their_own() -> None:
    rig = Rig()
    rig.ticking(40 * SECOND, lag=HOUR)
    assert rig.told == [notes.STALE]
    assert rig.watch.state.text.endswith("before it came")
    rig.ticking(12 * SECOND)
    assert rig.told == []


def test_values_that_never_change_are_repeats_once_that_is_no_chance() -> None:
    rig = Rig()
    rig.ticking(MINUTE)
    rig.ticking(2 * HOUR - 2 * MINUTE, 5, moves=False)
    assert rig.told == []
    rig.ticking(5 * MINUTE, 5, moves=False)
    assert rig.told == [notes.STUCK]
    rig.tick()
    rig.step()
    assert rig.told == []


def test_a_feed_that_falls_behind_its_own_best_is_lagging_and_one_that_is_always_late_is_not() -> None:
    always = Rig()
    always.ticking(10 * MINUTE, lag=30 * SECOND)
    assert always.told == []
    rig = Rig()
    rig.ticking(5 * MINUTE, lag=SECOND // 5)
    rig.ticking(3 * MINUTE, lag=20 * SECOND)
    assert rig.told == [notes.LAGGING]
    rig.ticking(3 * MINUTE, lag=SECOND // 5)
    assert rig.told == []


def test_a_refusal_is_told_at_once_and_less_loudly_while_the_market_is_closed() -> None:
    rig = Rig(TUESDAY, calendar("JP"))
    rig.health.state, rig.health.detail = "refused", "the server refused the connection: not authorized"
    rig.step()
    (told,) = rig.watch.conditions()
    assert (told.rule, told.severity) == (notes.REFUSED, WARN + 1)
    saturday = Rig(parse_time("2026-01-24T03:00:00Z"), calendar("JP"))
    saturday.health.state = "refused"
    saturday.step()
    assert [each.severity for each in saturday.watch.conditions()] == [WARN]


def test_a_lost_connection_brews_for_a_minute_and_keeps_what_was_told_before_until_then() -> None:
    rig = Rig()
    rig.wait(SILENT + SECOND)
    assert rig.told == [notes.MUTE]
    rig.health.state = "waiting"
    rig.step()
    assert [(each.rule, each.brewing) for each in rig.watch.conditions()] == [(notes.FEED, True), (notes.MUTE, False)]
    rig.wait(int(PATIENCE) * SECOND)
    assert rig.told == [notes.FEED]
    rig.health.state = "connected"
    rig.health.connects += 1
    rig.step()
    assert rig.told == []


def test_while_all_its_markets_are_closed_nobody_is_woken_for_a_connection() -> None:
    rig = Rig(parse_time("2026-01-24T03:00:00Z"), calendar("JP"))
    rig.health.state = "waiting"
    rig.wait(HOUR, 10)
    assert rig.told == []
    opens = rig.calendars[0].next_open(rig.now)
    rig.wait(opens - rig.now - 9 * MINUTE, 60)
    assert rig.told == [notes.FEED]


def test_a_connection_that_comes_and_goes_is_flapping_until_it_holds_for_ten_minutes() -> None:
    rig = Rig()
    for _ in range(5):
        rig.health.state = "waiting"
        rig.wait(5 * SECOND)
        rig.health.state = "connected"
        rig.health.connects += 1
        rig.ticking(30 * SECOND)
    assert rig.told == [notes.FLAPPING]
    rig.ticking(9 * MINUTE)
    assert rig.told == [notes.FLAPPING]
    rig.ticking(2 * MINUTE)
    assert rig.told == []


def test_topics_that_the_server_does_not_let_us_read_are_told_beside_the_others_that_it_does() -> None:
    rig = Rig()
    rig.health.partly = "the server refused the subscription to `yields/US/+`: not authorized"
    rig.ticking(MINUTE)
    assert (rig.word, rig.told) == ("live", [notes.PARTLY_REFUSED])


@pytest.mark.parametrize("rule", notes.FEEDS)
def test_every_state_that_a_watch_tells_has_a_first_step(rule: str) -> None:
    from stressd.runtime.feedwatch import STEPS

    assert rule in STEPS or rule in (notes.SERVER, notes.PARTLY_MUTE)
