"""How an episode ends, comes again, flaps, is carried over a close, is taken back or turns out to be wrong."""

from __future__ import annotations

import pytest

from stressd.alerts.episodes import Episodes
from stressd.alerts.event import Event
from stressd.alerts.flapping import ENTER, LEAVE, STEPS, flaps, quiet_needed, ratio
from stressd.alerts.segments import default_segment, segments_in
from stressd.engine.events import Breach, Disproved
from stressd.engine.spec import CRITICAL, HIGH, WARN
from stressd.market.times import iso, parse_time
from tests.alerts.facts import (
    FIXING_20,
    HOUR,
    MINUTE,
    SECOND,
    breach,
    note,
    response,
    silence,
    spec,
    types,
)
from tests.alerts.scripts import run

TEN = parse_time("2026-01-20T01:00:00Z")
"""10:00 in Tokyo."""

CLOSE = parse_time("2026-01-20T09:30:00Z")
OPEN = parse_time("2026-01-20T23:30:00Z")
DAY = 24 * HOUR


def fast(at: int, phase: str = "entered", **changes: object) -> Breach:
    return breach(at, phase=phase, horizon="5m", **changes)  # type: ignore[arg-type]


def crossings(at: int, count: int, apart: int = MINUTE) -> list[Breach]:
    """Entered, left, entered, ... from `at` on."""
    return [fast(at + k * apart, ("entered", "left")[k % 2], value=3.55) for k in range(count)]


def test_a_breach_soon_after_the_end_opens_the_same_episode_again() -> None:
    told = run([fast(TEN), fast(TEN + MINUTE, "left"), fast(TEN + 20 * MINUTE, severity=HIGH, z=4.5)])
    assert types(told) == ["opened", "resolved", "reopened"]
    assert {event.episode for event in told} == {told[0].episode}
    assert [event.seq for event in told] == [1, 2, 3]
    assert told[2].note == "open again 19 min of open time after it was over"
    assert told[2].severity == "high"
    assert told[2].standing is not None
    assert (told[2].standing.state, told[2].standing.rung, told[2].standing.reopened) == ("open", "high", 1)


def test_later_than_that_it_is_another_episode_and_only_open_time_counts() -> None:
    later = run([fast(TEN), fast(TEN + MINUTE, "left"), fast(TEN + 32 * MINUTE)])
    assert types(later) == ["opened", "resolved", "opened"]
    assert later[2].episode != later[0].episode
    # Ten minutes before the close and ten after the next open are twenty minutes of open time.
    overnight = run([fast(CLOSE - HOUR), fast(CLOSE - 10 * MINUTE, "left"), fast(OPEN + 10 * MINUTE)])
    assert types(overnight) == ["opened", "resolved", "reopened"]
    never = run([fast(TEN), fast(TEN + MINUTE, "left"), fast(TEN + 2 * MINUTE)], changes={"reopen": 0})
    assert types(never) == ["opened", "resolved", "opened"]


def test_what_is_told_once_is_not_opened_again() -> None:
    machine = Episodes(spec())
    told = machine.apply(note(TEN, "once")) + machine.apply(note(TEN + MINUTE, "once"))
    assert types(told) == ["opened", "resolved", "opened", "resolved"]
    assert told[0].episode != told[2].episode


def test_an_episode_that_came_again_is_over_only_after_it_stayed_quiet() -> None:
    machine = Episodes(spec())
    told: list[Event] = []
    for each in crossings(TEN, 4, 2 * MINUTE):
        told += machine.apply(each)
    assert types(told) == ["opened", "resolved", "reopened"]
    (episode,) = machine.open_episodes()
    assert machine.standing(episode, TEN + 7 * MINUTE).state == "recovering"
    assert machine.active() == []
    assert machine.next_deadline() == TEN + 16 * MINUTE
    told = machine.advance(TEN + HOUR)
    assert types(told) == ["resolved"]
    assert told[0].time == iso(TEN + 16 * MINUTE)
    again = machine.apply(fast(TEN + 17 * MINUTE)) + machine.apply(fast(TEN + 18 * MINUTE, "left"))
    assert types(again) == ["reopened"]
    assert machine.next_deadline() == TEN + 38 * MINUTE, "twice as long as the last time"


def test_a_breach_within_the_recovery_is_no_news() -> None:
    told = run([*crossings(TEN, 4), fast(TEN + 5 * MINUTE, z=3.6)])
    assert types(told) == ["opened", "resolved", "reopened"]


