"""The live screen: what a frame holds at every size, and a real terminal that is drawn on and given back."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stressd.cli.live.charset import COLOURS, Charset, charset, fitted, width
from stressd.cli.live.frame import Seen, Size, frame
from stressd.config.printable import printable
from tests.cli.test_status import status_of
from tests.runtime.desk import Desk, desk_in

ROOT = Path(__file__).resolve().parents[2]
PLAIN, COLOURED, ASCII = Charset(True, {}), Charset(True, COLOURS), Charset(False, {})
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
NASTY = printable("desk\x1b[2J\u202e<b>東京国債")


def a_status(count: int = 40, *, wrong: int = 0) -> dict[str, Any]:
    """Of a daemon with so many series, and feeds and sinks that are not well."""
    detail = [
        {
            "series": f"{('JP', 'US', 'UK')[k % 3]}.GOV.{k + 1}Y", "market": "JP",
            "state": ("live", "closed")[k % 7 == 3],
            "value": 1.0 + k / 10 if k % 11 else None, "age_s": 0.4 * k, "active": int(k == 5),

        }
        for k in range(count)
    ]  # fmt: skip
    reasons = [f"feed f{k} is down: connection refused" for k in range(wrong)]
    feeds = [{"name": f"f{k}", "state": "waiting" if k < wrong else "connected", "detail": "refused" * (k < wrong),
              "last_message_age_s": 3.0} for k in range(wrong + 2)]  # fmt: skip
    sinks = [{"name": NASTY, "disabled": None, "failing_s": 40.0, "breaker": "open", "pending": 7,
              "last_error": printable("no\x1b]0;x\x07thing")},
             {"name": "mail", "disabled": None, "failing_s": None, "breaker": "closed", "pending": 0,
              "last_error": None}]  # fmt: skip
    episodes = [
        {"episode": f"JP-260120-{k:04d}", "severity": ("warn", "critical")[k % 2], "rule": "sigma-breach",
         "market": "JP", "direction": "up", "opened": "2026-01-20T00:12:00Z",
         "acknowledged": {"by": "maria"} if k % 2 else None}
        for k in range(9)
    ]  # fmt: skip
    stress = {"value": 0.71, "markets": {"JP": 0.41, "US": 0.18}, "correlation": 0.12, "left_out": [], "young": False,
              "time": "2026-01-20T00:30:00Z", "sessions": 400}  # fmt: skip
    return {
        "instance": "rates-tokyo", "state": "degraded" if wrong else "ok", "reasons": reasons, "standby": None,
        "config": {"path": "/etc/stressd.yaml", "rejected": None}, "state_dir": "/var/lib/stressd", "conditions": [],
        "feeds": feeds, "sinks": sinks, "episodes": episodes, "stress": stress, "time": "2026-01-20T00:31:05Z",
        "alerting": {"ready": count, "series": count, "detail": detail},
    }  # fmt: skip


def seen_of(status: dict[str, Any]) -> Seen:
    path = [None, None, *[2.0 + 0.1 * (k % 7) for k in range(40)]]
    series, paths = {}, {}
    for k, row in enumerate(status["alerting"]["detail"]):
        change = (-1) ** k * 1.5 * k
        series[row["series"]] = {"change_bp": change, **({"sigma": change / 2.5} if k % 5 else {})}
        paths[row["series"]] = {"values": path if k % 3 else []}
    markets = {
        "US": {"order": 1, "zone": "America/New_York", "phase": "closed", "reason": "overnight",
               "until": "2026-01-20T12:00:00Z"},
        "JP": {"order": 0, "zone": "Asia/Tokyo", "phase": "open", "until": "2026-01-20T02:00:00Z"},
    }  # fmt: skip
    return Seen(status, {"series": series, "markets": markets}, paths, [v / 60 for v in range(60)])


def shown(
    columns: int, rows: int, chars: Charset = PLAIN, count: int = 40, wrong: int = 0, down: str = ""
) -> list[str]:
    return frame(seen_of(a_status(count, wrong=wrong)), Size(columns, rows), chars, "q ends · every 2 s", down)


@pytest.mark.parametrize("chars", [PLAIN, COLOURED, ASCII], ids=["unicode", "colours", "ascii"])
@pytest.mark.parametrize("columns", [1, 8, 20, 30, 40, 59, 80, 119, 200, 320])
def test_no_line_is_wider_and_no_frame_higher_than_the_terminal(columns: int, chars: Charset) -> None:
    for rows in (1, 2, 5, 10, 24, 50, 90):
        for count, wrong, down in ((0, 0, ""), (3, 0, ""), (40, 4, "the daemon is gone"), (400, 40, "")):
            lines = shown(columns, rows, chars, count, wrong, down)
            assert 1 <= len(lines) <= rows
            for line in lines:
                bare = _COLOUR.sub("", line)
                assert width(bare) <= columns, (rows, bare)
                assert chars.unicode or bare.isascii()
                assert chars.colours or bare == line


def test_on_eighty_columns_it_reads_from_the_verdict_down_to_the_sinks() -> None:
    text = "\n".join(shown(80, 50, count=12))
    assert text.startswith("OK: rates-tokyo: all is well: 2 feeds, 12 of 12 series can alert, 9 open\nepisodes,")
    assert "stress 0.71: JP .41 US .18 correlation .12" in text
    assert "JP 09:31 open, closes in 1 h 28 min · US 19:31 overnight, opens in 11 h 28 min" in text
    assert re.search(r"SERIES +NOW ON CLOSE OF 1d σ SESSION +LAST", text)
    assert re.search(r"^ US 2Y +1\.10% +-1\.5bp +-0\.6σ +[▁-█]+ +400 ms *$", text, re.MULTILINE)
    assert re.search(r"^ JP 4Y +1\.300% +-4\.5bp +-1\.8σ.* closed *$", text, re.MULTILINE)
    assert re.search(r"^!UK 6Y ", text, re.MULTILINE)
    assert text.index("CRITICAL") < text.index("WARN ")
    assert "nobody has it" in text
    assert "maria has it" in text
    assert "and 3 more open episodes" in text


def test_where_not_all_fit_those_that_moved_farthest_are_shown_and_the_rest_counted() -> None:
    lines = shown(60, 40, count=400)
    rows = [line for line in lines if re.match(r"[ !](JP|US|UK) \d+Y ", line)]
    sizes = [abs(float(found[1])) for line in rows if (found := re.search(r"([+-][0-9.]+)σ", line))]
    assert rows[0].startswith("!")
    assert sizes[1:] == sorted(sizes[1:], reverse=True)
    (left,) = [line for line in lines if "more series" in line]
    found = re.fullmatch(r"and (\d+) more series, none beyond ([0-9.]+)σ of its day", left)
    assert found is not None
    assert int(found[1]) + len(rows) == 400
    assert float(found[2]) <= sizes[-1] + 0.1


def test_a_wide_screen_has_series_side_by_side_and_a_narrow_one_only_what_matters() -> None:
    assert sum("SERIES" in line and line.count("SERIES") >= 3 for line in shown(300, 40, count=100)) == 1
    narrow = "\n".join(shown(30, 40, count=4))
    assert "SESSION" not in narrow
    assert re.search(r"^ US 2Y +1\.10% +-1\.5bp", narrow, re.MULTILINE)


def test_words_of_others_draw_nothing_and_a_daemon_that_is_away_is_said_first() -> None:
    lines = shown(100, 40, ASCII, down="DOWN: no daemon runs")
    assert lines[0] == "DOWN: no daemon runs"
    assert any("failing" in line and "7 wait" in line for line in lines)


def test_a_terminal_shows_what_its_encoding_and_its_type_can() -> None:
    assert charset("UTF-8", {"TERM": "xterm-256color"}) == Charset(True, COLOURS)
    assert charset("ANSI_X3.4-1968", {"TERM": "xterm"}).unicode is False
    assert charset("utf8", {"TERM": "xterm", "NO_COLOR": "1"}).colours == {}
    assert charset("utf8", {"TERM": "linux"}).colours["up"] == "33"
    assert charset(None, {}) == Charset(False, {})
    assert ASCII.spark([1.0, None, 2.0, 3.0], 4) == "_ =#"
    assert PLAIN.spark(list(range(100)), 10) == "▁▁▂▃▄▅▆▇██"
    assert PLAIN.spark([None, None], 10) == ""
    assert fitted("東京国債", 5) == "東京…"
    assert width("東京") == 4


class Screen:
    """A terminal of so many columns and rows, and the command on it."""

    def __init__(self, words: list[str], columns: int, rows: int, **environ: str) -> None:
        self.ours, theirs = pty.openpty()
        self.size(columns, rows)
        env = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **environ}
        env.pop("NO_COLOR", None)
        env.pop("COLUMNS", None)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "stressd", *words], stdin=theirs, stdout=theirs, stderr=theirs, env=env,
            start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self.came = b""

    def size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def frames(self) -> list[list[str]]:
        whole = self.came.decode("utf-8", "replace").split("\x1b[H")[1:]
        return [
            [
                _COLOUR.sub("", line).rstrip("\r").removesuffix("\x1b[K")
                for line in each.partition("\x1b[J")[0].split("\r\n")
            ]
            for each in whole
            if "\x1b[J" in each
        ]

    async def until(self, condition: Callable[[], object], timeout: float = 30.0) -> None:
        async with asyncio.timeout(timeout):
            while not condition():
                self.read()
                await asyncio.sleep(0.02)

    def read(self) -> None:
        while select.select([self.ours], [], [], 0)[0]:
            try:
                data = os.read(self.ours, 65_536)
            except OSError:
                return
            if not data:
                return
            self.came += data

    async def ended(self) -> int:
        await self.until(lambda: self.process.poll() is not None)
        self.read()
        return self.process.returncode


@pytest.fixture
async def desk(tmp_path: Path) -> Any:
    async with desk_in(tmp_path) as made:
        yield made


async def test_a_terminal_is_drawn_on_follows_its_size_and_is_given_back(desk: Desk) -> None:
    desk.warm()
    async with desk.running():
        await desk.breach()
        await desk.receiver.until(bool)
        screen = Screen(["status", "--watch", "0.3", "--state", str(desk.state)], 90, 30)
        try:
            await screen.until(lambda: screen.frames() and "nobody has it" in "\n".join(screen.frames()[-1]))
            seen = screen.frames()[-1]
            assert seen[0].startswith("OK: test-desk: all is well")
            assert any(re.match(r"!JP 30Y +3\.612% ", line) for line in seen), seen
            assert max(width(line) for line in seen) <= 90
            screen.size(40, 12)
            os.kill(screen.process.pid, signal.SIGWINCH)
            before = len(screen.frames())
            await screen.until(lambda: len(screen.frames()) > before + 1)
            small = screen.frames()[-1]
            assert len(small) <= 12
            assert max(width(line) for line in small) <= 40
            started = time.monotonic()
            os.write(screen.ours, b"q")
            assert await screen.ended() == 0
            assert time.monotonic() - started < 10
        finally:
            screen.process.kill()
    assert screen.came.count(b"\x1b[?1049h") == screen.came.count(b"\x1b[?1049l") == 1
    assert screen.came.rstrip().endswith(b"\x1b[?1049l")
    assert b"\x1b[?25h" in screen.came
    assert b"\\u001b" not in screen.came
    os.close(screen.ours)


async def test_a_daemon_that_goes_away_is_said_and_a_signal_gives_the_terminal_back(desk: Desk) -> None:
    desk.warm()
    async with desk.running():
        screen = Screen(["status", "--watch", "0.3", "--state", str(desk.state)], 100, 30, LC_ALL="C", PYTHONUTF8="0",
                        PYTHONCOERCECLOCALE="0", PYTHONIOENCODING="ascii")  # fmt: skip
        await screen.until(lambda: screen.frames() and "q ends" in screen.frames()[-1][-1])
    try:
        await screen.until(lambda: screen.frames()[-1][0].startswith("DOWN: no daemon runs"))
        assert "old)" in screen.frames()[-1][0] or len(screen.frames()[-1][0]) >= 99
        screen.process.send_signal(signal.SIGTERM)
        assert await screen.ended() == 1
    finally:
        screen.process.kill()
    assert screen.came.isascii()
    assert screen.came.rstrip().endswith(b"\x1b[?1049l")
    os.close(screen.ours)


async def test_in_a_pipe_there_is_one_status_after_the_other_without_any_control(desk: Desk) -> None:
    desk.warm()
    async with desk.running():
        words = [sys.executable, "-m", "stressd", "status", "--watch", "0.1", "--state", str(desk.state)]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
        assert process.stdout is not None
        told: list[bytes] = []
        while sum(line.startswith((b"OK: ", b"BLIND: ")) for line in told) < 2:
            told.append(await asyncio.to_thread(process.stdout.readline))
            assert told[-1]
        process.stdout.close()
        process.terminate()
        await asyncio.to_thread(process.wait, 20)
    assert b"\x1b" not in b"".join(told)


async def test_the_status_of_a_real_daemon_fits_the_frame(desk: Desk) -> None:
    status = await status_of(desk, broken=True)
    lines = frame(Seen(status, {"markets": {}, "series": {}}, {}, []), Size(80, 40), PLAIN, "x")
    assert lines[0] == "BLIND: test-desk can tell nothing: no feed is connected"
    assert any(line.startswith("feed desk ") for line in lines)
