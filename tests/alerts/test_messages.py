"""What every message must say, in which order, and what none may say: over made-up events of every type and kind."""

from __future__ import annotations

import re
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd.alerts.canned import COMPLETE, LEAD, canned
from stressd.alerts.event import Event, EventType, Kind, Origin, SeriesMove, Standing, from_json, to_json
from stressd.alerts.facts import book_text, level_facts, price_text
from stressd.alerts.footing import sparkline_of
from stressd.alerts.headline import LIMIT
from stressd.alerts.notification import Action, Notification, Position, Telling
from stressd.alerts.render import MARKS, render
from stressd.alerts.wire import ENVELOPE, to_wire
from stressd.alerts.wire import LIMIT as WIRE

ORDER = [
    "Status", "What", "Acknowledged", "Withheld", "Session", "Then",
    "Lasted", "Retraced", "Yield", "Peak", "Last breach", "Spread",
    "Level", "Move",
    "Off the curve", "Confirmed", "During", "Model", "Sigma", "Rank", "Record", "Levels",
    "Retraces", "Part", "Curve", "Stress", "Not live", "Curve noise", "Spreads", "Price", "Book", "Series", "Source",
]  # fmt: skip
GROUND = ["Data", "Quotes", "Why", "Inputs", "Episode", "Runbook", "Next", "Path"]
FORBIDDEN = re.compile(
    r"\b(caus\w*|because|due to|odds|gaussian|normal distribution|buy|sell|hedge|should|recommend\w*|opportunit\w*)\b",
    re.IGNORECASE,
)
BOOK = {"JP.GOV.30Y": Position(1_200_000, "JPY"), "JP.GOV.10Y": Position(-400_000, "JPY")}
TELLINGS = st.builds(
    Telling,
    first=st.booleans(),
    page_url=st.sampled_from([None, "https://stressd.bank.example/"]),
    late_s=st.sampled_from([None, 75.0, 90_000.0]),
    merged=st.integers(0, 4),
    possible_repeat=st.booleans(),
    book=st.sampled_from([{}, BOOK]),
    withheld=st.sampled_from([(), ("JP 30Y +12.1bp, silenced by anna until 18:00",)]),
    actions=st.sampled_from([(), (Action("ack 30m", "https://stressd.bank.example/do/abc"),)]),
)
EVENTS = canned()
EVERY = st.sampled_from(EVENTS)


def changed(event: Event, **changes: object) -> Event:
    return msgspec.structs.replace(event, **changes)


def test_there_is_a_made_up_event_of_every_type_kind_and_origin() -> None:
    assert {event.type for event in EVENTS} == set(get_args(EventType))
    assert {event.kind for event in EVENTS} == set(get_args(Kind))
    assert {event.origin for event in EVENTS} == set(get_args(Origin))
    assert len({event.id for event in EVENTS if event.origin == "live"}) >= len(get_args(EventType))
    for event in EVENTS:
        assert from_json(to_json(event)) == event
        assert len(event.headline) <= LIMIT
    assert all(getattr(COMPLETE, field.name) is not None for field in msgspec.structs.fields(Event)
               if field.name not in ("note", "source", "outcome", "acknowledged", "withdrawn", "segments", "retraces",
                                     "day"))  # fmt: skip


@given(EVERY, TELLINGS)
def test_every_message_has_its_parts_in_the_order_in_which_a_desk_asks(event: Event, telling: Telling) -> None:
    message = render(event, telling)
    labels = [label for label, _ in message.facts if label not in ("Note", "Base rate")]
    assert labels == sorted(labels, key=ORDER.index)
    assert len(set(labels)) == len(labels)
    ground = [label for label, _ in message.footing]
    assert ground == sorted(ground, key=GROUND.index)
    assert {"Status"} <= set(labels)
    assert {"Episode", "Next"} <= set(ground)
    assert ("Why" in ground) == (event.day is None)
    lines = message.text.splitlines()
    told = [f"{label}: {value}" for label, value in (*message.facts, *message.answers, *message.footing)]
    places = [lines.index(line) for line in told if not line.startswith("Note: ")]
    assert places == sorted(places)


@given(EVERY, TELLINGS)
def test_a_headline_fits_a_lock_screen_and_keeps_its_first_words_behind_the_mark(
    event: Event, telling: Telling
) -> None:
    message = render(event, telling)
    assert len(message.title) <= LIMIT
    mark = MARKS.get(event.origin)
    said = message.title.removeprefix(f"{mark} · ") if mark else message.title
    assert (mark is None) == (said == message.title)
    assert event.headline.startswith(said.partition(" · ")[0].rstrip("…"))
    assert len(said.partition(" · ")[0]) > 10


@given(EVERY, TELLINGS)
def test_no_message_says_why_a_market_moved_what_the_odds_are_or_what_to_do_about_it(
    event: Event, telling: Telling
) -> None:
    message = render(event, telling)
    assert not FORBIDDEN.search(message.text), FORBIDDEN.search(message.text)
    assert not FORBIDDEN.search(message.subject)


