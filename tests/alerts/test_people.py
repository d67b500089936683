"""Silences, maintenance, acknowledgement, reminders and escalation, told by what each sink hears."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stressd.alerts.matching import Match
from stressd.alerts.people.commands import Acknowledge, AddSilence, CommandError, EndSilence, Label
from stressd.alerts.people.escalation import EscalationStep
from stressd.alerts.people.maintenance import MaintenanceSpec
from stressd.alerts.routing import RouteSpec
from stressd.engine.agenda import Recurrence
from stressd.engine.spec import CRITICAL, HIGH
from stressd.market.sessions import calendar
from stressd.market.times import parse_time
from tests.alerts.facts import FIXING_20, HOUR, MINUTE, SECOND, breach, note, silence
from tests.alerts.world import DESK, OPS, World

T = FIXING_20
PAGER = EscalationStep(5 * MINUTE, ("high", "critical"), ("pager",))
CHIEF = EscalationStep(15 * MINUTE, ("high", "critical"), ("chief",))
WATCHED = replace(DESK, escalate=(PAGER, CHIEF))
REMINDED = replace(DESK, remind=HOUR)


def left(at: int, series: str = "JP.GOV.30Y") -> object:
    return breach(at, series, phase="left", z=1.0)


# -- silences


def test_what_is_silenced_is_recorded_and_told_once_when_the_silence_ends() -> None:
    world = World()
    world.pass_to(T)
    world.silence(HOUR)
    (opened,) = world.say(breach(T + MINUTE, severity=HIGH))
    assert (opened.event.type, opened.sinks) == ("opened", ())
    assert opened.kept_back == {"desk": "silenced by anna until 20 Jan 07:00 UTC (auction)"}
    world.say(breach(T + 2 * MINUTE, "JP.GOV.10Y", severity=HIGH))
    world.pass_to(T + 2 * HOUR)
    assert world.heard("desk") == [("reminder", "was silenced by anna until 20 Jan 07:00 UTC (auction), still open")]
    told = next(one.event for one in world.told if one.sinks)
    assert told.time == "2026-01-20T07:00:00Z"
    assert {move.series for move in told.series} == {"JP.GOV.30Y", "JP.GOV.10Y"}
    world.say(breach(T + 3 * HOUR, phase="left"), breach(T + 3 * HOUR, "JP.GOV.10Y", phase="left"))
    assert world.types("desk") == ["reminder", "resolved"]


def test_what_is_over_before_the_silence_ends_is_told_to_nobody_but_kept_with_the_reason() -> None:
    world = World()
    world.silence(HOUR)
    world.say(breach(T - 30 * MINUTE), breach(T - 20 * MINUTE, phase="left"))
    world.pass_to(T + HOUR)
    assert world.heard("desk") == []
    assert [one.kept_back.get("desk", "") for one in world.told] == [
        "silenced by anna until 20 Jan 06:00 UTC (auction)",
        "over while silenced by anna until 20 Jan 06:00 UTC (auction)",
    ]


def test_the_end_of_what_was_told_before_a_silence_arrives_and_updates_do_not() -> None:
    world = World()
    world.say(breach(T))
    world.silence(HOUR)
    world.say(breach(T + MINUTE, severity=HIGH, z=4.5), breach(T + 2 * MINUTE, phase="left"))
    assert world.types("desk") == ["opened", "resolved"]
    world.pass_to(T + 2 * HOUR)
    assert world.types("desk") == ["opened", "resolved"]


def test_who_was_told_before_hears_at_the_end_of_a_silence_that_it_is_still_open() -> None:
    world = World()
    world.say(breach(T))
    world.silence(HOUR)
    world.pass_to(T + 2 * HOUR)
    assert world.types("desk") == ["opened", "reminder"]
    other = World()
    other.say(breach(T))
    other.end(other.silence(HOUR))
    other.pass_to(T + 2 * HOUR)
    assert other.types("desk") == ["opened"], "it ended before its time, and nothing was withheld"


def test_a_silence_ended_early_says_who_ended_it() -> None:
    world = World()
    name = world.silence(2 * HOUR)
    world.say(breach(T))
    done = world.end(name)
    assert world.notes("desk") == [
        "was silenced by anna until 20 Jan 06:00 UTC, when bob ended it (auction), still open"
    ]
    assert done.detail == f"s1 is over: market JP (auction), messages withheld: 1; still open: {world.episode}"
    world.pass_to(T + 3 * HOUR)
    assert len(world.heard("desk")) == 1


def test_what_becomes_critical_comes_through_where_the_silence_says_so() -> None:
    world = World()
    world.silence(HOUR, break_through="critical")
    world.say(breach(T - MINUTE, severity=HIGH), breach(T - SECOND, severity=CRITICAL, z=7.0))
    assert world.types("desk") == ["escalated"]
    world.pass_to(T + 2 * HOUR)
    assert world.types("desk") == ["escalated"], "it was told everything then"
    strict = World()
    strict.silence(HOUR)
    strict.say(breach(T - MINUTE, severity=CRITICAL, z=7.0))
    assert strict.types("desk") == []


@pytest.mark.parametrize(
    ("match", "silent"),
    [
        ({"series": ("JP.GOV.*",)}, True), ({"series": ("US.GOV.*",)}, False), ({"markets": ("JP",)}, True),
        ({"markets": ("US",)}, False), ({"rules": ("sigma-breach",)}, True), ({"severities": ("warn",)}, True),
        ({"severities": ("high",)}, False), ({"kinds": ("feed",)}, False), ({"directions": ("up",)}, True),
        ({"directions": ("down",)}, False), ({"origins": ("drill",)}, False),
        ({"markets": ("JP",), "directions": ("down",)}, False),
    ],
)  # fmt: skip
def test_a_silence_matches_as_a_route_does(match: dict[str, tuple[str, ...]], silent: bool) -> None:
    world = World()
    world.silence(3 * HOUR, "anna", "auction", **match)
    world.say(breach(T))
    assert (world.types("desk") == []) == silent


def test_one_episode_can_be_silenced_by_its_id() -> None:
    world = World()
    world.say(breach(T))
    world.silence(HOUR, episodes=(world.episode,))
    world.say(breach(T + MINUTE, "US.GOV.10Y"), breach(T + MINUTE, severity=HIGH, z=4.5))
    assert [one.event.market for one in world.told if one.sinks] == ["JP", "US"]


def test_of_two_silences_the_one_that_ends_last_decides_when_it_is_told() -> None:
    world = World()
    world.silence(HOUR)
    world.silence(2 * HOUR, author="bob", severities=("warn",))
    world.say(breach(T - MINUTE))
    world.pass_to(T + 30 * MINUTE)
    assert world.heard("desk") == []
    world.pass_to(T + 2 * HOUR)
    assert world.notes("desk") == ["was silenced by bob until 20 Jan 07:00 UTC (auction), still open"]


def test_two_silences_that_end_at_once_tell_once() -> None:
    world = World()
    world.say(breach(T))
    world.silence(HOUR)
    world.silence(HOUR, severities=("warn",), author="bob")
    world.pass_to(T + 2 * HOUR)
    assert len(world.notes("desk")) == 1


def test_a_silence_may_begin_later() -> None:
    world = World(start=T)
    world.silence(HOUR, starts=T + HOUR)
    (listed,) = world.pipeline.people.silences()
    assert listed.state == "waiting"
    world.say(breach(T + MINUTE))
    world.say(breach(T + 70 * MINUTE, severity=HIGH, z=4.5))
    assert world.types("desk") == ["opened"]
    assert (listed.state, listed.withheld) == ("on", 1)
    world.pass_to(T + 3 * HOUR)
    assert world.types("desk") == ["opened", "reminder"]
    assert world.pipeline.people.silences() == []


def test_a_silence_without_end_author_or_reason_is_refused() -> None:
    world = World(start=T)
    good = AddSilence(
        at=T, author="anna", via="cli", match=Match(markets=("JP",)), starts=T, ends=T + HOUR, reason="auction"
    )
    for change, why in [
        ({"ends": T}, "ends after it starts"),
        ({"ends": T + 31 * 24 * HOUR}, "30 days at most"),
        ({"author": " "}, "needs an author"),
        ({"reason": ""}, "needs a reason"),
        ({"reason": "two\nlines"}, "one line"),
        ({"match": Match()}, "say what to silence"),
        (
            {"match": Match(severities=("loud",))},
            "there is no severity 'loud': it is one of info, warn",
        ),
        ({"match": Match(episodes=("JP-1",))}, "there is no episode JP-1"),
    ]:
        with pytest.raises(CommandError, match=why):
            world.command(replace(good, **change))  # type: ignore[arg-type]
    with pytest.raises(CommandError, match="there is no silence s9: nothing is silenced"):
        world.command(EndSilence(at=T, author="bob", via="cli", id="s9"))
    assert world.command(good).detail == (
        "s1 silences market JP until 20 Jan 07:00 UTC (auction); nothing that is open now matches"
    )


# -- acknowledgement, reminders, escalation


def test_reminders_back_off_and_stop_once_somebody_looks_after_it() -> None:
    world = World(REMINDED)
    world.say(breach(T))
    world.pass_to(T + 8 * HOUR)
    sent = [one.event.time for one in world.told if one.event.type == "reminder"]
    assert sent == ["2026-01-20T07:00:00Z", "2026-01-20T09:00:00Z", "2026-01-20T13:00:00Z"]
    assert world.notes("desk")[0] == "still open after 1 h, not acknowledged"
    world.acknowledge(world.episode, note="on it")
    world.pass_to(T + 80 * HOUR)
    assert len(world.notes("desk")) == 3
    world.say(breach(T + 81 * HOUR, phase="left"))
    assert world.types("desk")[-1] == "resolved"
    assert world.pipeline.next_deadline() is None


def test_reminders_come_once_a_day_at_most_and_never_while_the_market_is_closed() -> None:
    world = World(REMINDED, calendars={"JP": calendar("JP")})
    world.say(breach(T))
    world.pass_to(T + 300 * HOUR)
    times = [parse_time(one.event.time) for one in world.told if one.event.type == "reminder"]
    assert times
    assert all(calendar("JP").span_at(at).is_open for at in times)
    assert world.types("desk").count("reminder") <= 12


def test_what_nobody_acknowledges_is_escalated_step_by_step_and_each_step_once() -> None:
    world = World(WATCHED)
    world.say(breach(T, severity=HIGH, z=4.5))
    world.pass_to(T + 24 * HOUR)
    assert world.heard("pager") == [("reminder", "not acknowledged for 5 min by those who were told: desk")]
    assert world.notes("chief") == ["not acknowledged for 15 min by those who were told: desk and pager"]
    assert [one.event.time for one in world.told if "pager" in one.sinks] == ["2026-01-20T06:05:00Z"]
    world.say(breach(T + 25 * HOUR, phase="left"))
    assert world.types("pager") == ["reminder", "resolved"]
    assert world.types("chief") == ["reminder", "resolved"]
    assert world.types("desk") == ["opened", "resolved"]


def test_an_acknowledgement_stops_escalation_and_what_is_mild_or_over_is_never_escalated() -> None:
    world = World(WATCHED)
    world.say(breach(T, severity=HIGH, z=4.5), breach(T, "US.GOV.10Y"))
    world.pass_to(T + 6 * MINUTE)
    jp = next(each.id for each in world.pipeline.episodes.open_episodes() if each.market == "JP")
    done = world.acknowledge(jp, note="calling the dealer")
    assert done.detail == f"{jp} is acknowledged until it is over: calling the dealer"
    assert done.routed[0].event.type == "acknowledged"
    world.pass_to(T + 24 * HOUR)
    assert world.types("pager") == ["reminder"]
    assert world.types("chief") == []
    quick = World(WATCHED)
    quick.say(breach(T, severity=HIGH, z=4.5), breach(T + MINUTE, phase="left"))
    quick.pass_to(T + HOUR)
    assert quick.types("pager") == []


def test_a_rise_in_severity_voids_an_acknowledgement_and_starts_the_clock_again() -> None:
    world = World(WATCHED)
    world.say(breach(T, severity=HIGH, z=4.5))
    world.acknowledge(world.episode)
    world.say(breach(T + HOUR, severity=CRITICAL, z=7.0))
    assert world.types("desk") == ["opened", "escalated"]
    assert world.pipeline.people.acknowledged() == {}
    world.pass_to(T + 3 * HOUR)
    assert world.notes("pager") == ["not acknowledged for 5 min since it rose to critical by those who were told: desk"]
    assert [one.event.time for one in world.told if "pager" in one.sinks] == ["2026-01-20T07:05:00Z"]


def test_a_rise_that_is_silenced_voids_an_acknowledgement_when_it_is_told() -> None:
    world = World(WATCHED)
    world.say(breach(T, severity=HIGH, z=4.5))
    world.acknowledge(world.episode)
    world.silence(HOUR)
    world.say(breach(T + MINUTE, severity=CRITICAL, z=7.0))
    assert len(world.pipeline.people.acknowledged()) == 1
    world.pass_to(T + HOUR)
    assert world.types("desk") == ["opened", "reminder"]
    assert world.pipeline.people.acknowledged() == {}
    world.pass_to(T + HOUR + 5 * MINUTE)
    assert world.types("pager") == ["reminder"]


def test_a_step_for_a_severity_counts_from_when_that_was_told() -> None:
    world = World(WATCHED)
    world.say(breach(T), breach(T + HOUR, severity=HIGH, z=4.5))
    world.pass_to(T + 64 * MINUTE)
    assert world.heard("pager") == []
    world.pass_to(T + 65 * MINUTE)
    assert world.types("pager") == ["reminder"]


def test_an_episode_that_is_opened_again_is_nobody_s_yet_and_is_escalated_from_then_on() -> None:
    world = World(WATCHED)
    world.say(breach(T, severity=HIGH, z=4.5))
    name = world.episode
    world.acknowledge(name)
    world.say(breach(T + MINUTE, phase="left"), breach(T + 10 * MINUTE, severity=HIGH, z=4.5))
    assert world.episode == name
    assert world.types("desk") == ["opened", "resolved", "reopened"]
    world.pass_to(T + 15 * MINUTE)
    assert world.notes("pager") == ["not acknowledged for 5 min by those who were told: desk"]


def test_an_acknowledgement_for_a_while_lapses_and_the_clocks_go_on_where_they_stood() -> None:
    world = World(WATCHED)
    world.say(breach(T, severity=HIGH, z=4.5))
    world.pass_to(T + 3 * MINUTE)
    world.acknowledge(world.episode, lasts=30 * MINUTE)
    (ack,) = world.pipeline.people.acknowledged().values()
    assert (ack.author, ack.until) == ("anna", T + 33 * MINUTE)
    world.pass_to(T + 34 * MINUTE)
    assert world.pipeline.people.acknowledged() == {}
    world.pass_to(T + HOUR)
    times = [(one.sinks, one.event.time[11:16]) for one in world.told if one.event.type == "reminder"]
    assert times == [(("pager",), "06:35"), (("chief",), "06:45")]
    assert all(one.event.acknowledged is None for one in world.told if one.event.type == "reminder")


def test_what_is_silenced_is_neither_reminded_of_nor_escalated_until_the_silence_ends() -> None:
    world = World(replace(WATCHED, remind=HOUR))
    world.say(breach(T, severity=HIGH, z=4.5))
    world.silence(3 * HOUR)
    world.pass_to(T + 3 * HOUR)
    assert world.heard("pager") == []
    assert world.notes("desk") == ["was silenced by anna until 20 Jan 09:00 UTC (auction), still open"]
    world.pass_to(T + 3 * HOUR + 5 * MINUTE)
    assert world.types("pager") == ["reminder"]


def test_an_acknowledgement_of_what_is_not_open_is_refused() -> None:
    world = World()
    world.say(breach(T))
    name = world.episode
    with pytest.raises(CommandError, match="there is no episode JP-260120-none"):
        world.acknowledge("JP-260120-none")
    with pytest.raises(CommandError, match="up to 7 days"):
        world.command(Acknowledge(at=T, author="anna", via="link", episode=name, for_ns=8 * 24 * HOUR))
    world.say(breach(T + HOUR, phase="left"))
    with pytest.raises(CommandError, match=f"episode {name} is over"):
        world.acknowledge(name)


# -- labels


def test_a_label_is_kept_with_its_author_and_an_unknown_one_is_refused() -> None:
    world = World()
    done = world.command(
        Label(at=T, author="anna", via="http", episode="JP-260119-7q2f", label="noise", note="fat finger")
    )
    assert (done.verb, done.subject, done.detail) == ("labelled", "JP-260119-7q2f", "noise: fat finger")
    assert done.said == "JP-260119-7q2f is labelled noise: fat finger"
    with pytest.raises(CommandError, match="useful, noise, bad data"):
        world.command(Label(at=T, author="anna", via="http", episode="JP-260119-7q2f", label="meh"))  # type: ignore[arg-type]


def test_an_open_episode_whose_data_are_bad_is_withdrawn_from_everybody_who_was_told() -> None:
    world = World(WATCHED)
    world.say(breach(T, severity=HIGH, z=4.5))
    world.pass_to(T + 6 * MINUTE)
    name = world.episode
    world.command(Label(at=world.now, author="anna", via="cli", episode=name, label="bad data", note="fat finger"))
    assert (world.types("desk")[-1], world.types("pager")[-1]) == ("corrected", "corrected")
    assert world.told[-1].event.withdrawn == "anna says that the data are bad: fat finger"
    assert world.pipeline.episodes.open_episodes() == []
    again = Label(at=world.now, author="bob", via="cli", episode=name, label="bad data")
    assert world.command(again).routed == []
    world.pass_to(T + 24 * HOUR)
    assert world.types("chief") == []
    noise = World()
    noise.say(breach(T))
    noise.command(Label(at=T, author="anna", via="cli", episode=noise.episode, label="noise"))
    assert noise.types("desk") == ["opened"]


# -- maintenance

RESTART = MaintenanceSpec(
    "broker-restart", Match(kinds=("feed", "self")), Recurrence("Europe/London", 360, (6,)), 480, "weekly restart"
)
SUNDAY = parse_time("2026-03-29T05:00:00Z")
"""06:00 in London on the day on which the clock goes forward."""


def test_a_planned_restart_pages_nobody_and_is_kept_for_the_digest() -> None:
    world = World(maintenance=[RESTART], start=SUNDAY - HOUR)
    facts = [note(SUNDAY + MINUTE, source="desk", rule="feed-down")]
    world.say(*facts, silence(SUNDAY + 2 * MINUTE))
    world.say(note(SUNDAY + HOUR, "left", rule="feed-down"), silence(SUNDAY + HOUR, phase="left"))
    world.pass_to(SUNDAY + 12 * HOUR)
    assert world.heard("ops") == []
    reasons = [one.kept_back["ops"] for one in world.told]
    assert reasons.count("maintenance broker-restart (weekly restart)") == 2
    assert reasons.count("over while maintenance broker-restart (weekly restart)") == 2


def test_what_is_still_so_after_maintenance_is_told_once() -> None:
    world = World(maintenance=[RESTART], start=SUNDAY - HOUR)
    world.say(silence(SUNDAY + MINUTE), breach(SUNDAY + MINUTE))
    world.pass_to(SUNDAY + 24 * HOUR)
    assert world.heard("ops") == [("reminder", "still so after maintenance broker-restart (weekly restart)")]
    assert [one.event.time for one in world.told if "ops" in one.sinks] == ["2026-03-29T07:00:00Z"]
    assert world.types("desk") == ["opened"], "the market is not under maintenance"
    world.say(silence(SUNDAY + 25 * HOUR, phase="left"))
    assert world.types("ops") == ["reminder", "resolved"]


def test_what_was_told_before_maintenance_ends_where_it_was_told() -> None:
    world = World(maintenance=[RESTART], start=SUNDAY - HOUR)
    world.say(silence(SUNDAY - MINUTE), silence(SUNDAY + MINUTE, phase="left"))
    assert world.types("ops") == ["opened", "resolved"]


def test_a_window_that_the_configuration_no_longer_has_withholds_nothing_any_more() -> None:
    world = World(maintenance=[RESTART], start=SUNDAY - HOUR)
    world.say(silence(SUNDAY + MINUTE))
    world.people = replace(world.people, maintenance=())
    world.restart()
    world.pass_to(SUNDAY + 2 * MINUTE)
    assert world.notes("ops") == ["was withheld by maintenance broker-restart, which is not configured any more"]


# -- restart


def test_a_restart_anywhere_changes_nothing_of_what_people_did() -> None:
    def play(restarts: bool) -> list[tuple[str, tuple[str, ...], str | None]]:
        world = World(replace(WATCHED, remind=HOUR), OPS, maintenance=[RESTART])
        steps = [
            lambda: world.say(breach(T, severity=HIGH, z=4.5)),
            lambda: world.silence(HOUR, severities=("high",)),
            lambda: world.say(breach(T + MINUTE, "US.GOV.10Y", severity=HIGH, z=4.5)),
            lambda: world.pass_to(T + 2 * HOUR),
            lambda: world.acknowledge(world.pipeline.episodes.open_episodes()[0].id, lasts=HOUR),
            lambda: world.pass_to(T + 5 * HOUR),
            lambda: world.say(left(T + 6 * HOUR), left(T + 6 * HOUR, "US.GOV.10Y")),  # type: ignore[arg-type]
            lambda: world.pass_to(T + 200 * HOUR),
        ]
        for step in steps:
            step()
            if restarts:
                world.restart()
        return [(one.event.id, one.sinks, one.event.note) for one in world.told]

    assert play(restarts=True) == play(restarts=False)


def test_steps_and_reminders_that_are_no_longer_configured_go_with_a_reload() -> None:
    world = World(replace(WATCHED, remind=HOUR))
    world.say(breach(T, severity=HIGH, z=4.5))
    world.routes = (DESK,)
    world.people = replace(world.people, routes=(DESK,))
    world.restart()
    world.pass_to(T + 24 * HOUR)
    assert world.types("pager") == []
    assert world.types("desk") == ["opened"]


def test_one_sink_of_two_routes_is_reminded_once() -> None:
    world = World(REMINDED, RouteSpec(("desk", "mail"), remind=2 * HOUR))
    world.say(breach(T))
    world.pass_to(T + 150 * MINUTE)
    assert [one.sinks for one in world.told if one.event.type == "reminder"] == [("desk",), ("mail",)]