def test_many_crossings_are_one_open_episode_that_says_that_it_flaps() -> None:
    machine = Episodes(spec())
    told: list[Event] = []
    for each in crossings(TEN, 41):
        told += machine.apply(each)
    assert types(told) == ["opened", "resolved", "reopened", "flapping"]
    flapping = told[-1]
    assert flapping.note == "flapping, 9 changes"
    assert flapping.standing is not None
    assert flapping.standing.flapping == 9
    told = machine.apply(fast(TEN + HOUR, severity=CRITICAL, z=7.0))
    assert told[0].note == "was warn before; flapping, 40 changes"
    machine.apply(fast(TEN + HOUR + MINUTE, "left"))
    told = machine.advance(TEN + DAY)
    assert types(told) == ["resolved"]
    assert told[0].note is not None
    assert told[0].note.endswith("; flapped, 41 changes")
    machine.apply(fast(TEN + DAY))
    assert machine.open_episodes()[0].crossings == 0, "another day, another count"


def test_it_flaps_from_a_half_of_its_last_decisions_on_until_a_quarter() -> None:
    assert ratio([]) == 0.0
    assert ratio([1] * STEPS) == pytest.approx(1.0)
    assert ratio([0] * 100 + [1]) > ratio([1] + [0] * (STEPS - 1)) > 0.0
    assert not flaps([1] * 8, before=False)
    assert flaps([1] * 9, before=False)
    assert flaps([1] * 5, before=True)
    assert not flaps([1] * 4, before=True)
    needed = quiet_needed([1] * 9)
    assert ratio([1] * 9 + [0] * needed) < LEAVE <= ratio([1] * 9 + [0] * (needed - 1))
    assert ENTER == 2 * LEAVE


def test_while_what_recovers_cannot_be_seen_it_is_not_over() -> None:
    machine = Episodes(spec())
    for each in crossings(TEN, 4):
        machine.apply(each)
    machine.apply(silence(TEN + 6 * MINUTE, "30Y"))
    assert types(machine.advance(TEN + HOUR)) == []
    assert len(machine.open_episodes()) == 2
    told = machine.apply(silence(TEN + HOUR, "30Y", "left"))
    assert types(told) == ["resolved"], "the silence is over, the episode waits anew"
    assert machine.next_deadline() == parse_time("2026-01-20T03:38:00Z"), "ten minutes, lunch not counted"
    assert types(machine.advance(TEN + 4 * HOUR)) == ["resolved"]


def test_an_episode_that_is_open_at_the_close_is_carried_over_it_and_the_next_update_says_so() -> None:
    machine = Episodes(spec())
    opened = machine.apply(fast(CLOSE - HOUR))[0]
    (episode,) = machine.open_episodes()
    assert machine.standing(episode, CLOSE - MINUTE).state == "open"
    assert machine.advance(CLOSE + HOUR) == []
    stands = machine.standing(episode, CLOSE + HOUR)
    assert (stands.state, stands.suspended_until) == ("suspended", iso(OPEN))
    assert machine.data_state(episode, CLOSE + HOUR) == "closed"
    reminder = machine.remind(opened.episode, CLOSE + HOUR, "still open")[0]
    assert reminder.note == "still open; suspended over the close until 21 Jan 08:30 Tokyo (20 Jan 23:30 UTC)"
    assert machine.remind(opened.episode, CLOSE + 2 * HOUR, "still open")[0].note == "still open", "once a close"
    over = machine.apply(fast(OPEN + 10 * MINUTE, "left", value=3.56))
    assert types(over) == ["resolved"]
    other = Episodes(spec())
    opened = other.apply(fast(CLOSE - HOUR))[0]
    late = other.remind(opened.episode, OPEN + MINUTE, "still open")[0]
    assert late.note == "still open; carried over the close to the open of 21 Jan 08:30 Tokyo (20 Jan 23:30 UTC)"


def test_the_lunch_break_and_a_daily_move_are_no_suspension() -> None:
    machine = Episodes(spec())
    machine.apply(breach(FIXING_20))
    (daily,) = machine.open_episodes()
    assert machine.standing(daily, CLOSE + HOUR).state == "open"
    machine = Episodes(spec())
    machine.apply(fast(TEN))
    (episode,) = machine.open_episodes()
    assert machine.standing(episode, parse_time("2026-01-20T03:00:00Z")).state == "open"


def test_a_recovery_is_frozen_over_the_close() -> None:
    machine = Episodes(spec())
    for each in crossings(CLOSE - 8 * MINUTE, 4):
        machine.apply(each)
    assert machine.next_deadline() == OPEN + 5 * MINUTE