def test_an_exercise_a_replay_and_a_simulation_say_so_first() -> None:
    for origin, mark in MARKS.items():
        message = render(changed(COMPLETE, origin=origin), Telling(first=True))
        assert message.text.startswith(mark)
        assert message.title.startswith(mark)
        assert message.subject.startswith(f"[stressd] {mark}")
        longest = changed(EVENTS[-1], origin=origin)
        assert render(longest, Telling(first=True)).title.startswith(f"{mark} · JP 30Y +16.3bp")


def facts_of(event: Event, **telling: object) -> dict[str, str]:
    message = render(event, Telling(first=True, **telling))  # type: ignore[arg-type]
    return dict([*message.facts, *message.answers, *message.footing])


def test_the_complete_message_says_everything_a_desk_asks() -> None:
    facts = facts_of(COMPLETE, book=BOOK)
    assert facts["Yield"] == (
        "JP 30Y 3.765%, prior close 3.562% (+20.3bp, 19 Jan 06:00 UTC), open 3.571% (+19.4bp, 19 Jan 23:30 UTC), "
        "range 3.556% to 3.771%"
    )
    assert facts["Sigma"] == (
        "6.9σ of 2.36bp (last hour and 5 sessions, by time of day); beyond 6σ 2 times in 250 sessions"
    )
    assert facts["Rank"] == (
        "largest rise of 250 sessions; about every 1.6 years on its own history (11 months to 3.9 years)"
    )
    assert facts["Record"] == "largest rise over 30m since 8 Apr 2025; highest since the series began in 1999"
    assert facts["Levels"] == "next 3.75% (-1.5bp) and 4% (+23.5bp); super-long-levels 3.8% (+3.5bp)"
    assert facts["Curve"] == "bear steepening  ▆██ 20Y 30Y 40Y"
    assert facts["Spreads"] == (
        "2s10s 131.2bp (+5.1bp, 3rd largest rise of 250 sessions), 10s30s 143.4bp (+14.2bp, largest rise of 250 "
        "sessions), US-JP 10Y 189.6bp (-6.1bp); since each prior close"
    )
    assert facts["Price"] == "about -2.3 points per 100 face, DV01 0.14 (par bond of that tenor, simple yield)"
    assert facts["Book"] == ("JP 30Y -JPY 19.6m at DV01 1.2m/bp, JP 10Y JPY 2.4m at DV01 -400k/bp, total -JPY 17.1m")
    assert facts["US 10Y"].startswith("followed JP after 8 h 30 min of open time")
    assert facts["Base rate"] == "JP 30Y beyond +4σ: 8 times since 1999, US 10Y the same way in 6 (75 %), mean +1.2σ"
    assert facts["UK"] == ("could not respond: closed (overnight), opens 20 Jan 2026 08:00 UTC (20 Jan 08:00 London)")
    assert facts["Data"] == (
        "last tick 0.8 s old from desk, backup agrees, futures says otherwise, 2 bad ticks rejected this session"
    )
    assert facts["Why"] == (
        "rule sigma-breach, bar 6σ = 14.2bp (warn 3σ, high 4σ, critical 6σ, at least 2bp), config 9f2c1a2b, method 1, "
        "stressd 0.1.0"
    )
    assert facts["Inputs"] == "3.765% less 3.602% is +16.3bp, over 2.36bp is 6.9σ"
    assert facts["Runbook"] == "https://wiki.bank.example/rates-stress"
    assert facts["Next"] == "stressd explain JP-260120-7q2f, stressd ack JP-260120-7q2f"
    assert facts["Path"].startswith("▁▁▁")
    assert facts["Path"].endswith("█ 3.556% to 3.771%, since 19 Jan 2026 23:30 UTC, steps of 10 min 40 s")


def test_a_resolved_message_is_a_summary() -> None:
    over = next(event for event in EVENTS if event.type == "resolved" and event.kind == "market")
    facts = facts_of(over, withheld=("peak 7.1σ, silenced by anna until 18:00",))
    assert facts["Lasted"] == "3 h 12 min, peak +17.5bp, 7.4σ, 3.777% at 20 Jan 2026 05:44:10 UTC"
    assert facts["Retraced"] == "7.9 of 17.5bp (45 %), now 3.698%"
    assert facts["Withheld"] == "peak 7.1σ, silenced by anna until 18:00"
    assert facts["Next"] == "stressd explain JP-260120-7q2f", "there is nothing left to acknowledge"
    assert "US 10Y" in facts
    assert "UK" in facts


