"""Links within the day: who followed whom, through whom, how surely, and what late ticks make of it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest

from stressd.alerts.episodes import Episodes, EpisodesSpec
from stressd.engine.engine import Engine
from stressd.engine.events import Breach, Event
from stressd.engine.response import Response
from stressd.engine.spec import HOUR, MINUTE, SECOND, EngineSpec
from stressd.market.tick import Tick
from stressd.market.times import parse_time
from stressd.testing.worlds import facts, world

START = parse_time("2026-01-13T00:00:00Z")
EVERY = 2 * HOUR

Path = Callable[[int], float]
"""Percent above the start, by ns."""


def steps(times: list[int], sizes: list[float], ramp: int = 30 * SECOND) -> Path:
    """Moves of these sizes (percent), each spread evenly over the ramp from its time on."""

    def path(t: int) -> float:
        return sum(size * min(max((t - at) / ramp, 0.0), 1.0) for at, size in zip(times, sizes, strict=True) if t > at)

    return path


def chain_spec(*pairs: tuple[str, str]) -> EngineSpec:
    spec = world({"AA": "always", "BB": "always", "CC": "always"}, ("10Y",), silence=None, levels=False, floor_bp=3.0)
    rules = tuple(replace(rule, horizons=("1m", "5m")) for rule in spec.sigma_rules)
    return replace(spec, sigma_rules=rules, propagation=replace(spec.propagation, pairs=pairs))


def walk(spec: EngineSpec, end: int, paths: dict[str, Path], seed: int = 3, every: int = 4 * SECOND) -> list[Tick]:
    """Every market ticks every few seconds, at its own instants: 0.1 bp a minute, and its path."""
    rng = random.Random(seed)
    feed = []
    for number, series in enumerate(spec.series):
        level = 2.0 + number
        t = START + number * 700_000_000
        while t < end:
            level += rng.gauss(0.0, 0.001 * (every / MINUTE) ** 0.5)
            path = paths.get(series.market)
            value = round(level + (path(t) if path is not None else 0.0), 5)
            feed.append(Tick(series.id, value, t, t, "desk"))
            t += int(every * (0.5 + rng.random()))
    return sorted(feed, key=lambda tick: (tick.received, tick.series))


def said(events: list[Event]) -> list[Response]:
    return [event for event in events if isinstance(event, Response)]


CHAINS = 14


def shocks(count: int = CHAINS) -> tuple[list[int], list[float]]:
    rng = random.Random(8)
    times = [START + 6 * HOUR + k * EVERY for k in range(count)]
    return times, [rng.choice((-1.0, 1.0)) * rng.uniform(0.08, 0.16) for _ in range(count)]


@cache
def chained(hinted: bool) -> tuple[list[Response], Engine]:
    """AA moves; BB goes 0.8 of it 90 s later; CC half of that another 30 s later; fourteen times."""
    times, sizes = shocks()
    paths = {
        "AA": steps(times, sizes),
        "BB": steps([t + 90 * SECOND for t in times], [0.8 * size for size in sizes]),
        "CC": steps([t + 120 * SECOND for t in times], [0.4 * size for size in sizes]),
    }
    spec = chain_spec(("AA", "BB"), ("BB", "CC")) if hinted else chain_spec()
    engine = Engine(spec, START - 1)
    events = engine.feed(walk(spec, times[-1] + HOUR, paths))
    return said(events), engine


def last_words(responses: list[Response]) -> dict[tuple[str, str, int], Response]:
    """By source, follower and number of the shock: what stands in the end."""
    found = {}
    for response in responses:
        number = (response.breach_at - START - 6 * HOUR) // EVERY
        found[response.market, response.follower, number] = response
    return found


@pytest.mark.parametrize("hinted", [False, True])
def test_a_chain_is_told_as_a_chain(hinted: bool) -> None:
    words = last_words(chained(hinted)[0])
    learned = range(0 if hinted else 6, CHAINS)
    linked = ("followed", "spilled over")
    assert all(words["AA", "BB", k].wording in linked for k in learned)
    assert all(words["BB", "CC", k].wording in linked for k in learned)
    through = [words["AA", "CC", k] for k in learned if ("AA", "CC", k) in words]
    assert through
    assert all(answer.wording == "did not respond" and answer.via == "BB" for answer in through)


def test_a_link_is_said_at_once_and_its_figures_are_refined_when_the_move_has_settled() -> None:
    mine = [r for r in chained(True)[0] if (r.market, r.follower) == ("AA", "BB")]
    last = max(r.breach_at for r in mine)
    first, *_, settled = (r for r in mine if r.breach_at == last)
    assert first.wording in ("followed", "spilled over")
    assert first.open_lag is not None
    assert settled.open_lag is not None
    assert first.at - last < 2 * MINUTE
    assert 80 * SECOND < settled.open_lag < 100 * SECOND
    assert settled.lag_low is not None
    assert settled.lag_high is not None
    assert settled.lag_low <= settled.open_lag <= settled.lag_high
    assert settled.beta == pytest.approx(0.8, abs=0.08)
    assert settled.p is not None
    assert 0.0 < settled.p < 0.05


def test_spilled_over_is_earned_by_a_history_of_leading() -> None:
    wordings = [r.wording for r in chained(False)[0] if (r.market, r.follower) == ("AA", "BB")]
    assert wordings[0] == "followed"
    assert wordings[-1] == "spilled over"
    assert wordings.index("spilled over") > 4
    assert "followed" not in wordings[wordings.index("spilled over") :]


def test_the_graph_shows_the_chain() -> None:
    edges = {(row["source"], row["follower"]): row for row in chained(False)[1].graph() if row["layer"] == "ticks"}
    there, onward, through, back = edges["AA", "BB"], edges["BB", "CC"], edges["AA", "CC"], edges["BB", "AA"]
    assert there["lag_s"] == pytest.approx(90.0, rel=0.1)
    assert onward["lag_s"] == pytest.approx(30.0, abs=6.0)
    assert there["lag_low_s"] < there["lag_s"] < there["lag_high_s"]
    assert there["beta"] == pytest.approx(0.8, abs=0.05)
    assert onward["beta"] == pytest.approx(0.5, abs=0.05)
    assert there["rate"] > 0.6
    assert (there["spilled_over"], onward["spilled_over"]) == (True, True)
    assert through["rate"] is None or through["rate"] < 0.3
    assert (back["spilled_over"], back["told"]) == (False, 0)
    assert back["backward"] >= CHAINS - 2


def test_the_graph_survives_a_restart() -> None:
    _, engine = chained(False)
    again = Engine(chain_spec(), START)
    again.restore(json.loads(json.dumps(engine.snapshot())))
    assert again.graph() == engine.graph()


def test_a_shock_that_comes_to_all_at_once_has_no_direction() -> None:
    times, sizes = shocks(6)
    spec = chain_spec()
    paths = {name: steps(times, sizes) for name in ("AA", "BB", "CC")}
    engine = Engine(spec, START - 1)
    answers = said(engine.feed(walk(spec, times[-1] + HOUR, paths)))
    assert {r.wording for r in answers} <= {"co-moved", "did not respond"}
    assert "co-moved" in {r.wording for r in answers}
    assert not any(row["spilled_over"] for row in engine.graph())


def late(size: float) -> tuple[EngineSpec, list[Tick], int]:
    """AA jumps; BB, whose ticks were held up, is seen to have jumped too; then its ticks from before AA's jump come."""
    spec = chain_spec(("AA", "BB"))
    shock = START + 6 * HOUR
    paths = {"AA": steps([shock], [0.12], SECOND), "BB": steps([shock - 60 * SECOND], [size], SECOND)}
    feed = walk(spec, shock + HOUR, paths)
    held = [t for t in feed if t.series.startswith("BB") and shock - 70 * SECOND <= t.time < shock + 30 * SECOND]
    rest = [t for t in feed if t not in held]
    comes = shock + 4 * MINUTE
    return spec, sorted([*rest, *(replace_receipt(t, comes) for t in held)], key=lambda t: t.received), shock