def test_the_state_of_the_data_is_told_beside_that_of_the_alert() -> None:
    machine = Episodes(spec())
    opened = machine.apply(fast(TEN))[0]
    assert opened.data.state == "live"
    (episode,) = machine.open_episodes()
    stale = machine.apply(silence(TEN + MINUTE, "30Y"))
    assert [(event.type, event.data.state) for event in stale] == [("opened", "stale"), ("stale", "stale")]
    back = machine.apply(silence(TEN + 2 * MINUTE, "30Y", "left"))
    assert [(event.type, event.data.state) for event in back] == [("resolved", "live"), ("resumed", "live")]
    halted = machine.apply(silence(TEN + 3 * MINUTE, "30Y", halted=True, move_bp=20.0))
    assert [(event.type, event.data.state) for event in halted] == [("opened", "halted"), ("stale", "halted")]
    assert "perhaps halted" in (halted[1].note or "")
    machine.apply(silence(TEN + 4 * MINUTE, "30Y", "left", halted=True))
    flip = {"rule": "unit-changed", "market": "JP", "series": "JP.GOV.30Y"}
    machine.apply(note(TEN + 5 * MINUTE, **flip))
    assert machine.data_state(episode, TEN + 5 * MINUTE) == "bad"
    machine.apply(note(TEN + 6 * MINUTE, "left", **flip))
    assert machine.data_state(episode, TEN + 6 * MINUTE) == "live"
    cold = run([fast(TEN, provisional="3 of 20 sessions seen")])[0]
    assert cold.data.state == "warming"


def test_the_parts_of_the_curve_that_are_in_are_named() -> None:
    super_long = [fast(TEN), fast(TEN + SECOND, series="JP.GOV.40Y"), fast(TEN + 2 * SECOND, series="JP.GOV.20Y")]
    told = run(super_long)
    assert types(told) == ["opened", "widened"]
    assert told[0].segments is not None
    assert (told[0].segments.names, told[0].segments.tenors, told[0].segments.of) == (["super-long"], 1, 6)
    assert told[1].segments is not None
    assert (told[1].segments.names, told[1].segments.lead, told[1].segments.whole_curve) == (
        ["super-long"], "20Y", False,
    )  # fmt: skip
    assert "super-long up, 3 of 6 tenors" in told[1].headline
    more = [fast(TEN + k * SECOND, series=f"JP.GOV.{tenor}") for k, tenor in enumerate(("2Y", "10Y", "30Y"))]
    assert "whole curve up, 3 of 6 tenors" in run(more)[1].headline
    two = run(more[:2])[1]
    assert "front and long up, 2 of 6 tenors" in two.headline
    assert types(run([fast(TEN), fast(TEN, direction=-1)])) == ["opened", "opened"], "the other way never merges"


def test_segments_follow_the_tenor_and_the_configuration() -> None:
    assert [default_segment(12 * years) for years in (1, 2, 3, 4, 7, 8, 10, 15, 20, 30)] == [
        "front", "front", "front", "belly", "belly", "long", "long", "long", "super-long", "super-long",
    ]  # fmt: skip
    moves = run([fast(TEN, series="US.GOV.10Y", market="US")])[0].series
    watched = ["US.GOV.2Y", "US.GOV.10Y", "US.GOV.30Y"]
    named = segments_in(moves, watched, {"US.GOV.10Y": "sector"}, 3)
    assert named is not None
    assert named.names == ["sector"]
    alone = segments_in(moves, watched, dict.fromkeys(watched, "all"), 3)
    assert alone is not None
    assert not alone.whole_curve, "of one segment there is no whole"


def test_a_move_that_is_taken_back_is_told_as_such() -> None:
    facts = [
        fast(TEN, value=3.765, bp=20.3, z=6.9),
        fast(TEN + HOUR, "left", value=3.642),
    ]
    resolved = run(facts)[1]
    assert resolved.headline == (
        "JP 30Y move resolved after 1 h · retraced 12.3 of 20.3bp · peak +20.3bp at 3.765% · 6.9σ of 2.9bp"
    )
    assert "retraced 12.3 of 20.3bp" in (resolved.note or "")
    assert resolved.outcome is not None
    assert resolved.outcome.retraced == 0.606
    assert resolved.outcome.began is not None
    assert resolved.outcome.peak is not None
    assert resolved.outcome.now is not None
    assert (resolved.outcome.began.value, resolved.outcome.peak.value, resolved.outcome.now.value) == (
        3.562, 3.765, 3.642,
    )  # fmt: skip
    small = run([facts[0], fast(TEN + HOUR, "left", value=3.70)])[1]
    assert "retraced" not in small.headline
    whole = run([facts[0], fast(TEN + HOUR, "left", value=3.50)])[1]
    assert "retraced all of 20.3bp" in whole.headline


