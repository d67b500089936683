"""The command line's own habits: version, help, exit statuses, and one line for a mistake."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stressd import __version__
from stressd.cli.errors import UserError
from stressd.cli.main import COMMANDS, main
from stressd.cli.table import age, table
from stressd.engine.form import FORM


def test_version_says_whether_the_engine_is_compiled(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"stressd {__version__} (engine {FORM})\n"


def test_version_imports_no_command_and_no_library() -> None:
    code = "import sys; from stressd.cli.main import main; main(['--version']); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"aiohttp", "pydantic", "numpy", "holidays", "yaml", "structlog", "msgspec", "jinja2"}
    assert not heavy & set(loaded)
    assert not [
        name
        for name in loaded
        if name.startswith("stressd.cli.")
        and name not in ("stressd.cli.main", "stressd.cli.errors", "stressd.cli.output")
    ]


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_says_the_same_line_as_the_table(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([name, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"usage: stressd {name}")


@pytest.mark.parametrize("words", [[], ["nonsense"], ["run"], ["explain"], ["deliveries"]])
def test_wrong_words_end_with_2_and_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert capsys.readouterr().err.startswith("usage: stressd")


def test_a_mistake_is_one_line_without_a_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "JP-260120-7q2f", "--state", str(tmp_path)]) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert err.startswith(f"stressd: {tmp_path}")


def test_an_interrupt_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(args: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("stressd.cli.status.run", interrupted)
    assert main(["status"]) == 130


def test_a_reader_that_has_gone_is_no_error(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as gone:
        process = subprocess.run(
            [sys.executable, "-m", "stressd", "schema"], stdout=gone, stderr=subprocess.PIPE, timeout=60, check=False
        )
    assert (process.returncode, process.stderr) == (0, b"")


def test_users_errors_carry_one_line() -> None:
    assert str(UserError("no such thing")) == "no such thing"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "never"),
        (0.0, "0 s"),
        (0.25, "250 ms"),
        (1.0, "1 s"),
        (59.9, "59 s"),
        (60.0, "1 min"),
        (3599.0, "59 min"),
        (3600.0, "1 h"),
        (7500.0, "2 h 05 min"),
        (90_000.0, "1 d 01 h"),
    ],
)
def test_spans_of_time_are_short_words(seconds: float | None, text: str) -> None:
    assert age(seconds) == text


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert table(["A", "LONG"], [["wide", "x"], ["y", ""]]) == ["A     LONG", "wide  x", "y"]
