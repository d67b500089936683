"""The terminal shows what Slack would show."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stressd.alerts.notification import Notification, Row
from stressd.sinks.base import SinkError
from stressd.sinks.console import Config, ConsoleSink, build
from stressd.sinks.terminal import as_text

Note = Callable[..., Notification]


def test_a_message_in_plain_text(note: Note) -> None:
    assert as_text(note(origin="simulated")).split("\n") == [
        "▌ SIMULATED: not the market",
        "▌ 🔴 CRITICAL · JP 30Y +20.3bp to 3.765% · 6.9σ of 2.9bp",
        "▌ Status: escalated to critical                    Rank: largest rise of 4 706 sessions",
        "▌   Series     Now     Move",
        "▌   JP 30Y  3.765%  +20.3bp",
        "▌   JP 40Y  3.901%  +18.0bp",
        "▌ 2026-01-20T06:00:00Z · JP-260120-7q2f.3 · Open the episode: https://stressd.bank.example/#JP-260120-7q2f",
        "",
    ]


def test_a_long_answer_is_broken_at_a_word_and_set_in(note: Note) -> None:
    answers = (("US 10Y", "followed JP after 41 s (35 s to 48 s) · +3.1bp to 4.295%, 4.2σ · p = .004 " * 2),)
    lines = as_text(note(answers=answers), width=80).split("\n")
    first = next(n for n, line in enumerate(lines) if line.startswith("▌ US 10Y  followed JP"))
    assert lines[first + 1].startswith("▌     ")
    assert all(len(line) <= 80 for line in lines[first : first + 3])


def test_colour_changes_nothing_but_colour(note: Note) -> None:
    painted = as_text(note(), colour=True)
    assert "\x1b[1;31m" in painted
    assert re.sub(r"\x1b\[[0-9;]*m", "", painted) == as_text(note())


@given(st.text(max_size=60), st.text(max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_data_reaches_the_terminal_as_control(note: Note, title: str, value: str) -> None:
    n = note(title="t" + title, facts=(("label", value),), table=(Row((value, value, value)),))
    for colour in (False, True):
        shown = re.sub(r"\x1b\[[0-9;]*m", "", as_text(n, colour=colour))
        assert all(c.isprintable() or c in "\n\x01\x02\u200d" for c in shown)


def test_markup_is_shown_as_it_was_written(note: Note) -> None:
    assert "a < b & c > d @desk" in as_text(note(title="a < b & c > d @desk"))


async def test_the_sink_writes_and_colours_as_told(note: Note) -> None:
    for colour, expected in ((None, False), (True, True), (False, False)):
        stream = io.StringIO()
        sink = ConsoleSink("here", stream, colour)
        await sink.send(note())
        await sink.close()
        assert ("\x1b[" in stream.getvalue()) is expected
        assert "JP 30Y +20.3bp" in stream.getvalue()


async def test_a_narrow_encoding_loses_signs_not_messages(note: Note) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    await ConsoleSink("here", stream).send(note())
    assert b"CRITICAL" in raw.getvalue()


async def test_a_closed_stream_disables_the_sink(note: Note) -> None:
    stream = io.StringIO()
    sink = ConsoleSink("here", stream)
    assert await sink.probe() == "a stream that is no terminal"
    stream.close()
    with pytest.raises(SinkError) as caught:
        await sink.send(note())
    assert caught.value.fault == "disable"
    with pytest.raises(SinkError):
        await sink.probe()


def test_it_is_built_from_its_configuration() -> None:
    assert build(Config(name="here", type="console", colour="always"), "test").name == "here"
