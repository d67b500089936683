"""Replay is live: what a pipeline was fed, written down and replayed, gives the same events byte for byte."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressd.alerts.event import to_json
from stressd.cli.main import main
from stressd.cli.watched import of_series
from stressd.lab.offline import SETTLE, drive
from stressd.lab.replay import replay
from stressd.lab.ticks import CanonicalNames, in_order, read_tick_file
from stressd.market.tick import Tick
from stressd.market.times import iso, parse_time

SECOND = 1_000_000_000
START = parse_time("2026-01-13T00:00:00Z")
SERIES = ("JP.GOV.10Y", "JP.GOV.30Y", "US.GOV.10Y")


def stormy(seed: int, hours: int = 30) -> list[Tick]:
    """Ticks of three series every half minute around the clock, with jumps, duplicates, late and bad ones."""
    draw = random.Random(seed)
    level = dict.fromkeys(SERIES, 3.0)
    ticks = []
    for step in range(hours * 120):
        for series in SERIES:
            jump = draw.choice((-0.06, 0.06)) if draw.random() < 0.002 else 0.0
            level[series] += draw.gauss(0.0, 0.0012) + jump
            time = START + step * 30 * SECOND + draw.randrange(10**9) // 10**6 * 10**6
            bad = 1.0 if draw.random() < 0.001 else 0.0
            received = time + draw.choice((40, 80, 400, 9000)) * 10**6
            ticks.append(Tick(series, round(level[series] + bad, 5), time, received, "desk"))
            if draw.random() < 0.02:
                ticks.append(Tick(series, ticks[-1].value, time, received + 5 * 10**6, "desk"))
    return sorted(ticks, key=lambda tick: tick.received)


def recorded(ticks: Sequence[Tick], form: str) -> str:
    if form == "ndjson":
        return "".join(
            json.dumps(
                {"time": t.time, "series": t.series, "value": t.value, "source": t.source, "received": t.received}
            )
            + "\n"
            for t in ticks
        )
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["time", "series", "value", "source", "received"])
    rows.writerows([iso(t.time), t.series, repr(t.value), t.source, iso(t.received)] for t in ticks)
    return out.getvalue()


@settings(max_examples=8)
@given(seed=st.integers(0, 2**32), form=st.sampled_from(["csv", "ndjson"]), parts=st.integers(1, 3))
def test_a_recording_replays_to_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, seed: int, form: str, parts: int
) -> None:
    ticks = stormy(seed, hours=12)
    setup = of_series(SERIES)
    draw = random.Random(seed)
    live = []
    pipeline = setup.pipeline(ticks[0].received, "replay")
    at = 0
    while at < len(ticks):
        # as a pump would: what has come in since the last pass, and now and then a look at the clock
        size = draw.randrange(1, 40)
        batch = ticks[at : at + size]
        live += [to_json(routed.event) for routed in pipeline.feed(batch)]
        live += [to_json(routed.event) for routed in pipeline.advance(batch[-1].received)]
        at += size
    live += [to_json(routed.event) for routed in pipeline.advance(ticks[-1].received + SETTLE)]

    folder = tmp_path_factory.mktemp("recording")
    files = []
    for part in range(parts):
        path = folder / f"{part}.{form}.gz"
        path.write_bytes(gzip.compress(recorded(ticks[part::parts], form).encode()))
        read = read_tick_file(path, CanonicalNames())
        assert read.faults == []
        files.append(read)
    again = [to_json(event) for event in replay(setup, in_order(files))]
    assert again == live


def test_the_storm_of_these_tests_opens_episodes() -> None:
    events = list(drive(of_series(SERIES).pipeline(START, "replay"), stormy(3)))
    assert {event.type for event in events} >= {"opened", "resolved"}
    assert {event.market for event in events} == {"JP", "US"}


def test_the_command_prints_json_lines_and_merges_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ticks = stormy(3)
    whole, odd, even = tmp_path / "all.csv", tmp_path / "odd.csv", tmp_path / "even.ndjson"
    whole.write_text(recorded(ticks, "csv"))
    odd.write_text(recorded(ticks[1::2], "csv"))
    even.write_text(recorded(ticks[::2], "ndjson"))
    assert main(["replay", str(whole), "--json"]) == 0
    once = capsys.readouterr().out
    assert main(["replay", str(even), str(odd), "--json"]) == 0
    assert capsys.readouterr().out == once
    events = [json.loads(line) for line in once.splitlines()]
    assert events
    assert {event["origin"] for event in events} == {"replay"}


def test_the_command_prints_messages_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.csv"
    path.write_text(recorded(stormy(3), "csv"))
    assert main(["replay", str(path)]) == 0
    out = capsys.readouterr().out
    assert "REPLAY" in out
    assert "ticks of 3 series" in out


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "time,series,value\n2026-01-20T00:00:00Z,JP.GOV.30Y,3.5\nnot a time,JP.GOV.30Y,3.5\n",
            ":3: error: time 'not a time'",
        ),
        ("time,series,value\n2026-01-20T00:00:00Z,JP.GOV.30Y,x\n", ":2: error: 'x' is not a number"),
        ("time,series,value\n2026-01-20T00:00:00Z,GJGB30,3.5\n", ":2: error: unknown series `GJGB30`"),
        ("time,value\n2026-01-20T00:00:00Z,3.5\n", ":1: error: the header has no column `series`"),
        ("time,series,value\n", "no tick in"),
        ("", "no tick in"),
    ],
)
def test_what_cannot_be_used_is_named_and_fails_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, expected: str
) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    assert main(["replay", str(path), "--json"]) == 1
    assert expected in capsys.readouterr().err


def test_a_file_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(tmp_path / "absent.csv")]) == 1
    assert "absent.csv: error: no such file or directory" in capsys.readouterr().err


def test_without_received_the_own_time_orders(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(
        "time,series,bid,ask\n2026-01-20T00:00:10Z,JP.GOV.30Y,3.5,3.6\n2026-01-20T00:00:00Z,JP.GOV.30Y,3.4,3.5\n"
    )
    ticks = in_order([read_tick_file(path, CanonicalNames())])
    assert [tick.value for tick in ticks] == [pytest.approx(3.45), pytest.approx(3.55)]
    assert ticks[0].received == ticks[0].time


def test_standard_input_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "t.csv"
    path.write_text(recorded(stormy(3, hours=1), "csv"))
    with path.open("rb") as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        assert main(["replay", "-"]) == 0
    assert "ticks of 3 series" in capsys.readouterr().out
