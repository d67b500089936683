"""What a post-mortem measures: values without their errors, who moved first, how fast half was given back."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd.lab.incident.effect import YEAR, effect
from stressd.lab.incident.order import movers
from stressd.lab.incident.reversal import reversal
from stressd.lab.incident.values import MOST, Track, from_csv, settled, thinned, to_csv
from stressd.lab.poisson import band
from stressd.market.sessions import calendar
from stressd.market.times import parse_time
from stressd.store import Episode

SECOND = 1_000_000_000
HOUR = 3_600 * SECOND
START = parse_time("2026-01-20T00:00:00Z")

levels = st.integers(-2_000, 8_000).map(lambda thousandths: thousandths / 1000.0)


@st.composite
def tracks(draw: st.DrawFn, least: int = 3, most: int = 120) -> Track:
    values = draw(st.lists(levels, min_size=least, max_size=most))
    steps = draw(st.lists(st.integers(1, 600 * SECOND), min_size=len(values), max_size=len(values)))
    at, track = START, []
    for step, value in zip(steps, values, strict=True):
        at += step
        track.append((at, value))
    return track


@given(tracks())
def test_a_lone_bad_tick_has_no_part_in_what_is_measured(track: Track) -> None:
    calm = settled([(at, 3.5) for at, _ in track])
    spiked = [(at, 3.5) for at, _ in track]
    middle = len(spiked) // 2
    spiked[middle] = (spiked[middle][0], 9.9)
    assert settled(spiked) == calm
    assert [at for at, _ in settled(track)] == [at for at, _ in track]


@given(tracks(most=400), st.integers(4, 200))
def test_a_thinned_track_has_every_extreme_and_both_ends(track: Track, most: int) -> None:
    kept = thinned(track, most)
    assert len(kept) <= max(most, 4)
    assert kept == sorted(set(kept))
    assert set(kept) <= set(track)
    assert {kept[0], kept[-1]} == {track[0], track[-1]}
    assert max(value for _, value in kept) == max(value for _, value in track)
    assert min(value for _, value in kept) == min(value for _, value in track)
    assert thinned(kept, MOST) == kept


@given(st.dictionaries(st.sampled_from(["JP.GOV.30Y", "US.GOV.10Y", 'A,"B', "<b>"]), tracks(), max_size=3))
def test_values_that_were_kept_come_back(given: dict[str, Track]) -> None:
    assert from_csv(to_csv(given).splitlines()) == given


@pytest.mark.parametrize("text", ["", "a,b\n", "time,series,value\nx,JP.GOV.10Y,1\n", "time,series,value\n1,2\n"])
def test_another_file_in_the_place_of_kept_values_is_no_values(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        from_csv(text.splitlines())


@given(st.floats(300.0, 20_000.0), st.floats(5.0, 80.0), st.booleans())
def test_a_move_that_decays_by_a_half_life_has_that_half_life(half_life: float, bp: float, rising: bool) -> None:
    sign = 1.0 if rising else -1.0
    began = (START, 3.5)
    step = 10 * SECOND
    up = [(START + (k + 1) * SECOND, 3.5 + sign * bp / 100.0 * (k + 1) / 60) for k in range(60)]
    peak = up[-1][0]
    down = [
        (peak + k * step, 3.5 + sign * bp / 100.0 * math.exp2(-k * 10.0 / half_life))
        for k in range(1, int(half_life / 10.0 * 3))
    ]
    found = reversal([*up, *down], began, rising, peak + HOUR, None)
    assert found is not None
    assert found.half_life_s is not None
    assert found.half_life_s == pytest.approx(half_life, abs=10.1)
    assert found.moved_bp == pytest.approx(sign * bp)
    assert found.given_back == pytest.approx(7 / 8, abs=0.02)
    early = reversal(
        [*up, *[point for point in down if point[0] < peak + half_life * 0.9e9]], began, rising, peak, None
    )
    assert early is not None
    assert early.half_life_s is None
    assert early.given_back < 0.5


@given(tracks(), levels, st.booleans())
def test_a_reversal_is_the_same_upside_down(track: Track, base: float, rising: bool) -> None:
    end = track[-1][0]
    found = reversal(track, (START, base), rising, end, None)
    mirrored = reversal([(at, -value) for at, value in track], (START, -base), not rising, end, None)
    assert (found is None) == (mirrored is None)
    if found is not None and mirrored is not None:
        assert mirrored.moved_bp == -found.moved_bp
        assert mirrored.half_life_s == found.half_life_s
        assert mirrored.peak[0] == found.peak[0]
        sign = 1.0 if rising else -1.0
        assert all(sign * value <= sign * found.peak[1] for _, value in track)
        assert found.half_life_s is None or found.half_life_s > 0.0


def test_of_a_half_life_that_runs_over_a_night_it_is_said_how_much_was_open() -> None:
    tokyo = calendar("JP")
    began = parse_time("2026-01-20T03:00:00Z")
    peak = parse_time("2026-01-20T05:00:00Z")
    later = parse_time("2026-01-21T00:30:00Z")
    track = [(began + SECOND, 3.6), (peak, 3.8), (peak + HOUR // 2, 3.75), (later, 3.6), (later + HOUR, 3.6)]
    found = reversal(track, (began, 3.56), True, peak + HOUR, tokyo)
    assert found is not None
    assert found.half_life_s == 19.5 * 3_600
    assert found.open_s == tokyo.open_between(peak, later) / SECOND
    assert 0.0 < found.open_s < found.half_life_s


@given(st.permutations(range(5)), st.integers(30, 900))
def test_series_come_in_the_order_of_their_moves(order: list[int], apart: int) -> None:
    """One shape, `apart` seconds after the other, of any sign and size."""
    shapes = {}
    for place, k in enumerate(order):
        size = (1.0 if k % 2 else -1.0) * (0.03 + 0.02 * k)
        begin = START + (600 + place * apart) * SECOND
        shapes[f"M{k}.GOV.10Y"] = [
            (at, 2.0 + size * min(max((at - begin) / (120 * SECOND), 0.0), 1.0))
            for at in range(START, START + 6_000 * SECOND, 2 * SECOND)
        ]
    found = movers(shapes, {}, START, START + 6_000 * SECOND, {})
    assert [each.series for each in found] == [f"M{k}.GOV.10Y" for k in order]
    assert [each.place for each in found] == [1, 2, 3, 4, 5]
    for place, each in enumerate(found):
        assert each.after_s == pytest.approx(place * apart, abs=2.1)
        assert each.half_at == pytest.approx(START + (660 + place * apart) * SECOND, abs=2.1e9)


def test_a_series_that_came_back_below_half_is_dated_by_when_it_stayed_beyond() -> None:
    values = [0.0, 0.06, 0.02, 0.02, 0.06, 0.08, 0.1, 0.09]
    track = [(START + k * SECOND, 2.0 + value) for k, value in enumerate(values)]
    (found,) = movers({"JP.GOV.10Y": track}, {}, START, START + HOUR, {})
    assert found.half_at == START + 4 * SECOND


def test_a_market_that_was_shut_is_measured_from_its_last_close() -> None:
    track = [(START + k * SECOND, 4.30 + 0.001 * k) for k in range(10)]
    (found,) = movers({"US.GOV.10Y": track}, {"US.GOV.10Y": 4.24}, START, START + HOUR, {})
    assert found.half_at == START
    assert found.moved_bp == pytest.approx(6.9)


def test_what_did_not_move_is_not_dated() -> None:
    assert movers({"JP.GOV.10Y": [(START + k * SECOND, 2.0) for k in range(9)]}, {}, START, START + HOUR, {}) == []


ROW = Episode(
    id="JP-260120-aaaa", market="JP", rule="sigma-breach", direction="up", kind="market", origin="live",
    severity="high", headline="", state="closed", opened_at=START, updated_at=START, closed_at=START, last_seq=1,
)  # fmt: skip


@given(st.lists(st.integers(0, 500), max_size=20), st.sampled_from(["live", "drill"]), st.sampled_from(["JP", "US"]))
def test_an_episode_counts_with_those_of_its_own_rule_market_and_kind_of_the_year_before(
    days: list[int], origin: str, market: str
) -> None:
    others = [
        replace(ROW, id=f"JP-{k}", opened_at=START - day * 86_400 * SECOND, origin=origin, market=market)
        for k, day in enumerate(days)
    ]
    found = effect(ROW, [*others, ROW], None)
    same = origin == "live" and market == "JP"
    since = max(START - YEAR, min([START, *(each.opened_at for each in others if each.origin == "live")]))
    assert found.place == 1 + (sum(each.opened_at >= since for each in others) if same else 0)
    assert found.budget_per_year is None
    assert found.band is None
    assert "of sigma-breach in JP" in found.text()


def test_a_later_episode_does_not_change_what_an_earlier_one_used() -> None:
    later = replace(ROW, id="JP-260121-bbbb", opened_at=START + 86_400 * SECOND)
    assert effect(ROW, [ROW, later], None) == effect(ROW, [ROW], None)
    assert effect(later, [ROW, later], None).earlier == [ROW.id]


def test_the_band_of_a_budget_is_that_of_its_expected_number() -> None:
    assert band(4.0) == (1, 8)
