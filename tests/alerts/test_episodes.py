"""Lives of episodes, told step by step."""

from __future__ import annotations

from stressd.alerts.episodes import Episodes
from stressd.engine.spec import CRITICAL, HIGH, WARN
from stressd.market.times import iso
from tests.alerts.facts import (
    FIXING_19,
    FIXING_20,
    HOUR,
    MINUTE,
    RULE,
    SECOND,
    US_FIXING_20,
    breach,
    closed,
    contract_breach,
    level,
    note,
    response,
    silence,
    spec,
    types,
)
from tests.alerts.scripts import run

DAY = 24 * HOUR


def test_the_20th_of_january_is_one_episode_that_becomes_critical_and_names_its_follower() -> None:
    tenors = [("JP.GOV.10Y", 4.2, 7.8), ("JP.GOV.20Y", 5.2, 14.8), ("JP.GOV.40Y", 5.9, 19.0)]
    facts = [
        breach(FIXING_19),
        closed(FIXING_19, breach_at=FIXING_19),
        contract_breach(phase="raised"),
        closed(FIXING_20),
        *[breach(FIXING_20, series, severity=HIGH, z=z, bp=bp) for series, z, bp in tenors],
        response(US_FIXING_20),
        *[breach(FIXING_20 + DAY, series, "left") for series, _, _ in tenors],
        breach(FIXING_20 + DAY, phase="left", value=3.702),
    ]
    told = run(facts)
    assert types(told) == ["opened", "escalated", "widened", "propagated", "resolved"]
    assert {event.episode for event in told} == {told[0].episode}
    opened, escalated, widened, propagated, resolved = told
    assert opened.severity == "warn"
    assert opened.followers == []
    assert escalated.severity == "critical"
    assert (
        escalated.headline == "JP 30Y +20.3bp to 3.765% · 6.9σ of 2.9bp · largest rise since the series began in 1999"
    )
    assert escalated.followers[0].wording == "could not respond"
    assert escalated.followers[0].next_open_local == "20 Jan 08:00 New York"
    assert widened.time == iso(FIXING_20 + 5 * SECOND)
    assert widened.note == "joined by 10Y, 20Y and 40Y"
    assert [move.series for move in widened.series] == ["JP.GOV.30Y", "JP.GOV.40Y", "JP.GOV.20Y", "JP.GOV.10Y"]
    assert widened.shape == "bear steepening"
    assert propagated.time == "2026-01-20T20:30:00Z"
    assert propagated.note == "followed by US 10Y +6.8bp"
    us = propagated.followers[0]
    assert (us.market, us.series, us.wording, us.lag_s, us.open_lag_s) == (
        "US",
        "US.GOV.10Y",
        "followed",
        52200.0,
        30600.0,
    )
    assert (us.beta, us.p, us.sigma, us.resolution, us.reason) == (0.3, None, 1.4, "1d", None)
    assert resolved.severity == "critical"
    assert (
        resolved.headline
        == "JP 30Y move resolved after 2 d · peak +20.3bp at 3.765% · 6.9σ of 2.9bp · followed by US 10Y +6.8bp"
    )


def test_the_contracts_example_has_its_figures() -> None:
    event = run([contract_breach()])[0]
    move = event.series[0]
    assert (move.value, move.change_bp, move.sigma, move.sigma_bp, move.threshold) == (3.765, 20.3, 6.9, 2.94, 6.0)
    assert move.from_ is not None
    assert (move.from_.value, move.from_.time) == (3.562, "2026-01-19T06:00:00Z")
    assert move.exceeded is not None
    assert (move.exceeded.times, move.exceeded.of, move.exceeded.beyond) == (10, 4706, None)
    assert (move.rank, move.rank_of, move.largest_since, move.highest_since) == (1, 1250, "1999-09-01", None)
    assert move.since_beginning
    assert (event.direction, event.kind, event.origin, event.data.sources) == ("up", "market", "live", ["desk"])


def test_an_id_names_market_and_local_date_and_is_the_same_on_replay() -> None:
    late = FIXING_20 + 10 * HOUR
    first, again, other = run([breach(late)])[0], run([breach(late)])[0], run([breach(late, direction=-1)])[0]
    assert first.id == again.id == f"{first.episode}.1"
    assert first.episode.startswith("JP-260121-"), "16:00 UTC is the next day in Tokyo"
    assert other.episode != first.episode


def test_only_a_rise_of_the_lifetime_severity_is_told() -> None:
    facts = [
        breach(FIXING_20, severity=WARN),
        breach(FIXING_20 + HOUR, phase="raised", severity=CRITICAL, z=6.5),
        breach(FIXING_20 + 2 * HOUR, "JP.GOV.10Y", severity=WARN),
        breach(FIXING_20 + 3 * HOUR, "JP.GOV.10Y", "raised", severity=HIGH, z=4.1),
    ]
    told = run(facts)
    assert types(told) == ["opened", "escalated", "widened"]
    assert [event.severity for event in told] == ["warn", "critical", "critical"]


