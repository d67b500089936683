"""The systemd unit, as systemd itself reads it. A daemon under a real systemd is another matter."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from stressd.cli.run import CONFIG

INSTALLED = "/opt/stressd/bin/stressd"


@pytest.fixture
def unit(root: Path, tmp_path: Path) -> Path:
    """The unit with a binary that exists here in the place of the installed one."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed (Debian: systemd)")
    text = (root / "systemd/stressd.service").read_text(encoding="utf-8")
    assert text.count(INSTALLED) == 2
    path = tmp_path / "stressd.service"
    path.write_text(text.replace(INSTALLED, "/bin/true"), encoding="utf-8")
    return path


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True)


def test_systemd_reads_the_unit_without_a_word(unit: Path) -> None:
    done = analyze("verify", "--man=no", str(unit))
    ours = [line for line in done.stderr.splitlines() if "stressd" in line]
    assert (done.returncode, ours) == (0, [])


def test_an_unknown_key_in_a_unit_would_be_noticed(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("NoNewPrivileges=yes", "NoNewPriviliges=yes"))
    assert "NoNewPriviliges" in analyze("verify", "--man=no", str(unit)).stderr


def test_the_unit_is_exposed_by_one_and_a_half_of_ten_at_most(unit: Path) -> None:
    done = analyze("security", "--offline=true", "--threshold=15", "--no-pager", str(unit))
    assert done.returncode == 0, done.stdout[-400:]


def test_a_bad_configuration_neither_restarts_the_daemon_for_ever_nor_stops_it_at_a_reload(root: Path) -> None:
    """The daemon alone judges: a failing ExecStartPre= restarts for ever, one in ExecReload= lacks credentials."""
    lines = (root / "systemd/stressd.service").read_text(encoding="utf-8").splitlines()
    commands = [line for line in lines if line.startswith("Exec")]
    assert commands == [
        f"ExecStart={INSTALLED} run -c /etc/stressd/stressd.yaml",
        f"ExecReload={INSTALLED} reload",
    ]
    assert f"RestartPreventExitStatus={CONFIG}" in lines
    assert "Type=notify" in lines
