"""How breaches of spreads are told."""

from __future__ import annotations

from stressd.alerts.notification import Telling
from stressd.alerts.render import render
from stressd.engine.spec import HIGH
from tests.alerts.facts import FIXING_20, MINUTE, SECOND, breach, types
from tests.alerts.scripts import run

SLOPE = "US.GOV.2s10s"


def test_a_slope_by_itself_has_an_episode_of_its_own() -> None:
    facts = [
        breach(FIXING_20, SLOPE, bp=7.8, value=0.709, z=4.4, severity=HIGH, horizon="30m"),
        breach(FIXING_20 + MINUTE, "US.GOV.10Y", bp=6.8, value=4.295, z=3.4, horizon="30m"),
    ]
    slope, yields = run(facts)
    assert types([slope, yields]) == ["opened", "opened"]
    assert slope.episode != yields.episode
    assert slope.market == yields.market == "US"
    assert slope.headline == "US 2s10s +7.8bp over 30m to 70.9bp · 4.4σ of 1.8bp"
    assert render(slope, Telling(first=True)).subject.startswith("[stressd] US spreads up · 20 Jan 2026")
    assert render(yields, Telling(first=True)).subject.startswith("[stressd] US yields up · 20 Jan 2026")


def test_a_slope_that_breaches_with_its_yields_is_a_part_of_their_episode_whatever_its_sign() -> None:
    facts = [
        breach(FIXING_20, "US.GOV.2Y", direction=-1, bp=9.0, z=5.0, value=3.5, horizon="5m"),
        breach(FIXING_20 + SECOND, SLOPE, bp=12.0, value=0.8, z=7.0, horizon="5m"),
        breach(FIXING_20 + MINUTE, "US.GOV.2Y", "left", direction=-1, bp=2.0, z=1.0, value=3.5, horizon="5m"),
        breach(FIXING_20 + 2 * MINUTE, SLOPE, "left", bp=1.0, value=0.7, z=1.0, horizon="5m"),
    ]
    told = run(facts)
    assert {event.episode for event in told} == {told[0].episode}
    assert types(told) == ["opened", "widened", "resolved"]
    widened, resolved = told[1:]
    assert widened.note == "joined by 2s10s"
    assert [move.series for move in widened.series] == ["US.GOV.2Y", SLOPE]
    assert widened.headline.startswith("US 2Y -9.0bp over 5m to 3.50%")
    rows = {row.cells[0]: row.cells[1:4] for row in render(widened, Telling(first=False)).table}
    assert rows["US 2s10s"] == ("80.0bp", "+12.0bp", "7.0σ")
    assert resolved.note is not None
    assert "peak 5.0σ, -9.0bp" in resolved.note


def test_a_spread_between_markets_is_its_own_market() -> None:
    told = run([breach(FIXING_20, "IT-DE.GOV.10Y", bp=14.0, value=1.42, z=5.0, market="IT-DE", horizon="5m")])
    assert told[0].market == "IT-DE"
    assert told[0].headline.startswith("IT-DE 10Y +14.0bp over 5m to 142.0bp")
    assert render(told[0], Telling(first=True)).subject.startswith("[stressd] IT-DE spreads up")
