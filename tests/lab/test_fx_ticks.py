"""A day of real quote ticks, two venues of EURUSD and one of gold, with all their dirt: no breach comes of it.

Exchange rates are no yields. Each is read as its change in percent since its first quote of the day, plus two percent:
a basis point here is one of the price, and bid and ask keep their order and their distance.
"""

from __future__ import annotations

import csv
import gzip
import json
import random
from collections import Counter, defaultdict
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest

from stressd.cli.main import main
from stressd.config.builtin import default_spec
from stressd.engine.engine import Engine
from stressd.engine.events import ENTERED, Breach, Event, Silence
from stressd.engine.spec import SECOND, SilenceRule
from stressd.market.tick import MIDDLE, Tick
from stressd.testing.worlds import facts

IDS = {"EURUSD": "EU.GOV.10Y", "XAUUSD": "XA.GOV.10Y"}
Line = tuple[int, str, float, float, str]


@pytest.fixture(scope="module")
def lines(shared: Path) -> list[Line]:
    """Time in ms, series, bid and ask in percent, venue: in the file's order."""
    first: dict[str, float] = {}
    found = []
    with gzip.open(shared / "data/fx_ticks/quotes_2014-05-06.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            bid, ask = float(row["bid"]), float(row["ask"])
            base = first.setdefault(row["symbol"], bid)
            low, high = (round(100.0 * price / base - 98.0, 8) for price in (bid, ask))
            found.append((int(row["ts_ms"]), IDS[row["symbol"]], low, high, row["venue"]))
    return found


def ticks_of(lines: list[Line]) -> list[Tick]:
    return [
        Tick(series, (bid + ask) / 2.0, ms * 10**6, ms * 10**6, venue, MIDDLE, ask - bid)
        for ms, series, bid, ask, venue in lines
    ]


def run(ticks: list[Tick]) -> tuple[Engine, list[Event]]:
    spec = default_spec(sorted(IDS.values()))
    quiet = SilenceRule("quiet", tuple(IDS.values()), 1)
    engine = Engine(replace(spec, silence_rules=(quiet,)), ticks[0].received)
    return engine, engine.feed(ticks)


@pytest.fixture(scope="module")
def raw(lines: list[Line]) -> tuple[Engine, list[Event]]:
    return run(ticks_of(lines))


def breaches(events: list[Event]) -> list[dict[str, object]]:
    """All that is said of them but what stands around: the scene counts the dirt."""
    found = [facts(event) for event in events if isinstance(event, Breach)]
    return [{name: value for name, value in each.items() if name != "scene"} for each in found]


def by_hand(lines: list[Line]) -> list[Line]:
    """Without crossed quotes and without the second of two equal middles in one millisecond of one venue."""
    last: dict[tuple[str, str], tuple[int, float]] = {}
    kept = []
    for ms, series, bid, ask, venue in lines:
        if bid > ask:
            continue
        now = (ms, (bid + ask) / 2.0)
        if last.get((series, venue)) != now:
            kept.append((ms, series, bid, ask, venue))
        last[series, venue] = now
    return kept


def test_the_breaches_of_the_raw_file_are_those_of_a_cleaned_one(
    lines: list[Line], raw: tuple[Engine, list[Event]]
) -> None:
    clean = by_hand(lines)
    assert len(lines) - len(clean) > 9_700
    found = breaches(raw[1])
    assert len(found) > 100
    assert found == breaches(run(ticks_of(clean))[1])


def test_every_kind_of_dirt_is_counted(lines: list[Line], raw: tuple[Engine, list[Event]]) -> None:
    crossed = Counter(series for _, series, bid, ask, _ in lines if bid > ask)
    rows = {row["series"]: row for row in raw[0].status()}
    for series in IDS.values():
        assert rows[series]["crossed"] == crossed[series]
    assert rows["EU.GOV.10Y"]["duplicates"] > 0
    assert rows["XA.GOV.10Y"]["wide"] > 0
    assert sum(row["ticks"] for row in rows.values()) > 200_000


def test_no_breach_is_told_on_an_absurdly_wide_quote(lines: list[Line], raw: tuple[Engine, list[Event]]) -> None:
    """Wide by hand: more than six of the venue's medians of the whole day, the last middle within it."""
    sizes = defaultdict(list)
    for _, series, bid, ask, venue in lines:
        if ask >= bid:
            sizes[series, venue].append(ask - bid)
    limits = {key: 6.0 * median(found) for key, found in sizes.items()}
    wide = set()
    middle: dict[str, float] = {}
    for ms, series, bid, ask, venue in lines:
        if bid > ask:
            continue
        if ask - bid > limits[series, venue] and bid <= middle.get(series, 0.0) <= ask:
            wide.add((series, ms * 10**6, (bid + ask) / 2.0))
            continue
        middle[series] = (bid + ask) / 2.0
    told = {
        (event.series, event.time, event.value)
        for event in raw[1]
        if isinstance(event, Breach) and event.phase == ENTERED
    }
    assert len(told) > 50
    assert len(wide) > 20
    assert not told & wide


@pytest.mark.once
def test_bad_ticks_put_into_the_file_change_no_breach(lines: list[Line], raw: tuple[Engine, list[Event]]) -> None:
    """One in five hundred is followed, twice, by its own value five to fifteen percent off."""
    rng = random.Random(1)
    dirty = []
    for k, line in enumerate(lines):
        dirty.append(line)
        if k % 500 == 250:
            ms, series, bid, ask, venue = line
            off = rng.choice((-1.0, 1.0)) * rng.uniform(5.0, 15.0)
            dirty += [(ms, series, bid + off, ask + off, venue)] * 2
    assert breaches(run(ticks_of(dirty))[1]) == breaches(raw[1])


def test_the_daily_break_of_gold_is_the_only_silence(lines: list[Line], raw: tuple[Engine, list[Event]]) -> None:
    """46 minutes without a quote, five times and more what is usual at that hour; nothing else is told."""
    silences = [event for event in raw[1] if isinstance(event, Silence) and event.phase == ENTERED]
    assert [(event.series, event.with_feed) for event in silences] == [("XA.GOV.10Y", ())]
    times = [ms for ms, series, *_ in lines if series == "XA.GOV.10Y"]
    begins, ends = max(pairwise(times), key=lambda pair: pair[1] - pair[0])
    assert ends - begins > 45 * 60_000
    assert begins * 10**6 < silences[0].at < ends * 10**6
    assert 3 * silences[0].usual < silences[0].open_age < 6 * silences[0].usual
    assert silences[0].at - begins * 10**6 < 30 * 60 * SECOND


def test_replay_ends_with_what_the_ticks_were_worth(
    lines: list[Line], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    part = lines[:30_000]
    path = tmp_path / "fx.csv"
    with path.open("w") as file:
        file.write("time,series,bid,ask,source\n")
        file.writelines(f"{ms},{series},{bid!r},{ask!r},{venue}\n" for ms, series, bid, ask, venue in part)
    assert main(["replay", str(path), "--json", "--quality"]) == 0
    rows = json.loads(capsys.readouterr().out.splitlines()[-1])["quality"]
    crossed = Counter(series for _, series, bid, ask, _ in part if bid > ask)
    assert {name: row["crossed"] for name, row in rows.items()} == {name: crossed[name] for name in IDS.values()}
    assert rows["EU.GOV.10Y"]["quotes"]["widest_decile_bp"] > rows["EU.GOV.10Y"]["quotes"]["mean_bp"] > 0.0
    assert main(["replay", str(path)]) == 0
    table = capsys.readouterr().out
    assert "SERIES" in table.splitlines()[-3]
    assert f"{crossed['EU.GOV.10Y']:,}" in table.splitlines()[-2]
