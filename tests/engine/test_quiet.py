"""What a silence is taken for: one series, a whole feed, a halt; and what it does to what is open."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest

from stressd.alerts.event import Event
from stressd.alerts.pipeline import Pipeline
from stressd.engine.engine import Engine
from stressd.engine.events import Silence
from stressd.engine.response import Response
from stressd.engine.silence import SilenceWatch, unseen
from stressd.engine.spec import HOUR, MINUTE, SECOND, EngineSpec, SilenceRule
from stressd.lab.offline import Setup, drive
from stressd.market.sessions import calendar
from stressd.market.tick import Tick
from stressd.market.times import DAY, parse_time
from stressd.testing.worlds import world

START = parse_time("2026-01-13T00:00:00Z")
TENORS = ("2Y", "5Y", "10Y", "30Y")


def watched(calendars: dict[str, str], halt_bp: float | None = 15.0) -> EngineSpec:
    spec = world(calendars, TENORS, silence=None, levels=False)
    rule = SilenceRule("quiet", tuple(each.id for each in spec.series), 1, halt_bp=halt_bp)
    return replace(spec, silence_rules=(rule,))


def quotes(spec: EngineSpec, start: int, end: int, every: int, seed: int, source: str = "desk") -> list[Tick]:
    """Each series every few seconds while its market is open, a fraction of a bp at a time."""
    rng = random.Random(seed)
    trades = {market.name: market.calendar for market in spec.markets}
    values = {each.id: 2.0 for each in spec.series}
    ticks = []
    at = start
    while at < end:
        for each in spec.series:
            t = at + int(rng.random() * every)
            if trades[each.market].span_at(t).is_open:
                values[each.id] += rng.gauss(0.0, 0.0005)
                ticks.append(Tick(each.id, round(values[each.id], 4), t, t, source))
        at += every
    return sorted(ticks, key=lambda tick: tick.received)


def told(spec: EngineSpec, ticks: list[Tick], settle: int = HOUR) -> list[Event]:
    return list(drive(Setup(spec).pipeline(ticks[0].received, "simulated"), ticks, settle))


def feeds(events: list[Event]) -> list[tuple[str, str]]:
    return [(event.type, event.headline) for event in events if event.kind == "feed"]


def test_a_feed_that_stops_is_one_episode_and_not_one_a_series() -> None:
    spec = watched({"AA": "always", "BB": "always"})
    before = quotes(spec, START, START + 4 * HOUR, 5 * SECOND, 1)
    after = quotes(spec, START + 5 * HOUR, START + 5 * HOUR + 10 * MINUTE, 5 * SECOND, 2)
    events = told(spec, before + after, 1)
    opened, resolved = feeds(events)
    assert opened[0] == "opened"
    assert opened[1].startswith("desk silent: no tick from any of 8 series for ")
    assert opened[1].endswith(" of open time · AA and BB")
    assert resolved[0] == "resolved"
    assert resolved[1].startswith("desk ticks again, silence lasted 59 min")
    first = next(event for event in events if event.kind == "feed")
    assert sorted(first.data.affected) == sorted(each.id for each in spec.series)
    assert parse_time(first.time) - before[-1].received < 90 * SECOND


def test_one_series_that_stops_is_told_alone_with_its_usual_pause() -> None:
    spec = watched({"AA": "always", "BB": "always"})
    ticks = quotes(spec, START, START + 5 * HOUR, 5 * SECOND, 1)
    mute = [tick for tick in ticks if tick.series != "AA.GOV.10Y" or tick.received < START + 4 * HOUR]
    assert feeds(told(spec, mute, 1)) == [
        ("opened", "AA 10Y silent: no tick for 1 min of open time · 999 of 1,000 of its pauses are below 20 s")
    ]


def test_a_silence_while_warming_says_so() -> None:
    spec = watched({"AA": "always"})
    ticks = quotes(spec, START, START + 2 * HOUR, 10 * SECOND, 1)
    mute = [tick for tick in ticks if tick.series != "AA.GOV.10Y" or tick.received < START + 10 * MINUTE]
    assert feeds(told(spec, mute, 1)) == [
        ("opened", "AA 10Y silent: no tick for 1 h of open time · its usual pauses are not known yet")
    ]


def limit_move(spec: EngineSpec, size: float, mute: str | None) -> list[Tick]:
    """All series of AA jump at four hours, and one of them then stops."""
    at = START + 4 * HOUR
    ticks = []
    for tick in quotes(spec, START, START + 5 * HOUR, 5 * SECOND, 1):
        if tick.received >= at and tick.series.startswith("AA"):
            tick.value = round(tick.value + size, 4)
        if tick.series != mute or tick.received < at + 20 * SECOND:
            ticks.append(tick)
    return ticks


def test_quiet_after_a_limit_move_while_the_feed_goes_on_is_a_halt_and_no_stale_feed() -> None:
    spec = watched({"AA": "always", "BB": "always"})
    events = told(spec, limit_move(spec, 0.22, "AA.GOV.10Y"), 1)
    assert feeds(events) == []
    (halt,) = [event for event in events if event.rule == "quiet"]
    assert (halt.kind, halt.type, halt.market) == ("market", "opened", "AA")
    assert halt.headline.startswith("AA 10Y halted? no tick for 1 min right after +2")
    assert halt.headline.endswith("other series of desk tick")


@pytest.mark.parametrize(("size", "halt_bp"), [(0.05, 15.0), (0.22, None)])
def test_without_such_a_move_or_where_halts_are_switched_off_it_is_a_silence(size: float, halt_bp: float) -> None:
    spec = watched({"AA": "always", "BB": "always"}, halt_bp)
    opened = feeds(told(spec, limit_move(spec, size, "AA.GOV.10Y"), 1))
    assert [headline.partition(":")[0] for _, headline in opened] == ["AA 10Y silent"]


def test_a_halt_ends_with_the_next_tick() -> None:
    spec = watched({"AA": "always", "BB": "always"})
    ticks = limit_move(spec, 0.22, "AA.GOV.10Y")
    ticks.append(Tick("AA.GOV.10Y", 2.22, ticks[-1].received, ticks[-1].received, "desk"))
    ticks.append(Tick("AA.GOV.10Y", 2.221, ticks[-1].received + 1, ticks[-1].received + 1, "desk"))
    halts = [event for event in told(spec, ticks, 1) if event.rule == "quiet"]
    assert [event.type for event in halts] == ["opened", "resolved"]
    assert halts[1].headline.startswith("AA 10Y ticks again, quiet for ")


def test_while_nothing_is_seen_an_episode_neither_closes_nor_grows_old() -> None:
    """Mute in mid-episode, over lunch, the close and the fixing, until well after the next open."""
    spec = watched({"JP": "JP"})
    tokyo = calendar("JP")
    jump = parse_time("2026-01-20T01:00:00Z")
    mute = jump + 5 * MINUTE
    back = tokyo.next_open(parse_time("2026-01-20T20:00:00Z")) + 2 * HOUR
    ticks = []
    for tick in quotes(spec, START, back + 6 * HOUR, 10 * SECOND, 1):
        if jump <= tick.received < mute:
            tick.value = round(tick.value + 0.1, 4)
        if not mute <= tick.received < back:
            ticks.append(tick)
    events = told(spec, ticks, 1)
    sigma = [event for event in events if event.rule == "sigma-breach" and parse_time(event.time) >= jump]
    episode = sigma[0].episode
    types = [(event.type, parse_time(event.time)) for event in sigma if event.episode == episode]
    kinds = [each for each, _ in types]
    assert kinds[0] == "opened"
    assert kinds.count("stale") == kinds.count("resumed") == 1
    stale, resumed = types[kinds.index("stale")][1], types[kinds.index("resumed")][1]
    assert mute < stale < mute + 3 * MINUTE
    assert back <= resumed < back + MINUTE
    assert not [each for each, at in types if stale < at < resumed]
    assert kinds[-1] == "resolved"
    assert types[-1][1] >= back + 10 * MINUTE
    note = next(event for event in sigma if event.type == "stale")
    assert note.note == "no tick from JP 2Y, JP 5Y, JP 10Y and JP 30Y: how it goes on is unknown"
    assert "not seen any more, last +" in note.headline


def test_a_feed_that_was_silent_as_a_whole_is_listened_to_anew_when_it_is_back() -> None:
    """One series comes back, the others do not: they are told again by their own bars, and nothing is told twice."""
    spec = watched({"AA": "always"})
    before = quotes(spec, START, START + 4 * HOUR, 5 * SECOND, 1)
    after = [
        tick
        for tick in quotes(spec, START + 5 * HOUR, START + 6 * HOUR, 5 * SECOND, 2)
        if tick.series in ("AA.GOV.2Y", "AA.GOV.5Y")
    ]
    heads = feeds(told(spec, before + after, 1))
    assert [each for each, _ in heads] == ["opened", "resolved", "opened", "widened"]
    assert heads[2][1].startswith("AA 10Y silent") or heads[2][1].startswith("AA 30Y silent")


def test_a_restart_in_the_middle_of_a_silent_feed_changes_nothing() -> None:
    spec = watched({"AA": "always", "BB": "always"})
    before = quotes(spec, START, START + 4 * HOUR, 5 * SECOND, 1)
    after = quotes(spec, START + 5 * HOUR, START + 5 * HOUR + 10 * MINUTE, 5 * SECOND, 2)
    whole = Setup(spec).pipeline(START, "simulated")
    again = Setup(spec).pipeline(START, "simulated")
    whole.feed(before)
    assert whole.advance(START + 4 * HOUR + 20 * MINUTE)
    again.restore(json.loads(json.dumps(whole.snapshot())))
    again.reconcile()
    rest = [[routed.event for routed in pipeline.feed(after)] for pipeline in (whole, again)]
    assert rest[0] == rest[1] != []
    assert json.dumps(again.engine.snapshot()) == json.dumps(whole.engine.snapshot())


def test_what_is_silent_is_no_fixing() -> None:
    """The last value of the morning does not stand for the afternoon's fixing."""
    spec = watched({"JP": "JP"})
    mute = parse_time("2026-01-20T01:00:00Z")
    ticks = [t for t in quotes(spec, START, mute + DAY, 10 * SECOND, 1) if not mute <= t.received < mute + 8 * HOUR]
    pipeline = Setup(spec).pipeline(START, "simulated")
    for _ in drive(pipeline, [tick for tick in ticks if tick.received < mute], 7 * HOUR):
        pass
    fixed = {row["series"]: row["fixings"] for row in pipeline.engine.status()}
    assert set(fixed.values()) == {5}


