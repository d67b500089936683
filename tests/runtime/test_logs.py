"""The log's forms, and that it holds no secret."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from stressd.runtime.logs import configure


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_journal_gets_one_json_object_a_line_from_us_and_from_libraries() -> None:
    out = io.StringIO()
    configure("info", "auto", out)
    structlog.get_logger().info("feed.connected", feed="desk")
    structlog.get_logger().debug("feed.polled")
    logging.getLogger("aiohttp.server").warning("odd %s", "request")
    logging.getLogger("aiohttp.server").info("quiet")
    ours, theirs = (json.loads(line) for line in out.getvalue().splitlines())
    assert (ours["event"], ours["feed"], ours["level"]) == ("feed.connected", "desk", "info")
    assert ours["timestamp"].endswith("Z")
    assert (theirs["event"], theirs["level"]) == ("odd request", "warning")


def test_text_is_plain_where_it_is_no_terminal() -> None:
    out = io.StringIO()
    configure("info", "text", out)
    structlog.get_logger().warning("delivery.failed", sink="desk-slack")
    assert "delivery.failed" in out.getvalue()
    assert "\x1b" not in out.getvalue()


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_traceback_holds_no_local_variables(form: str) -> None:
    out = io.StringIO()
    configure("info", form, out)

    def connect(password: str) -> None:
        raise RuntimeError("refused")

    try:
        connect("s3cret-" + "value")
    except RuntimeError as error:
        structlog.get_logger().error("task.crashed", exc_info=error)
    assert "refused" in out.getvalue()
    assert "s3cret-value" not in out.getvalue()


def test_standard_error_is_looked_up_for_every_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", "json")
    structlog.get_logger().info("daemon.started")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert json.loads(captured.err)["event"] == "daemon.started"