def test_more_of_the_curve_at_the_episodes_severity_is_told_at_the_end_of_the_window() -> None:
    """The fixing of a whole curve: the tenor that escalates first is not the one that moved most."""
    facts = [
        breach(FIXING_19, "JP.GOV.25Y"),
        breach(FIXING_19, "JP.GOV.30Y"),
        breach(FIXING_20, "JP.GOV.25Y", "raised", CRITICAL, z=6.2, bp=17.2),
        contract_breach(phase="raised"),
    ]
    told = run(facts)
    assert types(told) == ["opened", "widened", "escalated", "widened"]
    assert told[3].note == "30Y critical too"
    assert told[3].headline.startswith("JP 30Y +20.3bp to 3.765% · 6.9σ of 2.9bp · largest rise since the series began")
    assert told[3].time == iso(FIXING_20 + 5 * SECOND)


def test_a_joiner_that_raises_the_severity_is_told_at_once_and_not_again() -> None:
    facts = [
        breach(FIXING_20),
        breach(FIXING_20 + SECOND, "JP.GOV.10Y"),
        breach(FIXING_20 + 2 * SECOND, "JP.GOV.20Y", severity=HIGH, z=4.5),
    ]
    told = run(facts)
    assert types(told) == ["opened", "escalated"]
    assert len(told[1].series) == 3


def test_a_peak_is_told_only_when_it_has_grown_by_a_sigma_or_five_bp() -> None:
    facts = [
        breach(FIXING_20, z=3.0, bp=10.0),
        breach(FIXING_20 + MINUTE, phase="peaked", z=3.9, bp=13.0),
        breach(FIXING_20 + 2 * MINUTE, phase="peaked", z=4.0, bp=13.3),
        breach(FIXING_20 + 2 * MINUTE + SECOND, phase="peaked", z=5.5, bp=14.0),
        breach(FIXING_20 + 3 * MINUTE, phase="peaked", z=5.6, bp=19.1),
    ]
    told = run(facts)
    assert types(told) == ["opened", "peaked", "peaked"]
    assert [event.time for event in told[1:]] == [
        iso(FIXING_20 + 2 * MINUTE + 5 * SECOND),
        iso(FIXING_20 + 3 * MINUTE + 5 * SECOND),
    ]
    assert told[1].note == "peak 5.5σ, +14.0bp"


def test_a_breach_that_is_sent_again_after_a_restart_opens_nothing() -> None:
    machine = Episodes(spec())
    assert types(machine.apply(breach(FIXING_20))) == ["opened"]
    assert machine.active() == [(RULE, "JP", 1, "JP.GOV.30Y", "1d", WARN)]
    state = machine.snapshot()
    machine = Episodes(spec())
    machine.restore(state)
    assert machine.apply(breach(FIXING_20 + HOUR)) == []
    assert machine.next_deadline() is None
    assert types(machine.apply(breach(FIXING_20 + DAY, phase="left"))) == ["resolved"]
    assert machine.active() == []


def test_opposite_directions_and_other_rules_never_merge() -> None:
    told = run([breach(FIXING_20), breach(FIXING_20, direction=-1), breach(FIXING_20, rule="other")])
    assert types(told) == ["opened"] * 3
    assert len({event.episode for event in told}) == 3


def test_resolved_comes_when_the_last_breach_has_left() -> None:
    facts = [
        breach(FIXING_20),
        breach(FIXING_20, horizon="session"),
        breach(FIXING_20 + HOUR, phase="left"),
        breach(FIXING_20 + 2 * HOUR, phase="left", horizon="session", value=3.52),
    ]
    told = run(facts)
    assert types(told) == ["opened", "resolved"], "another horizon of the same series is no widening"
    assert told[-1].time == iso(FIXING_20 + 2 * HOUR)
    assert told[-1].note == "lasted 2 h; peak 3.4σ, +10.0bp; JP 30Y now 3.520%"


def test_facts_that_belong_to_no_episode_say_nothing() -> None:
    assert run([breach(FIXING_20, phase="left"), breach(FIXING_20, phase="peaked"), response(FIXING_20)]) == []
    assert run([silence(FIXING_20, phase="left"), note(FIXING_20, phase="left")]) == []


def test_a_level_is_opened_and_resolved_in_one_step_and_two_at_one_instant_stay_apart() -> None:
    told = run([level(FIXING_20), level(FIXING_20, what="round")])
    assert types(told) == ["opened", "resolved", "opened", "resolved"]
    assert told[0].episode == told[1].episode != told[2].episode
    assert told[0].headline == "US 10Y rose through 4.25% to 4.262%"


