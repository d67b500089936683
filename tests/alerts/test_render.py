"""What people read."""

from __future__ import annotations

from datetime import date

import msgspec

from stressd.alerts.event import from_json
from stressd.alerts.notification import Telling
from stressd.alerts.render import render
from stressd.engine.events import Standing
from stressd.engine.spec import HIGH
from tests.alerts.facts import (
    FIXING_19,
    FIXING_20,
    HOUR,
    JP_THEN_US,
    US_FIXING_20,
    breach,
    closed,
    contract_breach,
    evidence,
    level,
    note,
    response,
    silence,
)
from tests.alerts.scripts import run


def test_a_message_is_complete_in_plain_text() -> None:
    facts = [
        contract_breach(),
        closed(FIXING_20, "UK", reason="closed (overnight)"),
        breach(FIXING_20, "JP.GOV.10Y", z=4.2, bp=7.8, value=2.3),
        breach(FIXING_20, "JP.GOV.20Y", z=5.2, bp=14.8, value=3.1),
        evidence(response(US_FIXING_20), p=0.06, of=750, between=(30_000, 31_200), base=JP_THEN_US),
    ]
    event = run(facts)[-1]
    message = render(
        event, Telling(first=False, page_url="https://stressd.bank.example/", thread_root=f"{event.episode}.1")
    )
    number = event.episode.rpartition("-")[2]
    assert message.subject == f"[stressd] JP yields up · 20 Jan 2026 · #{number}"
    assert message.text.splitlines() == [
        "JP 30Y +20.3bp to 3.765% · 6.9σ of 2.9bp · largest rise since the series began in 1999"
        " · followed by US 10Y +6.8bp",
        "",
        "Status: answer of another market, critical",
        "What: followed by US 10Y +6.8bp",
        "Yield: JP 30Y 3.765% at 06:00 UTC",
        "Move: +20.3bp since the last fixing, from 3.562% at 19 Jan 2026 06:00 UTC",
        "Sigma: 6.9σ of 2.94bp (robust, 63 sessions); beyond 6σ 10 times in 4,706 sessions",
        "Rank: largest rise of 1,250 sessions",
        "Record: largest rise since the series began in 1999",
        "Part: JP long and super-long up, led by 30Y, 3 of 6 tenors",
        "Curve: bear steepening  ▄▆█ 10Y 20Y 30Y",
        "US 10Y: followed JP after 8 h 30 min of open time (8 h 20 min to 8 h 40 min), 14 h 30 min by the clock"
        " (over the day) · +6.8bp to 4.295%, 1.4σ · 0.3bp per bp (usually 0.12) · 1.1σ more than usual with JP"
        " · p = .06 among 750 comparable days",
        "Base rate: JP 30Y beyond +4σ: 8 times since 1999, US 10Y the same way in 6 (75 %), mean +1.2σ",
        "UK 10Y: could not respond: closed (overnight), opens 20 Jan 2026 13:00 UTC",
        "Data: last tick 0 s old from desk, its market is closed",
        "Why: rule sigma-breach, bar 6σ = 17.6bp, config 9f2c1a2b, method 1, stressd 0.1.0",
        "Inputs: 3.765% less 3.562% is +20.3bp, over 2.94bp is 6.9σ",
        f"Episode: {event.episode}, update 3, 20 Jan 2026 20:30 UTC",
        f"Next: stressd explain {event.episode}, stressd ack {event.episode}",
        "",
        "JP 10Y  2.300%  +7.8bp  4.2σ  1d",
        "JP 20Y  3.100%  +14.8bp  5.2σ  1d",
        "JP 30Y  3.765%  +20.3bp  6.9σ  1d",
        "",
        f"https://stressd.bank.example/#{event.episode}",
    ]
    assert message.title == event.headline
    assert (message.event_id, message.thread, message.thread_root) == (event.id, event.episode, f"{event.episode}.1")
    assert from_json(message.body) == event


def test_a_tenor_that_moved_on_another_day_says_from_when() -> None:
    told = run([breach(FIXING_19, "JP.GOV.10Y", value=2.266), contract_breach()])
    cells = [row.cells[4] for row in render(told[-1], Telling(first=True)).table]
    assert cells == ["1d from 18 Jan 2026", "1d"]


def test_the_shape_is_of_one_days_moves() -> None:
    told = run([breach(FIXING_19, "JP.GOV.2Y", bp=30.0), breach(FIXING_20, "JP.GOV.10Y", z=4.0), contract_breach()])
    assert told[-1].shape == "bear steepening", "the 2Y rose most, but the day before"


def test_an_answer_against_the_usual_is_told_in_the_sources_direction() -> None:
    down = {"direction": -1, "value": 4.26, "reference_value": 4.30, "z": -0.9, "usual_beta": 0.12}
    for excess, words in ((-0.6, "0.6σ more than usual"), (0.3, "0.3σ less than usual")):
        told = run([breach(FIXING_20, direction=-1), response(US_FIXING_20, excess=excess, **down)])
        assert words in render(told[-1], Telling(first=False)).text


