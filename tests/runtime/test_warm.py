"""Warming an engine from its saved state and from imported history."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import msgspec
import pytest

from stressd.engine.engine import Engine
from stressd.engine.events import Silence
from stressd.engine.spec import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    EngineSpec,
    MarketSpec,
    Rung,
    SeriesSpec,
    SigmaRule,
    SilenceRule,
)
from stressd.lab.history import continued
from stressd.market.sessions import calendar
from stressd.market.tick import Tick
from stressd.runtime import warm
from stressd.runtime.snapshots import FORMAT, NAME, Saved, Snapshots
from stressd.store import Store

NAMES = ("JP.GOV.10Y", "JP.GOV.30Y")
LAST_DAY = date(2026, 1, 16).toordinal()
START = calendar("always").fixing_on(LAST_DAY) + 3 * HOUR


def spec(convention: str | None = None, series: tuple[str, ...] = NAMES) -> EngineSpec:
    rungs = (Rung(1, 3.0, 2.0),)
    return EngineSpec(
        markets=(MarketSpec("JP", calendar("always"), "JP.GOV.10Y"),),
        series=tuple(SeriesSpec(name, "JP", name.split(".")[2], ("desk",), convention) for name in series),
        sigma_rules=(SigmaRule("moves", series, ("1m", "1d"), rungs, {"1m": 1.0, "1d": 3.0}),),
        silence_rules=(SilenceRule("mute", series, 1, 5 * MINUTE),),
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path)
    yield store
    store.close()


def fixings(store: Store, days: int, source: str = "MoF", convention: str = "simple", seed: int = 1) -> None:
    rng = random.Random(seed)
    rows, values = [], dict.fromkeys(NAMES, 2.0)
    for day in range(LAST_DAY - days + 1, LAST_DAY + 1):
        for name in NAMES:
            values[name] += rng.gauss(0.0, 0.03)
            rows.append((name, day, round(values[name], 4)))
    store.import_daily(rows, source=source, convention=convention)


def made(
    store: Store, of: EngineSpec, saved: Saved | None = None, start: int = START, *, heard: bool = False
) -> Engine:
    history = warm.choose(of, store)
    if saved is not None and heard:
        return warm.Succession(of, start, store, saved.engine["series"], saved.history, history).take_over(saved.engine)
    return warm.prepare(of, start, store, saved, history)


def saved(engine: Engine, store: Store, of: EngineSpec) -> Saved:
    """A snapshot after its way to the disk and back."""
    kept = Saved(engine.now, engine.snapshot(), warm.choose(of, store).signature())
    return msgspec.json.decode(msgspec.json.encode(kept), type=Saved)


def row(engine: Engine, name: str = "JP.GOV.30Y") -> dict[str, object]:
    return next(each for each in engine.status() if each["series"] == name)


def live(engine: Engine, count: int) -> None:
    """Ticks every ten seconds."""
    rng = random.Random(2)
    engine.feed(
        [
            Tick(name, 2.0 + rng.gauss(0.0, 0.002), at, at, "desk")
            for at in range(engine.now + SECOND, engine.now + count * 10 * SECOND, 10 * SECOND)
            for name in NAMES
        ]
    )


def test_a_cold_engine_learns_the_daily_horizon_from_history(store: Store) -> None:
    fixings(store, 200)
    state = row(made(store, spec()))
    assert state["fixings"] == 200
    assert state["warm"] == {"1m": 0.0, "5m": 0.0, "30m": 0.0, "session": 0.0, "gap": 0.0, "1d": 1.0}
    assert state["value"] is None, "an imported level is no live one"
    assert state["provisional"] == ""


def test_fixings_after_the_start_are_not_read_ahead(store: Store) -> None:
    fixings(store, 200)
    assert row(made(store, spec(), start=START - 10 * DAY))["fixings"] == 190


def test_history_in_another_convention_makes_the_scale_provisional_and_one_in_the_feeds_own_is_preferred(
    store: Store,
) -> None:
    fixings(store, 200, "MoF", "semi-annual")
    assert row(made(store, spec("simple")))["provisional"] == "history is semi-annual, the feed is simple"
    fixings(store, 100, "vendor", "simple")
    state = row(made(store, spec("simple")))
    assert (state["provisional"], state["fixings"]) == ("", 100)


def test_a_restart_goes_on_where_the_snapshot_stood(store: Store) -> None:
    fixings(store, 200)
    engine = made(store, spec())
    live(engine, 2_000)
    again = made(store, spec(), saved(engine, store, spec()), engine.now, heard=True)
    assert again.snapshot() == engine.snapshot()


def test_history_that_came_after_the_snapshot_warms_what_had_none_and_keeps_the_rest(store: Store) -> None:
    engine = made(store, spec())
    live(engine, 2_000)
    before = saved(engine, store, spec())
    fixings(store, 200)
    again = row(made(store, spec(), before, engine.now))
    assert (again["fixings"], again["warm"]["1d"]) == (200, 1.0)  # type: ignore[index]
    assert again["warm"]["1m"] == row(engine)["warm"]["1m"] == 1.0  # type: ignore[index]
    assert again["value"] == row(engine)["value"]


def test_history_that_has_changed_is_learned_anew(store: Store) -> None:
    fixings(store, 100)
    engine = made(store, spec())
    before = saved(engine, store, spec())
    fixings(store, 200, seed=3)
    again = made(store, spec(), before, engine.now)
    assert row(again)["fixings"] == 200
    fresh = made(store, spec(), None, engine.now)
    assert again.snapshot()["series"] == fresh.snapshot()["series"]


def test_a_series_that_is_new_in_the_configuration_is_warmed_and_the_others_keep_their_state(store: Store) -> None:
    fixings(store, 200)
    small = spec(series=NAMES[:1])
    engine = made(store, small)
    live(engine, 2_000)
    again = made(store, spec(), saved(engine, store, small), engine.now, heard=True)
    assert row(again)["warm"]["1d"] == 1.0  # type: ignore[index]
    assert again.snapshot()["series"]["JP.GOV.10Y"] == engine.snapshot()["series"]["JP.GOV.10Y"]


def test_what_could_not_be_heard_is_no_silence(store: Store) -> None:
    engine = made(store, spec())
    live(engine, 100)
    before, stopped = saved(engine, store, spec()), engine.now
    again = made(store, spec(), before, stopped + 10 * HOUR)
    assert again.advance(stopped + 10 * HOUR + MINUTE) == []
    said = again.advance(stopped + 10 * HOUR + 6 * MINUTE)
    assert [type(event) for event in said] == [Silence, Silence]


@pytest.mark.parametrize(
    "harm", [{}, {"version": 999, "series": {}}, {"version": 1, "now": "x", "series": {"JP.GOV.10Y": []}}]
)
def test_a_snapshot_that_cannot_be_used_is_left_and_history_takes_its_place(
    store: Store, harm: dict[str, object]
) -> None:
    fixings(store, 200)
    engine = made(store, spec(), Saved(START, harm))
    assert row(engine)["fixings"] == 200


async def test_snapshots_of_another_method_or_format_are_not_loaded(store: Store) -> None:
    snapshots = Snapshots(store)
    assert snapshots.load() is None
    kept = Saved(START, {"series": {}, "x": None}, {"JP.GOV.10Y": "MoF 1 2 3"})
    await snapshots.save(kept)
    assert (snapshots.load(), snapshots.saved_at) == (kept, START)
    await snapshots.save(Saved(START, {}, method="another"))
    assert snapshots.load() is None
    for file in store.file.parent.glob("engine.snapshot*"):
        file.unlink()
    store.save_snapshot(NAME, FORMAT, msgspec.json.encode(kept)).result(5)
    assert snapshots.load() == kept
    store.save_snapshot(NAME, FORMAT + 1, msgspec.json.encode(kept)).result(5)
    assert snapshots.load() is None
    store.save_snapshot(NAME, FORMAT, b"not json").result(5)
    assert snapshots.load() is None


def test_real_history_warms_every_series_in_seconds(store: Store, shared: Path) -> None:
    from stressd.cli.main import main

    assert main(["history", "import", str(shared / "data/jgb/jgbcme_all.csv"), "--state", str(store.file.parent)]) == 0
    state = row(made(store, spec()))
    assert state["fixings"] > 6_000  # type: ignore[operator]
    assert 1.0 < state["sigma_bp"]["1d"] < 10.0  # type: ignore[index]
    assert not math.isnan(state["sigma_bp"]["1d"])  # type: ignore[index]


async def test_the_daemons_own_fixings_are_kept_once_and_warm_nothing(store: Store) -> None:
    fixings(store, 5)
    engine = Engine(spec(), START)
    at = START
    for day in (1, 2, 3):
        noon = START + day * DAY - 3 * HOUR - 2 * MINUTE
        value = 3.0 + 0.01 * day
        engine.feed([Tick(name, value, noon + k * SECOND, noon + k * SECOND, "desk") for k in (0, 1) for name in NAMES])
        at = noon + 3 * MINUTE
        engine.advance(at)
        if day > 1:
            await Snapshots(store).save(Saved(at, engine.snapshot()))
    kept = [(each.day, round(each.value, 6)) for each in store.history_daily(NAMES[0], "live")]
    assert kept == [(LAST_DAY + 2, 3.02), (LAST_DAY + 3, 3.03)]
    assert {each.source for each in warm.choose(spec(), store).chosen.values()} == {"MoF"}


def test_own_fixings_go_on_where_the_publishers_end() -> None:
    rows = [(1, 2.0), (2, 2.1), (3, 2.2)]
    assert continued(rows, []) == rows
    assert continued(rows, [(2, 2.0)]) == rows
    with_common_day = continued(rows, [(3, 2.25), (4, 2.35)])
    assert with_common_day[:3] == rows
    assert with_common_day[3][0] == 4
    assert with_common_day[3][1] == pytest.approx(2.3)
    without = continued(rows, [(5, 2.9), (6, 3.0)])
    assert [day for day, _ in without] == [1, 2, 3, 6]
    assert without[3][1] - without[2][1] == pytest.approx(0.1)
