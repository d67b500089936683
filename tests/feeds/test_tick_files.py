"""Tick files: for replay by `read_ticks`, and as a feed."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd.feeds.base import DecodeError
from stressd.feeds.file import Config, FileFeed, read_ticks
from stressd.feeds.tally import Fault
from stressd.feeds.ticklines import TickLines
from stressd.market.tick import BACKLOG, MIDDLE, Tick
from stressd.market.times import iso
from stressd.testing.feeds import KeepingInbox, PlainResolver, feed_state

JP30, US10 = "JP.GOV.30Y", "US.GOV.10Y"
RESOLVER = PlainResolver([JP30, US10], {"JGB30": (JP30, None), "T10": (US10, "bp")})
START = 1_768_880_000_000_000_000
Start = Callable[[Awaitable[None]], "asyncio.Task[None]"]


def ticks_of(path: Path | str, **more: Any) -> tuple[list[Tick], list[str]]:
    faults: list[str] = []
    return list(read_ticks(path, RESOLVER, lambda f: faults.append(str(f)), **more)), faults


_ticks = st.lists(
    st.builds(
        Tick,
        st.sampled_from([JP30, US10]),
        st.floats(-5, 25).map(lambda x: round(x, 6) + 0.0),
        st.integers(0, 10**15).map(lambda n: START + n),
        st.integers(0, 10**15).map(lambda n: START + n),
        st.sampled_from(["", "desk", 'a "quoted", one', "é"]),
    ),
    min_size=1,
    max_size=30,
)


@given(_ticks, st.booleans(), st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_csv_and_ndjson_give_back_what_was_written(ticks: list[Tick], as_iso: bool, middle: bool, end: str) -> None:
    def when(ns: int) -> str | int:
        return iso(ns) if as_iso else ns

    rows = [
        {
            "time": when(t.time),
            "series": t.series,
            **({"bid": t.value, "ask": t.value} if middle else {"value": t.value}),
            "source": t.source,
            "received": when(t.received),
        }
        for t in ticks
    ]
    if middle:
        ticks = [Tick(t.series, t.value, t.time, t.received, t.source, MIDDLE, 0.0) for t in ticks]
    csv_text = ",".join(rows[0]) + end
    csv_text += "".join(
        ",".join('"' + str(v).replace('"', '""') + '"' if "," in str(v) else str(v) for v in row.values()) + end
        for row in rows
    )
    ndjson = "".join(json.dumps(row) + end for row in rows)
    for text in (csv_text, ndjson, csv_text.removesuffix(end)):
        faults: list[Fault] = []
        assert TickLines(RESOLVER).parse(text.encode(), faults) == ticks
        assert faults == []


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_a_missing_header(data: bytes) -> None:
    faults: list[Fault] = []
    lines = TickLines(RESOLVER)
    try:
        lines.parse(data, faults)
    except ValueError:
        assert not lines.started
    lines = TickLines(RESOLVER)
    lines.parse(b"time,series,value\n", faults)
    faults.clear()
    text = data.replace(b"\n", b" ") + b"\n"
    assert lines.parse(text + b"1768880000,JP.GOV.30Y,3.7\n", faults)[-1].value == 3.7
    assert lines.line == 3


@pytest.mark.parametrize("name", ["ticks.csv", "ticks.csv.gz", "ticks.ndjson", "ticks.ndjson.gz"])
def test_every_kind_of_file_is_read_as_it_is(name: str, tmp_path: Path) -> None:
    rows = [(iso(START + i * 10**9), f"{3 + i / 1000:.3f}") for i in range(20_000)]
    if ".csv" in name:
        text = "time,series,value\n" + "".join(f"{t},JGB30,{v}\n" for t, v in rows)
    else:
        text = "".join(json.dumps({"time": t, "series": "JGB30", "value": v}) + "\n" for t, v in rows)
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    ticks, faults = ticks_of(path)
    assert faults == []
    assert len(ticks) == 20_000
    assert (ticks[-1].series, ticks[-1].value, ticks[-1].time) == (JP30, 22.999, START + 19_999 * 10**9)
    assert ticks[0].received == ticks[0].time


def test_each_fault_names_file_line_and_what_is_wrong_and_the_rest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(
        "\ufefftime, Series ,value\n"
        "2026-01-20T06:00:00Z,JP.GOV.30Y,3.7\n"
        "yesterday,JP.GOV.30Y,3.7\n"
        "2026-01-20T06:00:00Z,XX,3.7\n"
        "2026-01-20T06:00:00Z,XX,3.7\n"
        "\n"
        "2026-01-20T06:00:00Z,JP.GOV.30Y,abc\n"
        "2026-01-20T06:00:00Z,JP.GOV.30Y,nan\n"
        "2026-01-20T06:00:00Z,JP.GOV.30Y\n"
        "2026-01-20T06:00:00Z,JP.GOV.30Y,\n"
        ",JP.GOV.30Y,3\n"
        "2026-01-20T06:00:01Z,T10,431\n"
    )
    ticks, faults = ticks_of(path)
    assert [(t.series, t.value) for t in ticks] == [(JP30, 3.7), (US10, pytest.approx(4.31))]
    assert faults == [
        f"{path}:3: error: time 'yesterday' is neither ISO 8601 with zone (2026-01-20T20:30:00Z) nor an epoch",
        f"{path}:4: error: unknown series `XX`",
        f"{path}:7: error: 'abc' is not a number",
        f"{path}:8: error: value nan is not a finite number",
        f"{path}:9: error: 2 columns, the header has 3 or more",
        f"{path}:10: error: `value` is empty or missing, and so is `bid` or `ask`",
        f"{path}:11: error: `time` is empty or missing",
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("date,JP.GOV.30Y\n2026-01-20,3.7\n", "no column `time`"),
        ("time,series\n", "neither a column `value` nor `bid` and `ask`"),
        ("time,series,value,value\n", "two columns `value`"),
        ("\xff\xfe\n", "not UTF-8"),
    ],
)
def test_a_file_that_is_none_of_ours_is_refused_at_its_header(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode("latin-1"))
    ticks, faults = ticks_of(path)
    assert ticks == []
    assert len(faults) == 1
    assert says in faults[0]
    assert faults[0].startswith(f"{path}:1: error: ")


def test_a_damaged_archive_gives_what_it_has_and_says_so(tmp_path: Path) -> None:
    text = "time,series,value\n" + "".join(f"{START + i},JP.GOV.30Y,{i % 97}.{i % 89}\n" for i in range(200_000))
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(text.encode())[:-200_000])
    ticks, faults = ticks_of(path)
    assert ticks
    assert "damaged or cut short" in faults[0]


def test_standard_input_is_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    os.write(write, b'{"time": 1768880000, "series": "JP.GOV.30Y", "value": 3.7}\n')
    os.close(write)
    with os.fdopen(read) as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        ticks, faults = ticks_of("-")
    assert ([t.value for t in ticks], faults) == ([3.7], [])


# -- the feed


def feed(path: Path | str, follow: bool = False) -> FileFeed:
    return FileFeed(Config(name="tape", type="file", path=str(path), follow=follow), RESOLVER, poll=0.01)  # type: ignore[arg-type]


async def drain(desk: FileFeed, inbox: KeepingInbox, until: Callable[[], bool]) -> list[Tick]:
    """Plays the pump: takes what is there until the condition holds."""
    ticks: list[Tick] = []
    async with asyncio.timeout(20):
        while not until() or inbox.frames:
            batch = inbox.frames[:]
            inbox.frames.clear()
            for frame in batch:
                with contextlib.suppress(DecodeError):
                    ticks.extend(desk.decode(frame))
            desk.processed(batch)
            await asyncio.sleep(0.001)
    return ticks


async def test_a_large_file_goes_through_without_filling_the_mailbox(inbox: KeepingInbox, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("time,series,value\n" + "".join(f"{START + i},JP.GOV.30Y,{i}\n" for i in range(50_000)))
    desk = feed(path)
    task = asyncio.create_task(desk.run(inbox))
    async with asyncio.timeout(20):
        await inbox.frame_count(8)
    await asyncio.sleep(0)
    assert len(inbox.frames) == 8
    ticks = await drain(desk, inbox, task.done)
    await task
    assert [t.value for t in ticks] == list(range(50_000))
    assert all(t.flags == BACKLOG and t.received > t.time for t in ticks)
    assert (desk.health.state, desk.health.ticks) == ("stopped", 50_000)


async def test_a_followed_file_is_read_as_it_grows_and_anew_when_it_is_replaced(
    tmp_path: Path, background: Start
) -> None:
    inbox = KeepingInbox(lambda: START)
    path = tmp_path / "t.csv"
    desk = feed(path, follow=True)
    background(desk.run(inbox))
    await feed_state(desk, lambda f: f.health.state == "waiting")
    assert "No such file" in desk.health.detail
    path.write_text(f"time,series,value\n{START},JP.GOV.30Y,1\n{START},JP.GOV")
    ticks = await drain(desk, inbox, lambda: desk.health.ticks == 1)
    with path.open("a") as more:
        more.write(f".30Y,2\n{START},JP.GOV.30Y,oops\n")
    ticks += await drain(desk, inbox, lambda: desk.health.malformed == 1)
    path.with_suffix(".new").write_text(f"series,time,value\nUS.GOV.10Y,{START},3\n")
    path.with_suffix(".new").replace(path)
    ticks += await drain(desk, inbox, lambda: desk.health.ticks == 3)
    path.write_text("")
    await feed_state(desk, lambda f: f.health.connects == 3)
    path.write_text(f"value,series,time\n4,JP.GOV.30Y,{START}\n")
    ticks += await drain(desk, inbox, lambda: desk.health.ticks == 4)
    assert [(t.series, t.value, t.flags) for t in ticks] == [(JP30, 1, 0), (JP30, 2, 0), (US10, 3, 0), (JP30, 4, 0)]
    assert desk.health.rejects[0][2] == "line 4: 'oops' is not a number"


async def test_the_only_line_of_a_followed_file_does_not_wait_for_another(tmp_path: Path, background: Start) -> None:
    inbox = KeepingInbox(lambda: START)
    path = tmp_path / "t.ndjson"
    path.write_text(f'{{"time": {START}, "series": "JP.GOV.30Y", "value": 1}}\n')
    desk = feed(path, follow=True)
    background(desk.run(inbox))
    assert [tick.value for tick in await drain(desk, inbox, lambda: desk.health.ticks == 1)] == [1]


async def test_a_file_without_a_header_is_refused_at_every_piece(inbox: KeepingInbox, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("2026-01-20T06:00:00Z;JP.GOV.30Y;3.7\n")
    desk = feed(path)
    await desk.run(inbox)
    with pytest.raises(DecodeError, match="no column `time`"):
        desk.decode(inbox.frames[0])
    assert desk.health.malformed == 1


def test_a_quote_brings_its_spread_with_its_middle_or_beside_a_value_of_its_own() -> None:
    text = "time,series,value,bid,ask\n"
    text += "1768873800000,JP.GOV.30Y,,3.56,3.57\n1768873801000,JP.GOV.30Y,3.561,3.57,3.56\n"
    text += "1768873802000,JP.GOV.30Y,3.561,,3.56\n"
    faults: list[Fault] = []
    first, second, third = TickLines(RESOLVER).parse(text.encode(), faults)
    assert faults == []
    assert (first.value, first.spread, first.flags) == (pytest.approx(3.565), pytest.approx(0.01), MIDDLE)
    assert (second.value, second.spread, second.flags) == (3.561, pytest.approx(-0.01), 0)
    assert third.spread != third.spread
