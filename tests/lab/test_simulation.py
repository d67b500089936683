"""The simulator: a seed is a world, parts do not disturb each other, labels are true, and dirt is only dirt."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from stressd.lab.faults import UnreadFile
from stressd.lab.sim.arrays import Floats
from stressd.lab.sim.hours import Hours
from stressd.lab.sim.jumps import Jump, Jumps
from stressd.lab.sim.labels import Dirt, Label, Move, Run, read_labels, to_line
from stressd.lab.sim.model import BETA, DIRT, MODELS, SimSpec, curve_scales, curve_weights
from stressd.lab.sim.shocks import LogVol, Turmoil, mixing
from stressd.lab.sim.world import SimDay, Simulation
from stressd.market.sessions import calendar, local
from stressd.market.tick import Tick
from stressd.market.times import SECOND, day_start, parse_day, parse_time

pytestmark = pytest.mark.once

SMALL = SimSpec(markets=("JP", "US"), days=5, seed=7, rate=5.0)


def whole(spec: SimSpec) -> tuple[list[Tick], list[Label]]:
    ticks: list[Tick] = []
    labels: list[Label] = []
    for day in Simulation(spec).days():
        ticks += day.ticks()
        labels += day.labels
    return ticks, labels


def moves(labels: list[Label]) -> list[Move]:
    return [label for label in labels if isinstance(label, Move)]


def whole_path(days: list[SimDay], series: str) -> tuple[Floats, Floats]:
    """Seconds of the epoch, bp."""
    seconds = np.concatenate([day.paths[series].seconds for day in days])
    return seconds.astype(np.float64), np.concatenate([day.paths[series].bp for day in days])


@settings(max_examples=8)
@given(seed=st.integers(0, 2**40))
def test_a_seed_is_a_world_and_another_seed_another(seed: int) -> None:
    spec = SimSpec(markets=("UK",), days=1, seed=seed)
    assert whole(spec) == whole(spec)
    assert whole(spec)[0] != whole(replace(spec, seed=seed + 1))[0]


def test_a_longer_run_begins_with_the_shorter_one() -> None:
    short, labels = whole(SMALL)
    long, more = whole(replace(SMALL, days=7))
    assert long[: len(short)] == short
    assert more[: len(labels)] == labels


def test_a_further_market_or_tenor_changes_no_tick_of_the_others() -> None:
    def japan(spec: SimSpec) -> list[Tick]:
        return [tick for tick in whole(spec)[0] if tick.series == "JP.GOV.10Y"]

    spec = SimSpec(markets=("JP",), days=4, seed=5, rate=5.0)
    assert japan(spec) == japan(replace(spec, markets=("US", "JP"), tenors=("2Y", "10Y", "30Y"))) != []


def test_without_dirt_ticks_are_monotone_received_at_once_and_within_hours() -> None:
    ticks, labels = whole(replace(SMALL, dirt=(), tenors=("2Y", "30Y")))
    assert not [label for label in labels if isinstance(label, Dirt)]
    assert all(tick.time == tick.received for tick in ticks)
    assert [tick.received for tick in ticks] == sorted(tick.received for tick in ticks)
    for series in ("JP.GOV.2Y", "JP.GOV.30Y", "US.GOV.2Y", "US.GOV.30Y"):
        times = [tick.time for tick in ticks if tick.series == series]
        assert all(a < b for a, b in pairwise(times))
        trading = calendar(series[:2])
        assert all(trading.span_at(t).is_open for t in times)


def test_dirt_leaves_the_clean_path_and_the_clean_ticks_alone() -> None:
    for dirty, clean in zip(Simulation(SMALL).days(), Simulation(replace(SMALL, dirt=())).days(), strict=True):
        assert moves(dirty.labels) == moves(clean.labels)
        for name in clean.quotes:
            assert (dirty.paths[name].bp == clean.paths[name].bp).all()
            assert (dirty.clean[name].values == clean.quotes[name].values).all()
            assert (dirty.clean[name].times == clean.quotes[name].times).all()


def test_bad_ticks_and_duplicates_come_on_top_of_every_clean_tick() -> None:
    days = list(Simulation(replace(SMALL, dirt=("bad", "duplicate"), days=10)).days())
    extra = clean = 0
    for day in days:
        for name, quotes in day.quotes.items():
            given_ = set(zip(quotes.times.tolist(), quotes.values.tolist(), strict=True))
            true = set(zip(day.clean[name].times.tolist(), day.clean[name].values.tolist(), strict=True))
            assert true <= given_
            assert (np.diff(quotes.received) >= 0).all()
            extra += len(quotes.times) - len(day.clean[name].times)
            clean += len(true)
    labels = [label for day in days for label in day.labels if isinstance(label, Dirt)]
    bad = sum(label.flag == "bad" for label in labels)
    assert extra == bad + sum(label.count for label in labels if label.flag == "duplicate")
    assert 0.008 < (extra - bad) / clean < 0.012
    assert 3e-5 < bad / clean < 3e-4


@pytest.mark.parametrize("flag", DIRT)
def test_every_kind_of_dirt_can_be_had_alone_is_labelled_and_is_what_it_says(flag: str) -> None:
    days_needed = {"hour": 300, "unit": 100}.get(flag, 40)
    spec = SimSpec(markets=("DE",), days=days_needed, seed=12, dirt=(flag,), jumps=False)
    days = list(Simulation(spec).days())
    labels = [label for day in days for label in day.labels if isinstance(label, Dirt)]
    assert {label.flag for label in labels} == (set() if flag == "skew" else {flag})
    name = "DE.GOV.10Y"
    seen = 0
    for day in days:
        dirty, clean = day.quotes[name], day.clean[name]
        if flag == "skew" and len(clean.times):
            assert len({*(dirty.times - clean.times).tolist()}) == 1
            assert 0 < abs(int(dirty.times[0] - clean.times[0])) <= 2000
            assert (dirty.received == clean.times).all()
            seen += 1
        elif flag == "swap" and len(clean.times):
            assert (np.diff(dirty.received) > 0).all()
            back = int((np.diff(dirty.times) < 0).sum())
            assert back == sum(label.count for label in day.labels if isinstance(label, Dirt))
            assert sorted(dirty.times) == clean.times.tolist()
            seen += back
        for label in day.labels:
            if not isinstance(label, Dirt) or not label.lasts_s:
                continue
            begin = parse_time(label.time) // 10**6
            until = begin + label.lasts_s * 1000
            inside = (dirty.received >= begin) & (dirty.received < until)
            missing = (clean.times >= begin) & (clean.times < until)
            if flag == "stale" and inside.any():
                assert len(set(dirty.values[inside].tolist())) == 1
            elif flag == "unit" and inside.any():
                ratio = dirty.values[inside] / clean.values[missing]
                assert np.allclose(ratio, 100.0) or np.allclose(ratio, 0.01)
            elif flag == "hour" and inside.any():
                assert set(np.abs(dirty.times - dirty.received)[inside].tolist()) == {3_600_000}
            elif flag == "gap":
                assert not inside.any()
            elif flag == "restart" and inside.any():
                assert (dirty.times[inside] < begin).all()
            seen += 1
        if flag in ("bad", "duplicate"):
            seen += len(dirty.times) - len(clean.times)
    assert seen


def test_a_jump_of_the_labels_is_there_in_the_clean_path() -> None:
    spec = SimSpec(days=10, seed=3, rate=2.0, tenors=("2Y", "10Y"))
    jumpy, still = list(Simulation(spec).days()), list(Simulation(replace(spec, jumps=False)).days())
    found = moves([label for day in jumpy for label in day.labels])
    checked = 0
    for label in found:
        onset, over = parse_time(label.onset) / 1e9, parse_time(label.onset) / 1e9 + label.ramp_s
        others = [m for m in found if m.market == label.market and m is not label]
        if any(onset - 70 < parse_time(m.onset) / 1e9 < over + 3 for m in others):
            continue
        for tenor, scale in zip(spec.tenors, curve_scales(spec.tenors), strict=True):
            seconds, with_jump = whole_path(jumpy, f"{label.market}.GOV.{tenor}")
            _, without = whole_path(still, f"{label.market}.GOV.{tenor}")
            jumps = with_jump - without
            before, after = np.searchsorted(seconds, [math.floor(onset), math.ceil(over) + 1])
            assert jumps[after] - jumps[before] == pytest.approx(label.bp * scale, abs=1e-6)
            half = np.searchsorted(seconds, onset + label.ramp_s / 2)
            assert jumps[half] - jumps[before] == pytest.approx(label.bp * scale / 2, abs=abs(label.bp) * 0.06)
            checked += 1
    assert checked > 20
    assert not moves([label for day in still for label in day.labels])


def test_sigma_of_five_minutes_is_the_root_mean_square_of_five_minute_moves() -> None:
    spec = SimSpec(markets=("UK",), days=120, seed=2, jumps=False, dirt=(), nu=50.0)
    hours = Hours("UK", MODELS["UK"], spec.start)
    sizes = Jumps(spec, {"UK": hours}, {"UK": LogVol(spec, "UK")})
    ratios = []
    for day in Simulation(spec).days():
        path = day.paths["UK.GOV.10Y"]
        for at in range(600, len(path.seconds) - 600, 1800):
            sigma = sizes.sigma_bp("UK", int(path.seconds[at]) * SECOND)
            ratios.append((path.bp[at + 300] - path.bp[at]) / sigma)
    assert 0.93 < math.sqrt(np.mean(np.square(ratios))) < 1.07


def quarter_hours(nu: float) -> list[float]:
    """Moves over quarters of an hour of a market that never jumps, over the volatility that they were drawn with."""
    spec = SimSpec(markets=("DE",), days=45, seed=21, jumps=False, dirt=(), nu=nu)
    hours, vol = Hours("DE", MODELS["DE"], spec.start), LogVol(spec, "DE")
    out = []
    for day in Simulation(spec).days():
        path = day.paths["DE.GOV.10Y"]
        for span in hours.spans(day.day):
            first = -(-span.begin // 900) * 900
            offset = int(path.seconds[0]) - day_start(day.day) // SECOND
            shape = hours.by_second(hours.shape, day.day, span)
            for second in range(first, span.end - 900, 900):
                at = second - offset
                mean_square = float(np.mean(shape[second - span.begin : second - span.begin + 900] ** 2))
                sigma = MODELS["DE"].sigma * vol.factor(span.day) * math.sqrt(900 / hours.open_s * mean_square)
                out.append(float(path.bp[at + 900] - path.bp[at]) / sigma)
    return out


@pytest.mark.parametrize("nu", [4.0, 6.0, 50.0])
def test_moves_have_the_tail_index_that_was_asked_for(nu: float) -> None:
    moved = np.array(quarter_hours(nu))
    unit = moved * math.sqrt(nu / (nu - 2.0))
    assert len(moved) > 3000
    assert stats.kstest(unit, "t", args=(nu,)).pvalue > 0.01
    if nu < 10:
        assert stats.kstest(moved, "norm").pvalue < 1e-4


def test_the_mixing_is_inverse_gamma_of_mean_one_and_half_common() -> None:
    spec = SimSpec(nu=6.0)
    one, other = (np.concatenate([mixing(spec, m, day) for day in range(400)]) for m in ("JP", "US"))
    assert stats.kstest(2.0 / one, "gamma", args=(3.0,)).pvalue > 0.01
    assert np.corrcoef(1.0 / one, 1.0 / other)[0, 1] == pytest.approx(0.5, abs=0.03)


def test_volatility_and_ticks_follow_the_shape_of_the_day_at_the_stated_gap() -> None:
    spec = SimSpec(markets=("US",), days=80, seed=4, jumps=False, dirt=(), nu=50.0)
    hours = Hours("US", MODELS["US"], spec.start)
    squares, counts, n = np.zeros(288), np.zeros(288), np.zeros(288)
    gaps = 0
    for day in Simulation(spec).days():
        path, quotes = day.paths["US.GOV.10Y"], day.quotes["US.GOV.10Y"]
        if not len(path.seconds):
            continue
        first = hours.minute_of(int(path.seconds[0]) * SECOND) // 5
        blocks = np.diff(path.bp[::300]) ** 2
        squares[first : first + len(blocks)] += blocks
        n[first : first + len(blocks)] += 1
        minute = (quotes.times - int(path.seconds[0]) * 1000) // 300_000
        counts += np.bincount(minute + first, minlength=288)
        gaps += len(quotes.times)
    used = n > 40
    shape = np.sqrt(np.mean(hours.shape.reshape(288, 5) ** 2, axis=1))[used]
    assert np.corrcoef(np.sqrt(squares[used] / n[used]), shape)[0, 1] > 0.95
    activity = np.mean(hours.activity.reshape(288, 5), axis=1)[used]
    assert np.corrcoef(counts[used], activity)[0, 1] > 0.99
    assert hours.open_s * n.max() / gaps == pytest.approx(MODELS["US"].gap, rel=0.03)


def drawn(spec: SimSpec, market: str, sessions: int) -> list[Jump]:
    places = {m: Hours(m, MODELS[m], spec.start) for m in spec.markets}
    jumps = Jumps(spec, places, {m: LogVol(spec, m) for m in spec.markets})
    start = day_start(spec.start)
    days = places[market].sessions(start, start + sessions * 86_400 * SECOND)
    return [jump for session in days for jump in jumps.of_session(market, session)]


def test_jumps_come_at_their_rate_in_liquid_hours_and_have_children_as_specified() -> None:
    spec = SimSpec(rate=5.0, seed=8)
    made = drawn(spec, "US", 700)
    labels = {jump.label.id: jump.label for jump in made}
    assert len(labels) == len(made)
    primaries = [jump for jump in made if jump.label.kind == "primary"]
    sessions = 480
    assert len(primaries) / sessions / 5.0 == pytest.approx(MODELS["US"].primaries, rel=0.15)
    trading = calendar("US")
    for jump in primaries:
        assert 6.0 <= abs(jump.label.k) <= 14.0
        assert 20.0 <= jump.ramp_s <= 60.0
        span = trading.span_at(jump.onset)
        assert span.is_open
        assert jump.onset - span.start >= 600 * SECOND
        assert span.end - jump.onset >= 900 * SECOND
    for market in ("UK", "DE"):
        own = calendar(market)
        children = [j for j in made if j.market == market]
        within = [j for j in primaries if own.span_at(j.onset).is_open and own.span_at(j.onset + 180 * SECOND).is_open]
        answers = [j for j in children if not j.label.at_open]
        assert len(answers) / len(within) == pytest.approx(0.8, abs=0.07)
        openings = [own.span_at(j.onset).start for j in children if j.label.at_open]
        assert len(set(openings)) == len(openings) > 0
        overlapping = [j.label.lag_s for j in children if not j.label.at_open and j.label.lag_s is not None]
        assert np.median(overlapping) == pytest.approx(30.0, rel=0.08)
        assert stats.kstest(np.log(np.array(overlapping) / 30.0) / 0.2, "norm").pvalue > 0.01
        for child in children:
            assert child.label.parent is not None
            parent = labels[child.label.parent]
            assert child.label.root == parent.id
            assert abs(child.label.k / parent.k / BETA - 1.0) <= 0.1501
            assert child.label.lag_s is not None
            assert parse_time(child.label.onset) - parse_time(parent.onset) == round(child.label.lag_s * 1e9)
            assert own.span_at(child.onset).is_open
            assert child.label.open_lag_s == pytest.approx(
                own.open_between(parse_time(parent.onset), child.onset) / 1e9
            )
            assert child.label.at_open or child.label.open_lag_s == child.label.lag_s
    assert {j.market for j in drawn(replace(spec, propagate=False), "US", 100)} == {"US"}
    assert not drawn(replace(spec, jumps=False), "US", 100)
    assert not [j for j in drawn(spec, "UK", 100) if j.market != "UK"]


def test_a_grandchild_names_its_parent_and_its_root() -> None:
    made = drawn(SimSpec(rate=5.0, seed=8), "JP", 200)
    labels = {jump.label.id: jump.label for jump in made}
    grand = [jump.label for jump in made if jump.market in ("UK", "DE")]
    assert grand
    for label in grand:
        assert label.parent is not None
        assert labels[label.parent].market == "US"
        assert labels[label.root].market == "JP"
        assert labels[label.root].kind == "primary"


def test_clusters_excite_and_fakes_half_revert_without_children() -> None:
    spec = SimSpec(rate=5.0, seed=9, clusters=True)
    made = drawn(spec, "UK", 400)
    excited = [j for j in made if j.label.kind == "cluster"]
    assert 0.2 < len(excited) / len(made) < 0.4
    fakes = drawn(SimSpec(rate=5.0, seed=9, fakes=1.0), "US", 100)
    assert {j.label.kind for j in fakes} == {"primary", "retrace"}
    for jump, back in zip(fakes[::2], fakes[1::2], strict=True):
        assert back.sizes == pytest.approx(-0.5 * jump.sizes)
        assert back.onset == jump.onset + round(jump.ramp_s * 1e9)
        assert back.label.parent == jump.label.id
        assert back.ramp_s == 300.0


def test_interdependence_makes_markets_move_together_and_nothing_leads() -> None:
    days = list(Simulation(SimSpec(days=60, seed=6, jumps=False, bursts=True, dirt=())).days())
    labels = moves([label for day in days for label in day.labels])
    assert labels
    assert {label.kind for label in labels} == {"burst"}
    assert all(label.parent is None for label in labels)

    def both(day: SimDay, low: float, high: float) -> tuple[Floats, Floats]:
        a, b = day.paths["UK.GOV.10Y"], day.paths["DE.GOV.10Y"]
        common = np.intersect1d(a.seconds, b.seconds)
        common = common[(common >= low) & (common < high)]
        rows = [np.diff(p.bp[np.searchsorted(p.seconds, common)][::10]) for p in (a, b)]
        return rows[0], rows[1]

    loud = next(label for label in labels if label.market == "UK" and label.ramp_s > 3600)
    onset = parse_time(loud.onset) / 1e9
    day = next(d for d in days if day_start(d.day) <= onset * 1e9 < day_start(d.day + 1))
    uk, de = both(day, onset, onset + 3600)
    quiet = [both(d, 0, 1e18) for d in days[:5] if len(d.paths["UK.GOV.10Y"].seconds)]
    assert np.corrcoef(uk, de)[0, 1] > np.mean([np.corrcoef(*each)[0, 1] for each in quiet]) + 0.3


def test_turmoil_is_a_state_that_lasts() -> None:
    turmoil = Turmoil(SimSpec(turmoil=True, seed=3))
    start = SimSpec().start
    rhos = [turmoil.rho(start + i) for i in range(2000)]
    assert set(rhos) == {0.35, 0.6}
    assert 0.1 < rhos.count(0.6) / len(rhos) < 0.3
    assert sum(a != b for a, b in pairwise(rhos)) < 250


def test_tenors_have_their_volatility_and_move_together() -> None:
    spec = SimSpec(markets=("UK",), tenors=("2Y", "10Y", "30Y"), days=20, seed=1, jumps=False, dirt=(), nu=50.0)
    assert (curve_weights(spec.tenors) ** 2).sum(axis=1) == pytest.approx([1.0, 1.0, 1.0])
    steps = [
        np.concatenate(
            [np.diff(day.paths[name].bp[::60]) for day in Simulation(spec).days() if day.paths[name].bp.size]
        )
        for name in spec.series("UK")
    ]
    two, ten, thirty = (float(np.std(each)) for each in steps)
    assert two / ten == pytest.approx(0.8, rel=0.03)
    assert thirty / ten == pytest.approx(0.95, rel=0.03)
    assert np.corrcoef(steps[1], steps[2])[0, 1] > 0.8


def test_log_volatility_has_its_spread_and_memory() -> None:
    vol = LogVol(SimSpec(), "US")
    days = [d for d in range(SimSpec().start, SimSpec().start + 7000) if (d - 1) % 7 < 5]
    logs = np.log([vol.factor(day) for day in days])
    assert np.std(logs) == pytest.approx(0.25, abs=0.04)
    assert np.corrcoef(logs[1:], logs[:-1])[0, 1] == pytest.approx(0.95, abs=0.02)
    other = LogVol(SimSpec(), "JP")
    assert np.corrcoef(logs, np.log([other.factor(day) for day in days]))[0, 1] == pytest.approx(0.7, abs=0.12)


def test_the_run_says_what_counts() -> None:
    run = Simulation(SimSpec(markets=("JP", "US"), days=5, warm=5, start=parse_day("2025-01-06"))).run
    assert (run.start, run.scored_from, run.end) == (
        "2025-01-06T00:00:00Z", "2025-01-11T00:00:00Z", "2025-01-18T00:00:00Z"
    )  # fmt: skip
    assert run.sessions == {"JP": 4, "US": 5}  # Coming-of-Age day
    summer = local(day_start(parse_day("2025-07-08")) + 12 * 3600 * SECOND, calendar("US").zone)
    assert (
        Hours("US", MODELS["US"], run.sessions["US"] + parse_day("2025-07-01")).minute_of(
            day_start(parse_day("2025-07-08")) + 12 * 3600 * SECOND
        )
        == summer.hour * 60
    )


def test_labels_survive_their_file_and_damage_is_named() -> None:
    simulation = Simulation(SMALL)
    labels: list[Label] = [simulation.run]
    for day in simulation.days():
        labels += day.labels
    lines = [to_line(label) for label in labels]
    assert read_labels("x", lines) == labels
    assert isinstance(labels[0], Run)
    with pytest.raises(UnreadFile, match="x:2: error: no label"):
        read_labels("x", [lines[0], b'{"record": "wish"}\n'])
    with pytest.raises(UnreadFile, match="begins with its run"):
        read_labels("x", lines[1:])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"markets": ("JP", "XX")}, "'XX' has no model"),
        ({"markets": ("JP", "JP")}, "each once"),
        ({"tenors": ("2s10s",)}, "a spread"),
        ({"dirt": ("mud",)}, "'mud' is unknown"),
        ({"days": 0}, "one day or more"),
        ({"nu": 2.0}, "above 2"),
        ({"fakes": 1.5}, "a share"),
    ],
)
def test_a_world_that_cannot_be_is_refused_in_words(changed: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        SimSpec(**changed)  # type: ignore[arg-type]