def states(pipeline: Pipeline) -> dict[str, str]:
    return {row["series"].partition(".GOV.")[2]: row["state"] for row in pipeline.engine.status()}


def test_status_says_of_each_series_whether_it_can_be_seen() -> None:
    spec = watched({"JP": "JP"})
    end = parse_time("2026-01-20T05:00:00Z")
    ticks = [
        tick
        for tick in quotes(spec, START, end, 10 * SECOND, 1)
        if tick.series != "JP.GOV.2Y" and (tick.series != "JP.GOV.5Y" or tick.received < end - HOUR)
    ]
    pipeline = Setup(spec).pipeline(START, "simulated")
    assert set(states(pipeline).values()) == {"never seen"}
    list(drive(pipeline, ticks, 1))
    assert states(pipeline) == {"2Y": "never seen", "5Y": "silent", "10Y": "live", "30Y": "live"}
    lunch = parse_time("2026-01-21T03:00:00Z")
    pipeline.engine.resume(lunch)
    assert states(pipeline)["10Y"] == "closed"
    pipeline.engine.resume(lunch + HOUR)
    assert states(pipeline)["10Y"] == "unknown"
    row = pipeline.engine.status()[2]
    assert row["learned"]
    assert 10e9 < row["usual_gap"] < 60e9


