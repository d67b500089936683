"""A storm of real ticks through the whole pipeline: few messages, whatever the batches, and a restart in the middle."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from stressd.alerts.desk import DeskSpec, Routed
from stressd.alerts.digest import DigestSpec, LocalTime
from stressd.alerts.pipeline import Pipeline
from stressd.alerts.routing import RouteSpec
from stressd.config.builtin import default_spec
from stressd.engine.spec import LevelRule
from stressd.lab.offline import Setup
from stressd.market.tick import Tick
from stressd.market.times import parse_time
from tests.alerts.batches import played

SECOND = 1_000_000_000
START = parse_time("2026-01-20T05:00:00Z")
MARKETS = tuple(f"A{letter}" for letter in "ABCDEFGHIJ")
SERIES = tuple(f"{market}.GOV.{tenor}" for market in MARKETS for tenor in ("2Y", "5Y", "10Y", "30Y"))
DESK = DeskSpec(
    (
        RouteSpec(("desk",), severities=("info", "warn", "high", "critical")),
        RouteSpec(("machine",), storm=False),
        RouteSpec(("later",), digest="soon"),
    ),
    digests=(DigestSpec("soon", (LocalTime("Asia/Tokyo", 14 * 60 + 1, (0, 1, 2, 3, 4, 5, 6)),)),),
)
"""Before the end of the storm's first minute there is a digest."""


def pipeline() -> Pipeline:
    spec = default_spec(SERIES)
    level = LevelRule("quarter", SERIES, 1, above=(3.25,))
    return Setup(replace(spec, level_rules=(level,)), desk=DESK).pipeline(START - 300 * SECOND, "live")


def ticks() -> Iterator[Tick]:
    """Every series ticks below the level for a while, jumps above it within ten seconds, and goes on ticking."""
    for round in range(4):
        for n, name in enumerate(SERIES):
            at = START - 240 * SECOND + round * 60 * SECOND + n
            yield Tick(name, 3.2, at, at, "desk")
    for n, name in enumerate(SERIES):
        at = START + 20 * SECOND + (n * 10 * SECOND) // len(SERIES)
        yield Tick(name, 3.3, at, at, "desk")
    for n, name in enumerate(SERIES):
        at = START + 200 * SECOND + n
        yield Tick(name, 3.301, at, at, "desk")


TICKS = list(ticks())


def play(cuts: list[int], restart: int | None = None) -> list[Routed]:
    return played(pipeline, TICKS, START + 400 * SECOND, cuts, restart)


WHOLE = play([])


def test_forty_series_that_jump_within_ten_seconds_are_three_messages_for_people_and_all_of_them_for_machines() -> None:
    desk = [one.event for one in WHOLE if "desk" in one.sinks]
    assert [event.type for event in desk] == ["opened", "opened", "digest"]
    assert {item.episode for item in desk[2].digest} | {event.episode for event in desk[:2]} == {
        one.event.episode for one in WHOLE if one.event.type == "opened"
    }
    assert desk[2].headline.startswith("storm: 10 markets, 38 series beyond their bars in 9.")
    assert len([one for one in WHOLE if "machine" in one.sinks]) == 40
    (digest,) = [one.event for one in WHOLE if "later" in one.sinks]
    assert (digest.time, len(digest.digest)) == ("2026-01-20T05:01:00Z", 40)


@given(st.lists(st.integers(0, len(TICKS)), max_size=12), st.none() | st.integers(0, 12))
@settings(max_examples=25, deadline=None)
def test_neither_batches_nor_a_restart_change_who_hears_what(cuts: list[int], restart: int | None) -> None:
    assert play(cuts, restart) == WHOLE
