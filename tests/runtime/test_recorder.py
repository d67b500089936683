"""The recorder: what the pump took, in files that replay reads, through kills, restarts, slow and full disks."""

from __future__ import annotations

import json
import os
import random
import subprocess
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressd.config.state import DiskConfig, RecordingConfig
from stressd.engine.engine import Engine
from stressd.lab.ticks import CanonicalNames, read_tick_file
from stressd.market.tick import BACKLOG, FIXING, MIDDLE, Tick
from stressd.market.times import parse_time
from stressd.runtime import recorder as module
from stressd.runtime.catchup import CatchUp
from stressd.runtime.recordedlines import lines
from stressd.runtime.recorder import Recorder
from stressd.store import recordings
from stressd.testing.worlds import walk, world

START = parse_time("2026-01-13T00:00:00Z")
SPEC = world({"AA": "always", "BB": "always"}, spreads=("AA.GOV.10s30s",))
TICKS = walk(SPEC, 7, 3_000, START, jumps=0.004)


def plain(engine: Engine) -> str:
    return json.dumps(engine.snapshot(), sort_keys=True)


def recorder(state: Path, number: int = 0, **config: object) -> Recorder:
    made = Recorder(state, RecordingConfig(**config), DiskConfig(floor="1kB"), number, lambda: TICKS[-1].received)  # type: ignore[arg-type]
    made.start()
    return made


def readable(state: Path) -> list[Tick]:
    ticks: list[Tick] = []
    for each in recordings.files(state / recordings.FOLDER):
        read = read_tick_file(each.path, CanonicalNames())
        assert read.faults == []
        ticks += read.ticks
    return ticks


@settings(max_examples=200)
@given(
    st.floats(-20.0, 20.0),
    st.integers(START, START + 10**18),
    st.integers(START, START + 10**18),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.sampled_from([0, BACKLOG, FIXING, MIDDLE, BACKLOG | MIDDLE]),
    st.one_of(st.just(float("nan")), st.floats(-1.0, 1.0)),
)
def test_a_tick_is_read_back_as_it_was(
    value: float, stamp: int, received: int, source: str, flags: int, spread: float
) -> None:
    from stressd.feeds.tally import Fault
    from stressd.feeds.ticklines import TickLines

    tick = Tick("JP.GOV.10Y", value + 0.0, stamp, received, source, flags, spread + 0.0)
    faults: list[Fault] = []
    text = recordings.HEADER + lines([tick], "desk=1:2:00000000").encode()
    again = TickLines(CanonicalNames()).parse(text, faults)
    if "\r" in source or "\n" in source or not source.isprintable():
        return
    assert (again, faults) == ([tick], [])


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(["", "desk", "a,b", 'say "x"', "two\nlines"]), st.integers(0, 7)),
        max_size=20,
    ),
    st.text("abc=:;", max_size=6),
)
def test_ticks_are_written_together_as_each_is_alone_with_the_position_after_the_last(
    rows: list[tuple[int, str, int]], position: str
) -> None:
    ticks = [Tick("JP.GOV.10Y", 1.5, START + i, START + came, source, flags) for i, (came, source, flags) in
             enumerate(rows)]  # fmt: skip
    alone = [lines([tick], position if tick is ticks[-1] else "") for tick in ticks]
    assert lines(ticks, position) == "".join(alone)
    assert all(text.count("\n") == 1 for text in alone)


def test_what_is_recorded_is_read_by_replay_and_numbers_go_on_over_restarts(tmp_path: Path) -> None:
    first = recorder(tmp_path)
    for at in range(0, 1_000, 50):
        first.put(TICKS[at : at + 50])
    first.stop()
    assert readable(tmp_path) == TICKS[:1_000]
    number = recordings.mend(tmp_path / recordings.FOLDER)
    assert number == 1_000
    second = recorder(tmp_path, number)
    second.put(TICKS[1_000:1_500])
    second.stop()
    names = [each.path.name for each in recordings.files(tmp_path / recordings.FOLDER)]
    assert {name.endswith(".gz") for name in names[:-1]} == {True}
    assert names[-1].endswith(".csv")
    assert readable(tmp_path) == TICKS[:1_500]
    assert recordings.mend(tmp_path / recordings.FOLDER) == 1_500
    assert (tmp_path / recordings.FOLDER / names[-1]).stat().st_mode & 0o777 == 0o600


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2_900), st.integers(0, 2**32), st.integers(1, 300))
def test_a_snapshot_and_what_was_recorded_since_make_the_engine_that_was_killed(
    tmp_path_factory: pytest.TempPathFactory, saved_at: int, seed: int, step: int
) -> None:
    state = tmp_path_factory.mktemp("state")
    folder = state / recordings.FOLDER
    folder.mkdir()
    rng = random.Random(seed)
    engine = Engine(SPEC, START)
    engine.feed(TICKS[:saved_at])
    snapshot = engine.snapshot()
    killed_at = rng.randrange(saved_at, len(TICKS) + 1)
    # files as the recorder leaves them, some packed, the newest cut anywhere in its last line
    begins = sorted({0, *(rng.randrange(killed_at + 1) for _ in range(3))})
    for k, begin in enumerate(begins):
        end = begins[k + 1] if k + 1 < len(begins) else killed_at
        if begin >= end:
            continue
        path = folder / recordings.name_of(TICKS[begin].received, begin)
        path.write_bytes(recordings.HEADER + lines(TICKS[begin:end]).encode())
        if k + 1 < len(begins):
            recordings.pack(path)
        elif killed_at < len(TICKS):
            torn = lines([TICKS[killed_at]])
            with path.open("a") as out:
                out.write(torn[: rng.randrange(len(torn))])
    number = recordings.mend(folder)
    assert number == (killed_at if killed_at else 0)
    again = Engine(SPEC, START)
    again.restore(snapshot)
    missed = CatchUp(state, saved_at)
    for batch in missed.batches():
        again.feed(batch)
    engine.feed(TICKS[saved_at:killed_at])
    assert missed.count == killed_at - saved_at
    assert plain(again) == plain(engine)


