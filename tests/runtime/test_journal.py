"""Entries for systemd's journal, read from a real socket as journald reads it."""

from __future__ import annotations

import array
import logging
import os
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from stressd.runtime import journal, logs
from stressd.runtime.journal import Journal, encode, fields, is_journal, say


def parsed(entry: bytes) -> dict[str, str]:
    """As journald reads an entry; of a name that comes twice, the last."""
    found = {}
    while entry:
        line, _, rest = entry.partition(b"\n")
        if b"=" in line:
            name, _, value = line.partition(b"=")
        else:
            name, (length,) = line, struct.unpack("<Q", rest[:8])
            value, rest = rest[8 : 8 + length], rest[8 + length :]
            assert rest[:1] == b"\n"
            rest = rest[1:]
        found[name.decode()] = value.decode()
        entry = rest
    return found


class Journald:
    """The other end of the socket."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(2.0)

    def entry(self) -> dict[str, str]:
        data, passed, _, _ = self.socket.recvmsg(1 << 20, socket.CMSG_SPACE(4))
        for _, _, raw in passed:
            with open(array.array("i", raw)[0], "rb") as file:
                file.seek(0)
                data = file.read()
        return parsed(data)


@pytest.fixture
def journald(tmp_path: Path) -> Iterator[Journald]:
    one = Journald(tmp_path / "socket")
    yield one
    one.socket.close()


@pytest.fixture
def to_journald(journald: Journald, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journald]:
    """The process' log, with standard error connected to a journal."""
    one = Journal(journald.path)
    monkeypatch.setattr(logs, "Journal", lambda: one)
    monkeypatch.setattr(logs, "is_journal", lambda stream: True)
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    logs.configure("info", "auto")
    yield journald
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    one.close()


def test_every_key_of_a_line_is_a_field_and_the_message_is_for_reading(to_journald: Journald) -> None:
    structlog.get_logger().warning(
        "delivery.failed", sink="desk-slack", attempts=3, event_ids=["a.1", "a.2"], error='said "no"', to=None
    )
    assert to_journald.entry() == {
        "MESSAGE": r'delivery.failed sink=desk-slack attempts=3 event_ids=["a.1", "a.2"] error="said \"no\"" to=null',
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "stressd",
        "EVENT": "delivery.failed",
        "SINK": "desk-slack",
        "ATTEMPTS": "3",
        "EVENT_IDS": '["a.1", "a.2"]',
        "ERROR": 'said "no"',
        "TO": "null",
    }


@pytest.mark.parametrize(("level", "priority"), [("info", "6"), ("warning", "4"), ("error", "3"), ("critical", "2")])
def test_levels_are_priorities(to_journald: Journald, level: str, priority: str) -> None:
    getattr(structlog.get_logger(), level)("thing.happened")
    assert to_journald.entry()["PRIORITY"] == priority


def test_what_is_bound_is_a_field_and_what_is_below_the_level_is_not_written(to_journald: Journald) -> None:
    structlog.get_logger().debug("feed.polled")
    structlog.get_logger().bind(feed="desk").info("feed.connected")
    assert to_journald.entry()["FEED"] == "desk"


def test_libraries_speak_through_it_from_warning_on(to_journald: Journald) -> None:
    logging.getLogger("aiohttp.server").info("quiet")
    logging.getLogger("aiohttp.server").warning("odd %s", "request")
    entry = to_journald.entry()
    assert (entry["EVENT"], entry["LOGGER"], entry["PRIORITY"]) == ("odd request", "aiohttp.server", "4")


def test_a_traceback_is_a_field_without_local_variables(to_journald: Journald) -> None:
    def connect(password: str) -> None:
        raise RuntimeError("refused")

    try:
        connect("s3cret-" + "value")
    except RuntimeError as error:
        structlog.get_logger().error("task.crashed", exc_info=error)
        logging.getLogger("library").exception("it broke")
    ours, theirs = to_journald.entry(), to_journald.entry()
    for entry in (ours, theirs):
        assert "RuntimeError: refused" in entry["EXCEPTION"]
        assert entry["EXCEPTION"] in entry["MESSAGE"]
        assert "s3cret-value" not in str(entry)


def test_a_line_too_long_for_a_datagram_arrives_whole(to_journald: Journald) -> None:
    text = "x" * 900_000
    structlog.get_logger().info("thing.happened", text=text)
    assert to_journald.entry()["TEXT"] == text


def test_a_journal_that_takes_nothing_does_not_stop_the_daemon_and_hears_what_it_missed(
    to_journald: Journald, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "WAIT", 0.05)
    one: Journal = logs.Journal()  # type: ignore[attr-defined]
    log = structlog.get_logger()
    sent = 0
    while not one.lost:
        log.info("thing.happened", number=sent, text="x" * 1000)
        sent += 1
        assert sent < 100_000
    for _ in range(100):
        log.info("thing.missed")
    assert one.lost == 101
    assert [to_journald.entry()["NUMBER"] for _ in range(sent - 1)] == [str(number) for number in range(sent - 1)]
    log.info("thing.told")
    assert to_journald.entry()["EVENT"] == "thing.told"
    lost = to_journald.entry()
    assert (lost["EVENT"], lost["COUNT"], lost["PRIORITY"]) == ("log.lost", "101", "4")


def test_where_there_is_no_journal_the_line_goes_to_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = Journal(tmp_path / "nobody")
    one.write(fields({"event": "feed.connected", "feed": "desk"}))
    one.close()
    assert capsys.readouterr().err == "feed.connected feed=desk\n"


def test_only_the_stream_that_systemd_names_is_the_journal(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as stream:
        found = os.fstat(stream.fileno())
        assert is_journal(stream, {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"})
        assert not is_journal(stream, {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino + 1}"})
        assert not is_journal(stream, {})
    assert not is_journal(stream, {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"})


def test_what_is_said_before_there_is_a_log_has_a_priority_in_a_journal_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    say("one\ntwo")
    monkeypatch.setattr(journal, "is_journal", lambda stream: True)
    say("one\ntwo")
    say("three", "warning")
    assert capsys.readouterr().err == "one\ntwo\n<3>one\n<3>two\n<4>three\n"


def test_names_that_mean_something_to_the_journal_are_ours_by_a_prefix() -> None:
    line = {"event": "thing.happened", "message": "a", "unit": "percent", "_uid": "b", "ort-zürich": 1, "9lives": 2}
    found = fields(line)
    assert found["MESSAGE"].startswith("thing.happened ")
    assert (found["STRESSD_MESSAGE"], found["STRESSD_UNIT"]) == ("a", "percent")
    assert (found["UID"], found["ORT_Z_RICH"], found["LIVES"]) == ("b", "1", "2")


@given(st.dictionaries(st.text(min_size=1), st.text() | st.integers() | st.lists(st.text())))
def test_whatever_a_line_holds_is_one_entry_that_a_terminal_can_show(line: dict[str, object]) -> None:
    found = fields({**line, "event": line.get("event", "thing.happened"), "level": "info", "exc_info": None})
    assert parsed(encode(found)) == {key: value.encode("utf-8", "replace").decode() for key, value in found.items()}
    assert found["MESSAGE"].isprintable()
    assert all(len(name) <= 64 and name.replace("_", "").isalnum() and name[0].isupper() for name in found)


def test_standard_error_of_this_test_is_no_journal() -> None:
    assert not is_journal(sys.stderr)