def test_a_digest_names_each_episode_and_why_it_was_not_told() -> None:
    digest = next(event for event in EVENTS if event.type == "digest")
    message = render(digest, Telling(first=True))
    assert message.life == "once"
    lines = dict(message.answers)
    assert lines["JP-260120-7q2f"].startswith("critical, over: JP 30Y +16.3bp")
    assert lines["US-260120-c4me"].endswith("2 messages withheld: silenced by anna until 18:00")


def test_what_the_desk_holds_is_told_to_people_and_never_stands_in_the_event() -> None:
    message = render(COMPLETE, Telling(first=True, book=BOOK))
    assert "at DV01 1.2m/bp" in message.text
    assert b"1200000" not in message.body
    assert b"19.6" not in message.body
    assert book_text([LEAD], {}) == ""
    assert "Book" not in dict(render(COMPLETE, Telling(first=True)).facts)


def test_treasuries_are_told_in_32nds_too() -> None:
    follower = next(event for event in EVENTS if event.source is not None)
    assert price_text(follower.series[0]) == (
        "about -0.55 points per 100 face, -0-177 in 32nds, DV01 0.081 (par bond of that tenor, semi-annual compounding)"
    )


def test_next_levels_of_a_spread_are_in_bp() -> None:
    slope = msgspec.structs.replace(LEAD, series="US.GOV.2s10s", value=0.709, largest_since=None, highest_since=None)
    ahead = [msgspec.structs.replace(LEAD.ahead[0], level=0.75, distance_bp=4.1)]
    assert level_facts(msgspec.structs.replace(slope, ahead=ahead), True) == [("Levels", "next 75.0bp (+4.1bp)")]


def test_a_sparkline_keeps_the_extremes_and_shows_where_nothing_ticked() -> None:
    path = COMPLETE.path
    assert path is not None
    line = sparkline_of(path)
    assert 15 <= len(line) <= 30
    assert line.count("█") >= 1
    assert line.count("▁") >= 1
    assert " " in line.strip(), "the lunch break"
    flat = msgspec.structs.replace(path, values=[2.0, None], low=[2.0, None], high=[2.0, None])
    assert sparkline_of(flat) == "▁ "


@given(st.integers(1, 200), st.integers(0, 5_000))
def test_a_wire_takes_what_it_has_room_for_and_is_told_what_was_left_out(rows: int, size: int) -> None:
    account = {"tail": "x" * size}
    moves = [msgspec.structs.replace(LEAD, series=f"JP.GOV.{k + 1}Y", account=account) for k in range(min(rows, 50))]
    event = changed(COMPLETE, series=moves)
    body = to_wire(event)
    assert len(body) <= WIRE - ENVELOPE
    sent = from_json(body)
    assert (sent == event) == (not sent.left_out)
    assert sent.series[0].series == event.series[0].series
    assert sent.headline == event.headline
    assert sent.followers == event.followers or "further names" in sent.left_out or "base rates" in sent.left_out
    # What is least missed goes first.
    if "path" in sent.left_out:
        assert "accounts of joiners" in sent.left_out or rows == 1


def test_an_ordinary_event_goes_out_whole() -> None:
    for event in EVENTS:
        assert to_wire(event) == to_json(event)


@pytest.mark.parametrize("kind", ["drill", "replay", "simulated"])
def test_nobody_is_asked_to_acknowledge_what_is_not_live(kind: str) -> None:
    assert "ack" not in facts_of(changed(COMPLETE, origin=kind))["Next"]


def move_of(message: Notification) -> SeriesMove:
    return from_json(message.body).series[0]


def test_the_wire_and_the_words_tell_the_same_numbers() -> None:
    message = render(COMPLETE, Telling(first=True))
    assert move_of(message).price == LEAD.price
    assert message.path == COMPLETE.path
    assert message.sparkline in message.text


def test_the_status_says_how_the_episode_stands_where_that_is_not_plain() -> None:
    told = {
        "propagated": (
            "answer of another market, critical, now warn, recovering",
            {"state": "recovering", "rung": "warn"},
        ),
        "reminder": (
            "still open, critical, its market is closed until 20 Jan 2026 23:30 UTC",
            {"state": "suspended", "rung": "critical", "suspended_until": "2026-01-20T23:30:00Z"},
        ),
        "widened": ("widened, critical, flapping, 6 changes", {"state": "open", "rung": "critical", "flapping": 6}),
        "opened": ("opened, critical", {"state": "open", "rung": "critical"}),
    }
    for kind, (words, standing) in told.items():
        event = changed(COMPLETE, type=kind, standing=Standing(**standing))  # type: ignore[arg-type]
        assert facts_of(event)["Status"] == words
    gone = changed(COMPLETE, type="corrected", withdrawn="bad data, says anna")
    assert facts_of(gone)["Status"] == "withdrawn, critical"
    assert facts_of(gone)["Next"] == f"stressd explain {COMPLETE.episode}"
    blind = changed(COMPLETE, data=msgspec.structs.replace(COMPLETE.data, state="stale"))
    assert "nothing ticks" in facts_of(blind)["Data"]