def test_the_pauses_of_imported_ticks_are_learned_too() -> None:
    spec = watched({"JP": "JP"})
    end = parse_time("2026-01-16T07:00:00Z")
    engine = Engine(spec, end)
    engine.warm(quotes(spec, START, end, 10 * SECOND, 1))
    (row, *_) = engine.status()
    assert (row["learned"], row["state"]) == (True, "never seen")
    assert 10e9 < row["usual_gap"] < 60e9
    (said,) = engine.advance(end + 2 * MINUTE)
    assert isinstance(said, Silence)
    assert (len(said.with_feed), said.warming) == (4, False)


def test_a_market_that_fell_silent_could_not_respond_and_is_not_said_not_to_have() -> None:
    spec = watched({"AA": "always", "BB": "always"})
    jump = START + 5 * HOUR
    ticks = []
    for tick in quotes(spec, START, jump + 20 * MINUTE, 5 * SECOND, 1):
        if tick.series.startswith("AA") and tick.received >= jump:
            tick.value = round(tick.value + 0.1, 4)
        if tick.series != "BB.GOV.2Y" or tick.received < jump + 30 * SECOND:
            ticks.append(tick)
    engine = Engine(spec, START)
    events = engine.feed(ticks) + engine.advance(jump + 14 * HOUR)
    said = [event for event in events if isinstance(event, Response)]
    about = [event for event in said if event.follower == "BB" and event.breach_at >= jump]
    assert {(event.wording, event.reason) for event in about} == {("could not respond", "it is silent")}
    assert [event.final for event in about if event.market == "AA"][-1]


def test_of_a_halted_series_nothing_is_said_that_it_did_not_do() -> None:
    spec = watched({"AA": "always"})
    watch = SilenceWatch(spec.silence_rules[0], "AA.GOV.2Y", "AA", calendar("always"))
    watch.begin(START)
    assert (unseen([watch], True), unseen([watch], False)) == ("", "no tick came in its open time")
    watch.tell(START + HOUR, "desk", (), 22.0)
    assert unseen([watch], True) == unseen([watch], False) == "its trading looks halted"