def test_a_later_move_the_other_way_names_the_one_that_it_takes_back() -> None:
    up = [fast(TEN, value=3.765, bp=20.3, z=6.9), fast(TEN + HOUR, "left", value=3.75)]
    down = fast(TEN + DAY, value=3.641, bp=11.0, z=4.1, direction=-1)
    told = run([*up, down])
    assert types(told) == ["opened", "resolved", "opened"]
    assert told[2].retraces is not None
    assert (told[2].retraces.episode, told[2].retraces.part, told[2].retraces.day) == (
        told[0].episode, 0.611, "2026-01-20",
    )  # fmt: skip
    clause = f"retraces 61 % of the move of 20 January ({told[0].episode})"
    assert clause in told[2].headline
    assert told[2].note == f"12.4 of 20.3bp of the move of 20 January ({told[0].episode}) taken back, 61 %"
    still_open = run([up[0], fast(TEN + DAY, value=3.64, bp=11.0, direction=-1)])
    assert still_open[1].retraces is not None, "whether or not the first one is over"
    little = run([*up, fast(TEN + DAY, value=3.70, bp=5.0, direction=-1)])
    assert little[2].retraces is None
    same_way = run([*up, fast(TEN + DAY, value=3.64, bp=11.0)])
    assert same_way[2].retraces is None
    late = run([*up, fast(TEN + 9 * DAY, value=3.64, bp=11.0, direction=-1)])
    assert late[2].retraces is None, "six sessions later it is another story"


def test_a_rung_that_no_longer_holds_is_said_in_the_next_update_only() -> None:
    machine = Episodes(spec())
    machine.apply(fast(TEN, severity=HIGH, z=4.5))
    lowered = fast(TEN + HOUR, "lowered", severity=HIGH, z=3.1)
    lowered.rung = WARN
    assert machine.apply(lowered) == []
    (episode,) = machine.open_episodes()
    assert machine.standing(episode, TEN + HOUR).rung == "warn"
    told = machine.apply(response(TEN + HOUR, "US", resolution="tick", breach_at=TEN))
    assert (told[0].severity, told[0].note) == ("high", "followed by US 10Y +6.8bp; warn now")
    regained = fast(TEN + 2 * HOUR, "regained", severity=HIGH, z=4.2)
    assert machine.apply(regained) == []
    assert machine.standing(episode, TEN + 2 * HOUR).rung == "high"


def test_an_alert_that_was_wrong_is_withdrawn_with_every_link_to_it() -> None:
    machine = Episodes(spec())
    opened = machine.apply(fast(TEN))[0]
    us = machine.apply(fast(TEN + MINUTE, series="US.GOV.10Y", value=4.295, bp=6.8))[0]
    told = machine.apply(response(TEN + 2 * MINUTE, "US", resolution="tick", breach_at=TEN))
    assert told[0].followers[0].episode == us.episode
    machine.apply(fast(TEN + 3 * MINUTE, "raised", series="US.GOV.10Y", severity=HIGH, value=4.3))
    told = machine.withdraw_alert(opened.episode, TEN + 4 * MINUTE, "bad data: the venue has busted the trades")
    assert types(told) == ["corrected"]
    wrong = told[0]
    assert wrong.withdrawn == wrong.note == "bad data: the venue has busted the trades"
    assert wrong.headline == "withdrawn: JP 30Y +10.0bp was no move · bad data: the venue has busted the trades"
    assert (wrong.followers, wrong.source) == ([], None)
    assert wrong.standing is not None
    assert wrong.standing.state == "over"
    later = machine.advance(TEN + HOUR)
    assert [(event.type, event.episode) for event in later] == [("corrected", us.episode)]
    assert opened.episode in (later[0].note or "")
    assert machine.apply(fast(TEN + HOUR, "raised", severity=CRITICAL, z=7.0)) == [], "nothing more of it is told"
    assert machine.active()[-1][3:5] == ("JP.GOV.30Y", "5m"), "and the engine does not say it again after a restart"
    assert machine.apply(fast(TEN + HOUR, "left")) == []
    assert machine.withdraw_alert(opened.episode, TEN + HOUR, "twice") == []
    fresh = machine.apply(fast(TEN + HOUR + MINUTE))
    assert types(fresh) == ["opened"]
    assert fresh[0].episode != opened.episode, "what was wrong is not opened again"


