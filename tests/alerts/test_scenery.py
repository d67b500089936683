"""From the engine's scene to what an event carries: the day, next levels, price, band and path."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd.alerts.event import from_json, to_json
from stressd.alerts.notification import Telling
from stressd.alerts.render import render
from stressd.engine.events import Breach
from stressd.engine.scene import Beside, Scene
from stressd.market.conventions import SEMI_ANNUAL, SIMPLE
from stressd.market.times import iso
from tests.alerts.facts import FIXING_19, FIXING_20, HOUR, MINUTE, breach, contract_breach, level
from tests.alerts.scripts import run

START = FIXING_20 - 6 * HOUR


def scene() -> Scene:
    found = Scene()
    found.close = (3.562, FIXING_19)
    found.open = (3.571, START)
    found.low = (3.556, START + HOUR)
    found.high = (3.771, FIXING_20)
    found.levels = [(3.8, "own"), (3.5, "own"), (4.5, "far")]
    found.agree = ["backup"]
    found.rejected = 1
    lasts: list[float | None] = [3.571, 3.56, None, 3.7, 3.765]
    found.path = (START, HOUR, lasts, [3.57, 3.556, None, 3.6, 3.7], [3.572, 3.57, None, 3.71, 3.771])
    slope = Beside("JP.GOV.10s30s", 143.4, 14.2, FIXING_19)
    slope.rank, slope.rank_of = 2, 250
    found.beside = [slope, Beside("US-JP.GOV.10Y", 189.6, None, 0)]
    return found


def seen(fact: Breach, **changes: object) -> Breach:
    fact.scene = scene()
    for name, value in changes.items():
        setattr(fact.scene, name, value)
    return fact


def test_an_event_carries_what_stood_around_its_lead() -> None:
    fact = seen(contract_breach())
    fact.rungs, fact.floor_bp = [(1, 3.0), (2, 4.0), (3, 6.0)], 3.0
    (event,) = run([fact])
    lead = event.series[0]
    assert lead.prior_close is not None
    assert (lead.prior_close.value, lead.prior_close.time) == (3.562, iso(FIXING_19))
    assert [(each.level, each.distance_bp, each.what) for each in lead.ahead] == [
        (4.0, 23.5, "round"), (3.75, -1.5, "round"), (3.8, 3.5, "own"), (3.5, -26.5, "own"),
    ]  # fmt: skip
    assert lead.rungs == {"warn": 3.0, "high": 4.0, "critical": 6.0}
    assert lead.price is not None
    assert lead.price.convention == SIMPLE
    assert (event.data.agree, event.data.rejected) == (["backup"], 1)
    assert [each.series for each in event.spreads] == ["JP.GOV.10s30s", "US-JP.GOV.10Y"]
    path = event.path
    assert path is not None
    assert (path.start, path.step_s, path.zone) == (iso(START), 3600.0, "Asia/Tokyo")
    assert path.values == [3.571, 3.56, None, 3.7, 3.765]
    assert path.at.value == 3.765
    assert path.base is not None
    assert path.lower is not None
    assert path.upper is not None
    assert round((path.upper - path.base.value) * 100.0, 3) == round(6.0 * 2.94, 3)
    assert round(path.upper + path.lower, 6) == round(2 * path.base.value, 6)
    assert from_json(to_json(event)) == event


def test_published_fixings_are_priced_by_their_publishers_convention() -> None:
    (live,), (published,) = run([seen(contract_breach())]), run([seen(breach(FIXING_20, bp=20.3, source="MoF"))])
    for event, quoted in ((live, SIMPLE), (published, SEMI_ANNUAL)):
        price = event.series[0].price
        assert price is not None
        assert price.convention == quoted


def test_a_spread_and_a_level_have_no_price_and_a_level_one_line_to_pass() -> None:
    hit = level(FIXING_20, "JP.GOV.30Y", level=3.75, value=3.765)
    hit.scene = scene()
    event = run([hit])[0]
    assert event.series[0].price is None
    assert event.path is not None
    assert (event.path.lower, event.path.upper, event.path.base) == (None, 3.75, None)
    slope = seen(breach(FIXING_20, "US.GOV.2s10s", value=0.709, bp=7.8, horizon="30m"))
    assert run([slope])[0].series[0].price is None


def test_the_path_goes_on_to_the_end_with_the_breach_where_it_was() -> None:
    opened = seen(breach(FIXING_20, horizon="5m", value=3.765))
    lasts: list[float | None] = [3.571, 3.765, 3.6]
    left = seen(
        breach(FIXING_20 + HOUR, phase="left", horizon="5m", value=3.6, bp=0.5), path=(START, HOUR, lasts, lasts, lasts)
    )
    first, last = run([opened, left])
    assert first.path is not None
    assert last.path is not None
    assert last.path.values == lasts
    assert (last.path.at, last.path.base, last.path.upper) == (first.path.at, first.path.base, first.path.upper)


def test_a_joiner_does_not_take_the_leads_path_and_a_new_lead_does() -> None:
    lead = seen(breach(FIXING_20, horizon="5m", z=5.0))
    joiner = seen(breach(FIXING_20 + MINUTE, "JP.GOV.10Y", horizon="5m", z=4.0, value=2.3))
    larger = seen(breach(FIXING_20 + 2 * MINUTE, "JP.GOV.20Y", horizon="5m", z=9.0, value=3.1))
    told = run([lead, joiner, larger])
    paths = [event.path.series for event in told if event.path is not None]
    assert paths[0] == "JP.GOV.30Y"
    assert paths[-1] == told[-1].series[0].series


def test_without_ticks_the_last_fixings_are_the_path() -> None:
    fixings = [(3.5 + 0.01 * k, FIXING_19 - (30 - k) * 24 * HOUR) for k in range(30)]
    (event,) = run([seen(contract_breach(), path=None, fixings=fixings)])
    assert event.path is not None
    assert event.path.resolution == "1d"
    assert len(event.path.values) == 30
    assert "one a fixing" in render(event, Telling(first=True)).text


@given(st.floats(-2.0, 15.0), st.sampled_from([0.05, 0.1, 0.25, 0.5, 1.0]))
def test_the_next_round_numbers_lie_on_either_side_and_no_further_than_one_step(value: float, grid: float) -> None:
    value = round(value, 4)
    (event,) = run([_at(value, grid)])
    above, below = event.series[0].ahead
    assert below.level < value < above.level
    assert round(above.level - below.level, 6) in (round(grid, 6), round(2 * grid, 6)), "two where it stands on one"
    for each in (above, below):
        assert abs(each.level / grid - round(each.level / grid)) < 1e-6
        assert each.distance_bp == pytest.approx((each.level - value) * 100.0, abs=1e-3)


def _at(value: float, grid: float) -> Breach:
    return seen(breach(FIXING_20, value=value, reference_value=value - 0.1), grid=grid, levels=[])


def test_what_is_told_later_keeps_what_stood_around() -> None:
    first, *rest = run([seen(contract_breach()), breach(FIXING_20 + MINUTE, "JP.GOV.20Y", z=3.1)])
    for event in rest:
        assert event.path == first.path
        assert event.spreads == first.spreads
        assert msgspec.structs.asdict(event.data)["agree"] == ["backup"]