def test_an_answer_that_was_awaited_is_told_whichever_way_it_came_out_and_once() -> None:
    answer = response(US_FIXING_20, wording="did not respond", resolution="tick")
    told = run([breach(FIXING_20), closed(FIXING_20), answer, answer])
    assert types(told) == ["opened", "propagated"]
    assert told[1].note == "US 10Y did not respond, +6.8bp"


def test_absence_alone_makes_no_message_and_is_said_in_the_next() -> None:
    absent = response(FIXING_20 + 10 * MINUTE, "UK", "did not respond", resolution="tick", z=0.1)
    told = run([breach(FIXING_20), absent, breach(FIXING_20 + DAY, phase="left")])
    assert types(told) == ["opened", "resolved"]
    assert [(each.market, each.wording) for each in told[1].followers] == [("UK", "did not respond")]


def test_several_answers_within_a_settle_window_are_one_event_after_the_first() -> None:
    at = FIXING_20 + HOUR
    facts = [breach(FIXING_20), *[response(at + i * SECOND, follower) for i, follower in enumerate(("US", "UK", "DE"))]]
    told = run(facts)
    assert types(told) == ["opened", "propagated", "propagated"]
    assert told[2].time == iso(at + 5 * SECOND)
    assert told[2].note == "followed by DE 10Y +6.8bp and UK 10Y +6.8bp"
    assert [each.market for each in told[2].followers] == ["US", "UK", "DE"]


def test_an_answer_after_the_end_is_still_told_and_says_that_it_is_over() -> None:
    facts = [
        breach(FIXING_20, horizon="5m"),
        closed(FIXING_20),
        breach(FIXING_20 + HOUR, horizon="5m", phase="left"),
        response(US_FIXING_20),
    ]
    told = run(facts)
    assert types(told) == ["opened", "resolved", "propagated"]
    assert told[2].note == "followed by US 10Y +6.8bp; resolved 13 h 30 min before"
    forgotten = run([*facts[:3], response(US_FIXING_20 + 4 * DAY)])
    assert types(forgotten) == ["opened", "resolved"]


def test_an_answer_belongs_to_the_episode_whose_breach_it_answers() -> None:
    facts = [
        breach(FIXING_20, horizon="5m"),
        closed(FIXING_20),
        breach(FIXING_20 + HOUR, horizon="5m", phase="left"),
        breach(FIXING_20 + 2 * HOUR, horizon="5m"),
        response(US_FIXING_20, breach_at=FIXING_20),
        response(US_FIXING_20 + HOUR, breach_at=FIXING_20 + 2 * HOUR),
    ]
    told = run(facts)
    assert types(told) == ["opened", "resolved", "opened", "propagated", "propagated"]
    assert [event.episode == told[0].episode for event in told] == [True, True, False, True, False]


def test_a_followers_own_episode_names_its_source_whichever_came_first() -> None:
    own = breach(US_FIXING_20 - HOUR, "US.GOV.10Y", value=4.295, bp=6.8)
    later = breach(US_FIXING_20 + HOUR, "US.GOV.10Y", value=4.295, bp=6.8)
    grown = breach(US_FIXING_20 + 2 * HOUR, "US.GOV.10Y", "raised", severity=HIGH, value=4.295)
    before = run([breach(FIXING_20), own, response(US_FIXING_20), grown])
    after = run([breach(FIXING_20), response(US_FIXING_20), later, grown])
    assert types(before) == ["opened", "opened", "propagated", "escalated"]
    assert before[1].source is None
    assert before[2].followers[0].episode == before[1].episode
    assert types(after) == ["opened", "propagated", "opened", "escalated"]
    for told in (before[3], after[2], after[3]):
        assert told.source is not None
        assert (told.source.episode, told.source.market, told.source.wording) == (before[0].episode, "JP", "followed")
        assert (told.source.lag_s, told.source.open_lag_s, told.source.beta) == (52200.0, 30600.0, 0.3)


def test_two_episodes_never_name_each_other() -> None:
    facts = [
        breach(FIXING_20),
        breach(FIXING_20, "US.GOV.10Y"),
        response(FIXING_20 + SECOND, "US", "co-moved", resolution="tick"),
        response(FIXING_20 + SECOND, "JP", "co-moved", resolution="tick", market="US"),
        breach(FIXING_20 + HOUR, phase="raised", severity=HIGH),
        breach(FIXING_20 + HOUR, "US.GOV.10Y", phase="raised", severity=HIGH),
    ]
    told = run(facts)
    assert told[-2].source is None
    assert told[-1].source is not None
    assert told[-1].source.market == "JP"