def replace_receipt(tick: Tick, received: int) -> Tick:
    return Tick(tick.series, tick.value, tick.time, received, tick.source)


def test_a_follower_that_in_truth_led_is_recognised_when_its_late_ticks_come() -> None:
    spec, feed, shock = late(0.10)
    answers = [r for r in said(Engine(spec, START - 1).feed(feed)) if (r.market, r.follower) == ("AA", "BB")]
    before = [r for r in answers if r.at < shock + 4 * MINUTE]
    after = [r for r in answers if r.at >= shock + 4 * MINUTE]
    assert [r.wording for r in before[-1:]] in (["followed"], ["co-moved"])
    assert after[-1].wording == "did not respond"
    assert after[-1].was == before[-1].wording
    assert after[-1].reason is not None
    assert "earlier" in after[-1].reason


def test_a_market_that_moves_the_other_way_is_no_follower() -> None:
    times, sizes = shocks(5)
    spec = chain_spec(("AA", "BB"))
    paths = {"AA": steps(times, sizes), "BB": steps([t + 60 * SECOND for t in times], [-size for size in sizes])}
    answers = said(Engine(spec, START - 1).feed(walk(spec, times[-1] + HOUR, paths)))
    assert {r.wording for r in answers} == {"did not respond"}


def test_a_restart_amid_the_chains_changes_nothing_that_is_said() -> None:
    times, sizes = shocks(5)
    spec = chain_spec(("AA", "BB"))
    paths = {"AA": steps(times, sizes), "BB": steps([t + 90 * SECOND for t in times], [0.5 * size for size in sizes])}
    feed = walk(spec, times[-1] + HOUR, paths)
    for cut in (times[2] + 45 * SECOND, times[3] + 110 * SECOND, times[4] + 4 * MINUTE):
        at = next(k for k, tick in enumerate(feed) if tick.received >= cut)
        whole = Engine(spec, START - 1)
        whole.feed(feed[:at])
        again = Engine(spec, START - 1)
        again.restore(json.loads(json.dumps(whole.snapshot())))
        assert [facts(e) for e in again.feed(feed[at:])] == [facts(e) for e in whole.feed(feed[at:])]