def test_the_end_of_a_follower_that_was_wrong_takes_its_answer_back() -> None:
    machine = Episodes(spec())
    jp = machine.apply(fast(TEN))[0]
    us = machine.apply(fast(TEN + MINUTE, series="US.GOV.10Y", value=4.295, bp=6.8))[0]
    machine.apply(response(TEN + 2 * MINUTE, "US", resolution="tick", breach_at=TEN))
    told = machine.withdraw_alert(us.episode, TEN + 3 * MINUTE, "bad data") + machine.advance(TEN + HOUR)
    assert [(event.type, event.episode) for event in told] == [("corrected", us.episode), ("corrected", jp.episode)]
    assert (told[1].followers[0].wording, told[1].followers[0].was) == ("did not respond", "followed")


def test_a_level_or_an_episode_that_is_over_can_be_withdrawn_too() -> None:
    machine = Episodes(spec())
    opened = machine.apply(fast(TEN))[0]
    machine.apply(fast(TEN + MINUTE, "left"))
    told = machine.withdraw_alert(opened.episode, TEN + HOUR, "bad data")
    assert types(told) == ["corrected"]
    assert machine.find(opened.episode) is not None


def test_a_move_that_the_engine_takes_back_withdraws_what_rests_on_it_alone() -> None:
    why = "JP 30Y was back after 40 s, and no neighbour had moved"
    wrong = Disproved(TEN + MINUTE, TEN + MINUTE, "JP", 1, ("JP.GOV.30Y",), why)
    told = run([fast(TEN), wrong])
    assert types(told) == ["opened", "corrected"]
    assert told[1].withdrawn == why
    wide = run([fast(TEN), fast(TEN + SECOND, series="JP.GOV.10Y"), wrong])
    assert types(wide) == ["opened", "widened"]
    assert types(run([fast(TEN, direction=-1), wrong])) == ["opened"]


def test_the_end_of_the_root_leaves_what_followed_open() -> None:
    machine = Episodes(spec())
    machine.apply(fast(TEN))
    us = machine.apply(fast(TEN + MINUTE, series="US.GOV.10Y", value=4.295, bp=6.8))[0]
    machine.apply(response(TEN + 2 * MINUTE, "US", resolution="tick", breach_at=TEN))
    told = machine.apply(fast(TEN + HOUR, "left"))
    assert types(told) == ["resolved"]
    assert [episode.id for episode in machine.open_episodes()] == [us.episode]
    assert machine.open_episodes()[0].source is not None


def test_a_rise_soon_after_the_opening_waits_but_never_one_to_critical() -> None:
    told = run(
        [
            fast(TEN, severity=WARN, z=3.2),
            fast(TEN + 10 * SECOND, phase="raised", severity=HIGH, z=4.4),
        ],
        changes={"pace": MINUTE},
        until=5 * MINUTE,
    )
    assert [(each.type, each.severity, each.time) for each in told] == [
        ("opened", "warn", iso(TEN)),
        ("escalated", "high", iso(TEN + MINUTE)),
    ]
    assert told[-1].note == "was warn before"
    shock = run(
        [
            fast(TEN, severity=WARN, z=3.2),
            fast(TEN + 10 * SECOND, phase="raised", severity=HIGH, z=4.4),
            fast(TEN + 20 * SECOND, phase="raised", severity=CRITICAL, z=7.0),
        ],
        changes={"pace": MINUTE},
        until=5 * MINUTE,
    )
    assert [(each.type, each.severity, each.time) for each in shock] == [
        ("opened", "warn", iso(TEN)),
        ("escalated", "critical", iso(TEN + 20 * SECOND)),
    ]
    assert shock[-1].note == "was warn before"


def test_a_rise_that_waits_is_not_forgotten_behind_what_is_told_before_it_and_not_told_after_the_end() -> None:
    facts = [
        fast(TEN, severity=WARN, z=3.2),
        fast(TEN + 10 * SECOND, phase="raised", severity=HIGH, z=4.4),
        fast(TEN + 12 * SECOND, series="JP.GOV.40Y", severity=WARN, z=3.1),
    ]
    told = run(facts, changes={"pace": MINUTE}, until=5 * MINUTE)
    assert [(each.type, each.severity) for each in told] == [
        ("opened", "warn"), ("widened", "high"), ("escalated", "high"),
    ]  # fmt: skip
    over = [
        *facts[:2],
        fast(TEN + 20 * SECOND, phase="left", severity=HIGH, z=0.5),
    ]
    ended = run(over, changes={"pace": MINUTE}, until=5 * MINUTE)
    assert [(each.type, each.severity) for each in ended] == [("opened", "warn"), ("resolved", "high")]
