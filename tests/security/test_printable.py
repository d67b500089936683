"""Words of others cannot work on a terminal or make a line of the log, whatever they are."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import example, given
from hypothesis import strategies as st

from stressd.cli.ask import every_text
from stressd.config.printable import for_terminal, printable
from stressd.runtime.logs import configure
from tests.fuzz.printable import harmless

HOSTILE = (
    "yields/\x1b[2J\x1b]0;owned\x07/\n2026-01-20T09:00:00Z [info] daemon.stopped\r\u202egpj.exe\u2028\x9b31m\ud800"
)
WORDS = st.text(st.characters(codec=None), max_size=60) | st.just(HOSTILE)


@pytest.fixture
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize("form", ["json", "text"])
@given(words=WORDS, raw=st.binary(max_size=40))
@example(words=HOSTILE, raw=b"\x1b[2J\n")
def test_a_line_of_the_log_is_one_line_that_shows_itself(form: str, words: str, raw: bytes) -> None:
    out = io.StringIO()
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        configure("info", form, out)
        structlog.get_logger().warning("feed.rejected", topic=words, reason=[words, {words: raw}], raw=raw)
        structlog.get_logger().info(words)
        logging.getLogger("aiohttp.server").error("bad %s", words)
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.reset_defaults()
    lines = out.getvalue().split("\n")
    assert len(lines) == 4
    assert lines[3] == ""
    for line in lines:
        harmless(line)
        if form == "json" and line:
            assert json.loads(line)["level"] in ("warning", "info", "error")


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.usefixtures("restored")
def test_the_text_of_an_exception_begins_no_line(form: str) -> None:
    out = io.StringIO()
    configure("info", form, out)
    try:
        raise ValueError(HOSTILE)
    except ValueError as error:
        structlog.get_logger().error("decoder.failed", exc_info=error)
        logging.getLogger("asyncio").error("Task exception was never retrieved", exc_info=True)
    for line in out.getvalue().split("\n"):
        harmless(line)
        assert line.startswith(("    | ", "{")) or "daemon.stopped" not in line
        assert form == "text" or line == "" or json.loads(line)


@pytest.mark.usefixtures("restored")
def test_a_very_long_word_is_cut_and_says_so() -> None:
    out = io.StringIO()
    configure("info", "json", out)
    structlog.get_logger().warning("feed.rejected", topic="x" * 10_000_000, many=list(range(100_000)))
    assert len(out.getvalue()) < 5_000
    assert "(9998000 more)" in out.getvalue()


@given(WORDS)
def test_escapes_are_those_of_json(words: str) -> None:
    if "\\" not in words and '"' not in words:
        assert json.loads(f'"{printable(words)}"').encode("utf-8", "surrogatepass") == words.encode(
            "utf-8", "surrogatepass"
        )


@given(st.recursive(WORDS | st.none() | st.integers(), lambda x: st.lists(x, max_size=3) | st.dictionaries(WORDS, x)))
def test_what_a_command_prints_as_json_is_still_json(data: object) -> None:
    shown = for_terminal(json.dumps(every_text(data), ensure_ascii=False))
    json.loads(shown)
    harmless(shown)


def test_lines_tabs_colours_and_progress_of_a_command_stay() -> None:
    own = "\r\x1b[1;31mbold\x1b[0m\tσ 6.9 · −2bp\n"
    assert for_terminal(own) == own
    assert for_terminal("a\rb\x1b[2Jc") == "a\\u000db\\u001b[2Jc"