def test_a_silent_feed_is_one_episode_and_over_only_when_every_series_ticks_again() -> None:
    tenors = ["2Y", "5Y", "10Y", "20Y", "30Y", "40Y"]
    facts = [silence(FIXING_20, tenor) for tenor in tenors]
    facts += [silence(FIXING_20 + HOUR + i * MINUTE, tenor, "left") for i, tenor in enumerate(tenors)]
    told = run(facts)
    assert types(told) == ["opened", "widened", "resolved"]
    assert [event.headline for event in told] == [
        "JP 2Y silent: no tick for 5 min of open time",
        "JP feed silent: no tick from 6 of 6 series for 5 min of open time",
        "JP feed ticks again from all 6 series, silence lasted 1 h 5 min",
    ]
    assert told[0].kind == "feed"
    assert told[1].data.affected == [f"JP.GOV.{tenor}" for tenor in tenors]
    assert told[1].data.age_s == 305.0
    open_end = run(facts[:-1])
    assert types(open_end) == ["opened", "widened"]


def test_what_is_silent_or_noted_can_be_compared_with_the_engine_after_a_restart() -> None:
    machine = Episodes(spec())
    machine.apply(silence(FIXING_20))
    machine.apply(note(FIXING_20))
    assert machine.silent() == [("blind", "JP", "JP.GOV.10Y")]
    assert machine.noted() == [("overload", "desk", "desk")]
    assert [episode.rule for episode in machine.open_episodes()] == ["blind", "overload"]
    assert machine.active() == []


def test_a_feed_note_is_told_once_and_when_it_is_over() -> None:
    told = run([note(FIXING_20), note(FIXING_20 + MINUTE), note(FIXING_20 + HOUR, "left")])
    assert types(told) == ["opened", "resolved"]
    assert told[0].headline == "Feed desk sends faster than it can be read: 1,204 messages were condensed."
    assert told[1].headline.startswith("Over after 1 h: Feed desk sends")
    assert told[0].market == ""
    assert told[0].episode.startswith("FEED-260120-")


def test_a_fail_over_ends_when_the_first_source_is_back_though_the_note_names_another() -> None:
    over = {"rule": "failed-over", "market": "JP", "series": "JP.GOV.10Y"}
    told = run([note(FIXING_20, source="venue", **over), note(FIXING_20 + HOUR, "left", source="desk", **over)])
    assert types(told) == ["opened", "resolved"]


def test_a_provisional_sigma_says_so() -> None:
    event = run([breach(FIXING_20, provisional="history of another convention")])[0]
    assert event.series[0].sigma_definition == "robust, 63 sessions; provisional: history of another convention"


def test_an_acknowledgement_stays_on_every_later_event() -> None:
    machine = Episodes(spec())
    opened = machine.apply(breach(FIXING_20))[0]
    machine.apply(breach(FIXING_20 + SECOND, "JP.GOV.10Y"))
    taken = machine.acknowledge(opened.episode, FIXING_20 + 2 * SECOND, "aiko", "on it")
    assert types(taken) == ["acknowledged"]
    assert taken[0].note == "acknowledged by aiko: on it"
    widened = machine.advance(FIXING_20 + MINUTE)
    assert types(widened) == ["widened"], "what was gathered is told to those who are not told of acknowledgements"
    end = machine.apply(breach(FIXING_20 + HOUR, "JP.GOV.10Y", "left")) + machine.apply(
        breach(FIXING_20 + HOUR, phase="left")
    )
    for event in (*taken, *widened, *end):
        assert event.acknowledged is not None
        assert (event.acknowledged.by, event.acknowledged.note) == ("aiko", "on it")
        assert event.acknowledged.at == iso(FIXING_20 + 2 * SECOND)
    assert [event.seq for event in (*taken, *widened, *end)] == [2, 3, 4]
    assert machine.acknowledge(opened.episode, FIXING_20 + HOUR, "aiko", "") == []
    found = machine.find(opened.episode)
    assert found is not None
    assert found.closed_at == FIXING_20 + HOUR
    assert machine.find("JP-260120-0000") is None


def test_a_reminder_says_that_it_is_still_open_and_what_was_due_comes_first() -> None:
    machine = Episodes(spec())
    opened = machine.apply(breach(FIXING_20))[0]
    machine.apply(breach(FIXING_20 + SECOND, "JP.GOV.10Y"))
    told = machine.remind(opened.episode, FIXING_20 + HOUR, "open for 1 h, not acknowledged")
    assert types(told) == ["widened", "reminder"]
    assert told[1].note == "open for 1 h, not acknowledged"
    assert machine.remind("JP-260120-0000", FIXING_20 + HOUR, "") == []