def test_positions_of_feeds_are_those_of_the_last_tick_that_was_recorded(tmp_path: Path) -> None:
    places = {"desk": "10:1:00000000"}
    made = Recorder(tmp_path, RecordingConfig(), DiskConfig(floor="1kB"), 0, lambda: START, lambda: places)  # type: ignore[arg-type]
    made.start()
    made.put(TICKS[:10])
    places = {"desk": "20:2:00000000", "other": "5:1:0000000f"}
    made.put(TICKS[10:20])
    made.stop()
    missed = CatchUp(tmp_path, 5)
    assert sum(len(batch) for batch in missed.batches()) == 15
    assert missed.positions == {"desk": "20:2:00000000", "other": "5:1:0000000f"}


def test_a_slow_disk_costs_ticks_of_the_recording_and_never_makes_the_pump_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST", 1_000)
    writing = Recorder._write

    def slow(self: Recorder, batches: object) -> None:
        time.sleep(0.5)
        writing(self, batches)  # type: ignore[arg-type]

    monkeypatch.setattr(Recorder, "_write", slow)
    made = recorder(tmp_path)
    began = time.monotonic()
    for at in range(0, 3_000, 100):
        made.put(TICKS[at : at + 100])
    assert time.monotonic() - began < 0.4
    made.stop(20.0)
    assert made.dropped > 0
    assert len(readable(tmp_path)) == 3_000 - made.dropped


def test_age_and_bytes_bound_what_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FILE_BYTES", 10_000)
    monkeypatch.setattr(module, "LOOK", 0.0)
    made = recorder(tmp_path, max_bytes="1MB", max_age="3h")
    for at in range(0, 3_000, 100):
        made.put(TICKS[at : at + 100])
        time.sleep(0.01)
    made.stop()
    made._look()
    kept = recordings.files(tmp_path / recordings.FOLDER)
    assert kept
    assert all(a.first < b.first for a, b in pairwise(kept))
    assert kept[0].start > TICKS[0].received
    assert min(tick.received for tick in readable(tmp_path)) > TICKS[-1].received - 6 * 3_600 * 10**9


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 4 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0:
        pytest.skip("needs root: a file system of 4 MB is mounted")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)], capture_output=True, text=True
    )
    if done.returncode != 0:
        pytest.skip(f"a file system of 4 MB cannot be mounted here: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_before_the_disk_is_full_the_oldest_recordings_go_then_recording_stops_and_people_are_told(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FILE_BYTES", 20_000)
    monkeypatch.setattr(module, "LOOK", 0.0)
    monkeypatch.setattr(module, "PAUSE", 0.0)
    made = Recorder(small_disk, RecordingConfig(), DiskConfig(floor="2MB"), 0, lambda: TICKS[-1].received)  # type: ignore[arg-type]
    made.start()

    def pour(until: object) -> None:
        deadline = time.monotonic() + 20.0
        while time.monotonic() < deadline and not until():  # type: ignore[operator]
            made.put(TICKS[:500])
            time.sleep(0.005)

    ballast = small_disk / "ballast"
    pour(lambda: len(recordings.files(small_disk / recordings.FOLDER)) > 5)
    assert not made.conditions()
    ballast.write_bytes(b"x" * 2_200_000)
    pour(lambda: bool(made.conditions()))
    (said,) = made.conditions()
    assert said.rule == "disk-nearly-full"
    assert "make room" in said.text
    assert len(recordings.files(small_disk / recordings.FOLDER)) <= 1
    ballast.unlink()
    pour(lambda: not made.conditions())
    before = made.next
    pour(lambda: made.next > before + 2_000)
    made.stop()
    assert not made.conditions()
    assert recordings.mend(small_disk / recordings.FOLDER) == made.next