def test_what_is_not_live_says_so_first_everywhere() -> None:
    live = run([contract_breach()])[0]
    for origin, mark in (("simulated", "SIMULATED"), ("drill", "DRILL"), ("replay", "REPLAY")):
        message = render(_with(live, origin=origin), Telling(first=True))
        assert message.text.splitlines()[0] == mark
        assert message.title.startswith(f"{mark} · JP 30Y +20.3bp")
        assert message.subject.startswith(f"[stressd] {mark}: JP yields up")
    assert "SIMULATED" not in render(live, Telling(first=True)).text


def test_late_merged_and_possibly_repeated_messages_say_so() -> None:
    event = run([contract_breach()])[0]
    message = render(event, Telling(first=True, late_s=840.0, merged=2, possible_repeat=True))
    remarks = [
        "late by 14 min",
        "3 updates merged into this one",
        "possible repeat: an earlier attempt may have arrived",
    ]
    assert message.text.splitlines()[2:5] == remarks
    assert [value for label, value in message.facts if label == "Note"] == remarks


def test_an_end_that_is_the_first_word_says_opened_and_resolved() -> None:
    resolved = run([breach(FIXING_20, horizon="5m"), breach(FIXING_20 + HOUR, phase="left", horizon="5m")])[-1]
    assert ("Status", "opened and resolved, warn") in render(resolved, Telling(first=True)).facts
    message = render(resolved, Telling(first=False))
    assert ("Status", "resolved, warn") in message.facts
    assert ("Last breach", "JP 30Y 3.562% at 06:00 UTC") in message.facts
    assert message.title == "JP 30Y move resolved after 1 h · peak +10.0bp at 3.562% · 3.4σ of 2.9bp"


def test_a_followers_message_names_its_source_and_threads_to_it() -> None:
    told = run([breach(FIXING_20), response(US_FIXING_20), breach(US_FIXING_20, "US.GOV.10Y", value=4.295, bp=6.8)])
    message = render(told[-1], Telling(first=True))
    lag = "8 h 30 min of open time, 14 h 30 min by the clock"
    assert ("Source", f"followed JP ({told[0].episode}) after {lag} · 0.3bp per bp") in message.facts
    assert message.title == "US 10Y +6.8bp to 4.295% · 3.4σ of 2.0bp · followed JP"
    assert message.cause_root is None, "where nothing is known of what was told of the source"


def test_intraday_moves_spreads_and_standings_in_words() -> None:
    standing = Standing(4.0, 1, 900, 3, 900, date(2026, 1, 12).toordinal(), False, date(2025, 4, 8).toordinal(), False)
    fact = breach(
        FIXING_20, "US.GOV.2s10s", severity=HIGH, z=4.4, bp=7.8, value=0.709, horizon="30m", standing=standing
    )
    message = render(run([fact])[0], Telling(first=True))
    assert message.title == "US 2s10s +7.8bp over 30m to 70.9bp · 4.4σ of 1.8bp · highest since 8 Apr 2025"
    facts = dict(message.facts)
    assert facts["Spread"] == "US 2s10s 70.9bp"
    assert facts["Sigma"].endswith("; beyond 4σ once in 900 sessions")
    assert facts["Rank"] == "3rd largest rise of 900 sessions"
    assert facts["Record"] == "largest rise over 30m since 12 Jan 2026; highest since 8 Apr 2025"


def test_a_return_period_comes_after_the_count_and_p_only_where_it_is_known() -> None:
    event = run([contract_breach(), response(US_FIXING_20)])[-1]
    lead = _with(event.series[0], return_period_years=[0.9, 1.6, 3.9])
    text = render(_with(event, series=[lead]), Telling(first=True)).text
    assert text.index("beyond 6σ 10 times") < text.index("about every")
    assert "about every 1.6 years on its own history (11 months to 3.9 years)" in text
    assert " p " not in text


def test_levels_silences_and_notes_are_plain() -> None:
    high = level(FIXING_20, what="highest", level=4.301, value=4.313, since=date(2025, 8, 28).toordinal())
    message = render(run([high])[0], Telling(first=True))
    assert message.title == "US 10Y 4.313% · highest since 28 Aug 2025"
    assert ("Level", "4.301%") in message.facts
    down = render(run([level(FIXING_20, what="round", direction=-1, value=4.24)])[0], Telling(first=True))
    assert down.title == "US 10Y fell through 4.25% to 4.24%"
    silent = render(run([silence(FIXING_19)])[0], Telling(first=True))
    assert silent.subject.startswith("[stressd] JP feed: blind · 19 Jan 2026 · #")
    assert ("Series", "JP 10Y") in silent.facts
    assert (silent.table_header, silent.table) == ((), ())
    own = note(FIXING_20, rule="store-failing", source="", text="The store cannot be written: disk full.")
    own.kind = "self"
    told = run([own])[0]
    message = render(told, Telling(first=True))
    assert told.episode.startswith("SELF-260120-")
    assert message.subject.startswith("[stressd] stressd self: store-failing · 20 Jan 2026 · #")
    assert message.title == "The store cannot be written: disk full."


def _with(struct, **changes):  # type: ignore[no-untyped-def]
    return msgspec.structs.replace(struct, **changes)