def test_a_market_that_is_silent_could_not_respond_and_is_judged_when_it_ticks_again() -> None:
    spec = world({"AA": "always", "BB": "always"}, ("10Y",), silence=2 * MINUTE, levels=False, floor_bp=3.0)
    rules = tuple(replace(rule, horizons=("1m", "5m")) for rule in spec.sigma_rules)
    spec = replace(spec, sigma_rules=rules)
    shock = START + 6 * HOUR
    feed = walk(spec, shock + 2 * HOUR, {"AA": steps([shock], [0.12]), "BB": steps([shock + 90 * SECOND], [0.1])})
    quiet = (shock - 10 * MINUTE, shock + 30 * MINUTE)
    heard = [t for t in feed if not (t.series.startswith("BB") and quiet[0] <= t.time < quiet[1])]
    answers = [r for r in said(Engine(spec, START - 1).feed(heard)) if (r.market, r.follower) == ("AA", "BB")]
    assert [(r.wording, r.reason, r.final) for r in answers[:1]] == [("could not respond", "it is silent", False)]
    assert answers[-1].wording == "followed"
    assert answers[-1].final
    assert answers[-1].at >= quiet[1]
    mute = [t for t in feed if not (t.series.startswith("BB") and t.time >= quiet[0])]
    assert {r.wording for r in said(Engine(spec, START - 1).feed(mute))} == {"could not respond"}


def test_a_market_without_a_gauge_is_nobodys_source_or_follower_and_the_others_go_on() -> None:
    times = [6 * HOUR + START + k * EVERY for k in range(2)]
    spec = chain_spec()
    bare = replace(spec, markets=tuple(replace(m, gauge="" if m.name == "AA" else m.gauge) for m in spec.markets))
    paths = {
        market: steps([t + k * MINUTE for t in times], [0.12, 0.12]) for k, market in enumerate(("AA", "BB", "CC"))
    }
    engine = Engine(bare, START)
    events = engine.feed(walk(bare, times[-1] + HOUR, paths))
    assert {event.market for event in events if isinstance(event, Breach)} == {"AA", "BB", "CC"}
    answers = {(response.market, response.follower) for response in said(events)}
    assert answers
    assert not any("AA" in pair for pair in answers)


def test_what_was_answered_long_ago_is_forgotten_also_where_nobody_follows() -> None:
    spec = chain_spec()
    times = [START + 6 * HOUR + k * EVERY for k in range(20)]
    engine = Engine(spec, START)
    events = engine.feed(walk(spec, times[-1] + HOUR, {"AA": steps(times, [0.12 * (-1) ** k for k in range(20)])}))
    assert len([response for response in said(events) if response.final]) >= 36
    assert len(engine.propagation.ticks.told) <= 16  # two followers, seven shocks within twelve hours


def test_a_link_that_late_ticks_take_back_is_corrected_on_the_episode_that_told_it() -> None:
    spec, feed, shock = late(0.10)
    episodes = Episodes(EpisodesSpec(instance="desk", origin="replay", version="0", method="1", config="x"))
    told = []
    for event in Engine(spec, START - 1).feed(feed):
        told += episodes.apply(event)
    told += episodes.advance(feed[-1].received + HOUR)
    mine = [event for event in told if event.market == "AA"]
    assert [event.type for event in mine] == ["opened", "propagated", "corrected", "resolved"]
    linked, corrected, resolved = mine[1:]
    assert (linked.followers[0].market, linked.followers[0].wording) == ("BB", "co-moved")
    assert parse_time(corrected.time) - shock < 5 * MINUTE
    assert (corrected.followers[0].wording, corrected.followers[0].was) == ("did not respond", "co-moved")
    assert corrected.note is not None
    assert "late ticks show that it moved" in corrected.note
    assert resolved.followers[0].wording == "did not respond"
